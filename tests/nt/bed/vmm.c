/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vmm.c - what cvmctl does, by IRPs, in a process of its own: open the
 * device, make a VM, map its memory, load a kernel, run it.
 */
#include <cvm/boot.h>
#include <cvm/nt.h>
#include <cvm/uapi.h>

#include "bed.h"
#include "x86.h"

#define MAP_BASE	0x0000020000000000ull	/* plus a GPA: its address */
#define COM1		0x3f8
#define MARK		"@lab begin"
#define DEVICE		"\\??\\cvm"
#define SILENT_MS	30000	/* kill without waiting for output */

struct vm {
	const struct bed_vm_args *args;
	struct bed_vm_end *end;
	struct nt_file *file;
	struct cvm_user_vm info;
	struct cvm_user_ranges ranges;
	struct cvm_user_vcpu vcpu;
	struct cvm_image image;
	struct cvm_boot_plan plan;
	struct cvm_user_run run;
	struct cvm_user_console in;
	struct cvm_user_stats stats;
	struct cvm_err err;
	uint32_t marked;
	int over;		/* no new request from elsewhere */
	int feeding;		/* one is under way */
};

static struct vm vm;

int bed_request(struct nt_file *file, uint32_t number, void *arg,
		uint32_t bytes)
{
	uint64_t information = 0;
	uint32_t status = bed_control(file, CVM_NT_IOCTL(number), arg, bytes,
				      arg, bytes, &information);

	if (CVM_NT_IS_STATUS(status))
		return -(int)CVM_NT_ERROR(status);
	if (status || information != bytes)
		bare_panic("request %u: status %x, %llu bytes", number,
			   status, (unsigned long long)information);
	return 0;
}

static int step(const char *name, int ret)
{
	if (ret) {
		vm.end->step = name;
		vm.end->err = -ret;
	}
	return ret;
}

/* ---- memory ---------------------------------------------------------- */

static void *guest_at(void *ctx, uint64_t gpa, uint64_t bytes)
{
	(void)ctx;
	(void)bytes;
	return (void *)(MAP_BASE + gpa);
}

static int map_memory(void)
{
	uint32_t i;
	int ret;

	for (i = 0; i < vm.ranges.count; i++) {
		const struct cvm_user_range *r = &vm.ranges.range[i];
		uint64_t gpa = r->gpa;

		while (gpa < r->gpa + r->bytes) {
			struct cvm_nt_map map = { .gpa = gpa,
						  .wish = MAP_BASE + gpa };

			ret = bed_request(vm.file, CVM_NT_MAP, &map,
					  sizeof(map));
			if (ret)
				return ret;
			if (map.gpa != gpa || map.address != MAP_BASE + gpa)
				bare_panic("a window of %llx lies at %llx",
					   (unsigned long long)gpa,
					   (unsigned long long)map.address);
			gpa += map.bytes;
		}
	}
	return 0;
}

static int add_memory(void)
{
	struct cvm_user_mem mem = { .bytes = vm.args->mem_bytes };
	int ret;

	mem.first_bytes = cvm_boot_first_bytes(&vm.image,
		vm.args->initrd->bytes, 0, vm.args->mem_bytes);
	ret = bed_request(vm.file, CVM_USER_MEM_ADD, &mem, sizeof(mem));
	if (!ret && mem.added != mem.bytes)
		ret = -CVM_ENOMEM;
	if (step("MEM_ADD", ret))
		return ret;
	return step("MEM_RANGES", bed_request(vm.file, CVM_USER_MEM_RANGES,
					      &vm.ranges, sizeof(vm.ranges)));
}

/* ---- one VM ---------------------------------------------------------- */

static int create(void)
{
	const struct bed_vm_args *args = vm.args;
	uint32_t status = bed_open(DEVICE, 0, &vm.file);

	if (status)
		return step("open", CVM_NT_IS_STATUS(status) ?
			    -(int)CVM_NT_ERROR(status) : -CVM_ENOENT);
	if (step("image", cvm_image_parse(&vm.image, args->kernel->data,
					  args->kernel->bytes, NULL,
					  &vm.err)))
		return -1;
	vm.info = (struct cvm_user_vm){
		.vcpus = 1,
		.guest_abi = vm.image.note.abi,
		.passage_gva = vm.image.note.passage_gva,
		.flags = args->flags,
		.name = "bed",
	};
	if (step("VM_CREATE", bed_request(vm.file, CVM_USER_VM_CREATE, &vm.info,
					  sizeof(vm.info))) || add_memory())
		return -1;
	if (step("MAP", map_memory()))
		return -1;
	return step("VCPU_CREATE", bed_request(vm.file, CVM_USER_VCPU_CREATE,
					       &vm.vcpu, sizeof(vm.vcpu)));
}

static int load(void)
{
	const struct bed_vm_args *a = vm.args;
	struct cvm_guest_mem mem = { guest_at, NULL };
	struct cvm_boot_args args = {
		.image = &vm.image,
		.ranges = &vm.ranges,
		.cmdline = a->cmdline,
		.initrd_bytes = a->initrd->bytes,
		.passage_code_hpa = vm.info.passage_code_hpa,
		.vcpu = &vm.vcpu,
		.vcpus = 1,
		.la57 = vm.info.la57,
	};
	int ret = cvm_boot_plan(&args, &vm.plan, &vm.err);

	if (!ret)
		ret = cvm_boot_load(&args, &vm.plan, &mem, &vm.err);
	if (ret) {
		bare_printf("loader: %s\n", vm.err.text);
		return step("load", ret);
	}
	memcpy(guest_at(NULL, vm.plan.initrd_gpa, 0), a->initrd->data,
	       a->initrd->bytes);
	return step("VCPU_BOOT", bed_request(vm.file, CVM_USER_VCPU_BOOT,
					     &vm.plan.entry,
					     sizeof(vm.plan.entry)));
}

static void console_out(uint64_t gpa, uint64_t bytes)
{
	static const char mark[] = MARK;
	const char *text = guest_at(NULL, gpa, bytes);
	uint64_t i;

	vm.end->output += bytes;
	for (i = 0; i < bytes; i++) {
		if (!vm.args->quiet)
			bare_printf("%c", text[i]);
		vm.marked = text[i] == mark[vm.marked] ? vm.marked + 1 :
			    text[i] == mark[0];
		if (!mark[vm.marked]) {
			vm.end->userspace = bare_mono_ns();
			vm.marked = 0;
		}
	}
}

static void run(void)
{
	int ret;

	for (;;) {
		memset(&vm.run, 0, sizeof(vm.run));
		ret = bed_request(vm.file, CVM_USER_VCPU_RUN, &vm.run,
				  sizeof(vm.run));
		if (bed_current->terminating)
			break;
		if (ret == -CVM_EINTR)
			continue;
		if (step("RUN", ret))
			break;
		if (vm.run.reason == CVM_RUN_CONSOLE_OUT)
			console_out(vm.run.arg[0], vm.run.arg[1]);
		if (vm.run.reason >= CVM_RUN_POWEROFF)
			break;
	}
	if (!bed_request(vm.file, CVM_USER_STATS, &vm.stats,
			 sizeof(vm.stats))) {
		vm.end->switches = vm.stats.stats.switches;
		vm.end->vector[0] = vm.stats.stats.vector[0x1f];
		vm.end->vector[1] = vm.stats.stats.vector[0x2f];
		vm.end->vector[2] = vm.stats.stats.vector[0x80];
	}
	vm.end->reason = vm.run.reason;
	memcpy(vm.end->text, vm.run.text, sizeof(vm.end->text));
}

/* The end of a process: its last thread tells, then the handles go. */
static void vcpu_main(void *unused)
{
	(void)unused;
	if (!create() && !load())
		run();
	if (bed_current->terminating)
		bed_process_notify(bed_current->process->pid, 0);
	vm.over = 1;
	while (*(volatile int *)&vm.feeding)
		bed_sleep_ms(1);
	if (vm.file) {
		bed_cleanup(vm.file);
		bed_close(vm.file);
	}
}

static void feed(void)
{
	uint32_t n = 0, taken = 0;

	while (n < sizeof(vm.in.data) && x86_inb(COM1 + 5) & 1)
		vm.in.data[n++] = x86_inb(COM1);
	while (taken < n && !vm.over) {
		vm.in.bytes = n - taken;
		memmove(vm.in.data, vm.in.data + taken, n - taken);
		n -= taken;
		if (bed_request(vm.file, CVM_USER_CONSOLE_IN, &vm.in,
				sizeof(vm.in)))
			return;
		taken = vm.in.bytes;
		if (!taken)
			bed_sleep_ms(1);
	}
}

/* 0: there is no VM yet, or no more. */
static int kill_it(struct bed_thread *thread)
{
	struct cvm_user_id id = { .id = vm.info.id };
	struct nt_file *control;
	int ret;

	if (vm.args->die) {
		thread->terminating = 1;
		bed_thread_alert(thread);
		return 1;
	}
	/* Twice: the first may be the call that has to fail. */
	if (bed_open(DEVICE, 0, &control) && bed_open(DEVICE, 0, &control))
		bare_panic("the device cannot be opened twice");
	ret = bed_request(control, CVM_USER_KILL, &id, sizeof(id));
	bed_cleanup(control);
	bed_close(control);
	return !ret;
}

static uint64_t switches_now(void)
{
	static struct cvm_user_stats stats;

	memset(&stats, 0, sizeof(stats));
	if (bed_request(vm.file, CVM_USER_STATS, &stats, sizeof(stats)))
		bare_panic("no statistics of a running VM");
	return stats.stats.switches;
}

/* Leave S0 and come back, as \Callback\PowerState tells it. */
static void sleep_once(void)
{
	uint64_t before;

	bed_power(3, 0);
	bed_sleep_ms(50);
	before = switches_now();
	bed_sleep_ms(300);
	vm.end->asleep = switches_now() - before;
	bed_power(3, 1);
	bed_time_set();
	vm.end->slept = 1;
}

static int due(uint64_t ns)
{
	uint64_t ms = ns / 1000000;

	return vm.args->kill_ms && ms > vm.args->kill_ms &&
	       (vm.end->output >= vm.args->kill_output || ms > SILENT_MS);
}

struct bed_thread *bed_vmm_start(void (*fn)(void *arg), void *arg)
{
	struct bed_process *p = &bed_processes[0];

	bed_process_init(p);
	bed_process_notify(p->pid, 1);
	return bed_thread_start(p, fn, arg);
}

/* A thread that was told to end has told the driver itself. */
void bed_vmm_end(struct bed_thread *thread)
{
	struct bed_process *p = thread->process;

	bed_thread_join(thread);
	if (!thread->terminating)
		bed_process_notify(p->pid, 0);
	bed_process_end(p);
}

void bed_vm_run(const struct bed_vm_args *args, struct bed_vm_end *end)
{
	struct bed_thread *thread;
	uint64_t begin = bare_mono_ns();
	int killed = 0;

	memset(&vm, 0, sizeof(vm));
	memset(end, 0, sizeof(*end));
	vm.args = args;
	vm.end = end;
	thread = bed_vmm_start(vcpu_main, NULL);
	while (!*(volatile int *)&vm.over) {
		bed_sleep_ms(1);
		if (!killed && !vm.over && due(bare_mono_ns() - begin))
			killed = kill_it(thread);
		vm.feeding = 1;
		if (args->sleep && end->output > 2000 && !end->slept &&
		    !*(volatile int *)&vm.over)
			sleep_once();
		if (args->input && vm.file && !*(volatile int *)&vm.over)
			feed();
		vm.feeding = 0;
	}
	bed_vmm_end(thread);
}
