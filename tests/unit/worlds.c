// SPDX-License-Identifier: GPL-2.0-only
/* worlds.c - see worlds.h. */
#include "worlds.h"

#define TSS_OFF		0x400u
#define COUNT_OFF	0x600u
#define LDT		0x50u
#define STEPS_MAX	1000
#define WORLD_PAGES	4		/* one of another memory type */
/* Without PG: the machine translates, see machine.h. */
#define CR0	0x50033u

struct core c;
struct machine m;
struct world host, guest;
struct cvm_priv *priv;
struct cvm_shared *shared;
static uint8_t *nonsense;	/* a page nobody should see */
/* The passage, to be patched. */
uint8_t code[PAGE] __attribute__((aligned(4096)));

void CVM_SYSV cvm_x86_switch_real(struct cvm_priv *priv);

uint64_t *counter(struct world *w)
{
	return (uint64_t *)(w->data + COUNT_OFF);
}

static void fill_gate(uint64_t *gate, uint64_t handler)
{
	gate[0] = (handler & 0xffff) | 0x10ull << 16 | 0x8e00ull << 32 |
		  (handler >> 16 & 0xffff) << 48;
	gate[1] = handler >> 32;
}

static void fill_world(struct world *w)
{
	uint64_t tss = w->data_va + TSS_OFF, *gdt = (uint64_t *)w->data;
	int32_t off = (int32_t)(w->data_va + COUNT_OFF - (w->text_va + 7));
	uint32_t i;

	gdt[2] = 0x00af9b000000ffffull;
	gdt[3] = 0x00cf93000000ffffull;
	gdt[TR / 8] = 103 | (tss & 0xffffff) << 16 | 0x8bull << 40 |
		      (tss >> 24 & 0xff) << 56;
	gdt[TR / 8 + 1] = tss >> 32;
	gdt[LDT / 8] = gdt[TR / 8] ^ (0x8bull ^ 0x82ull) << 40;
	gdt[LDT / 8 + 1] = tss >> 32;
	for (i = 0; i < 32; i++)
		fill_gate((uint64_t *)(w->data + IDT_OFF) + 2 * i, w->text_va);
	/* incq count(%rip); iretq */
	memcpy(w->text, "\x48\xff\x05", 3);
	memcpy(w->text + 3, &off, 4);
	memcpy(w->text + 7, "\x48\xcf", 2);
	memset(w->text + RET_OFF, 0x90, 16);
}

static void map(struct world *w, uint64_t *next, uint64_t va, uint64_t hpa,
		uint64_t flags)
{
	machine_map(&m, w->root, next, va, hpa, PTE_P | flags);
}

static void map_world(struct world *w, uint64_t *next, uint64_t data_hpa)
{
	map(w, next, w->data_va, data_hpa, PTE_W | PTE_NX | PTE_G);
	map(w, next, w->text_va, data_hpa + PAGE, PTE_G);
	map(w, next, w->stack_va, data_hpa + 2 * PAGE, PTE_W | PTE_NX | PTE_G);
	map(w, next, w->stack_va + PAGE, data_hpa + 3 * PAGE, PTE_G | PTE_PWT);
}

static void map_passage(struct world *w, uint64_t *next, uint64_t code_va,
			uint64_t pages)
{
	uint32_t i;

	map(w, next, code_va, m.code_hpa, 0);
	for (i = 0; i < CVM_VCPU_PAGES; i++)
		map(w, next, pages + i * PAGE,
		    c.host.ops.hva_to_hpa(&c.host, (uint8_t *)priv + i * PAGE),
		    PTE_W | PTE_NX);
}

/* The other world's addresses mean something else here, and globally. */
static void map_nonsense(struct world *w, uint64_t *next,
			 const struct world *other, uint64_t code_va,
			 uint64_t pages)
{
	uint64_t hpa = c.host.ops.hva_to_hpa(&c.host, nonsense);
	uint32_t i;

	map(w, next, other->data_va, hpa, PTE_W | PTE_G);
	map(w, next, other->text_va, hpa, PTE_W | PTE_G);
	map(w, next, other->stack_va, hpa, PTE_W | PTE_G);
	map(w, next, code_va, hpa, PTE_W | PTE_G);
	for (i = 0; i < CVM_VCPU_PAGES; i++)
		map(w, next, pages + i * PAGE, hpa, PTE_W | PTE_G);
}

static void make_host(void)
{
	uint8_t *kernel = c.host.ops.page_alloc(&c.host, WORLD_PAGES);
	uint8_t *tables = c.host.ops.page_alloc(&c.host, 16);
	uint64_t next;

	host.data = kernel;
	host.text = kernel + PAGE;
	host.stack = kernel + 2 * PAGE;
	host.data_va = (uintptr_t)host.data;
	host.text_va = (uintptr_t)host.text;
	host.stack_va = (uintptr_t)host.stack;
	host.root = c.host.ops.hva_to_hpa(&c.host, tables);
	next = host.root + PAGE;
	fill_world(&host);
	map_world(&host, &next, c.host.ops.hva_to_hpa(&c.host, kernel));
	map_passage(&host, &next, (uintptr_t)cvm_passage_start,
		    (uintptr_t)priv);
	map_nonsense(&host, &next, &guest, GVA, GVA + CVM_VCPU_PRIV_OFF(0));
}

static void make_guest(uint64_t gpa)
{
	uint64_t next = gpa + PAGE;

	guest.root = gpa;
	guest.data = fake_host_view(&c.host, gpa + MIB);
	guest.text = guest.data + PAGE;
	guest.stack = guest.data + 2 * PAGE;
	fill_world(&guest);
	map_world(&guest, &next, gpa + MIB);
	map_passage(&guest, &next, GVA, GVA + CVM_VCPU_PRIV_OFF(0));
	map_nonsense(&guest, &next, &host, (uintptr_t)cvm_passage_start,
		     (uintptr_t)priv);
}

/* The VM of the test: real set-up code, nothing prepared by hand. */
static void make_vm(void)
{
	struct cvm_user_boot boot = { .rsi = 0xb007 };

	core_init(&c);
	fake_cpu.caps.invpcid = 0;
	fake_cpu.cr[0] = CR0;
	fake_cpu.cr[4] = CR4;
	assert_int_equal(core_attach(&c), 0);
	assert_int_equal(core_create(&c, 1), 0);
	assert_int_equal(core_mem(&c, 2 * MIB, 0), 0);
	assert_int_equal(core_vcpu(&c, 0), 0);
	priv = c.vm->vcpu[0]->priv;
	shared = c.vm->vcpu[0]->shared;
	memcpy(code, cvm_passage_start, PAGE);
	machine_init(&m, &c.host, code);
	nonsense = c.host.ops.page_alloc(&c.host, 1);
	memset(nonsense, 0xcc, PAGE);
	guest.data_va = 0xffffffff81000000ull;
	guest.text_va = 0xffffffff81001000ull;
	guest.stack_va = 0xffffffff81002000ull;
	make_host();
	make_guest(c.vm->first_hpa);
	boot.cr3 = guest.root;
	boot.rip = guest.text_va + RET_OFF;
	boot.rsp = guest.stack_va + PAGE - 64;
	assert_int_equal(core_request(&c, CVM_USER_VCPU_BOOT, &boot), 0);
}

static void set_dtr(struct cvm_dtr *dtr, uint64_t base, uint16_t limit)
{
	dtr->base = base;
	dtr->limit = limit;
}

/* Values no two of which are the same, for everything that has any value. */
void poison(uint64_t seed)
{
	static const uint32_t msrs[] = {
		0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0x175, 0x176,
		0xc0000100, 0xc0000101, 0xc0000102,
	};
	uint32_t i;

	for (i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++)
		machine_set_msr(&m, msrs[i], 0x100000 * seed + 0x1000 * i);
	machine_set_msr(&m, 0x174, 0x10 + seed);
	machine_set_msr(&m, 0xc0000103, 7 * seed);
	machine_set_pat(&m, 0x7010600070106 + (seed & 1) * 0x30000000300);
	machine_set(&m, UC_X86_REG_CR0, CR0 | (seed & 1) << 3);
	machine_set(&m, UC_X86_REG_CR2, 0xc2000 + seed);
	machine_set(&m, UC_X86_REG_DR0, 0xd0000 + seed);
	machine_set(&m, UC_X86_REG_DR1, 0xd1000 + seed);
	machine_set(&m, UC_X86_REG_DR2, 0xd2000 + seed);
	machine_set(&m, UC_X86_REG_DR3, 0xd3000 + seed);
	machine_set(&m, UC_X86_REG_DR6, 0xffff0ff0 | (seed & 7));
	machine_set(&m, UC_X86_REG_DR7, 0x400 | (seed & 3) << 16);
	machine_set(&m, UC_X86_REG_RBX, 0xb0 + seed);
	machine_set(&m, UC_X86_REG_RBP, 0xb1 + seed);
	machine_set(&m, UC_X86_REG_R12, 0xb2 + seed);
	machine_set(&m, UC_X86_REG_R13, 0xb3 + seed);
	machine_set(&m, UC_X86_REG_R14, 0xb4 + seed);
	machine_set(&m, UC_X86_REG_R15, 0xb5 + seed);
	machine_set(&m, UC_X86_REG_EFLAGS, seed & 1 ? 0x40046 : 0x246 & ~0x200);
}

/* What cvm_host_refresh() does, with this CPU's registers. */
void refresh_host(void)
{
	struct cvm_side *side = cvm_host_side(priv);
	struct cvm_cpu_state *h = &side->state;
	uint64_t *fields = cvm_msr_fields(h);
	const uint64_t *gdt = (const uint64_t *)host.data;
	uint32_t row;

	set_dtr(&h->gdtr, host.data_va, 0x7f);
	set_dtr(&h->idtr, host.data_va + IDT_OFF, 511);
	h->tr = TR;
	h->ss = 0x18;
	h->fs_base = machine_get_msr(&m, 0xc0000100);
	h->gs_base = machine_get_msr(&m, 0xc0000101);
	h->kernel_gs_base = machine_get_msr(&m, 0xc0000102);
	h->dr0 = machine_get(&m, UC_X86_REG_DR0);
	h->dr1 = machine_get(&m, UC_X86_REG_DR1);
	h->dr2 = machine_get(&m, UC_X86_REG_DR2);
	h->dr3 = machine_get(&m, UC_X86_REG_DR3);
	h->dr6 = machine_get(&m, UC_X86_REG_DR6);
	h->dr7 = machine_get(&m, UC_X86_REG_DR7);
	for (row = 0; row < CVM_MSR_ROWS; row++)
		if (priv->msr_index[row])
			fields[row] = machine_get_msr(&m,
						      priv->msr_index[row]);
	h->pat = machine_get_msr(&m, 0x277);
	side->gdt[TR / 8] = gdt[TR / 8];
	side->gdt[TR / 8 + 1] = gdt[TR / 8 + 1];
	side->tss_gdt = h->gdtr.base;
	side->tss_tr = TR;
	priv->dr_differ = 1;
	cvm_msr_lists(priv);
}

const char *try_to(uint64_t stop)
{
	const char *why = NULL;
	int n = 0;

	while (!why && machine_get(&m, UC_X86_REG_RIP) != stop)
		why = ++n > STEPS_MAX ? "it does not arrive" :
		      machine_step(&m);
	return why;
}

void run_to(uint64_t stop)
{
	const char *why = try_to(stop);

	if (why)
		fail_msg("at 0x%llx: %s", (unsigned long long)
			 machine_get(&m, UC_X86_REG_RIP), why);
}

/* A function call: the return address is on the stack, RDI the argument. */
static void call(struct world *w, uint64_t function, uint64_t arg)
{
	uint64_t ret = w->text_va + RET_OFF;

	memcpy(w->stack + PAGE - 128, &ret, sizeof(ret));
	machine_set(&m, UC_X86_REG_RSP, w->stack_va + PAGE - 128);
	machine_set(&m, UC_X86_REG_RDI, arg);
	machine_set(&m, UC_X86_REG_RIP, function);
}

void call_switch(void)
{
	call(&host, (uintptr_t)cvm_x86_switch_real, (uintptr_t)priv);
}

void call_passage(void)
{
	call(&guest, shared->passage_entry, shared->passage_priv);
}

/* State before a call, as it must be after it. */
struct machine_state before(void)
{
	uint64_t rip = machine_get(&m, UC_X86_REG_RIP);
	uint64_t rsp = machine_get(&m, UC_X86_REG_RSP), ret;
	struct machine_state s;

	memcpy(&ret, machine_va(&m, rsp, 0), sizeof(ret));
	machine_set(&m, UC_X86_REG_RIP, ret);
	machine_set(&m, UC_X86_REG_RSP, rsp + 8);
	machine_read(&m, &s);
	machine_set(&m, UC_X86_REG_RIP, rip);
	machine_set(&m, UC_X86_REG_RSP, rsp);
	return s;
}

void same(const struct machine_state *a, const char *what)
{
	uint64_t va, vb;
	struct machine_state b;
	const char *row;

	machine_read(&m, &b);
	row = machine_differ(a, &b, &va, &vb);
	if (row)
		fail_msg("%s: %s was 0x%llx, is 0x%llx", what, row,
			 (unsigned long long)va, (unsigned long long)vb);
}

/* The emulated CPU in the host's world, in 64-bit code by an IRET. */
static void start_host(void)
{
	uint64_t frame[5] = { HOST_RET, 0x10, 2, host.stack_va + PAGE - 128,
			      0x18 };

	machine_set(&m, UC_X86_REG_CR3, host.root);
	machine_remap(&m);
	machine_set(&m, UC_X86_REG_CR4, CR4);
	machine_set(&m, UC_X86_REG_CR0, CR0);
	machine_set_table(&m, UC_X86_REG_GDTR, host.data_va, 0x7f);
	machine_set_table(&m, UC_X86_REG_IDTR, host.data_va + IDT_OFF, 511);
	machine_set_selector(&m, UC_X86_REG_TR, TR, host.data_va + TSS_OFF);
	machine_set_selector(&m, UC_X86_REG_LDTR, 0, 0);
	memcpy(host.stack + PAGE - 256, frame, sizeof(frame));
	machine_set(&m, UC_X86_REG_RSP, host.stack_va + PAGE - 256);
	machine_set(&m, UC_X86_REG_RIP, host.text_va + 7);
	run_to(HOST_RET);
	assert_int_equal(machine_get(&m, UC_X86_REG_CS), 0x10);
	poison(1);
	refresh_host();
	cvm_vcpu_first_state(c.vm->vcpu[0]);
	refresh_host();
}

/* The guest gives itself tables and values of its own. */
void start_guest(uint64_t seed)
{
	machine_set_table(&m, UC_X86_REG_GDTR, guest.data_va, 0x7f);
	machine_set_table(&m, UC_X86_REG_IDTR, guest.data_va + IDT_OFF, 511);
	machine_set_selector(&m, UC_X86_REG_TR, TR, guest.data_va + TSS_OFF);
	if (seed & 2)
		machine_set_selector(&m, UC_X86_REG_LDTR, LDT,
				     guest.data_va + TSS_OFF);
	else
		machine_set_selector(&m, UC_X86_REG_LDTR, 0, 0);
	machine_set(&m, UC_X86_REG_SS, seed & 4 ? 0x18 : 0);
	machine_set(&m, UC_X86_REG_CR4, CR4 | (seed & 1) << 2);
	machine_remap(&m);
	poison(seed);
	shared->msr_dirty = 1;
}

int worlds_setup(void **state)
{
	(void)state;
	make_vm();
	start_host();
	return 0;
}

int worlds_teardown(void **state)
{
	(void)state;
	machine_end(&m);
	c.host.ops.page_free(&c.host, nonsense, 1);
	c.host.ops.page_free(&c.host, host.data, WORLD_PAGES);
	c.host.ops.page_free(&c.host, fake_host_view(&c.host, host.root), 16);
	core_end(&c);
	return 0;
}
