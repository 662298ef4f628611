// SPDX-License-Identifier: GPL-2.0-only
/*
 * requests.c - every request, with the sizes of programs from before and after
 * this driver and with wrong ones, and every control code that is none.
 *
 * libcvm's table of requests is linked in and walked: a request that is in it
 * and not in `wants` below fails.
 */
#include <stddef.h>
#include <string.h>

#include "test.h"

#define NUMBERS		0x800u	/* control codes have room for so many */
#define HUGE_BYTES	(1u << 20)

struct want {
	uint32_t number;
	uint32_t size;
	uint32_t least;		/* so much of it must come */
	uint32_t reserved, reserved_bytes;	/* where it must be 0 */
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

#define SIZED(number, type, least, error, good, name)			\
	{ number, sizeof(struct type), least, offsetof(struct type, reserved), \
	  sizeof(((struct type *)0)->reserved), error, good, name }
#define WANT(OP, type, least, error, good) \
	SIZED(CVM_USER_##OP, type, least, error, good, NULL)

static const struct want wants[] = {
	WANT(VERSION, cvm_user_version, 48, 0, good_version),
	WANT(CHECK, cvm_user_check, 16, 0, good_check),
	WANT(LIST, cvm_user_list, 16, 0, good_list),
	WANT(STATS, cvm_user_stats, 168, CVM_ENOENT, NULL),
	WANT(STOP, cvm_user_id, 4, CVM_ENOENT, NULL),
	WANT(KILL, cvm_user_id, 4, CVM_ENOENT, NULL),
	WANT(VM_CREATE, cvm_user_vm, 80, CVM_EPERM, NULL),
	WANT(MEM_ADD, cvm_user_mem, 32, CVM_ENOENT, NULL),
	WANT(MEM_RANGES, cvm_user_ranges, 16, CVM_ENOENT, NULL),
	WANT(VCPU_CREATE, cvm_user_vcpu, 40, CVM_ENOENT, NULL),
	WANT(VCPU_BOOT, cvm_user_boot, 48, CVM_ENOENT, NULL),
	WANT(VCPU_RUN, cvm_user_run, 80, CVM_ENOENT, NULL),
	WANT(CONSOLE_IN, cvm_user_console, 528, CVM_ENOENT, NULL),
	WANT(EVENT, cvm_user_event, 24, CVM_ENOENT, NULL),
	WANT(DOORBELL_BIND, cvm_user_doorbell, 16, CVM_ENOENT, NULL),
	WANT(DOORBELL_UNBIND, cvm_user_doorbell, 16, CVM_ENOENT, NULL),
	WANT(NOTIFIER_BIND, cvm_user_notifier, 24, CVM_ENOENT, NULL),
	WANT(NOTIFIER_UNBIND, cvm_user_notifier, 24, CVM_ENOENT, NULL),
	SIZED(CVM_NT_MAP, cvm_nt_map, 32, CVM_ENOENT, NULL, "NT_MAP"),
	SIZED(CVM_NT_SELFTEST, cvm_nt_selftest, 16, CVM_EPERM, NULL,
	      "NT_SELFTEST"),
};

static const struct want *want_of(uint32_t number)
{
	uint32_t i;

	for (i = 0; i < sizeof(wants) / sizeof(wants[0]); i++)
		if (wants[i].number == number)
			return &wants[i];
	return NULL;
}

/* ---- one request --------------------------------------------------- */

/* 1 when the request did not end as it should. */
static int with_sizes(HANDLE device, const struct want *want, const char *name,
		      DWORD in_bytes, DWORD out_bytes, DWORD error)
{
	struct request r = {
		.in = buffer, .in_bytes = in_bytes,
		.out = buffer, .out_bytes = out_bytes,
	};
	DWORD got = device_ask(device, CVM_NT_IOCTL(want->number), &r);

	if (got == error && r.returned == (error ? 0 : out_bytes))
		return 0;
	explain("%s: %lu bytes in, %lu out, of %u: 0x%08lx, %lu returned",
		name, in_bytes, out_bytes, want->size, got, r.returned);
	return 1;
}

static void wrong_sizes(HANDLE device, const struct want *want,
			const char *name)
{
	const DWORD few[] = { 0, 1, want->least - 1 };
	const DWORD other[] = { 0, 1, want->size - 1, want->size + 1 };
	const DWORD invalid = CVM_ERROR(CVM_EINVAL);
	uint32_t i, wrong = 0;

	memset(buffer, 0, sizeof(buffer));
	for (i = 0; i < sizeof(few) / sizeof(few[0]); i++)
		wrong += with_sizes(device, want, name, few[i], few[i],
				    invalid);
	for (i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		wrong += with_sizes(device, want, name, other[i], want->size,
				    invalid);
		wrong += with_sizes(device, want, name, want->size, other[i],
				    invalid);
	}
	wrong += with_sizes(device, want, name, HUGE_BYTES, HUGE_BYTES,
			    CVM_ERROR(CVM_E2BIG));
	buffer[want->size] = 1;
	wrong += with_sizes(device, want, name, want->size + 1,
			    want->size + 1, CVM_ERROR(CVM_E2BIG));
	buffer[want->size] = 0;
	buffer[want->reserved + want->reserved_bytes - 1] = 1;
	wrong += with_sizes(device, want, name, want->size, want->size,
			    invalid);
	report(!wrong, "%s: wrong sizes are refused", name);
}

/* As of a program that is older than the driver, and of one that is newer. */
static void other_sizes(HANDLE device, const struct want *want,
			const char *name)
{
	const DWORD sizes[] = { want->least, want->size + 1, want->size + 64 };
	uint32_t i, wrong = 0;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		memset(buffer, 0, sizeof(buffer));
		wrong += with_sizes(device, want, name, sizes[i], sizes[i],
				    CVM_ERROR(want->error));
		wrong += buffer[want->size] != 0;
	}
	report(!wrong, "%s: programs of other versions are served", name);
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
	memset(buffer + want->reserved, 0, want->reserved_bytes);
	error = device_ask(device, CVM_NT_IOCTL(want->number), &r);
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
static void all_sizes(HANDLE device, const struct want *want,
		      const struct cvm_ioctl *row)
{
	const char *name = row ? row->name : want->name;

	if (row)
		expect(row->size, want->size, "%s: size in the table", name);
	if (row)
		expect(row->least, want->least, "%s: least size", name);
	right_size(device, want, name, 0x00);
	right_size(device, want, name, 0xff);
	wrong_sizes(device, want, name);
	other_sizes(device, want, name);
}

void test_requests(HANDLE device)
{
	const struct cvm_ioctl *row;
	const struct want *want;
	uint32_t i, found = 0;

	for (i = 0; i < NUMBERS; i++) {
		row = cvm_ioctl_find(i);
		want = want_of(i);
		if (row && !want)
			report(0, "%s: has a test", row->name);
		if (!want)
			continue;
		if (!row && !want->name)
			report(0, "request 0x%x is in the table", i);
		all_sizes(device, want, row);
		found++;
	}
	expect(found, sizeof(wants) / sizeof(wants[0]),
	       "every request was tried");
	report(device_answers(device), "the driver answers after all that");
}

/* ---- codes that are no request ------------------------------------- */

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
		/* The bits of the number may make another request. */
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

	for (i = 0; i < NUMBERS; i++) {
		if (want_of(i))
			continue;
		error = with_code(device, CVM_NT_IOCTL(i));
		tried++;
		if (error == CVM_ERROR(CVM_ENOTTY))
			continue;
		wrong++;
		explain("request 0x%x gave 0x%08lx", i, error);
	}
	report(!wrong, "%u unknown requests are refused", tried);
	one_bit(device);
	report(device_answers(device), "the driver answers after that");
}
