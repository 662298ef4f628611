/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * t_driver.c - cvm.sys: load, ask, boot, kill, unload.
 */
#include <cvm/boot.h>
#include <cvm/nt.h>
#include <cvm/uapi.h>

#include "bed.h"
#include "tests.h"
#include "x86.h"

#define DEVICE		"\\??\\cvm"

static struct bed_image image;

int test_load_driver(struct bed_image *at)
{
	uint32_t status = bed_load(bare_module[0].data, bare_module[0].bytes,
				   at);

	if (status)
		bare_printf("DriverEntry: %x\n", status);
	return !status;
}

/* What follows "--" on the command line. */
static const char *guest_words(void)
{
	const char *p = bare_cmdline;

	for (; *p; p++)
		if (!strncmp(p, " -- ", 4))
			return p + 4;
	return "";
}

struct bed_vm_args test_vm_args(void)
{
	return (struct bed_vm_args){
		.kernel = &bare_module[1],
		.initrd = &bare_module[2],
		.cmdline = guest_words(),
		.mem_bytes = bare_arg("mem", 128) << 20,
		.flags = bare_arg_flag("compare") ? CVM_VM_F_COMPARE : 0,
	};
}

int test_have_guest(void)
{
	bare_report(bare_modules == 3, "driver, kernel and initrd are here");
	return bare_modules == 3;
}

/* ---- load and ask ---------------------------------------------------- */

static void ask(struct nt_file *file)
{
	static struct cvm_user_version version;
	static struct cvm_user_check check;
	uint32_t i;
	int ret;

	ret = bed_request(file, CVM_USER_VERSION, &version, sizeof(version));
	bare_report(!ret && version.host == CVM_HOST_NT && version.cpus == 1,
		    "libcvm %s on NT, %u CPU", version.version, version.cpus);
	ret = bed_request(file, CVM_USER_CHECK, &check, sizeof(check));
	bare_report(!ret && check.rows, "%u conditions, %u refused",
		    check.rows, check.refused);
	for (i = 0; i < check.rows; i++)
		if (check.row[i].status == CVM_CHECK_REFUSED)
			bare_printf("  %s: %s\n", check.row[i].name,
				    check.row[i].text);
	bare_report(!!check.refused == bare_arg_flag("refused"),
		    "refusals as expected");
}

static void selftest(struct nt_file *file)
{
	static struct cvm_nt_selftest self;
	int ret = bed_request(file, CVM_NT_SELFTEST, &self, sizeof(self));

	bare_report(!ret && !self.failed && self.bytes,
		    "conformance inside the driver: error %d, %u failed", -ret,
		    self.failed);
	if (!ret)
		bare_puts(self.text);
}

static void bad_sizes(struct nt_file *file)
{
	static uint8_t buffer[16384];
	uint32_t number, wrong = 0, status;

	for (number = 0; number < 0x110; number++) {
		status = bed_control(file, CVM_NT_IOCTL(number), buffer, 3,
				     buffer, 3, NULL);
		wrong += !CVM_NT_IS_STATUS(status);
		status = bed_control(file, CVM_NT_IOCTL(number), buffer, 0,
				     buffer, sizeof(buffer), NULL);
		wrong += !CVM_NT_IS_STATUS(status);
	}
	bare_report(!wrong, "wrong sizes are refused (%u were not)", wrong);
}

void test_load(void)
{
	struct nt_file *file = NULL;
	uint32_t status;

	if (!test_load_driver(&image)) {
		bare_report(0, "the driver loads");
		return;
	}
	bare_report(1, "the driver loads at %llx",
		    (unsigned long long)image.va);
	status = bed_open(DEVICE, 0, &file);
	bare_report(!status, "the device opens");
	if (!status) {
		ask(file);
		bad_sizes(file);
		selftest(file);
		bed_cleanup(file);
		bed_close(file);
	}
	bed_unload(&image);
	bare_report(bed_counters_zero("unloaded"), "everything came back");
	bare_report(test_load_driver(&image), "the driver loads again");
	bed_unload(&image);
	bare_report(bed_counters_zero("unloaded"), "everything came back");
}

/* ---- a guest --------------------------------------------------------- */

#define IOAPIC_HPA	0xfec00000ull
#define IOAPIC_PIT	2		/* the pin */
#define PIT_COUNT	2387		/* 500 Hz */

static void ioapic_write(uint32_t reg, uint32_t value)
{
	*(volatile uint32_t *)bare_hva(IOAPIC_HPA) = reg;
	*(volatile uint32_t *)bare_hva(IOAPIC_HPA + 16) = value;
}

/* The PIT as a device at vector 0x80. */
static void device_on(void)
{
	x86_outb(0x43, 0x34);
	x86_outb(0x40, (uint8_t)PIT_COUNT);
	x86_outb(0x40, PIT_COUNT >> 8);
	ioapic_write(0x11 + 2 * IOAPIC_PIT, 0);
	ioapic_write(0x10 + 2 * IOAPIC_PIT, 0x80);
}

static void device_off(void)
{
	ioapic_write(0x10 + 2 * IOAPIC_PIT, 0x10000);
}

/* With each tick an APC interrupt. */
static void more_vectors(void)
{
	bare_self_ipi(0x1f);
}

static void vectors(const struct bed_vm_end *end)
{
	device_off();
	bed_tick_hook = NULL;
	bare_report(end->vector[1] && end->vector[2] && !end->vector[0],
		    "out of the guest came 0x2f %llu, 0x80 %llu, 0x1f %llu "
		    "times", (unsigned long long)end->vector[1],
		    (unsigned long long)end->vector[2],
		    (unsigned long long)end->vector[0]);
	bare_report(bed_apcs && bed_device_irqs > end->vector[2],
		    "NT had 0x80 %llu, 0x1f %llu times",
		    (unsigned long long)bed_device_irqs,
		    (unsigned long long)bed_apcs);
}

void test_boot(void)
{
	struct bed_vm_args args = test_vm_args();
	struct bed_vm_end end;
	uint64_t begin = bare_mono_ns();

	args.input = bare_arg_flag("input");
	args.sleep = bare_arg_flag("sleep");
	if (!test_have_guest() || !test_load_driver(&image))
		return;
	if (bare_arg_flag("vectors")) {
		bed_tick_hook = more_vectors;
		device_on();
	}
	bed_vm_run(&args, &end);
	bare_puts("\n");
	if (bare_arg_flag("vectors"))
		vectors(&end);
	bare_report(!end.err, "the VM runs (%s: error %d)",
		    end.step ? end.step : "all", end.err);
	bare_report(end.reason == CVM_RUN_POWEROFF, "it powers off after %llu "
		    "switches: %u %s", (unsigned long long)end.switches,
		    end.reason, end.text);
	if (args.sleep)
		bare_report(end.slept && !end.asleep, "%llu switches while "
			    "the machine slept",
			    (unsigned long long)end.asleep);
	if (!args.input)
		bare_report(end.userspace, "userspace after %llu ms",
			    (unsigned long long)(end.userspace - begin) /
			    1000000);
	bed_unload(&image);
	bare_report(bed_counters_zero("unloaded"), "everything came back");
}

/* Killed, or done with its work before the kill came: both are good ends. */
int test_ended_well(const struct bed_vm_end *end)
{
	return end->reason == CVM_RUN_KILLED ||
	       end->reason == CVM_RUN_POWEROFF;
}

void test_rounds(void)
{
	uint64_t rounds = bare_arg("rounds", 100), i, bad = 0, pages = 0;
	uint64_t lively = 0, finished = 0;
	struct bed_vm_args args = test_vm_args();
	struct bed_vm_end end;

	args.quiet = 1;
	if (!test_have_guest())
		return;
	for (i = 0; i < rounds && !bad; i++) {
		if (!test_load_driver(&image))
			break;
		args.kill_ms = 100 + i * 37 % 400;
		args.kill_output = i % 5 == 4 ? 1 + i * 331 % 6000 : 0;
		args.die = (int)(i % 2);
		bed_vm_run(&args, &end);
		lively += end.output != 0;
		bad += end.err != 0;
		bad += !args.die && !test_ended_well(&end);
		finished += end.reason == CVM_RUN_POWEROFF;
		bed_unload(&image);
		bad += !bed_counters_zero("round");
		if (bad)
			bare_printf("round %llu: %s error %d reason %u %s\n",
				    (unsigned long long)i, end.step, end.err,
				    end.reason, end.text);
		if (i == 0)
			pages = bare_pages_used;
	}
	bare_report(i == rounds && !bad, "%llu of %llu rounds",
		    (unsigned long long)i, (unsigned long long)rounds);
	bare_report(finished <= rounds / 4, "in %llu of them the guest was "
		    "done before", (unsigned long long)finished);
	bare_report(lively >= rounds / 5, "in %llu of them the guest printed "
		    "something", (unsigned long long)lively);
	bare_printf("page tables of the bed grew by %llu pages\n",
		    (unsigned long long)(bare_pages_used - pages));
	bed_counters_table();
}
