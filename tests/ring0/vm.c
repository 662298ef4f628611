/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vm.c - make a VM through libcvm's own requests and put the mini guest
 * into it.
 */
#include "vm.h"
#include "x86.h"

#define PTE_ADDR	0x000ffffffffff000ull
#define VM_BYTES	0x200000ull

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

int g_request(struct cvm_vm *vm, uint32_t number, void *arg, size_t size)
{
	return cvm_ioctl_call(cvm_ioctl_find(number), g_mon, vm, arg, size);
}

/* ---- life ------------------------------------------------------ */

static int load(struct g_vm *vm, uint32_t mode)
{
	static struct cvm_user_ranges ranges;
	struct cvm_user_boot boot;
	int ret;

	ret = g_request(vm->vm, CVM_USER_MEM_RANGES, &ranges, sizeof(ranges));
	if (ret)
		return ret;
	g_mini_load(&vm->mini, &ranges.range[0], mode, &boot);
	vm->ctl = vm->mini.ctl;
	return g_request(vm->vm, CVM_USER_VCPU_BOOT, &boot, sizeof(boot));
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
	vm->mini.image = g_guest_bin;
	vm->mini.image_bytes = (uint64_t)(g_guest_bin_end - g_guest_bin);
	vm->mini.passage_code_hpa = args.passage_code_hpa;
	vm->mini.la57 = (int)args.la57;
	ret = g_request(vm->vm, CVM_USER_MEM_ADD, &mem, sizeof(mem));
	if (!ret)
		ret = g_request(vm->vm, CVM_USER_VCPU_CREATE, &vm->mini.vcpu,
				sizeof(vm->mini.vcpu));
	if (!ret)
		ret = load(vm, mode);
	if (ret)
		g_destroy(vm);
	return ret;
}

int g_run(struct g_vm *vm)
{
	vm->run.vcpu = 0;
	return g_request(vm->vm, CVM_USER_VCPU_RUN, &vm->run, sizeof(vm->run));
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
	if (g_request(vm->vm, CVM_USER_STATS, &s, sizeof(s)))
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
