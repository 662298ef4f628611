// SPDX-License-Identifier: GPL-2.0-only
/* handles.c - open files: refused VMs, several at once, closed too early,
 * and who may open the device. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <aclapi.h>
#include <sddl.h>

#include "test.h"

#define ROUNDS		100
#define HANDLES		64
#define BUSY_THREADS	4
#define BUSY_MS		300

static struct cvm_user_vm vm_args(void)
{
	return (struct cvm_user_vm){
		.vcpus = 1,
		.guest_abi = CVM_GUEST_ABI,
		.passage_gva = 0xffffffffff575000ull,
		.name = "test",
	};
}

/* ---- no VM outside ring 0 --------------------------------------------- */

static void still_none(HANDLE device, const char *when)
{
	static struct cvm_user_list list;
	struct cvm_user_mem mem = { .bytes = 2ull << 20 };

	report(!device_request(device, CVM_USER_LIST, &list, sizeof(list)) &&
	       !list.count, "no VM exists after %s", when);
	expect(device_request(device, CVM_USER_MEM_ADD, &mem, sizeof(mem)),
	       CVM_ERROR(CVM_ENOENT), "the handle has no VM after %s", when);
}

void test_refusal(HANDLE device)
{
	struct cvm_user_vm args = vm_args();
	DWORD error;

	expect(device_request(device, CVM_USER_VM_CREATE, &args, sizeof(args)),
	       CVM_ERROR(CVM_EPERM), "a VM is refused outside ring 0");
	still_none(device, "the refusal");
	memset(&args, 0xff, sizeof(args));
	error = device_request(device, CVM_USER_VM_CREATE, &args, sizeof(args));
	report(error && CVM_NT_IS_STATUS(error),
	       "a VM of nonsense is refused (0x%08lx)", error);
	still_none(device, "nonsense");
}

/* ---- several handles --------------------------------------------------- */

static void two_handles(HANDLE first)
{
	HANDLE second = device_open(FILE_FLAG_OVERLAPPED);

	report(second != INVALID_HANDLE_VALUE, "a second handle");
	report(device_answers(second) && device_answers(first),
	       "both handles answer");
	CloseHandle(second);
	report(!device_answers(second), "the closed one does not");
	report(device_answers(first), "the other one does");
}

static void many_handles(void)
{
	HANDLE handle[HANDLES];
	uint32_t i, good = 0;

	for (i = 0; i < HANDLES; i++)
		handle[i] = device_open(FILE_FLAG_OVERLAPPED);
	for (i = 0; i < HANDLES; i++)
		good += device_answers(handle[i]);
	for (i = 0; i < HANDLES; i++)
		CloseHandle(handle[i]);
	expect(good, HANDLES, "handles at once that answer");
}

static void open_and_close(void)
{
	DWORD before = 0, after = 0;
	uint32_t i, good = 0;
	HANDLE handle;

	GetProcessHandleCount(GetCurrentProcess(), &before);
	for (i = 0; i < ROUNDS; i++) {
		handle = device_open(i & 1 ? FILE_FLAG_OVERLAPPED : 0);
		good += device_answers(handle);
		CloseHandle(handle);
	}
	GetProcessHandleCount(GetCurrentProcess(), &after);
	expect(good, ROUNDS, "rounds of open, ask, close");
	expect(after, before, "handles of this process after them");
}

/* ---- a handle closed under requests ------------------------------------ */

struct busy {
	HANDLE device;
	volatile LONG asked, refused;
};

/* Ask until the handle is gone. */
static DWORD WINAPI ask_on(void *arg)
{
	struct busy *busy = arg;
	struct cvm_user_check *check = calloc(1, sizeof(*check));
	DWORD error = 0;

	while (check && !error) {
		error = device_request(busy->device, CVM_USER_CHECK, check,
				       sizeof(*check));
		InterlockedIncrement(error ? &busy->refused : &busy->asked);
	}
	free(check);
	return error;
}

static void close_under_requests(void)
{
	struct busy busy = { .device = device_open(FILE_FLAG_OVERLAPPED) };
	HANDLE thread[BUSY_THREADS];
	DWORD waited;
	uint32_t i;

	for (i = 0; i < BUSY_THREADS; i++)
		thread[i] = CreateThread(NULL, 0, ask_on, &busy, 0, NULL);
	Sleep(BUSY_MS);
	CloseHandle(busy.device);
	waited = WaitForMultipleObjects(BUSY_THREADS, thread, TRUE, 60000);
	report(waited < BUSY_THREADS,
	       "requests on a handle that is closed come to an end");
	for (i = 0; i < BUSY_THREADS; i++)
		CloseHandle(thread[i]);
	explain("%ld requests were answered, %ld refused", busy.asked,
		busy.refused);
	report(busy.asked >= BUSY_THREADS && busy.refused == BUSY_THREADS,
	       "they were answered before, and refused after");
}

void test_handles(HANDLE device)
{
	two_handles(device);
	many_handles();
	open_and_close();
	close_under_requests();
	report(device_answers(device), "the driver answers after all handles");
}

/* ---- who may open it --------------------------------------------------- */

/* Wine keeps no descriptor for a device: then there is none to look at. */
void test_security(HANDLE device)
{
	PSECURITY_DESCRIPTOR security = NULL;
	char *text = NULL;
	DWORD error;

	error = GetSecurityInfo(device, SE_KERNEL_OBJECT,
				DACL_SECURITY_INFORMATION, NULL, NULL, NULL,
				NULL, &security);
	expect(error, 0, "the device's security descriptor is read");
	if (error || !ConvertSecurityDescriptorToStringSecurityDescriptorA(
			security, SDDL_REVISION_1, DACL_SECURITY_INFORMATION,
			&text, NULL))
		return;
	if (*text)
		report(!strcmp(text, "D:P(A;;FA;;;SY)(A;;FA;;;BA)"),
		       "the device is SYSTEM's and Administrators': %s",
		       text);
	else
		printf("skip who may open the device: "
		       "this system keeps no descriptor of it\n");
	LocalFree(text);
	LocalFree(security);
}
