// SPDX-License-Identifier: GPL-2.0-only
/*
 * fake_driver.c - what a libcvm driver does, for testing cvmctl without ring 0.
 *
 * The "guest" is a line editor: it prints a prompt, echoes what is typed, and
 * obeys the words of obey().  CVM_FAKE_* in the environment make the driver
 * misbehave.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cvm/abi.h>
#include <cvm/error.h>

#include "fake_driver.h"

#define MIB		0x100000ull
#define BASE		(64 * MIB)
#define RING		64u	/* small, so that it is full soon */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct cvm_user_vm vm;
static struct cvm_user_ranges ranges;
static struct cvm_user_boot boot;
static char ring[RING];
static unsigned int ring_len;
static int ring_was_full, killed, power, resized, prompted;
static char line[256], cmdline[256];
static unsigned int line_len;
static unsigned long spam;
static int pending_end;		/* CVM_RUN_* once the output is out */

long fake_driver_setting(const char *name, long otherwise)
{
	const char *text = getenv(name);

	return text ? strtol(text, NULL, 0) : otherwise;
}

/* ---- control operations ---- */

static int on_version(struct cvm_user_version *v)
{
	if (fake_driver_setting("CVM_FAKE_NO_VERSION", 0))
		return -CVM_ENOTTY;
	v->user_abi = (uint32_t)fake_driver_setting("CVM_FAKE_ABI",
						    CVM_USER_ABI);
	v->guest_abi = (uint32_t)fake_driver_setting("CVM_FAKE_GUEST_ABI",
						     CVM_GUEST_ABI);
	v->host = CVM_HOST_LINUX;
	v->cpus = 4;
	snprintf(v->version, sizeof(v->version), CVM_VERSION);
	return 0;
}

static void check_row(struct cvm_user_check *check, const char *name,
		      uint32_t status, const char *text)
{
	struct cvm_user_check_row *row = &check->row[check->rows++];

	snprintf(row->name, sizeof(row->name), "%s", name);
	snprintf(row->text, sizeof(row->text), "%s", text);
	row->status = status;
	check->refused += status == CVM_CHECK_REFUSED;
}

static int on_check(struct cvm_user_check *check)
{
	check_row(check, "long-mode", CVM_CHECK_OK, "64-bit kernel");
	check_row(check, getenv("CVM_FAKE_ROW") ? getenv("CVM_FAKE_ROW") :
		  "paging", CVM_CHECK_OK, "4-level page tables");
	check_row(check, "invpcid", CVM_CHECK_NOTE,
		  "absent; the switch toggles CR4.PGE, which is slower");
	if (fake_driver_setting("CVM_FAKE_FRED", 0))
		check_row(check, "fred", CVM_CHECK_REFUSED,
			  "the host uses FRED event delivery; boot it with "
			  "fred=off");
	return 0;
}

static void fill_info(struct cvm_user_vm_info *info)
{
	const char *name = getenv("CVM_FAKE_NAME");

	info->id = 7;
	info->state = CVM_VM_RUNNING;
	info->vcpus = 1;
	info->pid = (int)fake_driver_setting("CVM_FAKE_PID", 4242);
	info->mem_bytes = 256 * MIB;
	snprintf(info->name, sizeof(info->name), "%s", name ? name : "web");
	snprintf(info->release, sizeof(info->release), "6.12.117-cvm");
}

static int on_list(struct cvm_user_list *list)
{
	const char *name = getenv("CVM_FAKE_NAME2");

	list->count = (uint32_t)fake_driver_setting("CVM_FAKE_VMS", 1);
	if (list->count > 0)
		fill_info(&list->vm[0]);
	if (list->count > 1) {
		fill_info(&list->vm[1]);
		list->vm[1].id = 12;
		list->vm[1].state = CVM_VM_NEW;
		list->vm[1].mem_bytes = 8192 * MIB;
		list->vm[1].release[0] = '\0';
		snprintf(list->vm[1].name, CVM_NAME_MAX, "%s",
			 name ? name : "evil\033[2Jname");
	}
	return 0;
}

static int on_stats(struct cvm_user_stats *s)
{
	if (s->id != 7)
		return -CVM_ENOENT;
	fill_info(&s->info);
	s->tsc_khz = 2000000;
	s->stats.switches = 38123;
	s->stats.guest_calls = 38123;
	s->stats.exits[CVM_HC_IRQ] = 20000;
	s->stats.exits[CVM_HC_IDLE] = 18000;
	s->stats.exits[39] = 1;
	s->stats.forwarded = 20000;
	s->stats.guest_forwarded = 20000;
	s->stats.guest_tsc = 123456789012ull;
	s->stats.idle_tsc = 60000000;
	s->stats.irqoff_tsc_max = 4000;
	s->stats.vector[0xec] = 19990;
	s->stats.guest_vector[0xec] = 19990;
	s->stats.vector[0x22] = 10;
	s->stats.guest_vector[0x22] = 9;
	return 0;
}

static int on_id(uint32_t number, const struct cvm_user_id *id)
{
	if (vm.id && id->id == vm.id) {
		killed |= number == CVM_USER_KILL;
		power |= number == CVM_USER_STOP;
		pthread_cond_broadcast(&changed);
		return 0;
	}
	fprintf(stderr, "fake: %s %u\n",
		number == CVM_USER_KILL ? "KILL" : "STOP", id->id);
	return id->id == 7 || id->id == 12 ? 0 : -CVM_ENOENT;
}

/* ---- the VM ---- */

static int on_create(struct cvm_user_vm *args)
{
	if (fake_driver_setting("CVM_FAKE_REFUSE", 0))
		return -CVM_EPERM;
	args->id = 7;
	args->la57 = 0;
	args->passage_code_hpa = 0x1000;
	vm = *args;
	return 0;
}

static int on_mem_add(struct cvm_user_mem *mem)
{
	uint64_t base = mem->min_hpa ? mem->min_hpa : BASE;

	if (mem->bytes > MIB * (uint64_t)fake_driver_setting("CVM_FAKE_MIB",
							     1024))
		return -CVM_ENOMEM;
	mem->added = mem->bytes;
	ranges.range[0].gpa = base;
	ranges.range[0].bytes = mem->first_bytes;
	ranges.count = 1;
	if (mem->bytes > mem->first_bytes) {
		ranges.range[1].gpa = base + mem->first_bytes + 64 * MIB;
		ranges.range[1].bytes = mem->bytes - mem->first_bytes;
		ranges.count = 2;
	}
	return 0;
}

static int console_in(struct cvm_user_console *in)
{
	uint32_t n = 0;

	while (n < in->bytes && ring_len < RING)
		ring[ring_len++] = (char)in->data[n++];
	ring_was_full |= n < in->bytes;
	in->bytes = n;
	pthread_cond_broadcast(&changed);
	return 0;
}

/* Leave the text in guest memory and ask for it to be printed. */
static void say(struct cvm_user_run *run, const char *text)
{
	size_t len = strlen(text);

	fake_driver_memory_write(boot.rsi + 4096, text, len);
	run->reason = CVM_RUN_CONSOLE_OUT;
	run->arg[0] = boot.rsi + 4096;
	run->arg[1] = len;
}

/* As Linux finds it: boot_params.hdr.cmd_line_ptr, and its upper half. */
static void keep_cmdline(void)
{
	uint32_t low, high;

	fake_driver_memory_read(boot.rsi + 0x228, &low, sizeof(low));
	fake_driver_memory_read(boot.rsi + 0xc8, &high, sizeof(high));
	fake_driver_memory_read((uint64_t)high << 32 | low, cmdline,
				sizeof(cmdline) - 1);
}

/* ---- what the guest can be told ---- */

static void refuse(struct cvm_user_run *run)
{
	run->reason = CVM_RUN_REFUSED;
	snprintf(run->text, sizeof(run->text), "the host's CR4 has VMXE");
}

static void obey(struct cvm_user_run *run)
{
	char text[300];

	line[line_len] = '\0';
	line_len = 0;
	prompted = 0;
	run->reason = CVM_RUN_INTR;
	if (!strcmp(line, "poweroff")) {
		pending_end = CVM_RUN_POWEROFF;
		say(run, "\r\nbye\r\n");
	} else if (!strcmp(line, "panic")) {
		run->reason = CVM_RUN_PANIC;
		snprintf(run->text, sizeof(run->text),
			 "Attempted to kill init! \033[31m\x9b" "1m\xc2\x9b"
			 "\xe2\x80\xae\n");
	} else if (!strcmp(line, "cmdline")) {
		snprintf(text, sizeof(text), "\r\n[%s]\r\n", cmdline);
		say(run, text);
	} else if (!strcmp(line, "reboot")) {
		run->reason = CVM_RUN_REBOOT;
	} else if (!strcmp(line, "fatal")) {
		run->reason = CVM_RUN_FATAL;
		snprintf(run->text, sizeof(run->text),
			 "page fault at 0x10 before the console was up");
	} else if (!strcmp(line, "refuse")) {
		refuse(run);
	} else if (!strncmp(line, "spam ", 5)) {
		spam = strtoul(line + 5, NULL, 10);
	} else if (!strcmp(line, "wild")) {
		run->reason = CVM_RUN_CONSOLE_OUT;
		run->arg[0] = 0x10;
		run->arg[1] = 64;
	} else if (!strcmp(line, "crash")) {
		abort();
	} else if (!strcmp(line, "deaf")) {
		while (!killed)
			pthread_cond_wait(&changed, &lock);
	} else {
		snprintf(text, sizeof(text), "\r\nyou said: %s\r\n", line);
		say(run, text);
	}
}

/* Take one character; echo it. */
static void step(struct cvm_user_run *run)
{
	char c = ring[0], echo[8];

	memmove(ring, ring + 1, --ring_len);
	if (c == '\n' || c == '\r') {
		obey(run);
		return;
	}
	if (c == 3) {
		line_len = 0;
		prompted = 0;
		say(run, "^C\r\n");
		return;
	}
	if (line_len < sizeof(line) - 1)
		line[line_len++] = c;
	snprintf(echo, sizeof(echo), "%c", c);
	say(run, echo);
}

static int on_run(struct cvm_user_run *run)
{
	static char filler[4001];

	if (boot.rsi == 0)
		return -CVM_EINVAL;
	if (fake_driver_setting("CVM_FAKE_REFUSE_RUN", 0)) {
		refuse(run);
		return 0;
	}
	for (;;) {
		if (killed) {
			run->reason = CVM_RUN_KILLED;
			return 0;
		}
		if (pending_end) {
			run->reason = (uint32_t)pending_end;
			return 0;
		}
		if (power) {
			power = 0;
			if (!fake_driver_setting("CVM_FAKE_STUBBORN", 0))
				pending_end = CVM_RUN_POWEROFF;
			say(run, "power button\r\n");
			return 0;
		}
		if (resized) {
			resized = 0;
			say(run, "window changed\r\n");
			return 0;
		}
		if (spam) {
			spam--;
			memset(filler, 'x', sizeof(filler) - 1);
			say(run, filler);
			return 0;
		}
		if (!prompted) {
			prompted = 1;
			say(run, "$ ");
			return 0;
		}
		if (ring_was_full && ring_len < RING / 2) {
			ring_was_full = 0;
			run->reason = CVM_RUN_CONSOLE_ROOM;
			return 0;
		}
		if (ring_len) {
			step(run);
			return 0;
		}
		pthread_cond_wait(&changed, &lock);
	}
}

/*
 * It has no drivers, so of all events power button and window alone concern
 * it.
 */
static int event(const struct cvm_user_event *args)
{
	resized |= !!(args->bits & 1ull << CVM_EVENT_CONSOLE_BIT);
	if (resized)
		pthread_cond_broadcast(&changed);
	if (args->bits & 1ull << CVM_EVENT_POWER_BIT) {
		power = 1;
		pthread_cond_broadcast(&changed);
	}
	return 0;
}

static int dispatch(uint32_t number, void *arg)
{
	struct cvm_user_vcpu *vcpu = arg;

	switch (number) {
	case CVM_USER_VERSION:
		return on_version(arg);
	case CVM_USER_CHECK:
		return on_check(arg);
	case CVM_USER_LIST:
		return on_list(arg);
	case CVM_USER_STATS:
		return on_stats(arg);
	case CVM_USER_STOP:
	case CVM_USER_KILL:
		return on_id(number, arg);
	case CVM_USER_VM_CREATE:
		return on_create(arg);
	case CVM_USER_MEM_ADD:
		return on_mem_add(arg);
	case CVM_USER_MEM_RANGES:
		*(struct cvm_user_ranges *)arg = ranges;
		return 0;
	case CVM_USER_VCPU_CREATE:
		vcpu->priv_hpa[0] = 0x2000;
		vcpu->priv_hpa[1] = 0x3000;
		vcpu->shared_hpa = 0x4000;
		return 0;
	case CVM_USER_VCPU_BOOT:
		boot = *(struct cvm_user_boot *)arg;
		keep_cmdline();
		return 0;
	case CVM_USER_VCPU_RUN:
		return on_run(arg);
	case CVM_USER_CONSOLE_IN:
		return console_in(arg);
	case CVM_USER_EVENT:
		return event(arg);
	default:
		return -CVM_ENOTTY;
	}
}

int fake_driver_ioctl(uint32_t number, void *arg)
{
	int ret;

	pthread_mutex_lock(&lock);
	ret = dispatch(number, arg);
	pthread_mutex_unlock(&lock);
	return ret;
}
