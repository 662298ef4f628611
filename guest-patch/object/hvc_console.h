/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hvc_console.h - of drivers/tty/hvc/hvc_console.h, which no package of
 * headers has, as much as console.c uses.
 */
#ifndef CVM_OBJECT_HVC_CONSOLE_H
#define CVM_OBJECT_HVC_CONSOLE_H

#include <linux/spinlock.h>
#include <linux/tty.h>
#include <linux/types.h>
#include <linux/version.h>

#ifndef CONFIG_HVC_DRIVER
#error "cvm: this kernel has no CONFIG_HVC_DRIVER, which is a guest's console"
#endif

#include "fields.h"

struct hv_ops;

/* Up to the last member that is used; hvc_alloc() knows the rest. */
struct hvc_struct {
	struct tty_port port;
	spinlock_t lock;
	int index;
	int do_wakeup;
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
	char *outbuf;
#endif
	int outbuf_size;
	int n_outbuf;
	uint32_t vtermno;
	const struct hv_ops *ops;
	int irq_requested;
};

struct hv_ops {
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
	int (*get_chars)(uint32_t vtermno, char *buf, int count);
	int (*put_chars)(uint32_t vtermno, const char *buf, int count);
#else
	ssize_t (*get_chars)(uint32_t vtermno, u8 *buf, size_t count);
	ssize_t (*put_chars)(uint32_t vtermno, const u8 *buf, size_t count);
#endif
	int (*flush)(uint32_t vtermno, bool wait);
	int (*notifier_add)(struct hvc_struct *hp, int data);
	void (*notifier_del)(struct hvc_struct *hp, int data);
	void (*notifier_hangup)(struct hvc_struct *hp, int data);
	int (*tiocmget)(struct hvc_struct *hp);
	int (*tiocmset)(struct hvc_struct *hp, unsigned int set,
			unsigned int clear);
	/* The type of its second argument differs; we have none. */
	void (*dtr_rts)(void);
};

int hvc_instantiate(uint32_t vtermno, int index, const struct hv_ops *ops);
struct hvc_struct *hvc_alloc(uint32_t vtermno, int data,
			     const struct hv_ops *ops, int outbuf_size);
int hvc_poll(struct hvc_struct *hp);
void hvc_kick(void);
void __hvc_resize(struct hvc_struct *hp, struct winsize ws);

#ifndef CVM_SERIES

static inline void hvc_resize(struct hvc_struct *hp, struct winsize ws)
{
	unsigned long flags;

	spin_lock_irqsave(&hp->lock, flags);
	__hvc_resize(hp, ws);
	spin_unlock_irqrestore(&hp->lock, flags);
}

#else

static inline void hvc_resize(struct hvc_struct *hp, struct winsize ws)
{
	void *lock = &CVM_MEMBER(hp, hvc_struct, lock);
	unsigned long flags;

	if (CVM_PREEMPT_RT) {
		cvm_guest_rt_lock(lock);
		__hvc_resize(hp, ws);
		cvm_guest_rt_unlock(lock);
		return;
	}
	raw_spin_lock_irqsave((raw_spinlock_t *)lock, flags);
	__hvc_resize(hp, ws);
	raw_spin_unlock_irqrestore((raw_spinlock_t *)lock, flags);
}

#endif

#endif /* CVM_OBJECT_HVC_CONSOLE_H */
