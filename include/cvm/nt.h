/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nt.h - what is different when the driver is NT's cvm.sys.
 *
 * The requests and structures are those of uapi.h.  One DeviceIoControl()
 * with control code CVM_NT_IOCTL(number); the structure is input and output
 * buffer, and both lengths are its size in the calling program (CVM_EINVAL
 * when they differ).
 *
 * Open CVM_NT_PATH for reading and writing with FILE_FLAG_OVERLAPPED: on other
 * handles NT lets one request in at a time, and a RUN under way would keep
 * everything else out, so VM_CREATE refuses them (CVM_EINVAL).  Requests are
 * carried out in the calling thread and have ended when DeviceIoControl()
 * returns.  VCPU_RUN returns with CVM_RUN_INTR for a user APC, an alert or
 * the end of the thread.  Whatever a process leaves behind, closing the last
 * handle or its end removes: guest, mappings, memory.
 *
 * An error is CVM_NT_STATUS(CVM_E*): NTSTATUS and GetLastError() alike, for
 * NT passes codes with the customer bit on unchanged.  A 32-bit process gets
 * CVM_NT_STATUS_32BIT, for every request and already when it opens the device.
 */
#ifndef CVM_NT_H
#define CVM_NT_H

#include <stdint.h>

#define CVM_NT_PATH		"\\\\.\\cvm"

/* CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800 + number, METHOD_BUFFERED,
 * read | write) */
#define CVM_NT_IOCTL(number) \
	(0x22u << 16 | 3u << 14 | (0x800u + (number)) << 2)

#define CVM_NT_STATUS(e)	(0xe0cc0000u | (e))
#define CVM_NT_IS_STATUS(s)	(((s) & 0xffff0000u) == 0xe0cc0000u)
#define CVM_NT_ERROR(s)		((s) & 0xffffu)	/* CVM_E* of a status */
#define CVM_NT_STATUS_32BIT	CVM_NT_STATUS(0x3264u)

/* Requests to this driver alone. */
#define CVM_NT_MAP		0x100u	/* V struct cvm_nt_map */
#define CVM_NT_SELFTEST		0x101u	/* C struct cvm_nt_selftest */

/*
 * CVM_NT_MAP - map guest memory into the process that created the VM; others
 * get CVM_EPERM.  Memory comes in windows of up to 16 MiB; one call maps the
 * window gpa lies in, or finds it mapped already.  To have all of it, walk the
 * ranges of MEM_RANGES: gpa = out.gpa + out.bytes.  The mapping is read-write
 * and stays until the handle is closed or the process ends; it cannot be
 * removed alone.  CVM_EFAULT: gpa was not granted; CVM_ENOMEM: no address
 * space, or wish is taken.
 */
struct cvm_nt_map {
	uint64_t gpa;		/* in: any address; out: first of the window */
	uint64_t wish;		/* in: where the window shall begin, or 0 */
	uint64_t address;	/* out: where it begins */
	uint64_t bytes;		/* out; least */
	uint32_t reserved[4];
};

/*
 * CVM_NT_SELFTEST - run the host API's conformance suite inside the driver.
 * One line a test: "ok NAME", "skip NAME: WHY" or "not ok NAME: WHY".
 */
struct cvm_nt_selftest {
	uint32_t failed;	/* out: tests that failed */
	uint32_t bytes;		/* out: length of text */
	uint32_t reserved[2];	/* least */
	char text[8184];	/* out: lines, NUL-ended */
};

#endif /* CVM_NT_H */
