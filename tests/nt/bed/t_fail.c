/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * t_fail.c - every call of the kernel that may fail does, once: while the
 * driver loads, while it is asked, and in the life of a VM.
 */
#include <cvm/error.h>
#include <cvm/nt.h>
#include <cvm/uapi.h>

#include "bed.h"
#include "tests.h"

#define DEVICE		"\\??\\cvm"
#define CALLS_MAX	500
#define STEPS		16

static struct bed_image image;
static uint64_t survived;	/* rounds in which nothing was refused */

/* How far a VM came before it was refused something. */
static struct {
	const char *name;
	uint64_t times;
} step[STEPS];

static void count_step(const char *name)
{
	uint32_t i;

	for (i = 0; i < STEPS && step[i].name && step[i].name != name; i++)
		;
	if (i == STEPS)
		bare_panic("no room for step %s", name);
	step[i].name = name;
	step[i].times++;
}

/* Again and again: in the nth round the nth call fails. */
static void each_call(const char *what, int (*round)(void))
{
	uint64_t n, bad = 0;

	survived = 0;
	for (n = 1; n < CALLS_MAX && !bad; n++) {
		bed_fail_calls = 0;
		bed_fail_at = n;
		bad = (uint64_t)!round();
		bed_fail_at = 0;
		if (bad)
			bare_printf("%s: call %llu\n", what,
				    (unsigned long long)n);
		if (bed_fail_calls < n)
			break;
	}
	bare_report(!bad && n > 3 && n < CALLS_MAX, "%s: each of %llu calls "
		    "failed once, %llu times it went on nevertheless", what,
		    (unsigned long long)n - 1, (unsigned long long)survived);
}

/* ---- load ------------------------------------------------------------ */

static int ask_version(struct nt_file *file)
{
	static struct cvm_user_version version;

	return !bed_request(file, CVM_USER_VERSION, &version,
			    sizeof(version)) && version.host == CVM_HOST_NT;
}

static int load_round(void)
{
	struct nt_file *file;
	int good = 1;

	if (test_load_driver(&image)) {
		survived++;
		bed_fail_at = 0;
		good = !bed_open(DEVICE, 0, &file);
		if (good) {
			good = ask_version(file);
			bed_cleanup(file);
			bed_close(file);
		}
		bed_unload(&image);
	}
	return bed_counters_zero("failed load") && good;
}

/* ---- ask ------------------------------------------------------------- */

static int ask_round(void)
{
	static struct cvm_nt_selftest self;
	static struct cvm_user_check check;
	struct nt_file *file;
	int good, ret;

	if (bed_open(DEVICE, 0, &file))
		return 1;
	good = ask_version(file);
	ret = bed_request(file, CVM_USER_CHECK, &check, sizeof(check));
	good = good && !ret;
	ret = bed_request(file, CVM_NT_SELFTEST, &self, sizeof(self));
	survived += !ret && !self.failed;
	bed_cleanup(file);
	bed_close(file);
	return good;
}

/* ---- the life of a VM ------------------------------------------------ */

static int life_round(void)
{
	struct bed_vm_args args = test_vm_args();
	struct bed_vm_end end;
	int good;

	args.quiet = 1;
	args.kill_ms = bare_arg("kill", 250);
	bed_vm_run(&args, &end);
	good = end.err || test_ended_well(&end);
	if (end.err)
		count_step(end.step);
	survived += !end.err;
	if (!good || bare_arg_flag("verbose"))
		bare_printf("%s error %d reason %u %s\n", end.step, end.err,
			    end.reason, end.text);
	return good;
}

/* What is held with the driver loaded has to be the same afterwards. */
static void with_driver(const char *what, int (*round)(void))
{
	int64_t before[BED_KINDS];
	uint32_t i, other = 0;

	if (!test_load_driver(&image)) {
		bare_report(0, "%s: the driver loads", what);
		return;
	}
	for (i = 0; i < BED_KINDS; i++)
		before[i] = bed_held(i);
	each_call(what, round);
	for (i = 0; i < BED_KINDS; i++)
		other += bed_held(i) != before[i];
	if (other)
		bed_counters_zero(what);
	bare_report(!other, "%s: everything that was taken came back", what);
	bed_unload(&image);
	bare_report(bed_counters_zero("unloaded"), "%s: and the rest after "
		    "the unload", what);
}

void test_fail(void)
{
	uint32_t i;

	if (!test_have_guest())
		return;
	each_call("load", load_round);
	with_driver("ask", ask_round);
	with_driver("a VM's life", life_round);
	bare_puts("a VM was refused at");
	for (i = 0; i < STEPS && step[i].name; i++)
		bare_printf(" %s %llu", step[i].name,
			    (unsigned long long)step[i].times);
	bare_puts("\n");
	bed_fail_table();
}
