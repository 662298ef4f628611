// SPDX-License-Identifier: GPL-2.0-only
/*
 * run_loop.c - serve a running VM.
 *
 * One thread per vCPU sits in RUN and serves what its vCPU asks for; the
 * first thread carries input and wishes to stop to the guest.  It sleeps in
 * console_wait() and nowhere else.
 */
#include <stdio.h>
#include <string.h>

#include <cvm/error.h>

#include "console_server.h"
#include "run_loop.h"
#include "vm_devices.h"
#include "os/os.h"
#include "os/thread.h"

struct vmm {
	struct vm *vm;
	struct ending *ending;
	int ended;		/* vCPU threads that have finished */
	int have_ending;	/* the first one to set it owns *ending */
	int stops;		/* wishes to stop seen so far */
	uint32_t grace;		/* seconds from the first of them to the end */
	int asked;		/* the guest was, since: */
	uint32_t asked_at;	/* os_ticks() */
	int late;		/* its time was up */
	int lost_output;	/* a bad CONSOLE_OUT was reported */
	struct console_channel *console;	/* the guest's own */
};

struct vcpu {
	struct vmm *vmm;
	uint32_t id;
	struct os_thread *thread;
};

/* Its last line may have an end. */
static void copy_text(char *to, size_t size, const char *from, size_t max)
{
	size_t n = strnlen(from, max < size ? max : size - 1);

	memcpy(to, from, n);
	while (n && strchr(" \t\r\n", to[n - 1]))
		n--;
	to[n] = '\0';
}

static int take_ending(struct vmm *vmm)
{
	return !__atomic_exchange_n(&vmm->have_ending, 1, __ATOMIC_ACQ_REL);
}

static void set_ending(struct vmm *vmm, const struct cvm_user_run *run)
{
	/* told: what the driver says adds to our own words. */
	static const struct {
		uint32_t reason;
		int status;
		int told;
		const char *name;
		const char *text;
	} endings[] = {
		{ CVM_RUN_POWEROFF, EXIT_OK, 0, "poweroff", "powered off" },
		{ CVM_RUN_REBOOT, EXIT_REBOOT, 0, "reboot",
		  "the guest asked for a reboot" },
		{ CVM_RUN_PANIC, EXIT_PANIC, 1, "panic", "guest panic" },
		{ CVM_RUN_FATAL, EXIT_ENDED, 1, "fatal",
		  "ended by the monitor" },
		{ CVM_RUN_KILLED, EXIT_ENDED, 0, "killed", "killed" },
		{ CVM_RUN_REFUSED, EXIT_REFUSED, 1, "refused",
		  "the host cannot enter this guest" },
	};
	struct ending *end = vmm->ending;
	char text[sizeof(run->text)];
	size_t i;

	if (!take_ending(vmm))
		return;
	end->reason = run->reason;
	end->status = EXIT_ENDED;
	end->name = "unknown";
	snprintf(end->text, sizeof(end->text), "ended by the driver for the "
		 "unknown reason %u", run->reason);
	copy_text(text, sizeof(text), run->text, sizeof(run->text));
	for (i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		if (endings[i].reason != run->reason)
			continue;
		end->status = endings[i].status;
		end->name = endings[i].name;
		if (!endings[i].told)
			text[0] = '\0';
		snprintf(end->text, sizeof(end->text), "%s%s%s",
			 endings[i].text, text[0] ? ": " : "", text);
	}
	if (run->reason == CVM_RUN_KILLED &&
	    __atomic_load_n(&vmm->late, __ATOMIC_ACQUIRE))
		snprintf(end->text, sizeof(end->text), "killed: it did not "
			 "power off within %u s", vmm->grace);
}

static void set_failure(struct vmm *vmm, uint32_t vcpu, int ret)
{
	struct ending *end = vmm->ending;

	if (!take_ending(vmm))
		return;
	end->reason = CVM_RUN_INTR;
	end->status = EXIT_ENDED;
	end->name = "error";
	snprintf(end->text, sizeof(end->text), "the driver cannot run vCPU %u "
		 "any more: %s", vcpu, reason(ret));
}

static void console_out(struct vmm *vmm, const struct cvm_user_run *run)
{
	const void *data = vm_memory(vmm->vm, run->arg[0], run->arg[1]);

	if (data) {
		console_write(vmm->console, data, run->arg[1]);
		return;
	}
	if (!__atomic_exchange_n(&vmm->lost_output, 1, __ATOMIC_RELAXED))
		console_note("the guest prints from 0x%llx, outside its "
			     "memory; such output is dropped",
			     (unsigned long long)run->arg[0]);
}

static void begin_grace(struct vmm *vmm)
{
	if (vmm->asked)
		return;
	vmm->asked = 1;
	vmm->asked_at = os_ticks();
}

/* Milliseconds; -1: it has not begun. */
static int grace_left(const struct vmm *vmm)
{
	uint32_t passed = os_ticks() - vmm->asked_at;

	if (!vmm->asked || vmm->late)
		return -1;
	return passed < vmm->grace * 1000 ?
	       (int)(vmm->grace * 1000 - passed) : 0;
}

/* The first wish is passed on to the guest, the second needs no consent. */
static void stop(struct vmm *vmm, int now)
{
	struct cvm_user_event event = {
		.vcpu = 0,
		.bits = 1ull << CVM_EVENT_POWER_BIT,
	};
	struct cvm_user_id id = { .id = vmm->vm->info.id };

	if (!now && !vmm->stops++) {
		os_driver_request(vmm->vm->driver, CVM_USER_EVENT, &event,
				  sizeof(event));
		begin_grace(vmm);
		return;
	}
	os_driver_request(vmm->vm->driver, CVM_USER_KILL, &id, sizeof(id));
	os_unblock();
	virtio_devices_hangup(vmm->vm->devices);
}

static void vcpu_main(void *arg)
{
	struct vcpu *vcpu = arg;
	struct vmm *vmm = vcpu->vmm;
	struct cvm_user_run run = { .vcpu = vcpu->id };
	int ret;

	for (;;) {
		ret = os_driver_request(vmm->vm->driver, CVM_USER_VCPU_RUN,
					&run, sizeof(run));
		if (ret == -CVM_EINTR)
			continue;
		if (ret) {
			set_failure(vmm, vcpu->id, ret);
			stop(vmm, 1);
			break;
		}
		if (run.reason < CVM_RUN_POWEROFF)
			console_running();
		if (run.reason == CVM_RUN_CONSOLE_OUT)
			console_out(vmm, &run);
		else if (run.reason == CVM_RUN_CONSOLE_ROOM)
			console_input_space(vmm->console);
		else if (run.reason == CVM_RUN_DOORBELL)
			virtio_devices_doorbell(vmm->vm->devices, &run);
		else if (run.reason >= CVM_RUN_POWEROFF)
			break;
		/* INTR: again. */
	}
	if (!ret)
		set_ending(vmm, &run);
	__atomic_add_fetch(&vmm->ended, 1, __ATOMIC_ACQ_REL);
	os_wake();
}

/* ---- the guest's own console ---- */

/* When its ring is full, CONSOLE_ROOM follows. */
static size_t feed(void *ctx, const void *data, size_t bytes)
{
	struct vmm *vmm = ctx;
	struct cvm_user_console part = { 0 };
	size_t done = 0, want;

	while (done < bytes) {
		want = bytes - done < sizeof(part.data) ? bytes - done :
		       sizeof(part.data);
		part.bytes = (uint32_t)want;
		memcpy(part.data, (const char *)data + done, want);
		if (os_driver_request(vmm->vm->driver, CVM_USER_CONSOLE_IN,
				      &part, sizeof(part)) || part.bytes > want)
			return bytes;	/* ending: its vCPUs will tell */
		done += part.bytes;
		if (part.bytes < want)
			break;
	}
	return done;
}

static void resize(void *ctx, unsigned int cols, unsigned int rows)
{
	struct vmm *vmm = ctx;

	virtio_devices_console_size(vmm->vm->devices, cols, rows);
}

static void report(void *ctx, struct stats_answer *to)
{
	struct vmm *vmm = ctx;

	devices_report(vmm->vm, to);
}

static void rescan(void *ctx, const char *disk, struct stats_answer *to)
{
	struct vmm *vmm = ctx;

	devices_rescan(vmm->vm, disk, to);
}

static const struct console_sink own_console = { feed, resize };

static void serve(struct vmm *vmm, int vcpus)
{
	int left;

	while (__atomic_load_n(&vmm->ended, __ATOMIC_ACQUIRE) < vcpus) {
		left = grace_left(vmm);
		if (!left) {
			__atomic_store_n(&vmm->late, 1, __ATOMIC_RELEASE);
			stop(vmm, 1);
			continue;
		}
		switch (console_wait(left)) {
		case CONSOLE_WAKE:
			break;
		case CONSOLE_STOP:
			stop(vmm, 0);
			break;
		case CONSOLE_POWEROFF:
			begin_grace(vmm);
			break;
		case CONSOLE_KILL:
		case CONSOLE_LOST:
			stop(vmm, 1);
			break;
		}
	}
}

/* There is one VM in a process. */
static struct vcpu vcpus[CVM_MAX_VCPUS];

int vmm_threads(struct vm *vm, struct problem *problem)
{
	uint32_t i;

	if (devices_threads(vm, problem))
		return -1;
	for (i = 0; i < vm->info.vcpus; i++) {
		vcpus[i].id = i;
		vcpus[i].thread = os_thread_new("vcpu");
		if (!vcpus[i].thread)
			return problem_set(problem, vm->info.name, "no thread "
					   "for vCPU %u; %s", i,
					   os_no_thread);
	}
	return 0;
}

int vmm_threads_try(struct vm *vm, struct problem *problem)
{
	int ret = vmm_threads(vm, problem);
	uint32_t i;

	devices_threads_free(vm);
	for (i = 0; i < CVM_MAX_VCPUS; i++) {
		os_thread_free(vcpus[i].thread);
		vcpus[i].thread = NULL;
	}
	return ret;
}

void vmm_run(struct vm *vm, uint32_t grace, struct ending *ending)
{
	struct vmm vmm = { .vm = vm, .ending = ending, .grace = grace };
	uint32_t i;

	memset(ending, 0, sizeof(*ending));
	vmm.console = console_channel(NULL, &own_console, &vmm);
	console_on_stats(report, rescan, &vmm);
	for (i = 0; i < vm->info.vcpus; i++) {
		vcpus[i].vmm = &vmm;
		os_thread_run(vcpus[i].thread, vcpu_main, &vcpus[i]);
	}
	serve(&vmm, (int)vm->info.vcpus);
	for (i = 0; i < vm->info.vcpus; i++)
		os_thread_wait(vcpus[i].thread);
}
