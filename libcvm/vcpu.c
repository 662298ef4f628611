// SPDX-License-Identifier: GPL-2.0-only
/*
 * vcpu.c - make a vCPU: its pages, its intermediate tables, the constants of
 * both worlds the switch works with, and the state it starts in.
 */
#include "host_calls.h"

#include "x86/cpu.h"

#define GATE_INTERRUPT	0x8e00ull	/* present, DPL 0, 64-bit interrupt */
#define GDT_CODE64	0x00af9b000000ffffull
#define GDT_DATA	0x00cf93000000ffffull
#define SEL_CODE	0x10u
#define SEL_DATA	0x18u
#define RFLAGS_FIXED	2u

/* Addresses of the passage in one world. */
struct world {
	uint64_t code;
	uint64_t priv;
};

static void fill_idt(uint64_t idt[32][2], uint64_t code)
{
	uint64_t gate;
	uint32_t i;

	for (i = 0; i < 32; i++) {
		gate = code + cvm_code_off(cvm_passage_gates) + 32 * i;
		idt[i][0] = (gate & 0xffff) | SEL_CODE << 16 |
			    GATE_INTERRUPT << 32 |
			    (gate & 0xffff0000) << 32;
		idt[i][1] = gate >> 32;
	}
}

static void fill_side(struct cvm_side *side, uint32_t off,
		      const struct world *here,
		      const struct world *there, uint64_t inter_cr3)
{
	const uint64_t gdt = off + offsetof(struct cvm_side, gdt);
	const uint16_t gdt_limit = sizeof(side->gdt) - 1;

	side->inter_cr3 = inter_cr3;
	side->far_delta = there->priv - here->priv;
	side->far_code = there->code;
	side->mini_rsp = here->priv + sizeof(struct cvm_priv);
	side->mini_gdtr.base = here->priv + gdt;
	side->mini_gdtr.limit = gdt_limit;
	side->mini_gdtr_far.base = there->priv + gdt;
	side->mini_gdtr_far.limit = gdt_limit;
	side->mini_idtr.limit = 32 * 16 - 1;
	side->gdt[SEL_CODE / 8] = GDT_CODE64;
	side->gdt[SEL_DATA / 8] = GDT_DATA;
}

/* The guest's TR until its own LTR: a TSS of ours, so that the host's is
 * never live in the guest. */
static void fill_boot_tss(struct cvm_side *guest, uint64_t tss)
{
	const uint64_t limit = sizeof(((struct cvm_priv *)0)->mini_tss) - 1;

	guest->gdt[CVM_BOOT_TR / 8] = limit | (tss & 0xffffff) << 16 |
				      0x89ull << 40 |
				      (tss & 0xff000000) << 32;
	guest->gdt[CVM_BOOT_TR / 8 + 1] = tss >> 32;
	guest->tss_tr = CVM_BOOT_TR;
}

static void fill_priv(struct cvm_vcpu *vcpu)
{
	struct cvm_priv *priv = vcpu->priv;
	const struct world host = {
		.code = (uintptr_t)cvm_passage_start,
		.priv = (uintptr_t)priv,
	};
	const struct world guest = {
		.code = vcpu->vm->passage_gva,
		.priv = vcpu->vm->passage_gva + CVM_VCPU_PRIV_OFF(vcpu->id),
	};
	struct cvm_side *h = cvm_host_side(priv), *g = cvm_guest_side(priv);
	uint64_t cr3 = cvm_inter_cr3(vcpu->inter);

	fill_idt(priv->mini_idt[0], host.code);
	fill_idt(priv->mini_idt[1], guest.code);
	fill_side(h, CVM_PRIV_HOST, &host, &guest, cr3);
	fill_side(g, CVM_PRIV_GUEST, &guest, &host, cr3);
	h->mini_idtr.base = host.priv;
	g->mini_idtr.base = guest.priv + sizeof(priv->mini_idt[0]);
	fill_boot_tss(g, guest.priv + offsetof(struct cvm_priv, mini_tss));
	priv->invpcid = vcpu->vm->mon->caps.invpcid;
	cvm_msr_setup(priv, &vcpu->vm->mon->caps);
}

static void fill_shared(struct cvm_vcpu *vcpu)
{
	struct cvm_vm *vm = vcpu->vm;
	const struct cvm_host_ops *ops = vm->mon->ops;
	struct cvm_shared *shared = vcpu->shared;
	struct cvm_host_time now;

	cvm_host_time(vm->mon, &now);
	shared->magic = CVM_SHARED_MAGIC;
	shared->abi = CVM_GUEST_ABI;
	shared->size = sizeof(*shared);
	shared->host = ops->kind;
	shared->vcpu = vcpu->id;
	shared->vcpus = vm->vcpus;
	shared->tsc_khz = vcpu->tsc_khz = now.tsc_khz;
	vcpu->clock_tsc = now.tsc;
	if (ops->flags & CVM_HOST_F_IRQ80)
		shared->features |= CVM_SHARED_F_IRQ80;
	shared->passage_entry = vm->passage_gva +
				cvm_code_off(cvm_passage_guest);
	shared->passage_priv = vm->passage_gva + CVM_VCPU_PRIV_OFF(vcpu->id);
	shared->cr4_keep = CVM_CR4_KEEP;
	shared->efer_keep = CVM_EFER_KEEP;
	shared->deadline_tsc = CVM_DEADLINE_NONE;
	shared->armed_tsc = CVM_DEADLINE_NONE;
	cvm_clock_write(vcpu);
}

static int vcpu_alloc(struct cvm_vcpu *vcpu)
{
	struct cvm_vm *vm = vcpu->vm;
	const struct cvm_monitor *mon = vm->mon;
	const struct cvm_x86_caps *caps = &mon->caps;

	vcpu->priv = cvm_host_page_alloc(mon, CVM_VCPU_PAGES);
	if (!vcpu->priv)
		return -CVM_ENOMEM;
	vcpu->shared = (struct cvm_shared *)(vcpu->priv + 1);
	vcpu->fpu = cvm_host_page_alloc(mon, CVM_PAGES(cvm_fpu_bytes(caps)));
	if (!vcpu->fpu)
		return -CVM_ENOMEM;
	cvm_fpu_setup(vcpu->fpu, caps);
	return cvm_inter_create(mon, vcpu->priv,
				vm->passage_gva + CVM_VCPU_PRIV_OFF(vcpu->id),
				vm->passage_gva, (int)caps->la57,
				&vcpu->inter);
}

void cvm_vcpu_destroy(struct cvm_vcpu *vcpu)
{
	struct cvm_monitor *mon = vcpu->vm->mon;

	if (vcpu->inter)
		cvm_inter_destroy(mon, vcpu->inter);
	if (vcpu->fpu)
		cvm_host_page_free(mon, vcpu->fpu,
			       CVM_PAGES(cvm_fpu_bytes(&mon->caps)));
	if (vcpu->priv)
		cvm_host_page_free(mon, vcpu->priv, CVM_VCPU_PAGES);
	cvm_host_page_free(mon, vcpu, CVM_PAGES(sizeof(*vcpu)));
}

int cvm_vcpu_create(struct cvm_vm *vm, struct cvm_user_vcpu *args)
{
	const struct cvm_monitor *mon = vm->mon;
	struct cvm_vcpu *vcpu;
	uint8_t *page;
	int ret;

	if (args->vcpu != vm->vcpus_made || args->vcpu >= vm->vcpus)
		return -CVM_EINVAL;
	vcpu = cvm_host_page_alloc(mon, CVM_PAGES(sizeof(*vcpu)));
	if (!vcpu)
		return -CVM_ENOMEM;
	vcpu->vm = vm;
	vcpu->id = args->vcpu;
	vcpu->stale = 1;
	ret = vcpu_alloc(vcpu);
	if (ret) {
		cvm_vcpu_destroy(vcpu);
		return ret;
	}
	fill_priv(vcpu);
	fill_shared(vcpu);
	page = (uint8_t *)vcpu->priv;
	args->priv_hpa[0] = cvm_host_hva_to_hpa(mon, page);
	args->priv_hpa[1] = cvm_host_hva_to_hpa(mon, page + CVM_PAGE_SIZE);
	args->shared_hpa = cvm_host_hva_to_hpa(mon, page + 2 * CVM_PAGE_SIZE);
	vm->vcpu[vcpu->id] = vcpu;
	__atomic_store_n(&vm->vcpus_made, vcpu->id + 1, __ATOMIC_RELEASE);
	return 0;
}

int cvm_vcpu_boot(struct cvm_vm *vm, struct cvm_user_boot *args)
{
	uint32_t none = CVM_BOOT_NONE;
	struct cvm_vcpu *vcpu;
	uint64_t *frame;

	if (args->vcpu >= __atomic_load_n(&vm->vcpus_made, __ATOMIC_ACQUIRE))
		return -CVM_ENOENT;
	vcpu = vm->vcpu[args->vcpu];
	if (args->cr3 % CVM_PAGE_SIZE ||
	    !cvm_mem_contains(vm, args->cr3, CVM_PAGE_SIZE))
		return -CVM_EFAULT;
	if (!__atomic_compare_exchange_n(&vcpu->booted, &none, CVM_BOOT_BEGUN,
					 0, __ATOMIC_ACQUIRE,
					 __ATOMIC_RELAXED))
		return -CVM_EBUSY;

	/* What the switch pops: RFLAGS, R15..R12, RBP, RBX, return address. */
	frame = vcpu->priv->boot_frame + 8;
	frame[0] = RFLAGS_FIXED;
	frame[1] = 0;
	frame[2] = args->rsi;
	frame[3] = args->rsp;
	frame[4] = args->rip;
	frame[5] = 0;
	frame[6] = 0;
	frame[7] = vm->passage_gva + cvm_code_off(cvm_passage_boot);
	cvm_guest_side(vcpu->priv)->state.cr3 = args->cr3;
	__atomic_store_n(&vcpu->booted, CVM_BOOT_DONE, __ATOMIC_RELEASE);
	cvm_host_wake(vcpu);
	return 0;
}

void cvm_vcpu_first_state(struct cvm_vcpu *vcpu)
{
	struct cvm_priv *priv = vcpu->priv;
	const struct cvm_cpu_state *h = &cvm_host_side(priv)->state;
	struct cvm_side *guest = cvm_guest_side(priv);
	struct cvm_cpu_state *g = &guest->state;
	uint64_t cr3 = g->cr3;

	/* MSRs and control registers start as the host's: nothing to write
	 * until the guest wants something else. */
	*g = *h;
	g->cr3 = cr3;
	g->cr2 = 0;
	g->cr4 = (cvm_read_cr4() & CVM_CR4_KEEP) | CVM_CR4_PAE |
		 CVM_CR4_OSFXSR;
	g->cr0 = cvm_read_cr0() & ~(CVM_CR0_TS | CVM_CR0_EM);
	g->ds = g->es = g->ss = SEL_DATA;
	g->fs = g->gs = g->ldtr = 0;
	g->fs_base = g->gs_base = g->kernel_gs_base = 0;
	g->tr = CVM_BOOT_TR;
	g->gdtr = guest->mini_gdtr;
	g->idtr = guest->mini_idtr;
	g->rsp = guest->mini_rsp - CVM_PAGE_SIZE +
		 8 * sizeof(priv->boot_frame[0]);
	g->dr0 = g->dr1 = g->dr2 = g->dr3 = 0;
	g->dr6 = 0xffff0ff0;
	g->dr7 = 0x400;
	g->debugctl = g->s_cet = g->u_cet = g->pl3_ssp = g->xss = 0;
	guest->tss_gdt = g->gdtr.base;
}

/* A vCPU that does not exist yet starts stale. */
void cvm_vcpu_host_stale(struct cvm_vm *vm, uint32_t vcpu)
{
	if (vcpu < __atomic_load_n(&vm->vcpus_made, __ATOMIC_ACQUIRE))
		__atomic_store_n(&vm->vcpu[vcpu]->stale, 1, __ATOMIC_RELEASE);
}
