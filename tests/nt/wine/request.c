// SPDX-License-Identifier: GPL-2.0-only
/* request.c - opening the device, and one request of it. */
#include "test.h"

HANDLE device_open(DWORD flags)
{
	return CreateFileA(CVM_NT_PATH, GENERIC_READ | GENERIC_WRITE, 0, NULL,
			   OPEN_EXISTING, flags, NULL);
}

DWORD device_ask(HANDLE device, DWORD code, struct request *r)
{
	OVERLAPPED wait = { .hEvent = CreateEventA(NULL, TRUE, FALSE, NULL) };
	DWORD error = 0;

	r->returned = 0;
	if (!DeviceIoControl(device, code, r->in, r->in_bytes, r->out,
			     r->out_bytes, &r->returned, &wait))
		error = GetLastError();
	if (error == ERROR_IO_PENDING) {
		error = 0;
		if (!GetOverlappedResult(device, &wait, &r->returned, TRUE))
			error = GetLastError();
	}
	CloseHandle(wait.hEvent);
	return error;
}

DWORD device_request(HANDLE device, uint32_t number, void *arg, DWORD bytes)
{
	struct request r = {
		.in = arg, .in_bytes = bytes, .out = arg, .out_bytes = bytes,
	};

	return device_ask(device, CVM_NT_IOCTL(number), &r);
}

int device_answers(HANDLE device)
{
	struct cvm_user_version v = { 0 };

	return !device_request(device, CVM_USER_VERSION, &v, sizeof(v)) &&
	       v.user_abi == CVM_USER_ABI && v.host == CVM_HOST_NT;
}
