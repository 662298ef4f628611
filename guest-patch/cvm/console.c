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

#include <asm/page.h>

#include "../../../drivers/tty/hvc/hvc_console.h"
#include "cvm.h"

#define CVM_CONSOLE_OUTBUF	1024
#define CTRL_O			0x0f

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
typedef char cvm_char;
typedef int cvm_size;
typedef int cvm_ssize;
#else
typedef u8 cvm_char;
typedef size_t cvm_size;
typedef ssize_t cvm_ssize;
#endif

static char cvm_console_page[CVM_PAGE_SIZE] __aligned(CVM_PAGE_SIZE);
static DEFINE_RAW_SPINLOCK(cvm_console_lock);
static struct hvc_struct *cvm_hvc;
static u32 cvm_console_size;	/* what the tty was last told */

/*
 * Everything is taken or nothing: what the host cannot show is lost.  The
 * last words of an oops do not wait for a lock its own CPU may hold.
 */
static bool cvm_console_write(const char *buf, size_t count)
{
	unsigned long flags;
	bool locked = true;
	s64 ret;

	local_irq_save(flags);
	if (oops_in_progress)
		locked = raw_spin_trylock(&cvm_console_lock);
	else
		raw_spin_lock(&cvm_console_lock);
	memcpy(cvm_console_page, buf, count);
	ret = cvm_call2(CVM_HC_CONSOLE_OUT, __pa_symbol(cvm_console_page),
			count);
	if (locked)
		raw_spin_unlock(&cvm_console_lock);
	local_irq_restore(flags);
	return ret >= 0;
}

static cvm_ssize cvm_put_chars(u32 vtermno, const cvm_char *buf,
			       cvm_size count)
{
	count = min_t(cvm_size, count, CVM_PAGE_SIZE);
	return cvm_console_write((const char *)buf, count) ? count : -EIO;
}

/*
 * hvc takes ^O from a console as the start of a SysRq command, and two as one
 * that is the user's.  This is a guest's only terminal, and must carry every
 * byte; /proc/sysrq-trigger is still there.
 */
static cvm_ssize cvm_get_chars(u32 vtermno, cvm_char *buf, cvm_size count)
{
	struct cvm_shared *s = cvm_vm;
	u32 head = smp_load_acquire(&s->con_head);
	u32 tail = s->con_tail;
	bool sysrq = IS_ENABLED(CONFIG_MAGIC_SYSRQ) && count > 1;
	cvm_size n = 0;
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
		cvm_call(CVM_HC_CONSOLE_ROOM);
	return n;
}

/* As large as the host's terminal, where somebody looks at one. */
static void cvm_console_resize(struct hvc_struct *hp, u32 size)
{
	struct winsize ws = { .ws_col = size >> 16, .ws_row = size & 0xffff };

	WRITE_ONCE(cvm_console_size, size);
	if (size)
		hvc_resize(hp, ws);
}

/*
 * Input is announced by an event; hvc need not poll for it.  A tty that is
 * opened begins without a size.
 */
static int cvm_console_add(struct hvc_struct *hp, int irq)
{
	hp->irq_requested = 1;
	cvm_console_resize(hp, cvm_virtio_console_size());
	hvc_kick();
	return 0;
}

static void cvm_console_del(struct hvc_struct *hp, int irq)
{
	hp->irq_requested = 0;
}

static const struct hv_ops cvm_hv_ops = {
	.get_chars = cvm_get_chars,
	.put_chars = cvm_put_chars,
	.notifier_add = cvm_console_add,
	.notifier_del = cvm_console_del,
	.notifier_hangup = cvm_console_del,
};

/* Input, or another size. */
void cvm_console_event(void)
{
	u32 size = cvm_virtio_console_size();

	if (!cvm_hvc)
		return;
	if (size != READ_ONCE(cvm_console_size))
		cvm_console_resize(cvm_hvc, size);
	if (hvc_poll(cvm_hvc))
		hvc_kick();
}

/* The host's terminal is raw: nobody but us turns a line's end into two. */
static void cvm_boot_write(struct console *con, const char *buf, unsigned int n)
{
	char line[128];
	size_t used = 0;

	while (n--) {
		if (*buf == '\n')
			line[used++] = '\r';
		line[used++] = *buf++;
		if (!n || used > sizeof(line) - 2) {
			cvm_console_write(line, used);
			used = 0;
		}
	}
}

static struct console cvm_boot_console = {
	.name = "cvmboot",
	.write = cvm_boot_write,
	.flags = CON_PRINTBUFFER | CON_BOOT | CON_ANYTIME,
	.index = -1,
};

void __init cvm_console_setup(void)
{
	register_console(&cvm_boot_console);
	add_preferred_console("hvc", 0, NULL);
}

static int __init cvm_console_early_init(void)
{
	if (!cvm_is_guest())
		return -ENODEV;
	return hvc_instantiate(0, 0, &cvm_hv_ops);
}
console_initcall(cvm_console_early_init);

static int __init cvm_console_init(void)
{
	struct hvc_struct *hp;

	if (!cvm_is_guest())
		return -ENODEV;
	hp = hvc_alloc(0, 0, &cvm_hv_ops, CVM_CONSOLE_OUTBUF);
	if (IS_ERR(hp))
		return PTR_ERR(hp);
	cvm_hvc = hp;
	return 0;
}
device_initcall(cvm_console_init);
