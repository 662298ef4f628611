/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * object.h - what the platform's files see that are compiled for a kernel
 * without our hooks; the compiler includes it before everything.
 */
#ifndef CVM_GUEST_OBJECT_H
#define CVM_GUEST_OBJECT_H

#define CVM_OBJECT		1
#define CONFIG_CVM_GUEST	1
#define CONFIG_CVM_RECORDER	1
#define CONFIG_CVM_VIRTIO	1

/*
 * The passage, in entries of level1_fixmap_pgt that no kernel uses: above the
 * permanent slots, below those of early_ioremap(), which begin at a page
 * table's end (start.c compares).
 */
#define FIX_CVM_PASSAGE_END	1016
#define FIX_CVM_PASSAGE_BEGIN	(FIX_CVM_PASSAGE_END - 97 + 1)

#ifndef __ASSEMBLY__

#include <linux/export.h>
#include <linux/kconfig.h>

/* What the platform calls of its own is in the object; nobody else calls it. */
#undef EXPORT_SYMBOL
#undef EXPORT_SYMBOL_GPL
#define EXPORT_SYMBOL(symbol)
#define EXPORT_SYMBOL_GPL(symbol)

/* The kernel's own takes orders from hypervisors that it knows only. */
#define guest_force_mtrr_state	cvm_guest_mtrr_state

struct pt_regs;

/* The way to the kernel's own of a function that is hooked. */
#define CVM_ORIG(name)		cvm_guest_orig_##name

/* A section of ours, of which the adapter says where it lies; may be none. */
#define CVM_SECTION(type, section)					\
	extern type cvm_begin_##section[] __attribute__((weak));	\
	extern type cvm_end_##section[] __attribute__((weak))

/* start.c, gates.S */
void cvm_guest_object_start(void);
void cvm_guest_take_early_exception(struct pt_regs *regs, int trapnr);
void cvm_guest_stop(void);

/* self.c: a module of the name "cvm", for the kernel's tables. */
void cvm_guest_object_register(void);
void cvm_guest_object_patch(void);
void cvm_guest_while_patching(void (*patch)(void));

/* initcalls.c */
void cvm_guest_take_initcalls(void);

/* sites.c, modules.c */
struct cvm_site;
struct module;
void cvm_guest_sites_setup(void);
bool cvm_guest_site(struct pt_regs *regs);
const struct cvm_site *cvm_guest_module_site(unsigned long ip);

/* What asm knows. */
void cvm_guest_first_idt(void);
void cvm_guest_second_idt(void);
void cvm_guest_mc_entry(void);

#endif /* !__ASSEMBLY__ */
#endif /* CVM_GUEST_OBJECT_H */
