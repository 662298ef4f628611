// SPDX-License-Identifier: GPL-2.0-only
/*
 * self.c - the platform as a module of the name "cvm", which was there first.
 *
 * That is how a kernel knows of text that is not its own: unwinding, symbols,
 * exception fix-ups, BUG and WARN, tracepoints inside it are all as for a
 * module that was loaded.  It cannot be removed: it has init() and no exit().
 */
#include <linux/bug.h>
#include <linux/extable.h>
#include <linux/init.h>
#include <linux/kobject.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/rculist.h>
#include <linux/static_call.h>
#include <linux/jump_label.h>

#include <asm/alternative.h>
#include <asm/desc.h>
#include <asm/module.h>
#include <asm/sync_core.h>
#include <asm/trapnr.h>
#include <asm/unwind.h>

#include "cvm.h"
#include "cvm/object.h"

/* kernel/module/internal.h */
struct mod_tree_root {
#ifdef CONFIG_MODULES_TREE_LOOKUP
	struct latch_tree_root root;
#endif
	unsigned long addr_min;
	unsigned long addr_max;
};

extern struct mod_tree_root mod_tree;
extern struct list_head modules;
extern struct list_head module_bug_list;
extern struct blocking_notifier_head module_notify_list;
extern gate_desc bringup_idt_table[];
void mod_tree_insert(struct module *mod);

extern char cvm_text_begin[], cvm_text_end[], cvm_data_begin[], cvm_data_end[];
extern Elf_Sym cvm_symtab[], cvm_symtab_end[];
extern char cvm_strtab[], cvm_typetab[];

CVM_SECTION(struct exception_table_entry, __ex_table);
CVM_SECTION(struct bug_entry, __bug_table);
#ifdef CONFIG_JUMP_LABEL
CVM_SECTION(struct jump_entry, __jump_table);
#endif
CVM_SECTION(struct static_call_site, _static_call_sites);
CVM_SECTION(char, _noinstr_text);
CVM_SECTION(int, _orc_unwind_ip);
CVM_SECTION(struct orc_entry, _orc_unwind);
CVM_SECTION(struct alt_instr, _altinstructions);
CVM_SECTION(s32, _retpoline_sites);
CVM_SECTION(s32, _return_sites);

#define COUNT(section)	(cvm_end_##section - cvm_begin_##section)
#define BYTES(section)	((char *)cvm_end_##section - \
			 (char *)cvm_begin_##section)

static int never_called(void)
{
	return 0;
}

static struct module self = {
	.state = MODULE_STATE_LIVE,
	.name = "cvm",
	.init = never_called,
	.bug_list = LIST_HEAD_INIT(self.bug_list),
#ifdef CONFIG_MODULE_UNLOAD
	.source_list = LIST_HEAD_INIT(self.source_list),
	.target_list = LIST_HEAD_INIT(self.target_list),
	.refcnt = ATOMIC_INIT(1),
#endif
};

/* ---- where it is --------------------------------------------------------- */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
static void __init set_memory_of_self(void)
{
	self.core_layout.base = cvm_text_begin;
	self.core_layout.size = cvm_text_end - cvm_text_begin;
	self.core_layout.text_size = self.core_layout.size;
	self.core_layout.ro_size = self.core_layout.size;
	self.core_layout.ro_after_init_size = self.core_layout.size;
}
#else
static void __init set_memory_of_self(void)
{
	self.mem[MOD_TEXT].base = cvm_text_begin;
	self.mem[MOD_TEXT].size = cvm_text_end - cvm_text_begin;
	self.mem[MOD_DATA].base = cvm_data_begin;
	self.mem[MOD_DATA].size = cvm_data_end - cvm_data_begin;
}
#endif

static void __init set_tables(void)
{
	self.extable = cvm_begin___ex_table;
	self.num_exentries = COUNT(__ex_table);
	sort_extable(cvm_begin___ex_table, cvm_end___ex_table);
	self.noinstr_text_start = cvm_begin__noinstr_text;
	self.noinstr_text_size = BYTES(_noinstr_text);
#ifdef CONFIG_GENERIC_BUG
	self.bug_table = cvm_begin___bug_table;
	self.num_bugs = COUNT(__bug_table);
#endif
#ifdef CONFIG_KALLSYMS
	self.core_kallsyms.symtab = cvm_symtab;
	self.core_kallsyms.num_symtab = cvm_symtab_end - cvm_symtab;
	self.core_kallsyms.strtab = cvm_strtab;
	self.core_kallsyms.typetab = cvm_typetab;
	RCU_INIT_POINTER(self.kallsyms, &self.core_kallsyms);
#endif
#ifdef CONFIG_JUMP_LABEL
	self.jump_entries = cvm_begin___jump_table;
	self.num_jump_entries = COUNT(__jump_table);
#endif
#ifdef CONFIG_HAVE_STATIC_CALL_INLINE
	self.static_call_sites = cvm_begin__static_call_sites;
	self.num_static_call_sites = COUNT(_static_call_sites);
#endif
}

/*
 * Before anything of ours can fault.  One CPU runs, and nothing else looks:
 * no lock is taken.
 */
void __init cvm_guest_object_register(void)
{
	set_memory_of_self();
	set_tables();
	list_add_rcu(&self.list, &modules);
#ifdef CONFIG_GENERIC_BUG
	list_add_rcu(&self.bug_list, &module_bug_list);
#endif
#ifdef CONFIG_MODULES_TREE_LOOKUP
	mod_tree_insert(&self);
#endif
	mod_tree.addr_min = min(mod_tree.addr_min,
				(unsigned long)cvm_text_begin);
	mod_tree.addr_max = max(mod_tree.addr_max,
				(unsigned long)cvm_data_end);
}

/* /sys/module/cvm, as far as programs look that list modules. */
static int __init show(void)
{
	int err;

	self.mkobj.mod = &self;
	self.mkobj.kobj.kset = module_kset;
	err = kobject_init_and_add(&self.mkobj.kobj, &module_ktype, NULL, "%s",
				   self.name);
	if (err)
		return err;
	self.holders_dir = kobject_create_and_add("holders", &self.mkobj.kobj);
	return self.holders_dir ? 0 : -ENOMEM;
}

/* Unwinding, and who wants to hear of modules: jump labels, static calls. */
static int __init announce(void)
{
#ifdef CONFIG_UNWINDER_ORC
	unwind_module_init(&self, cvm_begin__orc_unwind_ip,
			   BYTES(_orc_unwind_ip), cvm_begin__orc_unwind,
			   BYTES(_orc_unwind));
#endif
	blocking_notifier_call_chain(&module_notify_list, MODULE_STATE_COMING,
				     &self);
	blocking_notifier_call_chain(&module_notify_list, MODULE_STATE_LIVE,
				     &self);
	return show();
}
device_initcall(announce);

/* ---- what the kernel changes in text at its start ------------------------ */

/*
 * Just before the kernel does the same to its own, so that none of our returns
 * is found unpatched after it.  An NMI or a machine check may come meanwhile,
 * and would run what is being changed: for that long the gates are those of
 * boot.S, which are not.
 */
void __init cvm_guest_object_patch(void)
{
	struct desc_ptr bringup = {
		.address = (unsigned long)bringup_idt_table,
		.size = NUM_EXCEPTION_VECTORS * sizeof(gate_desc) - 1,
	};
	struct desc_ptr saved;
	unsigned long flags;

	local_irq_save(flags);
	store_idt(&saved);
	native_load_idt(&bringup);
	apply_retpolines(cvm_begin__retpoline_sites, cvm_end__retpoline_sites);
	apply_returns(cvm_begin__return_sites, cvm_end__return_sites);
	apply_alternatives(cvm_begin__altinstructions,
			   cvm_end__altinstructions);
	sync_core();
	native_load_idt(&saved);
	local_irq_restore(flags);
}

/*
 * The same for the kernel's own text: patch() writes to what an NMI and a
 * machine check come in by, a few bytes at a time.  All other gates stay.
 */
void __init cvm_guest_while_patching(void (*patch)(void))
{
	static gate_desc gates[IDT_ENTRIES] __initdata __aligned(16);
	struct desc_ptr while_patching = {
		.address = (unsigned long)gates,
		.size = sizeof(gates) - 1,
	};
	struct desc_ptr saved;

	store_idt(&saved);
	memcpy(gates, (void *)saved.address, saved.size + 1);
	gates[X86_TRAP_NMI] = bringup_idt_table[X86_TRAP_NMI];
	gates[X86_TRAP_MC] = bringup_idt_table[X86_TRAP_MC];
	native_load_idt(&while_patching);
	patch();
	native_load_idt(&saved);
}
