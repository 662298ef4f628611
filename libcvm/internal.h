/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * internal.h - the objects of libcvm, shared by its own files only.
 *
 *   monitor 1--n vm 1--n vcpu
 *                 \--n chunk
 *
 * All of it lives in pages from the host's page_alloc(); there is no heap.
 */
#ifndef CVM_INTERNAL_H
#define CVM_INTERNAL_H

#include <cvm/libcvm.h>

#include "x86/passage.h"

/* Pieces of memory of one VM; a table of pages, so that it grows in place. */
#define CVM_CHUNKS_PER_PAGE	128u
#define CVM_CHUNK_PAGES		256u
#define CVM_CHUNKS_MAX		(CVM_CHUNKS_PER_PAGE * CVM_CHUNK_PAGES)

#define CVM_CHUNK_ALIGN		(2ull << 20)

/* Entries of 256 TiB each, to the 52 bits that a physical address has. */
#define CVM_MAP_ROOT		16u

/* One contiguous piece of guest memory, as mem_alloc() gave it. */
struct cvm_chunk {
	uint64_t hpa;
	uint64_t bytes;
	void *handle;
	uint32_t fresh;		/* of the MEM_ADD under way */
	uint32_t pad;
};

struct cvm_monitor {
	const struct cvm_host_ops *ops;
	void *ctx;
	uint32_t cpus;
	uint32_t next_id;
	struct cvm_x86_caps caps;	/* what attach found, all CPUs alike */
	struct cvm_user_check check;	/* rows of CVM_USER_CHECK */
	struct cvm_vm *vm[CVM_VMS_MAX];
};

/* A doorbell and what it signals. */
struct cvm_bell {
	uint64_t number;
	void *notifier;
};

/*
 * Changed under CVM_LOCK_VM, read by RUN without a lock.  A notifier that
 * was unbound is parked while a vCPU is signalling it; parked ones differ, so
 * there is one for each vCPU at most, and one more for a moment.
 */
struct cvm_bells {
	uint64_t seq;		/* odd while it changes (atomic) */
	uint32_t count;
	uint32_t parked;
	struct cvm_bell bell[CVM_DOORBELLS_MAX]; /* sorted by number */
	void *parked_notifier[CVM_MAX_VCPUS + 1];
};

/* A notifier that is watched.  Set before it is. */
struct cvm_watch {
	void *handle;		/* the host's; NULL: free */
	uint32_t vcpu;
	uint64_t bits;
};

/* Two may start a vCPU at once: the VMM, and vCPUs of the guest. */
#define CVM_BOOT_NONE	0u
#define CVM_BOOT_BEGUN	1u	/* by one of them, the others are refused */
#define CVM_BOOT_DONE	2u

struct cvm_vcpu {
	struct cvm_vm *vm;
	uint32_t id;
	uint32_t booted;	/* CVM_BOOT_* (atomic) */
	uint32_t stale;		/* host state must be read again (atomic) */
	uint32_t must_return;	/* RUN goes back with INTR (atomic) */
	uint32_t running;	/* a RUN is under way (atomic) */
	void *ringing;		/* what it is about to signal (atomic) */
	struct cvm_priv *priv;		/* private pages, host address */
	struct cvm_shared *shared;	/* shared page, host address */
	struct cvm_fpu *fpu;		/* extended state of both sides */
	struct cvm_inter *inter;	/* intermediate page tables */
	uint32_t started;		/* entered once */
	uint32_t last_hypercall;	/* what the guest asked for last */
	uint32_t tsc_khz;		/* as the guest was told */
	uint64_t clock_tsc;		/* when its clock was last looked at */
	uint64_t left_tsc;		/* when it was last left */
	uint64_t last_nmi, last_mce;	/* latch counters already served */
	struct cvm_cpu_state before, after;	/* CVM_VM_F_COMPARE */
	struct cvm_stats stats;
};

struct cvm_vm {
	struct cvm_monitor *mon;
	void *host_vm;
	uint32_t id;
	uint32_t state;		/* CVM_VM_* */
	uint32_t vcpus;		/* wanted */
	uint32_t vcpus_made;
	uint32_t flags;		/* CVM_VM_F_* */
	int32_t pid;
	uint32_t end;		/* final CVM_RUN_* reason, 0 = alive; set
				 * after end_arg and end_text (release) */
	uint32_t end_claim;	/* 1 = somebody writes the reason (atomic) */
	uint32_t final;		/* a VCPU_BOOT was seen: no more memory, the
				 * guest was told what it has */
	uint32_t chunks;
	uint64_t mem_bytes;	/* granted (atomic) */
	uint64_t first_hpa;	/* the first chunk, for the kernel */
	uint64_t passage_gva;
	uint64_t end_arg[4];
	char end_text[256];
	char name[CVM_NAME_MAX];
	struct cvm_vcpu *vcpu[CVM_MAX_VCPUS];
	struct cvm_bells bells;
	struct cvm_watch watch[CVM_NOTIFIERS_MAX];
	void *map[CVM_MAP_ROOT];	/* of map.c */
	uint32_t chunk_pages;		/* pages behind chunk_page[] */
	struct cvm_chunk *chunk_page[CVM_CHUNK_PAGES];	/* sorted by hpa */
};

/* Chunk number i, 0..chunks-1, in the order of addresses. */
static inline struct cvm_chunk *cvm_chunk_at(struct cvm_vm *vm, uint32_t i)
{
	return &vm->chunk_page[i / CVM_CHUNKS_PER_PAGE]
			      [i % CVM_CHUNKS_PER_PAGE];
}

/* Pages that hold so many bytes, for page_alloc(). */
#define CVM_PAGES(bytes) \
	((uint32_t)(((bytes) + CVM_PAGE_SIZE - 1) / CVM_PAGE_SIZE))

/* ---- vm.c ---- */

/*
 * End the VM for a reason and call every vCPU back; the first reason is kept,
 * later calls change nothing.  arg may be NULL.  Any context.
 */
void cvm_vm_end(struct cvm_vm *vm, uint32_t reason, const uint64_t arg[4],
		const char *text);

/* Describe the VM for LIST and STATS. */
void cvm_vm_info(struct cvm_vm *vm, struct cvm_user_vm_info *info);

/* The VM with this id, or NULL.  Under CVM_LOCK_MONITOR. */
struct cvm_vm *cvm_vm_find(struct cvm_monitor *mon, uint32_t id);

/* Copy a guest's text, at most max bytes with the NUL, '?' for what a terminal
 * should not get. */
void cvm_copy_printable(char *to, const volatile char *from, uint32_t max);

/* ---- mem.c ---- */
int cvm_mem_add(struct cvm_vm *vm, struct cvm_user_mem *args);
int cvm_mem_ranges(struct cvm_vm *vm, struct cvm_user_ranges *out);
void cvm_mem_free_all(struct cvm_vm *vm);
/* 1 when [gpa, gpa+bytes) lies wholly in granted memory.  Any time. */
int cvm_mem_contains(struct cvm_vm *vm, uint64_t gpa, uint64_t bytes);

/* ---- map.c ---- */
/* The mem_alloc() handle of the piece that was granted there, or NULL.  At any
 * time, beside all others. */
void *cvm_map_find(struct cvm_vm *vm, uint64_t gpa);
/* Make room for a piece: what may fail. */
int cvm_map_reserve(struct cvm_vm *vm, uint64_t gpa, uint64_t bytes);
/* Then it is granted. */
void cvm_map_publish(struct cvm_vm *vm, uint64_t gpa, uint64_t bytes,
		     void *handle);
void cvm_map_free(struct cvm_vm *vm);

/* ---- vcpu.c ---- */
int cvm_vcpu_create(struct cvm_vm *vm, struct cvm_user_vcpu *args);
void cvm_vcpu_destroy(struct cvm_vcpu *vcpu);
int cvm_vcpu_boot(struct cvm_vm *vm, struct cvm_user_boot *args);
/* The guest's side before the first entry, made from the host's.  Inside a
 * slice, after cvm_host_refresh(). */
void cvm_vcpu_first_state(struct cvm_vcpu *vcpu);

/* ---- run.c ---- */
int cvm_vcpu_run(struct cvm_vm *vm, struct cvm_user_run *args);

/* ---- clock.c ---- */
/* The host's clock at a TSC value, for timer() and wait().  Any context. */
uint64_t cvm_clock_deadline_ns(const struct cvm_vcpu *vcpu, uint64_t tsc);
/* Write the shared page's wall clock.  Any context. */
void cvm_clock_write(struct cvm_vcpu *vcpu);
/*
 * The guest counts on with the frequency it was given, the host disciplines
 * its clock or wakes from sleep: 1 when they are too far apart, and the guest
 * should get the time anew.  Looks once a second.  Thread context.
 */
int cvm_clock_is_off(struct cvm_vcpu *vcpu);

/* ---- event.c ---- */
/* Set bits of a vCPU that need not be woken for them: it looks soon. */
void cvm_event_set(struct cvm_vcpu *vcpu, uint64_t bits);

/* ---- bind.c ---- */
int cvm_doorbell_bind(struct cvm_vm *vm, const struct cvm_user_doorbell *args);
int cvm_doorbell_unbind(struct cvm_vm *vm,
			const struct cvm_user_doorbell *args);
/* 1: the doorbell was bound and its notifier is signalled.  Thread context. */
int cvm_doorbell_ring(struct cvm_vcpu *vcpu, uint64_t number);
int cvm_notifier_bind(struct cvm_vm *vm, struct cvm_user_notifier *args);
int cvm_notifier_unbind(struct cvm_vm *vm,
			const struct cvm_user_notifier *args);
/* Let go of all notifiers; no RUN is under way. */
void cvm_unbind_all(struct cvm_vm *vm);

/* ---- check.c ---- */

/* Fill mon->caps and mon->check by looking at every CPU. */
int cvm_check_host(struct cvm_monitor *mon);

/* ---- stats.c ---- */
void cvm_stats_sum(struct cvm_vm *vm, struct cvm_stats *sum);

#endif /* CVM_INTERNAL_H */
