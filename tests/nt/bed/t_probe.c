/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * t_probe.c - the bed itself, with probe.sys, and the loader's refusals.
 */
#include "bed.h"
#include "ke.h"
#include "probe.h"
#include "tests.h"
#include "x86.h"

static uint32_t ask(struct nt_file *file, uint32_t code,
		    struct probe_data *data)
{
	uint64_t got = 0;
	uint32_t status = bed_control(file, code, data, sizeof(*data), data,
				      sizeof(*data), &got);

	if (!status && got != sizeof(*data))
		bare_panic("the probe returned %llu bytes",
			   (unsigned long long)got);
	return status;
}

static void requests(struct nt_file *file)
{
	struct probe_data d = { .value = 41 };
	uint64_t before = bare_mono_ns(), ns;

	bare_report(!ask(file, PROBE_ECHO, &d) && d.value == 42,
		    "a request is echoed");
	bare_report(ask(file, PROBE_ERROR, &d) == 0xe0cc0016,
		    "an error comes back");
	d.value = 20;
	bare_report(!ask(file, PROBE_TIMER, &d) && d.value == 1,
		    "a timer's DPC sets an event");
	ns = bare_mono_ns() - before;
	bare_report(ns > 15000000 && ns < 500000000, "after %llu us",
		    (unsigned long long)ns / 1000);
	bare_report(!ask(file, PROBE_DPC, &d) && d.value == 0x0101,
		    "a DPC waits for IRQL and IF");
	d.value = 4;
	bare_report(!ask(file, PROBE_MEMORY, &d), "memory is asked for");
	bare_report(!d.value, "and behaves (line %llu)",
		    (unsigned long long)d.value);
}

void test_probe(void)
{
	struct nt_file *file = NULL;
	struct bed_image image;
	uint32_t status, round;

	for (round = 0; round < 3; round++) {
		status = bed_load(bare_module[0].data, bare_module[0].bytes,
				  &image);
		bare_report(!status, "the probe loads: %x", status);
		if (status)
			return;
		status = bed_open("\\DosDevices\\probe", 0, &file);
		bare_report(!status, "its device opens: %x", status);
		if (!status) {
			requests(file);
			bed_cleanup(file);
			bed_close(file);
		}
		bed_unload(&image);
		bare_report(bed_counters_zero("probe"), "everything is back");
	}
	bare_report(bed_apcs == 3 && bed_device_irqs == 3,
		    "vectors 0x1f and 0x80 came: %llu, %llu",
		    (unsigned long long)bed_apcs,
		    (unsigned long long)bed_device_irqs);
}

/* Ends in a panic that names the register. */
void test_spoil(void)
{
	struct probe_data d = { .value = bare_arg("what", 0) };
	struct nt_file *file = NULL;
	struct bed_image image;

	if (!bed_load(bare_module[0].data, bare_module[0].bytes, &image) &&
	    !bed_open("\\DosDevices\\probe", 0, &file))
		ask(file, PROBE_SPOIL, &d);
	bare_report(0, "nobody noticed");
}

/* ---- leaks ----------------------------------------------------------- */

/* Leaks that stop the machine at once: test=leak what=NAME. */
static int fatal(uint32_t kind)
{
	return kind == BED_COUNT_files || kind == BED_COUNT_irps ||
	       kind == BED_COUNT_user_maps;
}

static void leak_one(void *kind)
{
	struct probe_data d = { .value = *(uint32_t *)kind };
	struct nt_file *file = NULL;

	if (bed_open("\\DosDevices\\probe", 0, &file))
		return;
	ask(file, PROBE_LEAK, &d);
	if (*(uint32_t *)kind == BED_COUNT_files)
		return;
	bed_cleanup(file);
	bed_close(file);
}

static void NTAPI no_dpc(struct nt_dpc *dpc, void *context, void *a, void *b)
{
	(void)dpc;
	(void)context;
	(void)a;
	(void)b;
}

static void nothing(void *unused)
{
	(void)unused;
}

/* What a driver cannot leave behind on one CPU, or not alone. */
static int held_for_a_moment(uint32_t kind)
{
	struct bed_thread *thread;
	struct nt_dpc dpc;
	int held;

	if (kind == BED_COUNT_threads) {
		thread = bed_vmm_start(nothing, NULL);
		held = bed_held(kind) == 1;
		bed_vmm_end(thread);
		return held;
	}
	memset(&dpc, 0, sizeof(dpc));
	dpc.routine = no_dpc;
	x86_set_cr8(DISPATCH_LEVEL);
	bed_dpc_queue(&dpc, NULL, NULL);
	held = bed_held(kind) == 1;
	x86_set_cr8(PASSIVE_LEVEL);
	return held;
}

static int noticed(uint32_t kind)
{
	struct bed_image image;
	int held;

	if (kind == BED_COUNT_threads || kind == BED_COUNT_dpcs)
		return held_for_a_moment(kind) && !bed_held(kind);
	if (bed_load(bare_module[0].data, bare_module[0].bytes, &image))
		return 0;
	leak_one(&kind);
	bed_unload(&image);
	held = bed_held(kind) > 0 && !bed_counters_zero(bed_kind(kind));
	bed_counters_forget();
	return held;
}

/* A thing of each kind is kept by the probe, and the counter says so. */
void test_leak(void)
{
	struct bed_image image;
	uint32_t kind;

	for (kind = 0; kind < BED_KINDS; kind++) {
		if (!fatal(kind)) {
			bare_report(noticed(kind), "a leak of %s is noticed",
				    bed_kind(kind));
			continue;
		}
		if (!bare_arg_is("what", bed_kind(kind)))
			continue;
		bed_load(bare_module[0].data, bare_module[0].bytes, &image);
		bed_vmm_end(bed_vmm_start(leak_one, &kind));
		bed_unload(&image);
		bare_report(0, "nobody noticed");
	}
}

/* ---- the loader ------------------------------------------------------ */

/* Every byte of the headers damaged in turn, and a shorter file. */
void test_refuse(void)
{
	uint64_t bytes = bare_module[0].bytes, i, taken = 0;
	uint8_t *copy = bare_hva(bare_pages_alloc(bytes / 4096 + 1, 4096, 0));

	memcpy(copy, bare_module[0].data, bytes);
	bare_report(!bed_image_check(copy, bytes), "the file is good");
	for (i = 0; i < 1024; i++) {
		copy[i] ^= 0x5a;
		/* The DOS stub is nobody's business but the checksum's. */
		taken += !bed_image_check(copy, bytes);
		copy[i] ^= 0x5a;
	}
	bare_report(!taken, "damaged files are refused (%llu were not)",
		    (unsigned long long)taken);
	bare_report(bed_image_check(copy, bytes - 1) != NULL,
		    "a shorter file is refused");
}
