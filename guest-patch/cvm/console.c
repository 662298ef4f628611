// SPDX-License-Identifier: GPL-2.0-only
/*
 * console.c - hvc0, and a boot console until it is there.
 *
 * Output is copied into a page of the kernel image, because a caller's buffer
 * may lie on a stack, whose physical address is not a linear function of the
 * virtual one.  Input comes through the ring in the first shared page.
 */
#include <linux/console.h>
#include <linux/init.h>
#include <linux/minmax.h>
#include <linux/printk.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/tty.h>
#include <linux/workqueue.h>

#include <asm/page.h>

#include "cvm.h"
#include "fields.h"
#include "hvc_console.h"

#define CVM_CONSOLE_OUTBUF	1024
#define CTRL_O			0x0f

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
typedef char hvc_byte;
typedef int hvc_size;
typedef int hvc_ssize;
#else
typedef u8 hvc_byte;
typedef size_t hvc_size;
typedef ssize_t hvc_ssize;
#endif

static char out_page[CVM_PAGE_SIZE] __aligned(CVM_PAGE_SIZE);
static DEFINE_RAW_SPINLOCK(out_lock);
static struct hvc_struct *hvc0;
static u32 tty_size;	/* what the tty was last told */

/*
 * Everything is taken or nothing: what the host cannot show is lost.  The
 * last words of an oops do not wait for a lock its own CPU may hold.
 */
static bool console_out(const char *buf, size_t count)
{
	unsigned long flags;
	bool locked = true;
	s64 ret;

	local_irq_save(flags);
	if (oops_in_progress)
		locked = raw_spin_trylock(&out_lock);
	else
		raw_spin_lock(&out_lock);
	memcpy(out_page, buf, count);
	ret = cvm_guest_hypercall2(CVM_HC_CONSOLE_OUT, __pa_symbol(out_page),
				   count);
	if (locked)
		raw_spin_unlock(&out_lock);
	local_irq_restore(flags);
	return ret >= 0;
}

static hvc_ssize put_chars(u32 vtermno, const hvc_byte *buf,
			   hvc_size count)
{
	count = min_t(hvc_size, count, CVM_PAGE_SIZE);
	return console_out((const char *)buf, count) ? count : -EIO;
}

/*
 * hvc takes ^O from a console as the start of a SysRq command, and two as one
 * that is the user's.  This is a guest's only terminal, and must carry every
 * byte; /proc/sysrq-trigger is still there.
 */
static hvc_ssize get_chars(u32 vtermno, hvc_byte *buf, hvc_size count)
{
	struct cvm_shared *s = cvm_guest_vm;
	u32 head = smp_load_acquire(&s->con_head);
	u32 tail = s->con_tail;
	bool sysrq = IS_ENABLED(CONFIG_MAGIC_SYSRQ) && count > 1;
	hvc_size n = 0;
	u8 c;

	while (tail != head && n < count) {
		c = s->con_ring[tail % CVM_CONSOLE_RING];
		if (sysrq && c == CTRL_O) {
			if (n == count - 1)
				break;
			buf[n++] = c;
		}
		buf[n++] = c;
		tail++;
	}
	smp_store_release(&s->con_tail, tail);
	if (n && xchg(&s->con_full, 0))
		cvm_guest_hypercall(CVM_HC_CONSOLE_ROOM);
	return n;
}

/* As large as the host's terminal, where somebody looks at one. */
static void resize_tty(struct hvc_struct *hp, u32 size)
{
	struct winsize ws = { .ws_col = size >> 16, .ws_row = size & 0xffff };

	WRITE_ONCE(tty_size, size);
	if (size)
		hvc_resize(hp, ws);
}

/*
 * Input is announced by an event; hvc need not poll for it.  A tty that is
 * opened begins without a size.
 */
static int console_opened(struct hvc_struct *hp, int irq)
{
	CVM_MEMBER(hp, hvc_struct, irq_requested) = 1;
	resize_tty(hp, cvm_guest_console_size());
	hvc_kick();
	return 0;
}

static void console_closed(struct hvc_struct *hp, int irq)
{
	CVM_MEMBER(hp, hvc_struct, irq_requested) = 0;
}

static const struct hv_ops console_ops = {
	.get_chars = get_chars,
	.put_chars = put_chars,
	.notifier_add = console_opened,
	.notifier_del = console_closed,
	.notifier_hangup = console_closed,
};

/* Input, or another size. */
static void serve_console(struct work_struct *work)
{
	u32 size = cvm_guest_console_size();

	if (size != READ_ONCE(tty_size))
		resize_tty(hvc0, size);
	if (hvc_poll(hvc0))
		hvc_kick();
}

static DECLARE_WORK(console_work, serve_console);

/* On the interrupt stack.  With PREEMPT_RT, hvc's locks sleep. */
void cvm_guest_console_event(void)
{
	if (!hvc0)
		return;
	if (CVM_PREEMPT_RT)
		schedule_work(&console_work);
	else
		serve_console(NULL);
}

/* The host's terminal is raw: nobody but us turns a line's end into two. */
static void boot_write(struct console *con, const char *buf, unsigned int n)
{
	char line[128];
	size_t used = 0;

	while (n--) {
		if (*buf == '\n')
			line[used++] = '\r';
		line[used++] = *buf++;
		if (!n || used > sizeof(line) - 2) {
			console_out(line, used);
			used = 0;
		}
	}
}

static struct console boot_console = {
	.name = "cvmboot",
	.write = boot_write,
	.flags = CON_PRINTBUFFER | CON_BOOT | CON_ANYTIME,
	.index = -1,
};

void __init cvm_guest_console_setup(void)
{
	register_console(&boot_console);
	add_preferred_console("hvc", 0, NULL);
}

static int __init console_init_early(void)
{
	if (!cvm_is_guest())
		return -ENODEV;
	return hvc_instantiate(0, 0, &console_ops);
}
console_initcall(console_init_early);

static int __init console_init_device(void)
{
	struct hvc_struct *hp;

	if (!cvm_is_guest())
		return -ENODEV;
	hp = hvc_alloc(0, 0, &console_ops, CVM_CONSOLE_OUTBUF);
	if (IS_ERR(hp))
		return PTR_ERR(hp);
	hvc0 = hp;
	return 0;
}
device_initcall(console_init_device);
