// SPDX-License-Identifier: GPL-2.0-only
/*
 * ops.c - every operation, with the right size and with wrong ones, and every
 * control code that is none.
 *
 * libcvm's operation table is linked in and walked: an operation that is in it
 * and not in `wants` below fails.
 */
#include <string.h>

#include "test.h"

#define OPS		0x800u	/* control codes have room for so many */
#define HUGE_BYTES	(1u << 20)

struct want {
	uint32_t op;
	uint32_t size;
	uint32_t error;		/* CVM_E* on a handle without a VM */
	int (*good)(const void *answer);
	const char *name;	/* of those that are not in the table */
};

static uint8_t buffer[HUGE_BYTES];

/* ---- what the answers must say --------------------------------------- */

static int good_version(const void *answer)
{
	const struct cvm_user_version *v = answer;
	SYSTEM_INFO info;

	GetSystemInfo(&info);
	return v->user_abi == CVM_USER_ABI &&
	       v->guest_abi == CVM_GUEST_ABI && v->host == CVM_HOST_NT &&
	       v->cpus == info.dwNumberOfProcessors &&
	       !strcmp(v->version, CVM_VERSION);
}

static int good_row(const struct cvm_user_check_row *row)
{
	return row->name[0] && memchr(row->name, 0, sizeof(row->name)) &&
	       row->text[0] && memchr(row->text, 0, sizeof(row->text)) &&
	       row->status <= CVM_CHECK_NOTE;
}

/* The switch's instructions fault here: the row that says so, by name. */
static int good_check(const void *answer)
{
	const struct cvm_user_check *check = answer;
	uint32_t i, refused = 0, ring0 = 0;

	if (!check->rows || check->rows > CVM_CHECK_MAX)
		return 0;
	for (i = 0; i < check->rows; i++) {
		const struct cvm_user_check_row *row = &check->row[i];

		if (!good_row(row))
			return 0;
		refused += row->status == CVM_CHECK_REFUSED;
		if (!strcmp(row->name, "ring-0"))
			ring0 += row->status == CVM_CHECK_REFUSED;
	}
	return ring0 == 1 && refused == check->refused;
}

static int good_list(const void *answer)
{
	static const struct cvm_user_list empty;

	return !memcmp(answer, &empty, sizeof(empty));
}

#define WANT(OP, type, error, good) \
	{ CVM_USER_##OP, sizeof(struct type), error, good, NULL }

static const struct want wants[] = {
	WANT(VERSION, cvm_user_version, 0, good_version),
	WANT(CHECK, cvm_user_check, 0, good_check),
	WANT(LIST, cvm_user_list, 0, good_list),
	WANT(STATS, cvm_user_stats, CVM_ENOENT, NULL),
	WANT(STOP, cvm_user_id, CVM_ENOENT, NULL),
	WANT(KILL, cvm_user_id, CVM_ENOENT, NULL),
	WANT(VM_CREATE, cvm_user_vm, CVM_EPERM, NULL),
	WANT(MEM_ADD, cvm_user_mem, CVM_ENOENT, NULL),
	WANT(MEM_RANGES, cvm_user_ranges, CVM_ENOENT, NULL),
	WANT(VCPU_CREATE, cvm_user_vcpu, CVM_ENOENT, NULL),
	WANT(VCPU_BOOT, cvm_user_boot, CVM_ENOENT, NULL),
	WANT(VCPU_RUN, cvm_user_run, CVM_ENOENT, NULL),
	WANT(CONSOLE_IN, cvm_user_console, CVM_ENOENT, NULL),
	WANT(EVENT, cvm_user_event, CVM_ENOENT, NULL),
	WANT(DOORBELL_BIND, cvm_user_doorbell, CVM_ENOENT, NULL),
	WANT(DOORBELL_UNBIND, cvm_user_doorbell, CVM_ENOENT, NULL),
	WANT(EVENT_BIND, cvm_user_event_bind, CVM_ENOENT, NULL),
	WANT(EVENT_UNBIND, cvm_user_event_bind, CVM_ENOENT, NULL),
	{ CVM_NT_MAP, sizeof(struct cvm_nt_map), CVM_ENOENT, NULL, "NT_MAP" },
	{ CVM_NT_SELFTEST, sizeof(struct cvm_nt_selftest), CVM_EPERM, NULL,
	  "NT_SELFTEST" },
};

static const struct want *want_of(uint32_t op)
{
	uint32_t i;

	for (i = 0; i < sizeof(wants) / sizeof(wants[0]); i++)
		if (wants[i].op == op)
			return &wants[i];
	return NULL;
}

/* ---- one operation --------------------------------------------------- */

/* 1 when the request was not refused as it should. */
static int with_sizes(HANDLE device, const struct want *want, const char *name,
		      DWORD in_bytes, DWORD out_bytes)
{
	struct request r = {
		.in = buffer, .in_bytes = in_bytes,
		.out = buffer, .out_bytes = out_bytes,
	};
	DWORD error;

	memset(buffer, 0, sizeof(buffer));
	error = device_ask(device, CVM_NT_IOCTL(want->op), &r);
	if (error == CVM_ERROR(CVM_EINVAL) && !r.returned)
		return 0;
	explain("%s: %lu bytes in, %lu out, of %u: 0x%08lx, %lu returned",
		name, in_bytes, out_bytes, want->size, error, r.returned);
	return 1;
}

static void wrong_sizes(HANDLE device, const struct want *want,
			const char *name)
{
	const DWORD sizes[] = { 0, 1, want->size - 1, want->size + 1,
				HUGE_BYTES };
	uint32_t i, wrong = 0;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		wrong += with_sizes(device, want, name, sizes[i], want->size);
		wrong += with_sizes(device, want, name, want->size, sizes[i]);
		wrong += with_sizes(device, want, name, sizes[i], sizes[i]);
	}
	report(!wrong, "%s: wrong sizes are refused", name);
}

static void right_size(HANDLE device, const struct want *want,
		       const char *name, uint8_t fill)
{
	struct request r = {
		.in = buffer, .in_bytes = want->size,
		.out = buffer + HUGE_BYTES / 2, .out_bytes = want->size,
	};
	DWORD error;

	memset(buffer, fill, sizeof(buffer));
	error = device_ask(device, CVM_NT_IOCTL(want->op), &r);
	expect(error, CVM_ERROR(want->error), "%s of 0x%02x bytes", name,
	       fill);
	if (want->error)
		report(!r.returned, "%s of 0x%02x bytes: no answer", name,
		       fill);
	else
		report(r.returned == want->size && want->good(r.out),
		       "%s of 0x%02x bytes: its answer", name, fill);
}

/* Zeroes, then ones: an answer may not depend on what lay there before. */
static void operation(HANDLE device, const struct want *want,
		      const struct cvm_op *op)
{
	const char *name = op ? op->name : want->name;

	if (op)
		expect(op->size, want->size, "%s: size in the table", name);
	right_size(device, want, name, 0x00);
	right_size(device, want, name, 0xff);
	wrong_sizes(device, want, name);
}

void test_operations(HANDLE device)
{
	const struct cvm_op *op;
	const struct want *want;
	uint32_t i, found = 0;

	for (i = 0; i < OPS; i++) {
		op = cvm_op_find(i);
		want = want_of(i);
		if (op && !want)
			report(0, "%s: has a test", op->name);
		if (!want)
			continue;
		if (!op && !want->name)
			report(0, "operation 0x%x is in the table", i);
		operation(device, want, op);
		found++;
	}
	expect(found, sizeof(wants) / sizeof(wants[0]),
	       "every operation was tried");
	report(device_answers(device), "the driver answers after all that");
}

/* ---- codes that are no operation ------------------------------------- */

static DWORD with_code(HANDLE device, DWORD code)
{
	struct request r = {
		.in = buffer, .in_bytes = sizeof(struct cvm_user_version),
		.out = buffer, .out_bytes = sizeof(struct cvm_user_version),
	};

	return device_ask(device, code, &r);
}

/* One bit of a good code changed: device, access, function or method. */
static void one_bit(HANDLE device)
{
	uint32_t bit, wrong = 0;
	DWORD code, error;

	for (bit = 0; bit < 32; bit++) {
		code = CVM_NT_IOCTL(CVM_USER_VERSION) ^ 1u << bit;
		/* The bits of the number may make another operation. */
		if (bit >= 2 && bit < 13 && want_of(1u << (bit - 2)))
			continue;
		error = with_code(device, code);
		if (error == CVM_ERROR(CVM_ENOTTY))
			continue;
		wrong++;
		explain("control code 0x%08lx gave 0x%08lx", code, error);
	}
	report(!wrong, "control codes with one bit changed are refused");
}

void test_codes(HANDLE device)
{
	uint32_t i, wrong = 0, tried = 0;
	DWORD error;

	for (i = 0; i < OPS; i++) {
		if (want_of(i))
			continue;
		error = with_code(device, CVM_NT_IOCTL(i));
		tried++;
		if (error == CVM_ERROR(CVM_ENOTTY))
			continue;
		wrong++;
		explain("operation 0x%x gave 0x%08lx", i, error);
	}
	report(!wrong, "%u unknown operations are refused", tried);
	one_bit(device);
	report(device_answers(device), "the driver answers after that");
}
