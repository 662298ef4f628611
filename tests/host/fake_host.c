/* SPDX-License-Identifier: GPL-2.0-only */
/* fake_host.c - the host API on top of an ordinary process. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_host.h"
#include "fake_os.h"

#define PAGE		((uint64_t)CVM_PAGE_SIZE)
#define TSC_PER_NS	2u
#define WALL_START	1700000000000000000ull

/* Where code "lies": allocations never come here. */
#define CODE_HPA	0x70000000ull

static struct fake_host *count(void *ctx, int member)
{
	struct fake_host *host = ctx;

	host->calls[member]++;
	if (host->on_call)
		host->on_call(host, member);
	return host;
}

/* Is it this call's turn to fail? */
static int fails(struct fake_host *host)
{
	host->may_fail++;
	if (!host->fail_at || host->may_fail < host->fail_at ||
	    (host->may_fail > host->fail_at && !host->fail_on))
		return 0;
	host->failed++;
	return 1;
}

static struct fake_block *block_new(struct fake_host *host, uint64_t hpa,
				    uint64_t bytes, int chunk)
{
	struct fake_block *b;

	if (host->blocks == FAKE_BLOCKS)
		return NULL;
	b = calloc(1, sizeof(*b));
	if (!b)
		abort();
	b->hpa = hpa;
	b->bytes = bytes;
	b->chunk = chunk;
	b->hva = fake_os_map(bytes);
	host->block[host->blocks++] = b;
	return b;
}

static void block_free(struct fake_host *host, struct fake_block *b)
{
	uint32_t i;

	for (i = 0; i < host->blocks; i++)
		if (host->block[i] == b)
			break;
	if (i == host->blocks)
		abort();	/* given back twice, or never taken */
	host->block[i] = host->block[--host->blocks];
	fake_os_unmap(b->hva, b->bytes);
	free(b);
}

static int fake_mem_alloc(void *ctx, void *host_vm, uint64_t bytes,
			  uint64_t align, uint64_t *hpa, void **chunk)
{
	struct fake_host *host = count(ctx, FAKE_MEM_ALLOC);
	struct fake_block *b;

	(void)host_vm;
	if (!bytes || bytes % PAGE || align % PAGE || align & (align - 1))
		abort();
	if (host->mem_alloc_ret)
		return host->mem_alloc_ret;
	if (fails(host) || bytes > host->piece_max || bytes > host->mem_left)
		return -CVM_ENOMEM;
	host->next_hpa = (host->next_hpa + align - 1) & ~(align - 1);
	b = block_new(host, host->next_hpa + host->skew, bytes, 1);
	if (!b)
		return -CVM_ENOMEM;
	host->next_hpa += bytes + host->gap;
	host->mem_left -= bytes;
	*hpa = b->hpa;
	*chunk = b;
	return 0;
}

static void fake_mem_free(void *ctx, void *host_vm, void *chunk)
{
	struct fake_host *host = count(ctx, FAKE_MEM_FREE);
	struct fake_block *b = chunk;

	(void)host_vm;
	if (!b->chunk)
		abort();
	host->mem_left += b->bytes;
	block_free(host, b);
}

static void *fake_page_alloc(void *ctx, uint32_t pages)
{
	struct fake_host *host = count(ctx, FAKE_PAGE_ALLOC);
	struct fake_block *b;

	if (!pages || pages > 16)
		abort();
	if (fails(host))
		return NULL;
	b = block_new(host, host->page_hpa, pages * PAGE, 0);
	host->page_hpa += (pages + 1) * PAGE;
	return b ? b->hva : NULL;
}

static void fake_page_free(void *ctx, void *hva, uint32_t pages)
{
	struct fake_host *host = count(ctx, FAKE_PAGE_FREE);
	uint32_t i;

	for (i = 0; i < host->blocks; i++)
		if (host->block[i]->hva == hva)
			break;
	if (i == host->blocks || host->block[i]->chunk ||
	    host->block[i]->bytes != pages * PAGE)
		abort();
	block_free(host, host->block[i]);
}

static uint64_t fake_hva_to_hpa(void *ctx, const void *hva)
{
	struct fake_host *host = count(ctx, FAKE_HVA_TO_HPA);
	const uint8_t *at = hva;
	uint32_t i;

	for (i = 0; i < host->blocks; i++)
		if (at >= host->block[i]->hva &&
		    at < host->block[i]->hva + host->block[i]->bytes)
			return host->block[i]->hpa +
			       (uint64_t)(at - host->block[i]->hva);
	return CODE_HPA + (uintptr_t)hva % PAGE;
}

static int fake_cpu_call(void *ctx, void *host_vm, int vcpu, int cpu,
			 int (*fn)(void *arg), void *arg)
{
	struct fake_host *host = count(ctx, FAKE_CPU_CALL);
	int ret;

	(void)host_vm;
	(void)vcpu;
	if (cpu != CVM_CPU_CURRENT && (cpu >= FAKE_CPUS ||
				       host->offline >> cpu & 1))
		return -CVM_ENOENT;
	if (fails(host))
		return -CVM_EBUSY;
	if (host->in_slice)
		abort();	/* no slice inside a slice */
	host->in_slice = 1;
	ret = fn(arg);
	host->in_slice = 0;
	return ret;
}

static void fake_irq_forward(void *ctx, uint32_t vector)
{
	struct fake_host *host = count(ctx, FAKE_IRQ_FORWARD);

	if (!host->in_slice || vector > 255)
		abort();
	host->forwarded[vector]++;
	if (host->on_forward)
		host->on_forward(vector);
}

static int fake_machine_check(void *ctx, int in_guest)
{
	struct fake_host *host = count(ctx, FAKE_MACHINE_CHECK);

	if (!host->in_slice)
		abort();
	host->machine_checks[in_guest]++;
	return in_guest && host->mce_ends;
}

static void fake_irq_self(void *ctx)
{
	struct fake_host *host = count(ctx, FAKE_IRQ_SELF);

	if (!host->in_slice)
		abort();
	host->self_irqs++;
}

/* Let time pass until the next timer or the deadline, whichever is first. */
static void pass_time(struct fake_host_vm *vm, uint64_t deadline_ns)
{
	struct fake_host *host = vm->host;
	uint64_t next = deadline_ns;
	uint32_t i, first = CVM_MAX_VCPUS;

	for (i = 0; i < CVM_MAX_VCPUS; i++) {
		if (vm->timer[i] <= next && vm->timer[i] != CVM_DEADLINE_NONE) {
			next = vm->timer[i];
			first = i;
		}
	}
	if (next == CVM_DEADLINE_NONE) {
		fprintf(stderr, "fake host: sleeps for ever\n");
		abort();
	}
	if (next > host->now_ns)
		host->now_ns = next;
	if (first == CVM_MAX_VCPUS)
		return;
	vm->timer[first] = CVM_DEADLINE_NONE;
	if (vm->conf)
		cvm_conformance_fired(vm->conf, first);
	else if (vm->vm)
		cvm_timer_fired(vm->vm, first);
}

static int fake_wait(void *ctx, void *host_vm, uint32_t vcpu,
		     uint64_t deadline_ns)
{
	struct fake_host *host = count(ctx, FAKE_WAIT);
	struct fake_host_vm *vm = host_vm;
	int ret = vm->wait_ret;

	if (host->in_slice)
		abort();
	vm->waits++;
	vm->wait_ret = 0;
	if (ret || fails(host))
		return -CVM_EINTR;
	if (host->never_sleep && !vm->woken[vcpu])
		return -CVM_EINTR;
	while (!vm->woken[vcpu] && host->now_ns < deadline_ns)
		pass_time(vm, deadline_ns);
	vm->woken[vcpu] = 0;
	return 0;
}

static void fake_wake(void *ctx, void *host_vm, uint32_t vcpu)
{
	struct fake_host_vm *vm = host_vm;

	(void)count(ctx, FAKE_WAKE);
	if (vcpu >= CVM_MAX_VCPUS)
		abort();
	vm->woken[vcpu] = 1;
}

static void fake_timer(void *ctx, void *host_vm, uint32_t vcpu,
		       uint64_t deadline_ns)
{
	struct fake_host_vm *vm = host_vm;

	(void)count(ctx, FAKE_TIMER);
	if (vcpu >= CVM_MAX_VCPUS)
		abort();
	vm->timer[vcpu] = deadline_ns;
}

static void fake_time(void *ctx, struct cvm_host_time *now)
{
	struct fake_host *host = count(ctx, FAKE_TIME);

	*now = (struct cvm_host_time){
		.mono_ns = host->now_ns,
		.wall_ns = WALL_START + host->now_ns +
			   (uint64_t)host->wall_step_ns,
		.tsc = host->now_ns * TSC_PER_NS,
		.tsc_khz = TSC_PER_NS * 1000000,
	};
}

static int fake_poll(void *ctx, void *host_vm, uint32_t vcpu)
{
	struct fake_host *host = count(ctx, FAKE_POLL);
	int ret = host->poll_ret;

	(void)host_vm;
	(void)vcpu;
	if (host->in_slice)
		abort();
	host->poll_ret = 0;
	if (!ret && fails(host))
		ret = -CVM_EINTR;
	return ret;
}

static void fake_log(void *ctx, int level, const char *line)
{
	struct fake_host *host = count(ctx, FAKE_LOG);

	(void)level;
	snprintf(host->last_log, sizeof(host->last_log), "%s", line);
}

static void __attribute__((noreturn)) fake_fatal(void *ctx, const char *line)
{
	struct fake_host *host = count(ctx, FAKE_FATAL);

	snprintf(host->fatal_line, sizeof(host->fatal_line), "%s", line);
	host->in_slice = 0;
	if (host->fatal_jmp)
		longjmp(*host->fatal_jmp, 1);
	fprintf(stderr, "fake host: fatal: %s\n", line);
	abort();
}

/* ---- notifiers ----------------------------------------------------------- */

/* Those of one that others take, signal and put at the same time. */
static uint32_t refs(const struct fake_notifier *e)
{
	return __atomic_load_n(&e->refs, __ATOMIC_ACQUIRE);
}

static void take_ref(struct fake_notifier *e)
{
	__atomic_add_fetch(&e->refs, 1, __ATOMIC_ACQ_REL);
}

/* -1: there was none. */
static int put_ref(struct fake_notifier *e)
{
	return __atomic_fetch_sub(&e->refs, 1, __ATOMIC_ACQ_REL) ? 0 : -1;
}

static struct fake_notifier *notifier_of(struct fake_host *host, int64_t handle)
{
	return handle < 0 || handle >= FAKE_NOTIFIERS ? NULL :
	       &host->notifier[handle];
}

static int fake_notifier_get(void *ctx, void *host_vm, int64_t handle,
			     void **notifier)
{
	struct fake_host *host = count(ctx, FAKE_NOTIFIER_GET);
	struct fake_notifier *e = notifier_of(host, handle);

	(void)host_vm;
	if (host->in_slice)
		abort();
	if (!e || fails(host))
		return -CVM_EINVAL;
	take_ref(e);
	*notifier = e;
	return 0;
}

static void fake_notifier_put(void *ctx, void *notifier)
{
	struct fake_host *host = count(ctx, FAKE_NOTIFIER_PUT);
	struct fake_notifier *e = notifier;

	if (host->in_slice || put_ref(e))
		abort();
}

static void fake_notifier_signal(void *ctx, void *notifier)
{
	struct fake_host *host = count(ctx, FAKE_NOTIFIER_SIGNAL);
	struct fake_notifier *e = notifier;

	if (host->in_slice || !refs(e))
		abort();
	e->signals++;
	if (host->on_signal)
		host->on_signal(e);
	if (!refs(e))
		abort();	/* put while it was being signalled */
}

void fake_notifier_fire(struct fake_host *host, int64_t handle)
{
	struct fake_notifier *e = notifier_of(host, handle);

	e->set = 1;
	if (!e->watcher)
		return;
	e->set = 0;
	if (e->watcher->conf)
		cvm_conformance_notified(e->watcher->conf, e->watch_id);
	else
		cvm_notifier_fired(e->watcher->vm, e->watch_id);
}

void fake_notifier_fire_by(void *host, int64_t handle)
{
	fake_notifier_fire(host, handle);
}

uint64_t fake_notifier_signals(void *host, int64_t handle)
{
	return notifier_of(host, handle)->signals;
}

static int fake_notifier_watch(void *ctx, void *host_vm, int64_t handle,
			       uint32_t id, void **watch)
{
	struct fake_host *host = count(ctx, FAKE_NOTIFIER_WATCH);
	struct fake_notifier *e = notifier_of(host, handle);

	if (!e || e->watcher || fails(host))
		return -CVM_EINVAL;
	take_ref(e);
	e->watcher = host_vm;
	e->watch_id = id;
	if (e->set)
		fake_notifier_fire(host, handle);
	*watch = e;
	return 0;
}

static void fake_notifier_unwatch(void *ctx, void *watch)
{
	struct fake_notifier *e = watch;

	(void)count(ctx, FAKE_NOTIFIER_UNWATCH);
	if (!e->watcher || put_ref(e))
		abort();
	e->watcher = NULL;
}

static const struct cvm_host_notifier_ops fake_notifiers = {
	.get = fake_notifier_get,
	.put = fake_notifier_put,
	.signal = fake_notifier_signal,
	.watch = fake_notifier_watch,
	.unwatch = fake_notifier_unwatch,
};

static const struct cvm_host_ops fake_ops = {
	.api = CVM_HOST_API,
	.size = sizeof(struct cvm_host_ops),
	.kind = CVM_HOST_FAKE,
	.flags = CVM_HOST_F_SCHED_NOTIFY,
	.mem_alloc = fake_mem_alloc,
	.mem_free = fake_mem_free,
	.page_alloc = fake_page_alloc,
	.page_free = fake_page_free,
	.hva_to_hpa = fake_hva_to_hpa,
	.cpu_call = fake_cpu_call,
	.irq_forward = fake_irq_forward,
	.machine_check = fake_machine_check,
	.irq_self = fake_irq_self,
	.wait = fake_wait,
	.wake = fake_wake,
	.timer = fake_timer,
	.time = fake_time,
	.poll = fake_poll,
	.log = fake_log,
	.fatal = fake_fatal,
	.notifiers = &fake_notifiers,
};

void fake_host_init(struct fake_host *host)
{
	memset(host, 0, sizeof(*host));
	host->ops = fake_ops;
	host->next_hpa = 1ull << 32;
	host->piece_max = 1ull << 30;
	host->mem_left = 8ull << 30;
	host->page_hpa = 16ull << 20;
	host->now_ns = 1000000000;
}

void fake_host_vm_init(struct fake_host_vm *vm, struct fake_host *host)
{
	uint32_t i;

	memset(vm, 0, sizeof(*vm));
	vm->host = host;
	for (i = 0; i < CVM_MAX_VCPUS; i++)
		vm->timer[i] = CVM_DEADLINE_NONE;
}

uint32_t fake_host_leaks(const struct fake_host *host)
{
	uint32_t left = host->blocks, i;

	for (i = 0; i < FAKE_NOTIFIERS; i++)
		left += host->notifier[i].refs;
	return left;
}

uint64_t fake_host_pages_out(void *arg)
{
	const struct fake_host *host = arg;
	uint64_t pages = 0;
	uint32_t i;

	for (i = 0; i < host->blocks; i++)
		pages += host->block[i]->bytes / PAGE;
	return pages;
}

void *fake_host_view(struct fake_host *host, uint64_t hpa)
{
	const struct fake_block *b;
	uint32_t i;

	for (i = 0; i < host->blocks; i++) {
		b = host->block[i];
		if (hpa >= b->hpa && hpa - b->hpa < b->bytes)
			return b->hva + (hpa - b->hpa);
	}
	return NULL;
}
