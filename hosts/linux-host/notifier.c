// SPDX-License-Identifier: GPL-2.0-only
/*
 * notifier.c - eventfds: signalled when the guest rings a doorbell, or watched
 * so that the guest hears of them.
 *
 * A watch sits on the eventfd's wait queue, as KVM's irqfd does, and holds the
 * eventfd's context, so it may outlive the last descriptor; it is silent then.
 */
#define pr_fmt(fmt) "cvm: " fmt

#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "compat.h"
#include "shim.h"

struct watch {
	struct cvm_linux_vm *hvm;
	u32 id;
	struct eventfd_ctx *notifier;
	wait_queue_entry_t entry;
	wait_queue_head_t *queue; /* the eventfd's, */
	poll_table table;	/* which poll() hands out */
};

static bool is_descriptor(s64 handle)
{
	return handle >= 0 && handle <= INT_MAX;
}

static int get(void *ctx, void *host_vm, s64 handle, void **notifier)
{
	struct eventfd_ctx *found;

	if (!is_descriptor(handle))
		return -CVM_EINVAL;
	found = eventfd_ctx_fdget((int)handle);
	if (IS_ERR(found))
		return -CVM_EINVAL;
	*notifier = found;
	return 0;
}

static void put(void *ctx, void *notifier)
{
	eventfd_ctx_put(notifier);
}

static void signal_one(void *ctx, void *notifier)
{
	cvm_linux_compat_eventfd_signal(notifier);
}

/* ---- watching -------------------------------------------------------- */

/* Under the queue's lock, interrupts disabled: in any context. */
static int signalled(wait_queue_entry_t *entry, unsigned int mode, int sync,
		     void *key)
{
	struct watch *w = container_of(entry, struct watch, entry);
	u64 count;

	if (!(key_to_poll(key) & EPOLLIN))
		return 0;
	eventfd_ctx_do_read(w->notifier, &count);
	cvm_notifier_fired(w->hvm->vm, w->id);
	return 0;
}

static void join_queue(struct file *file, wait_queue_head_t *queue,
		       poll_table *table)
{
	struct watch *w = container_of(table, struct watch, table);

	w->queue = queue;
	add_wait_queue(queue, &w->entry);
}

/* What was signalled before counts too. */
static void begin(struct watch *w, struct file *file)
{
	unsigned long flags;
	u64 count;

	init_waitqueue_func_entry(&w->entry, signalled);
	init_poll_funcptr(&w->table, join_queue);
	vfs_poll(file, &w->table);
	spin_lock_irqsave(&w->queue->lock, flags);
	eventfd_ctx_do_read(w->notifier, &count);
	spin_unlock_irqrestore(&w->queue->lock, flags);
	if (count)
		cvm_notifier_fired(w->hvm->vm, w->id);
}

static int watch(void *ctx, void *host_vm, s64 handle, u32 id, void **out)
{
	struct file *file = is_descriptor(handle) ? fget((int)handle) : NULL;
	struct eventfd_ctx *notifier;
	struct watch *w;
	int err = -CVM_EINVAL;

	if (!file)
		return err;
	notifier = eventfd_ctx_fileget(file);
	if (IS_ERR(notifier))
		goto out_file;
	err = -CVM_ENOMEM;
	w = kzalloc(sizeof(*w), GFP_KERNEL_ACCOUNT);
	if (!w)
		goto out_notifier;
	w->hvm = host_vm;
	w->id = id;
	w->notifier = notifier;
	begin(w, file);
	*out = w;
	fput(file);
	return 0;

out_notifier:
	eventfd_ctx_put(notifier);
out_file:
	fput(file);
	return err;
}

/* The queue's lock is the eventfd's: no call is under way after this. */
static void unwatch(void *ctx, void *arg)
{
	struct watch *w = arg;
	u64 count;

	eventfd_ctx_remove_wait_queue(w->notifier, &w->entry, &count);
	eventfd_ctx_put(w->notifier);
	kfree(w);
}

const struct cvm_host_notifier_ops cvm_linux_notifiers = {
	.get = get,
	.put = put,
	.signal = signal_one,
	.watch = watch,
	.unwatch = unwatch,
};
