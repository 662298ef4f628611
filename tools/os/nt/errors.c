// SPDX-License-Identifier: GPL-2.0-only
/*
 * errors.c - Windows' error numbers in words.
 *
 * Each row says what happened and, where there is something, what to do.
 * What has no row is asked of Windows itself.
 */
#include <stdio.h>
#include <string.h>

#include <cvm/error.h>
#include <cvm/nt.h>

#include "nt.h"

#define SYSTEM		0x10000	/* added to Win32 numbers as results */

static const struct {
	DWORD error;
	const char *what;
	const char *remedy;
} rows[] = {
	{ ERROR_FILE_NOT_FOUND, "no such file", NULL },
	{ ERROR_PATH_NOT_FOUND, "no such directory", NULL },
	{ ERROR_ACCESS_DENIED, "access denied",
	  "run this as Administrator" },
	{ ERROR_SHARING_VIOLATION, "another program has it open", NULL },
	{ ERROR_NOT_ENOUGH_MEMORY, "no memory", NULL },
	{ ERROR_OUTOFMEMORY, "no memory", NULL },
	{ ERROR_NO_SYSTEM_RESOURCES, "Windows has no resources left",
	  "start guests early, or ask for less memory" },
	{ ERROR_FILENAME_EXCED_RANGE, "the path is too long", NULL },
	{ ERROR_BROKEN_PIPE, "the reader has gone", NULL },
	{ ERROR_NO_DATA, "the reader has gone", NULL },
	{ ERROR_DISK_FULL, "the disk is full", NULL },
	{ ERROR_BAD_EXE_FORMAT, "the file is no driver for this Windows",
	  "cvm.sys is for x64 only, and must be whole" },
	{ ERROR_EXE_MACHINE_TYPE_MISMATCH, "the file is no driver for this "
	  "Windows", "cvm.sys is for x64 only" },
	{ ERROR_PROC_NOT_FOUND, "this Windows lacks a function the driver "
	  "needs", "it takes Server 2003 x64 or newer" },
	/* 577: ERROR_INVALID_IMAGE_HASH */
	{ 577, "Windows does not accept the driver's "
	  "signature", "turn Secure Boot off and test signing on (bcdedit "
	  "/set testsigning on, restart), and install a signed cvm.sys" },
	{ ERROR_DRIVER_BLOCKED, "Windows blocks this driver by policy",
	  "memory integrity or a block list is on: Windows Security, Core "
	  "isolation" },
	/* 4551: ERROR_SYSTEM_INTEGRITY_POLICY_VIOLATION */
	{ 4551, "a code integrity policy does not allow the driver",
	  "turn memory integrity and application control off, and test "
	  "signing on" },
	{ ERROR_SERVICE_DOES_NOT_EXIST, "it is not installed", NULL },
	{ ERROR_SERVICE_EXISTS, "it is installed already", NULL },
	{ ERROR_DUPLICATE_SERVICE_NAME, "it is installed already", NULL },
	{ ERROR_SERVICE_ALREADY_RUNNING, "it is running already", NULL },
	{ ERROR_SERVICE_NOT_ACTIVE, "it is not running", NULL },
	{ ERROR_SERVICE_DISABLED, "it is disabled",
	  "sc config NAME start= demand allows it again" },
	{ ERROR_SERVICE_MARKED_FOR_DELETE, "it is being removed",
	  "it goes with the last program that has it open, for instance the "
	  "Services window" },
	{ ERROR_SERVICE_CANNOT_ACCEPT_CTRL, "it is starting or stopping",
	  "try again" },
	{ ERROR_DEPENDENT_SERVICES_RUNNING, "services of guests depend on it "
	  "and run", "stop them first (cvmctl service status)" },
	{ ERROR_SERVICE_DEPENDENCY_FAIL, "the driver, which it depends on, "
	  "did not start", "cvmctl driver start tells why" },
	{ ERROR_SERVICE_REQUEST_TIMEOUT, "it did not answer in time", NULL },
	{ ERROR_FAILED_SERVICE_CONTROLLER_CONNECT, "only Windows itself "
	  "starts this", "cvmctl run --config FILE does the same here" },
	{ ERROR_PIPE_BUSY, "another terminal is just attaching",
	  "try again" },
	{ CVM_NT_STATUS_32BIT, "the driver refuses 32-bit programs",
	  "use the 64-bit cvmctl.exe" },
};

static void ask_windows(DWORD error, char *text, size_t size)
{
	wchar_t wide[300];
	size_t len;
	char *c;

	if (!FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM |
			    FORMAT_MESSAGE_IGNORE_INSERTS, NULL, error, 0,
			    wide, 300, NULL) ||
	    nt_utf8(wide, text, size))
		snprintf(text, size, "Windows has no words for it");
	for (c = text; *c; c++)
		*c = *c == '\r' || *c == '\n' ? ' ' : *c;
	len = (size_t)(c - text);
	while (len && strchr(" .", text[len - 1]))
		text[--len] = '\0';
	snprintf(text + len, size - len, error > 0xffff ? " (error 0x%lx)" :
		 " (error %lu)", error);
}

const char *nt_words(DWORD error)
{
	static char text[700];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].error != error)
			continue;
		snprintf(text, sizeof(text), "%s%s%s", rows[i].what,
			 rows[i].remedy ? ": " : "",
			 rows[i].remedy ? rows[i].remedy : "");
		return text;
	}
	if (CVM_NT_IS_STATUS(error))
		return reason(-(int)CVM_NT_ERROR(error));
	ask_windows(error, text, sizeof(text));
	return text;
}

int nt_problem(struct problem *problem, const char *thing, DWORD error)
{
	return problem_set(problem, thing, "%s", nt_words(error));
}

/* The driver's own numbers come back as they went out (nt.h). */
int nt_result(DWORD error)
{
	if (CVM_NT_IS_STATUS(error) && error != CVM_NT_STATUS_32BIT)
		return -(int)CVM_NT_ERROR(error);
	return error <= 0xffff ? -(SYSTEM + (int)error) : (int)error;
}

const char *os_error_text(int result)
{
	static char text[40];

	if (result > -SYSTEM && result < 0) {
		snprintf(text, sizeof(text), "error %d of the driver",
			 -result);
		return text;
	}
	return nt_words(result >= -SYSTEM - 0xffff ?
			(DWORD)(-result - SYSTEM) : (DWORD)result);
}
