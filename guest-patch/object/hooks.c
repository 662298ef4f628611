// SPDX-License-Identifier: GPL-2.0-only
/*
 * hooks.c - what runs in place of functions of the kernel, and the table.
 *
 * An adapted kernel runs as a guest and nowhere else: none of these asks.
 */
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/jump_label.h>
#include <linux/kallsyms.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/objtool.h>
#include <linux/sched/task_stack.h>
#include <linux/security.h>
#include <linux/set_memory.h>
#include <linux/syscalls.h>

#include <asm/cpu_entry_area.h>
#include <asm/desc.h>
#include <asm/fixmap.h>
#include <asm/io.h>
#include <asm/irq_regs.h>
#include <asm/irq_vectors.h>
#include <asm/page_types.h>
#include <asm/pgtable.h>
#include <asm/processor.h>
#include <asm/sections.h>
#include <asm/special_insns.h>
#include <asm/syscall.h>
#include <asm/trapnr.h>

#include <generated/utsrelease.h>

#include "cvm.h"
#include "cvm/object.h"
#include "hooks.h"

#ifndef CONFIG_SECURITY
#error "cvm: this kernel has no CONFIG_SECURITY: ioperm() would be open"
#endif

/* In the kernel, but in no header of it that is shipped. */
extern struct static_key_false cr_pinning;
extern unsigned long cr4_pinned_bits;
extern gate_desc idt_table[];
extern char cvm_text_begin[], cvm_text_end[], cvm_data_begin[], cvm_data_end[];

/* ---- boot ---------------------------------------------------------------- */

/* In place of the kernel's: with its pinning, against who jumps into it. */
static __used void hooked_write_cr4(unsigned long val)
{
	unsigned long missing;

	val = __cvm_guest_write_cr4(val);
	if (!static_key_enabled(&cr_pinning))
		return;
	missing = cr4_pinned_bits & ~val;
	if (WARN_ONCE(missing, "pinned CR4 bits changed: 0x%lx!?\n", missing))
		__cvm_guest_write_cr4(val | missing);
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
/* As far as it is used (kernel/cpu/cpu.h). */
struct topo_scan {
	struct cpuinfo_x86 *c;
};

static void (*CVM_ORIG(parse_topology))(struct topo_scan *scan, bool early);

/* A CPU without leaf 1 is one package to the kernel. */
static __used void hooked_parse_topology(struct topo_scan *scan, bool early)
{
	int level = scan->c->cpuid_level;

	scan->c->cpuid_level = 0;
	CVM_ORIG(parse_topology)(scan, early);
	scan->c->cpuid_level = level;
}
#endif

static unsigned long (*CVM_ORIG(init_memory_mapping))(unsigned long start,
						      unsigned long end,
						      pgprot_t prot);

/*
 * With PARAVIRT_XXL and five levels, pgd_prepopulate_user_pmd() reads what an
 * empty entry points to, and does nothing with it: the first page is there, and
 * not to be written.
 */
static __used unsigned long hooked_init_memory_mapping(unsigned long start,
						    unsigned long end,
						    pgprot_t prot)
{
	if (!start) {
		if (!IS_ENABLED(CONFIG_PARAVIRT_XXL) || !pgtable_l5_enabled())
			return 0;
		end = PAGE_SIZE;
		prot = PAGE_KERNEL_RO;
	}
	return CVM_ORIG(init_memory_mapping)(start, end, prot);
}

static __used void hooked_no_hypervisor(void)
{
}

static void (*CVM_ORIG(alternative_instructions))(void);

static __used void hooked_alternatives(void)
{
	cvm_guest_object_patch();
	cvm_guest_while_patching(CVM_ORIG(alternative_instructions));
}

/* ---- interrupts ---------------------------------------------------------- */

#ifdef CONFIG_X86_MCE
static void set_machine_check_gate(void)
{
}
#else
/* The kernel leaves vector 18 to its early handlers, which are freed. */
static void set_machine_check_gate(void)
{
	gate_desc gate;

	pack_gate(&gate, GATE_INTERRUPT, (unsigned long)cvm_guest_mc_entry, 0,
		  IST_INDEX_MCE + 1, __KERNEL_CS);
	native_write_idt_entry(idt_table, X86_TRAP_MC, &gate);
}
#endif

static __used void hooked_cea_set_pte(void *va, phys_addr_t pa, pgprot_t prot)
{
	__cvm_guest_set_gates(idt_table);
	set_machine_check_gate();
	cea_set_pte(va, pa, prot);
}

static __used void hooked_interrupt(struct pt_regs *regs, u32 vector)
{
	struct pt_regs *old = set_irq_regs(regs);

	__cvm_guest_irq(vector);
	set_irq_regs(old);
}

noinstr void cvm_guest_exc_nmi(struct pt_regs *regs)
{
	__cvm_guest_nmi();
}

/* From gates.S too. */
noinstr void cvm_guest_exc_machine_check(struct pt_regs *regs)
{
	__cvm_guest_machine_check(regs);
}

noinstr void cvm_guest_exc_user_machine_check(struct pt_regs *regs)
{
	__cvm_guest_machine_check(regs);
}

static __used void hooked_irq_work(void)
{
	cvm_guest_send_self(IRQ_WORK_VECTOR);
}

/* ---- idle ---------------------------------------------------------------- */

#ifndef CVM_PV_HALTS
static __used void __cpuidle hooked_idle(void)
{
	__cvm_guest_safe_halt();
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	raw_local_irq_disable();
#endif
}
#endif

/* ---- mappings and ports -------------------------------------------------- */

/* Of all of them; how it was to be mapped does not matter. */
static __used void __iomem *hooked_ioremap(resource_size_t phys,
					   unsigned long size)
{
	cvm_guest_refuse_ioremap(phys, __builtin_return_address(0));
	return NULL;
}

static void (*CVM_ORIG(native_set_fixmap))(unsigned int idx, phys_addr_t phys,
					   pgprot_t prot);

static __used void hooked_set_fixmap(unsigned int idx, phys_addr_t phys,
				  pgprot_t prot)
{
	if (!cvm_guest_refuse_fixmap(idx, phys))
		CVM_ORIG(native_set_fixmap)(idx, phys, prot);
}

static __used void hooked_io_delay(void)
{
}

/* ---- doors --------------------------------------------------------------- */

#ifdef CONFIG_MICROCODE
static __used bool hooked_no_microcode(void)
{
	return true;
}
#endif

static bool is_iopl(void)
{
	int nr = syscall_get_nr(current, task_pt_regs(current));

#ifdef CONFIG_IA32_EMULATION
	if (in_ia32_syscall())
		return nr == 110;
#endif
	return nr == __NR_iopl;
}

#ifdef CONFIG_FUNCTION_TRACER
static int (*CVM_ORIG(security_locked_down))(enum lockdown_reason what);
#define ask_lockdown(what)	CVM_ORIG(security_locked_down)(what)
#else
#define ask_lockdown(what)	security_locked_down(what)
#endif

static __used int hooked_locked_down(enum lockdown_reason what)
{
	switch (what) {
	case LOCKDOWN_DEV_MEM:
		cvm_guest_shut("/dev/mem or /dev/port");
		return -EPERM;
	case LOCKDOWN_IOPORT:
		cvm_guest_shut(is_iopl() ? "iopl" : "ioperm");
		return -EPERM;
	/*
	 * An image holds another start's passage, and its way back writes CR4
	 * in assembly.  Whoever reads /sys/power asks: so there is no line.
	 */
	case LOCKDOWN_HIBERNATION:
		return -EPERM;
	default:
		return ask_lockdown(what);
	}
}

/* Before 6.3, kexec has a switch of its own (guard.c). */
#if defined(CONFIG_KEXEC_CORE) && LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
static __used bool hooked_kexec(int type)
{
	if (capable(CAP_SYS_BOOT))
		cvm_guest_shut("kexec");
	return false;
}
#endif

/* ---- symbols ------------------------------------------------------------- */

/* A string before 6.11, then its length. */
typedef typeof(module_address_lookup(0, NULL, NULL, NULL, NULL, NULL)) found_t;

static found_t (*CVM_ORIG(kallsyms_lookup_buildid))(unsigned long addr,
						    unsigned long *size,
						    unsigned long *offset,
						    char **modname,
						    const unsigned char **id,
						    char *name);

static __used found_t hooked_lookup(unsigned long addr, unsigned long *size,
			     unsigned long *offset, char **modname,
			     const unsigned char **id, char *name)
{
	if (addr < (unsigned long)cvm_text_begin ||
	    addr >= (unsigned long)cvm_text_end)
		return CVM_ORIG(kallsyms_lookup_buildid)(addr, size, offset,
							 modname, id, name);
	name[KSYM_NAME_LEN - 1] = 0;
	name[0] = 0;
	return module_address_lookup(addr, size, offset, modname, id, name);
}

/* ---- the object's own memory --------------------------------------------- */

typedef void (*range_fn)(void *context, unsigned long begin, unsigned long end);

/* Once for what lies before the pages of ours, once for what lies behind. */
static void around(unsigned long begin, unsigned long end,
		   const char *ours, const char *ours_end,
		   range_fn fn, void *context)
{
	unsigned long from = (unsigned long)ours, to = (unsigned long)ours_end;

	if (to <= begin || from >= end) {
		fn(context, begin, end);
		return;
	}
	if (begin < from)
		fn(context, begin, from);
	if (to < end)
		fn(context, to, end);
}

static void make_ro(void *context, unsigned long begin, unsigned long end)
{
	set_memory_ro(begin, (end - begin) >> PAGE_SHIFT);
}

static __used int hooked_set_memory_ro(unsigned long addr, int pages)
{
	around(addr, addr + ((unsigned long)pages << PAGE_SHIFT),
	       cvm_data_begin, cvm_data_end, make_ro, NULL);
	return 0;
}

static void make_nx(void *context, unsigned long begin, unsigned long end)
{
	set_memory_nx(begin, (end - begin) >> PAGE_SHIFT);
}

static __used int hooked_set_memory_nx(unsigned long addr, int pages)
{
	around(addr, addr + ((unsigned long)pages << PAGE_SHIFT),
	       cvm_text_begin, cvm_text_end, make_nx, NULL);
	return 0;
}

static void (*CVM_ORIG(free_kernel_image_pages))(const char *what, void *begin,
						 void *end);

static void free_image(void *context, unsigned long begin, unsigned long end)
{
	CVM_ORIG(free_kernel_image_pages)(context, (void *)begin, (void *)end);
}

static void free_image_but_data(void *context, unsigned long begin,
				unsigned long end)
{
	around(begin, end, cvm_data_begin, cvm_data_end, free_image, context);
}

static __used void hooked_free_image(const char *what, void *begin, void *end)
{
	around((unsigned long)begin, (unsigned long)end, cvm_text_begin,
	       cvm_text_end, free_image_but_data, (void *)what);
}

/* ---- the table ----------------------------------------------------------- */

#define CVM_NO_ORIG		NULL
#define CVM_NO_REPLACEMENT	NULL
#define FLAGS_NONE		0
#define FLAGS_VOID		CVM_HOOK_F_VOID
#define FLAGS_OPTIONAL		CVM_HOOK_F_OPTIONAL
#define OFFSET_ENTRY		0
#define OFFSET_GLOBAL		0
#define CVM_HOOK_GLOBAL		CVM_HOOK_ENTRY
#define OFFSET_CALL		0
#define OFFSET_CR4		0
#define OFFSET_POINTER		offsetof(struct file_operations, open)

/*
 * Functions of one file may know which registers another leaves alone
 * (-fipa-ra), unless they are compiled to be traced.  Elsewhere all are kept.
 */
#ifdef CONFIG_FUNCTION_TRACER
#define LAID_ENTRY(fn)		fn
#define KEEP_ENTRY(fn, flags)
#else
#define KEEP_RAX_NONE(instruction)
#define KEEP_RAX_OPTIONAL(instruction)
#define KEEP_RAX_VOID(instruction)	instruction " %rax\n\t"
#define LAID_ENTRY(fn)			cvm_keep_##fn
#define KEEP_ENTRY(fn, flags)						\
	extern const char cvm_keep_##fn[];				\
	asm(".pushsection .noinstr.text, \"ax\"\n"			\
	    ".type cvm_keep_" #fn ", @function\n"			\
	    "cvm_keep_" #fn ":\n\t"					\
	    ANNOTATE_NOENDBR						\
	    KEEP_RAX_##flags("push")					\
	    "push %rcx\n\tpush %rdx\n\tpush %rsi\n\tpush %rdi\n\t"	\
	    "push %r8\n\tpush %r9\n\tpush %r10\n\tpush %r11\n\t"	\
	    "call " #fn "\n\t"						\
	    "pop %r11\n\tpop %r10\n\tpop %r9\n\tpop %r8\n\t"		\
	    "pop %rdi\n\tpop %rsi\n\tpop %rdx\n\tpop %rcx\n\t"		\
	    KEEP_RAX_##flags("pop")					\
	    ASM_RET							\
	    ".size cvm_keep_" #fn ", . - cvm_keep_" #fn "\n"		\
	    ".popsection\n");
#endif
#define LAID_GLOBAL(fn)		fn
#define LAID_CALL(fn)		fn
#define LAID_CR4(fn)		fn
#define LAID_POINTER(fn)	fn
#define KEEP_GLOBAL(fn, flags)
#define KEEP_CALL(fn, flags)
#define KEEP_CR4(fn, flags)
#define KEEP_POINTER(fn, flags)

#define CVM_ROW(kind, target, in, prototype, fn, orig, flags, reason)	\
	KEEP_##kind(fn, flags)
#include "hooks.def"
#undef CVM_ROW

#define NAMED(what, line)	CONCATENATE(cvm_##what##_, line)
#define STRING(what, text)						\
	static const char NAMED(what, __LINE__)[] __aligned(1) __used	\
		__section(".cvm.strings") = text
#define ADDRESS(x)		((unsigned long)(x))
/* 0 of an empty one. */
#define STRING_OR_0(what, text)						\
	(sizeof(text) > 1 ? ADDRESS(NAMED(what, __LINE__)) : 0)

#define CVM_ROW(kind_, target_, in_, prototype_, fn_, orig_, flags_, reason_) \
	STRING(target, target_);					\
	STRING(in, in_);						\
	STRING(prototype, prototype_);					\
	STRING(reason, reason_);					\
	static const struct cvm_hook NAMED(hook, __LINE__) __used	\
		__section(".cvm.hooks") = {				\
		.target = STRING_OR_0(target, target_),			\
		.in = STRING_OR_0(in, in_),				\
		.prototype = STRING_OR_0(prototype, prototype_),	\
		.reason = STRING_OR_0(reason, reason_),			\
		.replacement = ADDRESS(LAID_##kind_(fn_)),		\
		.orig = ADDRESS(orig_),					\
		.offset = OFFSET_##kind_,				\
		.kind = CVM_HOOK_##kind_,				\
		.flags = FLAGS_##flags_,				\
	};
#include "hooks.def"
#undef CVM_ROW

static const struct cvm_object object __used __section(".cvm.object") = {
	.magic = CVM_OBJECT_MAGIC,
	.object_abi = CVM_OBJECT_ABI,
	.guest_abi = CVM_GUEST_ABI,
	.hook_bytes = sizeof(struct cvm_hook),
#ifdef CVM_SERIES
	.flags = CVM_OBJECT_F_SERIES,
	.release = CVM_SERIES,
#else
	.release = UTS_RELEASE,
#endif
};
