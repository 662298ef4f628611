// SPDX-License-Identifier: GPL-2.0-only
/*
 * modules.c - what a module brings: sites, and a door.
 *
 * A module is searched when the kernel is done with its text, with the
 * kernel's own decoder.  What was found is kept with the module and goes with
 * it; its initialisation's goes as soon as that is over.
 */
#include <linux/bsearch.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/moduleloader.h>
#include <linux/notifier.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>

#include <asm/insn.h>
#include <asm/sections.h>
#include <asm/text-patching.h>

#include "cvm.h"
#include "cvm/object.h"
#include "hooks.h"

#define INT3		0xcc
#define ALLOC_EXEC	(SHF_ALLOC | SHF_EXECINSTR)
#define MOD_REGISTER	0xf8	/* of ModRM: mod and reg */
#define MOD_CR4		0xe0	/* register, CR4 */

/* Of one module, sorted. */
struct module_sites {
	struct list_head list;
	struct rcu_head rcu;
	struct module *owner;
	unsigned int count;
	struct cvm_site site[];		/* at: from _text, modulo 4 GiB */
};

static LIST_HEAD(all_sites);
static DEFINE_RAW_SPINLOCK(sites_lock);

/* Modules lie within 2 GiB of the kernel: these 32 bits tell all apart. */
static u32 offset_of(unsigned long ip)
{
	return ip - (unsigned long)_text;
}

static int compare_at(const void *key, const void *site)
{
	u32 at = *(const u32 *)key, other = ((const struct cvm_site *)site)->at;

	return at < other ? -1 : at > other;
}

/* Inside an exception. */
const struct cvm_site *cvm_guest_module_site(unsigned long ip)
{
	u32 at = offset_of(ip);
	struct module_sites *sites;
	const struct cvm_site *found;

	list_for_each_entry_rcu(sites, &all_sites, list, true) {
		found = bsearch(&at, sites->site, sites->count,
				sizeof(*sites->site), compare_at);
		if (found && found->kind)
			return found;
	}
	return NULL;
}

/* ---- finding ------------------------------------------------------------- */

static bool has_prefix(const struct insn *insn, u8 prefix)
{
	unsigned int i;

	for (i = 0; i < insn->prefixes.nbytes; i++)
		if (insn->prefixes.bytes[i] == prefix)
			return true;
	return false;
}

static u8 kind_of_in(const struct insn *insn)
{
	if (!(insn->opcode.bytes[0] & 1))
		return CVM_SITE_IN8;
	return has_prefix(insn, 0x66) ? CVM_SITE_IN16 : CVM_SITE_IN32;
}

static u8 kind_of_two_bytes(struct insn *insn, u8 *operand)
{
	u8 modrm = insn->modrm.value;

	if (insn->opcode.bytes[1] == 0x30)
		return CVM_SITE_WRMSR;
	if (insn->opcode.bytes[1] != 0x22 ||
	    (modrm & MOD_REGISTER) != MOD_CR4 ||
	    X86_REX_R(insn->rex_prefix.value))
		return 0;
	*operand = X86_MODRM_RM(modrm) |
		   (X86_REX_B(insn->rex_prefix.value) ? 8 : 0);
	return CVM_SITE_CR4;
}

/*
 * 0: none of ours.  SDM vol. 2D, tables; behind a VEX or EVEX
 * prefix the same bytes are vector instructions (vol. 2A, 2.3.6.1 "Opcode
 * Byte").
 */
static u8 kind_of(struct insn *insn, u8 *operand)
{
	u8 opcode = insn->opcode.bytes[0];

	*operand = 0;
	if (insn_is_avx(insn))
		return 0;
	switch (opcode) {
	case 0x0f:
		return kind_of_two_bytes(insn, operand);
	case 0x6c:
	case 0x6d:
		return CVM_SITE_INS;
	case 0x6e:
	case 0x6f:
		return CVM_SITE_OUT;
	case 0xe4:
	case 0xe5:
		*operand = insn->immediate.value;
		return kind_of_in(insn);
	case 0xe6:
	case 0xe7:
		*operand = insn->immediate.value;
		return CVM_SITE_OUT;
	case 0xec:
	case 0xed:
		return kind_of_in(insn);
	case 0xee:
	case 0xef:
		return CVM_SITE_OUT;
	case 0xf4:
		return CVM_SITE_HLT;
	default:
		return 0;
	}
}

/* All of [at, end); with sites, they are kept there. */
static unsigned int search(const u8 *at, const u8 *end, struct cvm_site *sites)
{
	unsigned int count = 0;
	struct insn insn;
	u8 kind, operand;

	for (; at < end; at += insn.length) {
		if (insn_decode_kernel(&insn, at) || at + insn.length > end) {
			insn.length = 1;
			continue;
		}
		kind = kind_of(&insn, &operand);
		if (!kind)
			continue;
		if (sites)
			sites[count] = (struct cvm_site){
				.at = offset_of((unsigned long)at),
				.kind = kind,
				.bytes = insn.length,
				.opcode = *at,
				.operand = operand,
			};
		count++;
	}
	return count;
}

static unsigned int search_all(const Elf_Ehdr *hdr, const Elf_Shdr *sechdrs,
			       struct cvm_site *sites)
{
	unsigned int i, count = 0;
	const u8 *at;

	for (i = 1; i < hdr->e_shnum; i++) {
		if ((sechdrs[i].sh_flags & ALLOC_EXEC) != ALLOC_EXEC)
			continue;
		at = (const u8 *)sechdrs[i].sh_addr;
		count += search(at, at + sechdrs[i].sh_size,
				sites ? sites + count : NULL);
	}
	return count;
}

static int order(const void *a, const void *b)
{
	return compare_at(&((const struct cvm_site *)a)->at, b);
}

/* ---- keeping ------------------------------------------------------------- */

static int lay_sites(const Elf_Ehdr *hdr, const Elf_Shdr *sechdrs,
		     struct module *mod)
{
	unsigned int i, count = search_all(hdr, sechdrs, NULL);
	static const u8 int3 = INT3;
	struct module_sites *sites;

	if (!count)
		return 0;
	sites = kvmalloc(struct_size(sites, site, count), GFP_KERNEL);
	if (!sites)
		return -ENOMEM;
	sites->owner = mod;
	sites->count = search_all(hdr, sechdrs, sites->site);
	sort(sites->site, count, sizeof(*sites->site), order, NULL);
	raw_spin_lock(&sites_lock);
	list_add_rcu(&sites->list, &all_sites);
	raw_spin_unlock(&sites_lock);
	/* Text may be read-only by now, or for ever. */
	for (i = 0; i < count; i++)
		text_poke_copy(_text + (s32)sites->site[i].at, &int3, 1);
	return 0;
}

static void forget_sites(struct module *mod)
{
	struct module_sites *sites, *next;

	raw_spin_lock(&sites_lock);
	list_for_each_entry_safe(sites, next, &all_sites, list)
		if (sites->owner == mod) {
			list_del_rcu(&sites->list);
			kvfree_rcu(sites, rcu);
		}
	raw_spin_unlock(&sites_lock);
}

/* Its memory will be somebody else's. */
static void forget_init_sites(struct module *mod)
{
	struct module_sites *sites;
	unsigned int i;

	raw_spin_lock(&sites_lock);
	list_for_each_entry(sites, &all_sites, list)
		for (i = 0; sites->owner == mod && i < sites->count; i++)
			if (within_module_init((unsigned long)_text +
					       (s32)sites->site[i].at, mod))
				WRITE_ONCE(sites->site[i].kind, 0);
	raw_spin_unlock(&sites_lock);
}

/* ---- the msr device, where it is a module -------------------------------- */

int cvm_guest_msr_open(struct inode *inode, struct file *file)
{
	if (!capable(CAP_SYS_RAWIO))
		return -EPERM;
	cvm_guest_shut("/dev/cpu/*/msr");
	return -EPERM;
}

/* Its open() asks nobody but for a capability. */
static void shut_msr(const Elf_Ehdr *hdr, const Elf_Shdr *sechdrs,
		     struct module *mod)
{
	const Elf_Shdr *symbols = NULL;
	const Elf_Sym *symbol;
	const char *names;
	unsigned int i;

	for (i = 1; i < hdr->e_shnum; i++)
		if (sechdrs[i].sh_type == SHT_SYMTAB)
			symbols = &sechdrs[i];
	if (!symbols)
		return;
	names = (const char *)sechdrs[symbols->sh_link].sh_addr;
	symbol = (const Elf_Sym *)symbols->sh_addr;
	for (i = 0; i < symbols->sh_size / sizeof(*symbol); i++)
		if (!strcmp(names + symbol[i].st_name, "msr_fops"))
			((struct file_operations *)symbol[i].st_value)->open =
				cvm_guest_msr_open;
}

/* ---- hooks --------------------------------------------------------------- */

int (*CVM_ORIG(module_finalize))(const Elf_Ehdr *hdr, const Elf_Shdr *sechdrs,
				 struct module *mod);

int cvm_guest_module_finalize(const Elf_Ehdr *hdr, const Elf_Shdr *sechdrs,
			       struct module *mod)
{
	int err = CVM_ORIG(module_finalize)(hdr, sechdrs, mod);

	if (err)
		return err;
	if (!strcmp(mod->name, "msr"))
		shut_msr(hdr, sechdrs, mod);
	return lay_sites(hdr, sechdrs, mod);
}

void (*CVM_ORIG(module_arch_cleanup))(struct module *mod);

void cvm_guest_module_cleanup(struct module *mod)
{
	forget_sites(mod);
	CVM_ORIG(module_arch_cleanup)(mod);
}

static int module_event(struct notifier_block *nb, unsigned long event,
			void *data)
{
	if (event == MODULE_STATE_LIVE)
		forget_init_sites(data);
	return NOTIFY_DONE;
}

static struct notifier_block module_block = {
	.notifier_call = module_event,
};

static int __init modules_start(void)
{
	return register_module_notifier(&module_block);
}
early_initcall(modules_start);
