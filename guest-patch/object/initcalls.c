// SPDX-License-Identifier: GPL-2.0-only
/*
 * initcalls.c - the platform's own initialisation, in turn with the kernel's.
 *
 * The kernel's tables have no room for more.  They do have entries of drivers
 * that must not start in a guest (guard.c), and these are ours to use.  The
 * tables are data that is freed after the boot.
 */
#include <linux/init.h>
#include <linux/kernel.h>

#include "cvm.h"

typedef int (*initcall_fn)(void);

CVM_SECTION(initcall_entry_t, _initcallearly_init);
CVM_SECTION(initcall_entry_t, _initcall6_init);
CVM_SECTION(initcall_entry_t, _initcall7_init);
CVM_SECTION(initcall_entry_t, _con_initcall_init);

extern initcall_entry_t __initcall_start[], __initcall0_start[],
	__initcall6_start[], __initcall7_start[], __initcall_end[],
	__con_initcall_start[], __con_initcall_end[];

int do_one_initcall(initcall_fn fn);

#define INERT(fn)	int __weak fn(void)

INERT(init_hw_perf_events);
INERT(univ8250_console_init);
INERT(serial8250_init);
INERT(add_rtc_cmos);
INERT(i8237A_init_ops);
INERT(mcheck_init_device);
INERT(microcode_init);
INERT(mcheck_late_init);

static void __init run(initcall_entry_t *from, initcall_entry_t *to)
{
	for (; from < to; from++)
		do_one_initcall(initcall_from_entry(from));
}

static int __init run_console(void)
{
	run(cvm_begin__con_initcall_init, cvm_end__con_initcall_init);
	return 0;
}

static bool console_taken, late_taken;

static int __init run_early(void)
{
	run(cvm_begin__initcallearly_init, cvm_end__initcallearly_init);
	if (!console_taken)
		run_console();
	return 0;
}

static int __init run_late(void)
{
	run(cvm_begin__initcall7_init, cvm_end__initcall7_init);
	return 0;
}

static int __init run_device(void)
{
	run(cvm_begin__initcall6_init, cvm_end__initcall6_init);
	if (!late_taken)
		run_late();
	return 0;
}

static bool __init take(initcall_entry_t *from, initcall_entry_t *to,
			initcall_fn theirs, initcall_fn ours)
{
	if (!theirs)
		return false;
	for (; from < to; from++) {
		if (initcall_from_entry(from) != theirs)
			continue;
#ifdef CONFIG_HAVE_ARCH_PREL32_RELOCATIONS
		*from = (long)ours - (long)from;
#else
		*from = ours;
#endif
		return true;
	}
	return false;
}

static bool __init take_early(initcall_fn theirs)
{
	return take(__initcall_start, __initcall0_start, theirs, run_early);
}

static bool __init take_device(initcall_fn theirs)
{
	return take(__initcall6_start, __initcall7_start, theirs, run_device);
}

static bool __init take_late(initcall_fn theirs)
{
	return take(__initcall7_start, __initcall_end, theirs, run_late);
}

/*
 * Each level by the first entry of these that a kernel has.  Their reasons:
 *	init_hw_perf_events	the counters are the host's
 *	univ8250_console_init	COM1 to COM4 are
 *	serial8250_init		the same
 *	add_rtc_cmos		x86_platform.legacy.rtc is 0
 *	i8237A_init_ops		the DMA controller is the host's
 *	mcheck_init_device	X86_FEATURE_MCE is hidden
 *	mcheck_late_init	the same
 *	microcode_init		microcode is the host's
 */
void __init cvm_guest_take_initcalls(void)
{
	console_taken = take(__con_initcall_start, __con_initcall_end,
			     univ8250_console_init, run_console);
	late_taken = take_late(microcode_init) || take_late(mcheck_late_init);
	if (!take_early(init_hw_perf_events) ||
	    (!take_device(serial8250_init) && !take_device(add_rtc_cmos) &&
	     !take_device(i8237A_init_ops) && !take_device(mcheck_init_device)))
		panic("cvm: no initcall that a guest has no use for");
}
