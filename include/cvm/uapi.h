/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * uapi.h - what a user program (cvmctl, or another VMM) and the driver say.
 *
 * One open handle of the device is either a control handle or, after
 * CVM_USER_VM_CREATE, one VM.  Every request has a number and one structure
 * that is read and written in place.
 * Linux: ioctl(fd, CVM_IOCTL(number, sizeof(s)), &s);
 * NT: DeviceIoControl with the same structure as input and output.
 *
 * Growth: the size of the caller's structure comes with the request, so that
 * structures grow at their end while CVM_USER_ABI stays.  A shorter one than
 * the driver's: what it lacks is 0 in, and left out on the way back; but
 * -CVM_EINVAL without the fields that "least" stands after.  A longer one:
 * what the driver does not know must be 0, and stays it; otherwise
 * -CVM_E2BIG.  So a new field means what was, where it is 0.  Fields named
 * reserved are 0 as well, in (-CVM_EINVAL) and out.  Elements of arrays do not
 * grow.
 *
 * Guest memory is mapped by mmap() of a VM handle: the file offset is the
 * guest physical address.  Closing the last reference ends the VM.
 */
#ifndef CVM_UAPI_H
#define CVM_UAPI_H

#include <stdint.h>

/* Of this release: driver, library and tool have the same. */
#define CVM_VERSION		"0.1.0"

/* Raised when a program that is compiled anew would need a change. */
#define CVM_USER_ABI		5u
#define CVM_NAME_MAX		32u
#define CVM_RANGES_MAX		120u	/* e820 has 128 entries */
#define CVM_CHECK_MAX		32u
#define CVM_DOORBELLS_MAX	256u	/* bound at one time, a VM */
#define CVM_NOTIFIERS_MAX	64u	/* bound at one time, a VM */
#define CVM_VMS_MAX		64u
#define CVM_USER_BYTES_MAX	16383u	/* of any structure here */
#define CVM_DEVICE_PATH		"/dev/cvm"

/* What Linux calls a request: _IOC(READ | WRITE, 0xdc, number, bytes). */
#define CVM_IOCTL(number, bytes) \
	(0xc000dc00u | (uint32_t)(bytes) << 16 | (number))

/* Requests.  (C) any handle, (V) a VM handle. */
#define CVM_USER_VERSION	0u	/* C struct cvm_user_version */
#define CVM_USER_CHECK		1u	/* C struct cvm_user_check */
#define CVM_USER_LIST		2u	/* C struct cvm_user_list */
#define CVM_USER_STATS		3u	/* C struct cvm_user_stats */
#define CVM_USER_STOP		4u	/* C struct cvm_user_id */
#define CVM_USER_KILL		5u	/* C struct cvm_user_id */
#define CVM_USER_VM_CREATE	16u	/* C struct cvm_user_vm */
#define CVM_USER_MEM_ADD	17u	/* V struct cvm_user_mem */
#define CVM_USER_MEM_RANGES	18u	/* V struct cvm_user_ranges */
#define CVM_USER_VCPU_CREATE	19u	/* V struct cvm_user_vcpu */
#define CVM_USER_VCPU_BOOT	20u	/* V struct cvm_user_boot */
#define CVM_USER_VCPU_RUN	21u	/* V struct cvm_user_run */
#define CVM_USER_CONSOLE_IN	22u	/* V struct cvm_user_console */
#define CVM_USER_EVENT		23u	/* V struct cvm_user_event */
#define CVM_USER_DOORBELL_BIND	24u	/* V struct cvm_user_doorbell */
#define CVM_USER_DOORBELL_UNBIND 25u	/* V struct cvm_user_doorbell */
#define CVM_USER_NOTIFIER_BIND	26u	/* V struct cvm_user_notifier */
#define CVM_USER_NOTIFIER_UNBIND	27u	/* V struct cvm_user_notifier */

struct cvm_user_version {
	uint32_t user_abi;	/* out: CVM_USER_ABI of the driver */
	uint32_t guest_abi;	/* out: CVM_GUEST_ABI of the driver */
	uint32_t host;		/* out: CVM_HOST_* */
	uint32_t cpus;		/* out: host CPUs seen at attach */
	char version[32];	/* out: e.g. "0.1.0"; least */
	uint32_t reserved[4];
};

#define CVM_CHECK_OK		0u
#define CVM_CHECK_REFUSED	1u
#define CVM_CHECK_NOTE		2u	/* works, with the consequence told */

struct cvm_user_check_row {
	char name[24];		/* stable identifier, e.g. "fred" */
	uint32_t status;	/* CVM_CHECK_* */
	char text[100];		/* reason in one sentence */
};

struct cvm_user_check {
	uint32_t rows;		/* out */
	uint32_t refused;	/* out: rows refused */
	uint32_t reserved[2];	/* least */
	struct cvm_user_check_row row[CVM_CHECK_MAX];	/* out */
};

#define CVM_VM_NEW	0u	/* created, not entered yet */
#define CVM_VM_RUNNING	1u
#define CVM_VM_ENDED	2u

struct cvm_user_vm_info {
	uint32_t id;		/* 1.., not used again soon */
	uint32_t state;		/* CVM_VM_* */
	uint32_t vcpus;		/* as asked for at VM_CREATE */
	int32_t pid;		/* process that created it */
	uint64_t mem_bytes;	/* granted */
	char name[CVM_NAME_MAX]; /* as given at VM_CREATE */
	char release[64];	/* guest's utsname.release, once known */
	uint32_t reserved[8];
};

struct cvm_user_list {
	uint32_t count;		/* out */
	uint32_t reserved[3];	/* least */
	struct cvm_user_vm_info vm[CVM_VMS_MAX];	/* out */
};

struct cvm_stats {
#define CVM_COUNTER(name, kind, text)	uint64_t name;
#define CVM_COUNTERS(name, count, text)	uint64_t name[count];
#include "counters.def"
#undef CVM_COUNTER
#undef CVM_COUNTERS
};

struct cvm_user_stats {
	uint32_t id;		/* in: VM; 0 on a VM handle means itself.
				 * out: its number */
	uint32_t tsc_khz;	/* out */
	uint32_t reserved[2];
	struct cvm_user_vm_info info;	/* out; least */
	struct cvm_stats stats;		/* out: sum over vCPUs */
};

struct cvm_user_id {
	uint32_t id;		/* in; least */
	uint32_t reserved[3];
};

struct cvm_user_vm {
	uint32_t id;		/* out: 1.. */
	uint32_t vcpus;		/* in: 1..CVM_MAX_VCPUS */
	uint32_t guest_abi;	/* in: from the kernel's note */
	uint32_t flags;		/* in: CVM_VM_F_* */
	uint64_t passage_gva;	/* in: from the kernel's note */
	char name[CVM_NAME_MAX]; /* in */
	int32_t pid;		/* filled by the shim */
	uint32_t la57;		/* out: 1 when the host runs 5-level tables */
	uint64_t passage_code_hpa; /* out; least */
	uint32_t reserved[8];
};

#define CVM_VM_F_COMPARE	(1u << 0) /* compare the host's whole CPU state
					   * before and after every slice, end
					   * the VM at the first difference */

struct cvm_user_mem {
	uint64_t bytes;		/* in: multiple of 2 MiB */
	uint64_t first_bytes;	/* in: the first chunk is at least this long
				 * (kernel + initrd), a multiple of 2 MiB;
				 * 0 = no wish */
	uint64_t min_hpa;	/* in: only at or above this address, or 0 */
	uint64_t added;		/* out: bytes added; least */
	uint32_t reserved[8];
};

struct cvm_user_range {
	uint64_t gpa;		/* 2 MiB aligned */
	uint64_t bytes;		/* a multiple of 2 MiB */
};

struct cvm_user_ranges {
	uint32_t count;		/* out: neighbouring chunks are joined; the
				 * range of the first chunk comes first */
	uint32_t reserved[3];	/* least */
	struct cvm_user_range range[CVM_RANGES_MAX];
};

struct cvm_user_vcpu {
	uint32_t vcpu;		/* in: 0.. in order */
	uint32_t reserved[3];
	uint64_t priv_hpa[2];	/* out: the private pages, for the guest map */
	uint64_t shared_hpa;	/* out; least */
};

struct cvm_user_boot {
	uint32_t vcpu;		/* in */
	uint32_t reserved[3];
	uint64_t rip;		/* in: startup_64, in the identity map */
	uint64_t rsp;		/* in */
	uint64_t rsi;		/* in: boot_params */
	uint64_t cr3;		/* in: identity tables; least */
};

/* cvm_user_run.reason */
#define CVM_RUN_INTR		0u	/* call again (signal, time slice) */
#define CVM_RUN_CONSOLE_OUT	1u	/* arg0 = GPA, arg1 = bytes: read them
					 * before the next RUN */
#define CVM_RUN_CONSOLE_ROOM	2u	/* input ring has room again */
#define CVM_RUN_DOORBELL	3u	/* arg0 = number */
#define CVM_RUN_POWEROFF	16u	/* the rest are final */
#define CVM_RUN_REBOOT		17u
#define CVM_RUN_PANIC		18u	/* text = reason */
#define CVM_RUN_FATAL		19u	/* guest dead end: arg0 vector,
					 * arg1 error code, arg2 RIP, arg3 CR2;
					 * text says it in words */
#define CVM_RUN_KILLED		20u	/* by CVM_USER_KILL */
#define CVM_RUN_REFUSED		21u	/* entry refused; text = why */

struct cvm_user_run {
	uint32_t vcpu;		/* in */
	uint32_t reason;	/* out: CVM_RUN_* */
	uint64_t events;	/* in: bits of this vCPU to be set before the
				 * guest goes on, as CVM_USER_EVENT would; out:
				 * 0, they are */
	uint64_t arg[4];	/* out */
	uint32_t reserved[8];	/* least */
	char text[256];		/* out */
};

struct cvm_user_console {
	uint32_t bytes;		/* in: offered; out: taken */
	uint32_t reserved[3];
	uint8_t data[512];	/* in; least */
};

struct cvm_user_event {
	uint32_t vcpu;		/* in */
	uint32_t reserved[3];
	uint64_t bits;		/* in: 1 << CVM_EVENT_*; least */
};

/*
 * The two below tie the guest to notifiers: objects of the host that wake who
 * waits for them, which a handle of the calling process names; Linux: an
 * eventfd.  The driver takes references of its own: the handle may be closed
 * afterwards, and all of them go with the VM.  A host without such objects
 * answers -CVM_ENOSYS (NT, the bare host).
 *
 * While a doorbell is bound, the guest's CVM_HC_DOORBELL with this number
 * signals the notifier and returns to the guest at once, and not from RUN.
 * Rung while some doorbell is just being bound or unbound it may still come
 * out of RUN; a signal under way may still come after UNBIND.
 * BIND: -CVM_EBUSY, the number is bound; -CVM_E2BIG, too many are;
 * -CVM_EINVAL, no such notifier.  UNBIND: -CVM_ENOENT.
 */
struct cvm_user_doorbell {
	uint64_t doorbell;	/* in: the number */
	int64_t notifier;	/* in, BIND: the handle; least */
	uint32_t reserved[4];
};

/*
 * While a notifier is bound, each signal of it does what CVM_USER_EVENT does,
 * and is taken: nobody else should read it.  Errors as those of CVM_USER_EVENT
 * and above; UNBIND needs .id alone, and none comes after it.
 */
struct cvm_user_notifier {
	uint32_t id;		/* BIND: out; UNBIND: in */
	uint32_t vcpu;		/* in */
	uint64_t bits;		/* in */
	int64_t notifier;	/* in: the handle; least */
	uint32_t reserved[4];
};

#endif /* CVM_UAPI_H */
