/* SPDX-License-Identifier: GPL-2.0-only */
/* hooks.h - the replacements, and the ways to what they replace. */
#ifndef CVM_OBJECT_HOOKS_H
#define CVM_OBJECT_HOOKS_H

#include <linux/moduleloader.h>
#include <linux/types.h>

#include <asm/pgtable_types.h>

struct topo_scan;
struct inode;
struct file;
enum lockdown_reason;

/* hooks.c: what assembly calls, or nothing may be put before. */
void cvm_guest_exc_nmi(struct pt_regs *regs);
void cvm_guest_exc_machine_check(struct pt_regs *regs);
void cvm_guest_exc_user_machine_check(struct pt_regs *regs);

/* modules.c */
int cvm_guest_module_finalize(const Elf_Ehdr *hdr, const Elf_Shdr *sechdrs,
			       struct module *mod);
void cvm_guest_module_cleanup(struct module *mod);
int cvm_guest_msr_open(struct inode *inode, struct file *file);
extern int (*CVM_ORIG(module_finalize))(const Elf_Ehdr *hdr,
					const Elf_Shdr *sechdrs,
					struct module *mod);
extern void (*CVM_ORIG(module_arch_cleanup))(struct module *mod);

#endif /* CVM_OBJECT_HOOKS_H */
