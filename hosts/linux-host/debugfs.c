// SPDX-License-Identifier: GPL-2.0-only
/*
 * debugfs.c - counters and state for reading, under /sys/kernel/debug/cvm:
 *
 *	pages		pages taken and returned, by kind
 *	selftest	write 1, then read the conformance suite's lines
 *	<id>/stats	a VM's counters, one "name value" per line
 *	<id>/ranges	its memory, "start-end" in hexadecimal
 */
#define pr_fmt(fmt) "cvm: " fmt

#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "shim.h"

static struct dentry *debug_root;

static int pages_show(struct seq_file *m, void *v)
{
	cvm_linux_memory_show(m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(pages);

/* ---- one VM ---------------------------------------------------------- */

/* As the same request by ioctl: same structure, same lock. */
static int vm_query(struct cvm_linux_handle *h, u32 number, void *arg,
		    size_t size)
{
	const struct cvm_ioctl *request = cvm_ioctl_find(number);
	struct mutex *lock;
	int err;

	if (!request || request->size != size)
		return -ENOTTY;
	lock = request->lock == CVM_LOCK_VM ? &h->lock :
		&cvm_linux_monitor_lock;
	if (mutex_lock_killable(lock))
		return -EINTR;
	err = cvm_ioctl_call(request, cvm_linux_monitor, h->vm, arg, size);
	mutex_unlock(lock);
	return err;
}

#define EXITS ARRAY_SIZE(((struct cvm_stats *)NULL)->exits)

static const char *const exit_names[EXITS] = {
#define CVM_HYPERCALL(name, counter, number, arguments, returns) \
	[number] = #counter,
#include <cvm/hypercalls.def>
#undef CVM_HYPERCALL
};

static void show_arrays(struct seq_file *m, const struct cvm_stats *s)
{
	u32 i;

	for (i = 0; i < EXITS; i++)
		if (exit_names[i] && s->exits[i])
			seq_printf(m, "exit_%s %llu\n", exit_names[i],
				   s->exits[i]);
	for (i = 0; i < ARRAY_SIZE(s->vector); i++)
		if (s->vector[i] || s->guest_vector[i])
			seq_printf(m, "vector_%02x %llu guest %llu\n", i,
				   s->vector[i], s->guest_vector[i]);
}

static void show_stats(struct seq_file *m, const struct cvm_stats *s)
{
#define CVM_COUNTER(name, kind, text) \
	seq_printf(m, #name " %llu\n", s->name);
#define CVM_COUNTERS(name, count, text)
#include <cvm/counters.def>
#undef CVM_COUNTER
#undef CVM_COUNTERS
}

static int stats_show(struct seq_file *m, void *v)
{
	struct cvm_linux_handle *h = m->private;
	struct cvm_user_stats *s = kzalloc(sizeof(*s), GFP_KERNEL);
	u32 i;
	int err;

	if (!s)
		return -ENOMEM;
	err = vm_query(h, CVM_USER_STATS, s, sizeof(*s));
	if (!err) {
		seq_printf(m, "name %.*s\n", (int)sizeof(s->info.name),
			   s->info.name);
		seq_printf(m, "pid %d\nstate %u\nmem_bytes %llu\n",
			   s->info.pid, s->info.state, s->info.mem_bytes);
		show_stats(m, &s->stats);
		show_arrays(m, &s->stats);
		for (i = 0; i < s->info.vcpus && i < CVM_MAX_VCPUS; i++)
			seq_printf(m, "vcpu_%u slices %llu kicks %llu\n", i,
				   h->hvm.vcpu[i].slices,
				   h->hvm.vcpu[i].kicks);
	}
	kfree(s);
	return err;
}
DEFINE_SHOW_ATTRIBUTE(stats);

static int ranges_show(struct seq_file *m, void *v)
{
	struct cvm_user_ranges *r = kzalloc(sizeof(*r), GFP_KERNEL);
	u32 i;
	int err;

	if (!r)
		return -ENOMEM;
	err = vm_query(m->private, CVM_USER_MEM_RANGES, r, sizeof(*r));
	for (i = 0; !err && i < r->count; i++)
		seq_printf(m, "%llx-%llx\n", r->range[i].gpa,
			   r->range[i].gpa + r->range[i].bytes - 1);
	kfree(r);
	return err;
}
DEFINE_SHOW_ATTRIBUTE(ranges);

void cvm_linux_debugfs_add(struct cvm_linux_handle *h)
{
	char name[16];

	snprintf(name, sizeof(name), "%u", h->id);
	h->debug_dir = debugfs_create_dir(name, debug_root);
	debugfs_create_file("stats", 0400, h->debug_dir, h, &stats_fops);
	debugfs_create_file("ranges", 0400, h->debug_dir, h, &ranges_fops);
}

/* Waits for readers, who take the manager's or the VM's lock. */
void cvm_linux_debugfs_del(struct cvm_linux_handle *h)
{
	debugfs_remove(h->debug_dir);
}

/* ---- selftest -------------------------------------------------------- */

static DEFINE_MUTEX(selftest_lock);
static bool selftest_wanted;

static int selftest_show(struct seq_file *m, void *v)
{
	int err = 0;

	if (mutex_lock_killable(&selftest_lock))
		return -EINTR;
	if (selftest_wanted)
		err = cvm_linux_selftest(m);
	else
		seq_puts(m, "write 1 first\n");
	if (!seq_has_overflowed(m))
		selftest_wanted = false;
	mutex_unlock(&selftest_lock);
	return err;
}

static int selftest_open(struct inode *inode, struct file *file)
{
	return single_open_size(file, selftest_show, NULL, 16 * 1024);
}

static ssize_t selftest_write(struct file *file, const char __user *user,
			      size_t count, loff_t *pos)
{
	bool on;
	int err = kstrtobool_from_user(user, count, &on);

	if (err)
		return err;
	mutex_lock(&selftest_lock);
	selftest_wanted = on;
	mutex_unlock(&selftest_lock);
	return count;
}

static const struct file_operations selftest_fops = {
	.owner = THIS_MODULE,
	.open = selftest_open,
	.read = seq_read,
	.write = selftest_write,
	.llseek = seq_lseek,
	.release = single_release,
};

void cvm_linux_debugfs_init(void)
{
	debug_root = debugfs_create_dir("cvm", NULL);
	debugfs_create_file("pages", 0400, debug_root, NULL, &pages_fops);
	debugfs_create_file("selftest", 0600, debug_root, NULL,
			    &selftest_fops);
}

void cvm_linux_debugfs_exit(void)
{
	debugfs_remove(debug_root);
}
