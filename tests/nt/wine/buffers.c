// SPDX-License-Identifier: GPL-2.0-only
/*
 * buffers.c - addresses of buffers that are no good.
 *
 * The system copies buffers for the driver, and refuses what it cannot copy
 * before the driver sees it, or after.  What counts here: no success, and a
 * driver that is alive.
 */
#include <stdio.h>
#include <string.h>

#include "test.h"

#define PAGE		4096u
#define KERNEL_ADDRESS	0xffff800000001000ull
#define PATIENCE_MS	60000
#define STUCK_MS	1000
#define ANSWERED	0x5afe

static void *pages(DWORD count, DWORD protect)
{
	return VirtualAlloc(NULL, count * PAGE, MEM_RESERVE | MEM_COMMIT,
			    protect);
}

/* ---- addresses that are good ------------------------------------------ */

/* At the end of a page nothing beyond may be touched, and odd is fine. */
static void good_buffers(HANDLE device)
{
	const DWORD bytes = sizeof(struct cvm_user_version);
	uint8_t *area = pages(3, PAGE_READWRITE);
	uint8_t *end = area + 2 * PAGE;
	struct cvm_user_version *v = (void *)(end - bytes);
	DWORD old, i, touched = 0;

	VirtualProtect(end, PAGE, PAGE_NOACCESS, &old);
	memset(area, 0xa5, 2 * PAGE);
	memset(v, 0, bytes);
	expect(device_request(device, CVM_USER_VERSION, v, bytes), 0,
	       "a structure at the end of a page");
	report(v->user_abi == CVM_USER_ABI, "its answer");
	memset(area, 0xa5, 2 * PAGE);
	v = (void *)(end - bytes - 1);
	memset(v, 0, bytes);
	expect(device_request(device, CVM_USER_VERSION, v, bytes), 0,
	       "a structure at an odd address");
	for (i = 0; i < 2 * PAGE; i++)
		touched += area[i] != 0xa5 &&
			   (area + i < (uint8_t *)v || area + i == end - 1);
	expect(touched, 0, "bytes changed around it");
	VirtualFree(area, 0, MEM_RELEASE);
}

/* ---- addresses that are none ------------------------------------------ */

enum place { GOOD, NIL, UNMAPPED, KERNEL, READ_ONLY, HALF };

static const struct bad {
	enum place in, out;
	const char *what;
} bads[] = {
	{ GOOD, GOOD, NULL },	/* to see that the others are refused */
	{ NIL, GOOD, "input at NULL" },
	{ GOOD, NIL, "output at NULL" },
	{ NIL, NIL, "both at NULL" },
	{ UNMAPPED, GOOD, "input at an unmapped address" },
	{ GOOD, UNMAPPED, "output at an unmapped address" },
	{ KERNEL, GOOD, "input at a kernel address" },
	{ GOOD, KERNEL, "output at a kernel address" },
	{ GOOD, READ_ONLY, "output to a read-only page" },
	{ HALF, GOOD, "input half unmapped" },
	{ GOOD, HALF, "output half unmapped" },
};

#define BADS	(sizeof(bads) / sizeof(bads[0]))

static struct cvm_user_version good;

static void *place_of(enum place place)
{
	uint8_t *at;
	DWORD old;

	switch (place) {
	case NIL:
		return NULL;
	case UNMAPPED:
		at = pages(1, PAGE_READWRITE);
		VirtualFree(at, 0, MEM_RELEASE);
		return at;
	case KERNEL:
		return (void *)(uintptr_t)KERNEL_ADDRESS;
	case READ_ONLY:
		return pages(1, PAGE_READONLY);
	case HALF:
		at = pages(2, PAGE_READWRITE);
		VirtualProtect(at + PAGE, PAGE, PAGE_NOACCESS, &old);
		return at + PAGE - 8;
	default:
		return &good;
	}
}

int bad_buffer_main(uint32_t which)
{
	struct request r = {
		.in_bytes = sizeof(struct cvm_user_version),
		.out_bytes = sizeof(struct cvm_user_version),
	};

	DWORD error;

	if (which >= BADS)
		return 0;
	r.in = place_of(bads[which].in);
	r.out = place_of(bads[which].out);
	error = device_ask(device_open(FILE_FLAG_OVERLAPPED),
			   CVM_NT_IOCTL(CVM_USER_VERSION), &r);
	if (!error && (bads[which].out != GOOD || good.user_abi))
		return ANSWERED;
	return (int)error;
}

static HANDLE bad_start(uint32_t which)
{
	STARTUPINFOA how = { .cb = sizeof(how) };
	PROCESS_INFORMATION child;
	char program[MAX_PATH], line[MAX_PATH + 32];

	GetModuleFileNameA(NULL, program, sizeof(program));
	snprintf(line, sizeof(line), "\"%s\" bad %u", program, which);
	if (!CreateProcessA(NULL, line, NULL, NULL, FALSE, 0, NULL, NULL,
			    &how, &child))
		return NULL;
	CloseHandle(child.hThread);
	return child.hProcess;
}

static void bad_end(HANDLE child, const char *what)
{
	DWORD code = 0;

	if (WaitForSingleObject(child, 0)) {
		TerminateProcess(child, ERROR_TIMEOUT);
		WaitForSingleObject(child, PATIENCE_MS);
	}
	GetExitCodeProcess(child, &code);
	if (what)
		report(code != ANSWERED, "%s is not served (%lu)", what, code);
	else
		expect(code, ANSWERED, "good buffers are served");
	CloseHandle(child);
}

/*
 * Each in a process of its own.  Wine carries an input buffer in a message; if
 * it cannot send all of it, the driver is never asked, but the program waits
 * for ever or reads a success from stale memory.
 */
static void bad_buffers(HANDLE device)
{
	HANDLE child[BADS];
	uint32_t i;

	for (i = 0; i < BADS; i++)
		child[i] = bad_start(i);
	WaitForSingleObject(child[0], PATIENCE_MS);
	WaitForMultipleObjects(BADS, child, TRUE, STUCK_MS);
	for (i = 0; i < BADS; i++)
		bad_end(child[i], bads[i].what);
	report(device_answers(device), "the driver answers after bad buffers");
}

void test_buffers(HANDLE device)
{
	good_buffers(device);
	bad_buffers(device);
}
