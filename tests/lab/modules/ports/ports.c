// SPDX-License-Identifier: GPL-2.0-only
/*
 * ports.c - touches ports and says what came of it, in one line of the log.
 * Built as stale, it has an int3 of its own where the first "in" was, and says
 * who took it.
 */
#include <linux/kdebug.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/objtool.h>
#include <linux/ptrace.h>

#include <asm/io.h>

#define PORT	0x2e

extern const char ports_site[];
static int own;

static int take(struct notifier_block *nb, unsigned long event, void *data)
{
	struct die_args *args = data;

	if (event != DIE_INT3 ||
	    args->regs->ip != (unsigned long)ports_site + 1)
		return NOTIFY_DONE;
	own++;
	return NOTIFY_STOP;
}

static struct notifier_block block = {
	.notifier_call = take,
};

static noinline u8 touch(void)
{
	u8 value = 0;

	asm volatile("ports_site:\n\t"
		     ANNOTATE_NOENDBR
#ifdef STALE
		     "int3"
#else
		     "inb %%dx, %%al"
#endif
		     : "+a" (value) : "d" (PORT));
	return value;
}

static int __init ports_start(void)
{
	static u32 words[2] = { 1, 2 };
	u8 first;
	u16 word;

	register_die_notifier(&block);
	first = touch();
	unregister_die_notifier(&block);
	outb(0x5a, PORT);
	word = inw(PORT);
	insl(PORT, words, 2);
	pr_info(KBUILD_MODNAME
		": at %lx: byte %x, word %x, long %x, string %u %u, own %d\n",
		(unsigned long)ports_site, first, word, inl(PORT), words[0],
		words[1], own);
	return 0;
}
module_init(ports_start);

static void __exit ports_end(void)
{
}
module_exit(ports_end);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Touches ports");
