/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test.h - what the files of the driver's test program share.
 *
 * The program runs where NT's user interface is and ring 0 is not (Wine), and
 * prints a line for each test: "ok NAME" or "not ok NAME", lines beginning
 * with "# " to say more, and "N failed" at the end.
 */
#ifndef CVM_NT_TEST_H
#define CVM_NT_TEST_H

#include <stdint.h>

#include <windows.h>

#include <cvm/libcvm.h>
#include <cvm/nt.h>

/* The error of a request; 0 for none. */
#define CVM_ERROR(e)	((e) ? CVM_NT_STATUS(e) : 0u)

/* ---- main.c ---- */
void report(int ok, const char *name, ...)
	__attribute__((format(gnu_printf, 2, 3)));
/* As report(); the two numbers are shown where they differ. */
void expect(DWORD got, DWORD want, const char *name, ...)
	__attribute__((format(gnu_printf, 3, 4)));
void explain(const char *text, ...)
	__attribute__((format(gnu_printf, 1, 2)));

/* ---- request.c ---- */
/* The device; flags as CreateFile()'s.  INVALID_HANDLE_VALUE if it fails. */
HANDLE device_open(DWORD flags);
/* Buffers of one request, both lengths in bytes. */
struct request {
	void *in;
	DWORD in_bytes;
	void *out;
	DWORD out_bytes;
	DWORD returned;		/* out: bytes of the answer */
};
/* One request of an overlapped handle: 0 or the error. */
DWORD device_ask(HANDLE device, DWORD code, struct request *r);
/* The same with one structure for both buffers, as every caller does it. */
DWORD device_request(HANDLE device, uint32_t number, void *arg, DWORD bytes);
/* Does it still answer as it should? */
int device_answers(HANDLE device);

/* ---- buffers.c ---- */
/* One request with a bad buffer; its error.  Run as "bad WHICH". */
int bad_buffer_main(uint32_t which);

/* ---- the tests ---- */
void test_requests(HANDLE device);	/* requests.c */
void test_codes(HANDLE device);		/* requests.c */
void test_buffers(HANDLE device);	/* buffers.c */
void test_refusal(HANDLE device);	/* handles.c */
void test_handles(HANDLE device);	/* handles.c */
void test_security(HANDLE device);	/* handles.c */
/* service.c; path is the driver's file. */
SC_HANDLE driver_install(SC_HANDLE manager, const char *path);
DWORD driver_state(SC_HANDLE service);
void test_start(SC_HANDLE service);
void test_stop(SC_HANDLE manager, SC_HANDLE service);

#endif /* CVM_NT_TEST_H */
