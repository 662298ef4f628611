/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vm.c - make a VM through libcvm's own operations and put the mini guest
 * into it: page tables, image, control block.
 */
#include "vm.h"
#include "x86.h"

#define PTE_P		0x001ull
#define PTE_W		0x002ull
#define PTE_U		0x004ull
#define PTE_CACHE_OFF	0x010ull
#define PTE_A		0x020ull
#define PTE_D		0x040ull
#define PTE_LARGE	0x080ull
#define PTE_G		0x100ull
#define PTE_NX		(1ull << 63)
#define PTE_ADDR	0x000ffffffffff000ull

#define APIC_HPA	0xfee00000ull
#define VM_BYTES	0x200000ull
#define HOST_WORLD	0x4057u
#define GUEST_WORLD	0x9e5eu

extern const uint8_t g_guest_bin[], g_guest_bin_end[];

struct g_hooks g_hooks;
struct cvm_monitor *g_mon;

/* ---- the hooked host API --------------------------------------- */

static int must_fail(void)
{
	return ++g_hooks.calls == g_hooks.fail_at;
}

static int hook_mem_alloc(void *ctx, void *host_vm, uint64_t bytes,
			  uint64_t align, uint64_t *hpa, void **chunk)
{
	if (must_fail())
		return -CVM_ENOMEM;
	return bare_host_ops.mem_alloc(ctx, host_vm, bytes, align, hpa, chunk);
}

static void *hook_page_alloc(void *ctx, uint32_t pages)
{
	return must_fail() ? NULL : bare_host_ops.page_alloc(ctx, pages);
}

static int hook_cpu_call(void *ctx, void *host_vm, int vcpu, int cpu,
			 int (*fn)(void *arg), void *arg)
{
	int ret;

	if (must_fail())
		return -CVM_EINTR;
	if (vcpu < 0 || !g_hooks.slice)
		return bare_host_ops.cpu_call(ctx, host_vm, vcpu, cpu, fn,
					      arg);
	__asm__ volatile("cli" : : : "memory");
	ret = g_hooks.slice(fn, arg);
	__asm__ volatile("sti" : : : "memory");
	return ret;
}

static int hook_wait(void *ctx, void *host_vm, uint32_t vcpu,
		     uint64_t deadline_ns)
{
	if (must_fail())
		return -CVM_EINTR;
	return bare_host_ops.wait(ctx, host_vm, vcpu, deadline_ns);
}

static int hook_poll(void *ctx, void *host_vm, uint32_t vcpu)
{
	if (must_fail())
		return -CVM_EINTR;
	return bare_host_ops.poll(ctx, host_vm, vcpu);
}

static void hook_irq_forward(void *ctx, uint32_t vector)
{
	if (g_hooks.irq_forward)
		g_hooks.irq_forward(vector);
	bare_host_ops.irq_forward(ctx, vector);
}

static void hook_log(void *ctx, int level, const char *text)
{
	if (!g_hooks.quiet)
		bare_host_ops.log(ctx, level, text);
}

int g_attach(void)
{
	static struct cvm_host_ops ops;

	ops = bare_host_ops;
	ops.mem_alloc = hook_mem_alloc;
	ops.page_alloc = hook_page_alloc;
	ops.cpu_call = hook_cpu_call;
	ops.wait = hook_wait;
	ops.poll = hook_poll;
	ops.irq_forward = hook_irq_forward;
	ops.log = hook_log;
	if (bare_arg_flag("nonotify"))
		ops.flags &= ~CVM_HOST_F_SCHED_NOTIFY;
	return cvm_attach(&ops, NULL, 1, &g_mon);
}

int g_detach(void)
{
	return cvm_detach(g_mon);
}

int g_op(struct cvm_vm *vm, uint32_t op, void *arg, size_t size)
{
	return cvm_op_call(cvm_op_find(op), g_mon, vm, arg, size);
}

/* ---- guest page tables ----------------------------------------- */

static uint64_t guest_page(struct g_vm *vm)
{
	uint64_t gpa = vm->next_gpa;

	if (gpa + 4096 > vm->end_gpa)
		bare_panic("the mini guest is out of pages");
	vm->next_gpa += 4096;
	return gpa;
}

/* Map one page (4 KiB, or 2 MiB with PTE_LARGE). */
static void map(struct g_vm *vm, uint64_t va, uint64_t hpa, uint64_t flags)
{
	uint64_t *table = bare_hva(vm->cr3), *entry;
	int last = flags & PTE_LARGE ? 2 : 1, level;

	for (level = vm->la57 ? 5 : 4; level > last; level--) {
		entry = &table[va >> (12 + 9 * (level - 1)) & 511];
		if (!*entry)
			*entry = guest_page(vm) | PTE_P | PTE_W | PTE_A |
				 PTE_U;
		table = bare_hva(*entry & PTE_ADDR);
	}
	table[va >> (12 + 9 * (last - 1)) & 511] = hpa | flags;
}

static void map_passage(struct g_vm *vm, uint64_t code_hpa)
{
	uint64_t data = PTE_P | PTE_W | PTE_A | PTE_D | PTE_NX;
	uint64_t gva = G_PASSAGE_GVA;

	map(vm, gva, code_hpa, PTE_P | PTE_A);
	map(vm, gva + CVM_VCPU_PRIV_OFF(0), vm->vcpu.priv_hpa[0], data);
	map(vm, gva + CVM_VCPU_PRIV_OFF(0) + 4096, vm->vcpu.priv_hpa[1], data);
	map(vm, gva + CVM_VCPU_SHARED_OFF(0), vm->vcpu.shared_hpa, data);
}

static void map_guest(struct g_vm *vm, const struct g_header *head)
{
	uint64_t kernel = PTE_P | PTE_W | PTE_A | PTE_D | PTE_G, i, hpa;

	for (i = 0; i < head->bytes; i += 4096)
		map(vm, G_IMAGE_GVA + i, vm->image_gpa + i, kernel);
	map(vm, vm->image_gpa, vm->image_gpa,
	    PTE_P | PTE_W | PTE_A | PTE_D | PTE_LARGE);
	map(vm, G_APIC_GVA, APIC_HPA, kernel | PTE_NX | PTE_CACHE_OFF);
	map(vm, G_USER_APIC, APIC_HPA,
	    PTE_P | PTE_W | PTE_U | PTE_A | PTE_D | PTE_NX | PTE_CACHE_OFF);
	map(vm, G_USER_CODE, vm->image_gpa + (head->user_gva - G_IMAGE_GVA),
	    PTE_P | PTE_U | PTE_A);
	map(vm, G_USER_STACK, guest_page(vm),
	    PTE_P | PTE_W | PTE_U | PTE_A | PTE_D | PTE_NX);
	for (i = 0; i < TLB_PAGES; i++) {
		hpa = guest_page(vm);
		g_tlb_fill(hpa, i, GUEST_WORLD);
		map(vm, TLB_VA + i * 4096, hpa, kernel);
	}
}

/* ---- life ------------------------------------------------------ */

static int load(struct g_vm *vm, const struct cvm_user_vm *args, uint32_t mode)
{
	const struct g_header *head = (const void *)g_guest_bin;
	static struct cvm_user_ranges ranges;
	struct cvm_user_boot boot = { .vcpu = 0 };
	int ret;

	ret = g_op(vm->vm, CVM_USER_MEM_RANGES, &ranges, sizeof(ranges));
	if (ret)
		return ret;
	if (head->magic != G_MAGIC)
		bare_panic("no mini guest in the image");
	vm->image_gpa = ranges.range[0].gpa;
	vm->end_gpa = vm->image_gpa + ranges.range[0].bytes;
	vm->next_gpa = vm->image_gpa + head->bytes;
	memcpy(bare_hva(vm->image_gpa), g_guest_bin,
	       (size_t)(g_guest_bin_end - g_guest_bin));
	vm->cr3 = guest_page(vm);
	map_passage(vm, args->passage_code_hpa);
	map_guest(vm, head);

	vm->ctl = bare_hva(vm->image_gpa + (head->ctl_gva - G_IMAGE_GVA));
	vm->ctl->mode = mode;
	vm->ctl->count = 1;
	vm->ctl->pcid = bare_arg("pcid", 0) >> 1;
	vm->ctl->ibt = bare_arg("ibt", 0) >> 1;
	vm->ctl->cr3 = guest_page(vm);
	memcpy(bare_hva(vm->ctl->cr3), bare_hva(vm->cr3), 4096);
	vm->ctl->seed = bare_arg("seed", 1);
	vm->ctl->shared_gva = G_PASSAGE_GVA + CVM_VCPU_SHARED_OFF(0);

	boot.rip = vm->image_gpa + (head->entry_gva - G_IMAGE_GVA);
	/* An NMI may come before the guest's first instruction. */
	boot.rsp = guest_page(vm) + 4096;
	boot.cr3 = vm->cr3;
	return g_op(vm->vm, CVM_USER_VCPU_BOOT, &boot, sizeof(boot));
}

int g_start(struct g_vm *vm, uint32_t flags, uint32_t mode)
{
	struct cvm_user_vm args = {
		.vcpus = 1,
		.guest_abi = CVM_GUEST_ABI,
		.flags = flags,
		.passage_gva = G_PASSAGE_GVA,
		.name = "mini guest",
		.pid = 1,
	};
	struct cvm_user_mem mem = { .bytes = VM_BYTES };
	int ret;

	memset(vm, 0, sizeof(*vm));
	ret = cvm_vm_create(g_mon, &vm->host, &args, &vm->vm);
	if (ret)
		return ret;
	vm->host.vm = vm->vm;
	vm->la57 = (int)args.la57;
	ret = g_op(vm->vm, CVM_USER_MEM_ADD, &mem, sizeof(mem));
	if (!ret)
		ret = g_op(vm->vm, CVM_USER_VCPU_CREATE, &vm->vcpu,
			   sizeof(vm->vcpu));
	if (!ret)
		ret = load(vm, &args, mode);
	if (ret)
		g_destroy(vm);
	return ret;
}

int g_run(struct g_vm *vm)
{
	vm->run.vcpu = 0;
	return g_op(vm->vm, CVM_USER_VCPU_RUN, &vm->run, sizeof(vm->run));
}

uint32_t g_run_on(struct g_vm *vm)
{
	int ret;

	do {
		ret = g_run(vm);
	} while (!ret && vm->run.reason == CVM_RUN_INTR);
	return ret ? ~0u : vm->run.reason;
}

void g_destroy(struct g_vm *vm)
{
	bare_vm_gone(&vm->host);
	cvm_vm_destroy(vm->vm);
	vm->vm = NULL;
}

void g_stats(struct g_vm *vm, struct cvm_stats *stats)
{
	static struct cvm_user_stats s;

	s.id = 0;
	if (g_op(vm->vm, CVM_USER_STATS, &s, sizeof(s)))
		bare_panic("no statistics");
	*stats = s.stats;
}

uint64_t g_host_root(void)
{
	static uint64_t root;

	if (!root)
		root = bare_pages_alloc(1, 4096, 0);
	memcpy(bare_hva(root), bare_hva(x86_cr3() & PTE_ADDR), 4096);
	return root;
}

/* ---- the same addresses in both worlds ------------------------- */

void g_tlb_fill(uint64_t hpa, uint64_t page, uint32_t world)
{
	uint64_t *p = bare_hva(hpa);
	/* endbr64; mov $world, %eax; ret */
	uint8_t code[] = { 0xf3, 0x0f, 0x1e, 0xfa, 0xb8, 0, 0, 0, 0, 0xc3 };

	p[0] = ((uint64_t)world << 16) + page;
	memcpy(code + 5, &world, 4);
	memcpy(p + 2, code, sizeof(code));
}

void g_tlb_host(void)
{
	uint64_t i, hpa;

	for (i = 0; i < TLB_PAGES; i++) {
		hpa = bare_pages_alloc(1, 4096, 0);
		g_tlb_fill(hpa, i, HOST_WORLD);
		bare_map_global(TLB_VA + i * 4096, hpa);
	}
}

uint64_t g_tlb_check(void)
{
	uint64_t bad = 0, i;

	for (i = 0; i < TLB_PAGES; i++) {
		uint64_t va = TLB_VA + i * 4096;

		if (*(volatile uint64_t *)va !=
		    ((uint64_t)HOST_WORLD << 16) + i)
			bad++;
		if (((uint64_t (*)(void))(va + 16))() != HOST_WORLD)
			bad++;
	}
	return bad;
}
