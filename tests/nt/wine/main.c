// SPDX-License-Identifier: GPL-2.0-only
/*
 * main.c - tests cvm.sys from a program's side.
 *
 * usage: driver_test.exe CVM.SYS
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

#define LIVES	3

static int failed;

static void verdict(int ok, const char *name, va_list args)
{
	failed += !ok;
	printf("%s ", ok ? "ok" : "not ok");
	vprintf(name, args);
	printf("\n");
}

void explain(const char *text, ...)
{
	va_list args;

	va_start(args, text);
	printf("# ");
	vprintf(text, args);
	printf("\n");
	va_end(args);
}

void report(int ok, const char *name, ...)
{
	DWORD error = GetLastError();
	va_list args;

	va_start(args, name);
	verdict(ok, name, args);
	va_end(args);
	if (!ok)
		explain("last error %lu (0x%08lx)", error, error);
	fflush(stdout);
}

void expect(DWORD got, DWORD want, const char *name, ...)
{
	va_list args;

	va_start(args, name);
	verdict(got == want, name, args);
	va_end(args);
	if (got != want)
		explain("got %lu (0x%08lx), want %lu (0x%08lx)", got, got,
			want, want);
	fflush(stdout);
}

static void all_tests(HANDLE device)
{
	test_security(device);
	test_requests(device);
	test_codes(device);
	test_buffers(device);
	test_refusal(device);
	test_handles(device);
}

/* One life of the driver; the first is the long one. */
static void live(SC_HANDLE manager, const char *path, int life)
{
	SC_HANDLE service = driver_install(manager, path);
	HANDLE device;

	report(service != NULL, "life %d: the driver is installed", life);
	if (!service)
		return;
	test_start(service);
	device = device_open(FILE_FLAG_OVERLAPPED);
	if (life == 1)
		all_tests(device);
	report(device_answers(device), "life %d: the driver answers", life);
	expect(driver_state(service), SERVICE_RUNNING,
	       "life %d: state of the service", life);
	CloseHandle(device);
	test_stop(manager, service);
}

int main(int argc, char **argv)
{
	SC_HANDLE manager;
	int life;

	if (argc == 3 && !strcmp(argv[1], "bad"))
		return bad_buffer_main((uint32_t)atoi(argv[2]));
	if (argc != 2) {
		fprintf(stderr, "usage: %s CVM.SYS\n", argv[0]);
		return 2;
	}
	manager = OpenSCManagerA(NULL, NULL, SC_MANAGER_ALL_ACCESS);
	report(manager != NULL, "the service manager answers");
	for (life = 1; manager && life <= LIVES; life++)
		live(manager, argv[1], life);
	printf("%d failed\n", failed);
	return failed != 0;
}
