/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nt.h - the structures that an x64 NT kernel and its drivers share, as far
 * as the bed needs them.  The offsets are those of the public headers; the
 * probe driver, compiled against such headers, compares them (offsets.h).
 */
#ifndef BED_NT_H
#define BED_NT_H

#include <stddef.h>
#include <stdint.h>

#define NTAPI __attribute__((ms_abi))

#define PASSIVE_LEVEL	0u
#define APC_LEVEL	1u
#define DISPATCH_LEVEL	2u
#define CLOCK_LEVEL	13u
#define HIGH_LEVEL	15u
#define NMI_LEVEL	16u	/* the bed's own */

#define STATUS_SUCCESS			0x00000000u
#define STATUS_USER_APC			0x000000c0u
#define STATUS_ALERTED			0x00000101u
#define STATUS_TIMEOUT			0x00000102u
#define STATUS_PENDING			0x00000103u
#define STATUS_UNSUCCESSFUL		0xc0000001u
#define STATUS_INVALID_INFO_CLASS	0xc0000003u
#define STATUS_INVALID_PARAMETER	0xc000000du
#define STATUS_NOT_FOUND		0xc0000225u
#define STATUS_OBJECT_NAME_COLLISION	0xc0000035u
#define STATUS_OBJECT_NAME_NOT_FOUND	0xc0000034u
#define STATUS_INSUFFICIENT_RESOURCES	0xc000009au
#define STATUS_INVALID_IMAGE_FORMAT	0xc000007bu
#define STATUS_ENTRYPOINT_NOT_FOUND	0xc0000139u
#define STATUS_INVALID_HANDLE		0xc0000008u

#define IRP_MJ_CREATE		0
#define IRP_MJ_CLOSE		2
#define IRP_MJ_CONTROL		14
#define IRP_MJ_CLEANUP		18
#define IRP_MJ_MAX		27

struct nt_list {
	struct nt_list *next, *prev;
};

struct nt_ustr {
	uint16_t length, maximum;	/* bytes */
	uint16_t *text;
};

/* The head of everything a thread can wait for. */
struct nt_header {
	uint8_t type, b1, b2, b3;
	int32_t signal;
	struct nt_list waiters;
};

#define NT_EVENT_NOTIFICATION	0
#define NT_EVENT_SYNC		1
#define NT_MUTANT		2
#define NT_TIMER_NOTIFICATION	8
#define NT_TIMER_SYNC		9

struct nt_event {
	struct nt_header header;
};

struct nt_dpc {
	uint8_t type, importance;
	uint16_t number;
	uint32_t pad;
	struct nt_list link;
	void (NTAPI *routine)(struct nt_dpc *dpc, void *context, void *arg1,
			      void *arg2);
	void *context, *arg1, *arg2;
	void *queued;		/* DpcData: not NULL while queued */
};

struct nt_timer {
	struct nt_header header;
	uint64_t due;
	struct nt_list link;
	struct nt_dpc *dpc;
	uint32_t processor, period;
};

struct nt_mutant {
	struct nt_header header;
	struct nt_list link;
	void *owner;
	uint8_t abandoned, apc_disable;
};

struct nt_mdl {
	struct nt_mdl *next;
	int16_t size, flags;
	uint32_t pad;
	void *process, *mapped_va, *start_va;
	uint32_t bytes, offset;
	uint64_t pfn[];
};

#define MDL_MAPPED		0x0001
#define MDL_PAGES_LOCKED	0x0002
#define MDL_NONPAGED_POOL	0x0004

struct nt_iosb {
	uint64_t status;	/* NTSTATUS in the low half */
	uint64_t information;
};

struct nt_device;
struct nt_driver;
struct nt_file;
struct nt_irp;

struct nt_stack {
	uint8_t major, minor, flags, control;
	uint32_t pad;
	union {
		struct {
			uint32_t out_bytes, pad1;
			uint32_t in_bytes, pad2;
			uint32_t code, pad3;
			void *type3;
		} control;
		uint64_t any[4];
	} u;
	struct nt_device *device;
	struct nt_file *file;
	void *completion, *context;
};

struct nt_irp {
	int16_t type;
	uint16_t size;
	uint32_t pad0;
	struct nt_mdl *mdl;
	uint32_t flags, pad1;
	void *system_buffer;
	struct nt_list thread_link;
	struct nt_iosb iosb;
	int8_t requestor_mode;
	uint8_t pending;
	int8_t stack_count, location;
	uint8_t cancel, cancel_irql, apc_env, alloc_flags;
	struct nt_iosb *user_iosb;
	struct nt_event *user_event;
	uint64_t overlay[2];
	void *cancel_routine, *user_buffer;
	void *driver_context[4];
	void *thread, *auxiliary;
	struct nt_list link;
	struct nt_stack *stack;
	struct nt_file *original_file;
	uint64_t reserved;
};

typedef uint32_t (NTAPI *nt_dispatch)(struct nt_device *device,
				      struct nt_irp *irp);

struct nt_driver {
	int16_t type, size;
	uint32_t pad0;
	struct nt_device *device;
	uint32_t flags, pad1;
	void *start;
	uint32_t bytes, pad2;
	void *section, *extension;
	struct nt_ustr name;
	struct nt_ustr *hardware;
	void *fast_io, *init, *start_io;
	void (NTAPI *unload)(struct nt_driver *driver);
	nt_dispatch major[IRP_MJ_MAX + 1];
};

struct nt_device {
	int16_t type;
	uint16_t size;
	int32_t references;
	struct nt_driver *driver;
	struct nt_device *next, *attached;
	struct nt_irp *current;
	void *timer;
	uint32_t flags, characteristics;
	void *vpb, *extension;
	uint32_t kind;
	int8_t stack_size, pad[3];
	uint8_t rest[0x150 - 0x50];
};

#define DO_DEVICE_INITIALIZING	0x80u

struct nt_file {
	int16_t type, size;
	uint32_t pad0;
	struct nt_device *device;
	void *vpb, *context, *context2, *section, *cache_map;
	uint32_t final_status, pad1;
	struct nt_file *related;
	uint8_t lock_op, delete_pending, read, write, del, share[3];
	uint32_t flags, pad2;
	struct nt_ustr name;
	uint8_t rest[0xd8 - 0x68];
};

#define FO_SYNCHRONOUS_IO	0x2u

struct nt_version {
	uint32_t bytes, major, minor, build, platform;
	uint16_t service_pack[128];
};

#include "offsets.h"

#define BED_CHECK_OFFSET(s, f, ms, mf, at) \
	_Static_assert(offsetof(struct s, f) == (at), #s "." #f);
#define BED_CHECK_SIZE(s, ms, bytes) \
	_Static_assert(sizeof(struct s) == (bytes), #s);
BED_OFFSETS(BED_CHECK_OFFSET)
BED_SIZES(BED_CHECK_SIZE)
_Static_assert(sizeof(struct nt_device) == 0x150, "DEVICE_OBJECT");

#endif /* BED_NT_H */
