/* SPDX-License-Identifier: GPL-2.0-only */
/* ex.h - the exports of ex.c and ke_api.c. */
#ifndef BED_EX_H
#define BED_EX_H

#include "bed.h"

struct callback;

struct nt_attributes {
	uint32_t bytes, pad0;
	uint64_t root;
	struct nt_ustr *name;
	uint32_t attributes, pad1;
	void *descriptor, *quality;
};

struct bug_record {
	struct nt_list link;
	void (NTAPI *fn)(uint32_t reason, struct bug_record *r, void *data,
			 uint32_t bytes);
	const char *component;
	uint64_t checksum;
	uint32_t reason;
	uint8_t state;
};

struct bug_data {
	void *in;
	uint32_t in_bytes, max;
	uint8_t guid[16];
	void *out;
	uint32_t out_bytes;
};

struct nt_affinity {
	uint64_t mask;
	uint16_t group, reserved[3];
};

struct nt_processor {
	uint16_t group;
	uint8_t number, reserved;
};

uint32_t NTAPI ExCreateCallback(struct callback **out,
				const struct nt_attributes *at, uint8_t create,
				uint8_t many);
void *NTAPI ExRegisterCallback(struct callback *object,
	void (NTAPI *fn)(void *context, void *a, void *b), void *context);
void NTAPI ExUnregisterCallback(struct callback *c);
void NTAPI ObfDereferenceObject(void *object);
uint32_t NTAPI ObOpenObjectByPointer(void *object, uint32_t attributes,
	void *state, uint32_t access, void *type, int8_t mode,
	uint64_t *handle);
uint32_t NTAPI ZwClose(uint64_t handle);
uint32_t NTAPI ZwSetSecurityObject(uint64_t handle, uint32_t information,
				   const uint8_t *descriptor);
uint32_t NTAPI ZwQuerySystemInformation(uint32_t kind, uint32_t *buffer,
					uint32_t bytes, uint32_t *needed);
uint64_t NTAPI PsGetCurrentProcessId(void);
void *NTAPI PsGetCurrentThread(void);
uint8_t NTAPI PsIsThreadTerminating(struct bed_thread *t);
uint32_t NTAPI PsSetCreateProcessNotifyRoutine(
	void (NTAPI *fn)(uint64_t parent, uint64_t pid, uint8_t made),
	uint8_t remove);
uint8_t NTAPI KeRegisterBugCheckReasonCallback(struct bug_record *r,
	void (NTAPI *fn)(uint32_t reason, struct bug_record *r, void *data,
			 uint32_t bytes),
	uint32_t reason, const char *component);
uint8_t NTAPI KeDeregisterBugCheckReasonCallback(struct bug_record *r);
void NTAPI KeBugCheckEx(uint32_t code, uint64_t a, uint64_t b, uint64_t c,
			uint64_t d);
void *NTAPI KeRegisterNmiCallback(uint8_t (NTAPI *fn)(void *context,
						      uint8_t handled),
				  void *context);
uint32_t NTAPI KeDeregisterNmiCallback(void *handle);
void *NTAPI KeRegisterProcessorChangeCallback(void *fn, void *context,
					      uint32_t flags);
void NTAPI KeDeregisterProcessorChangeCallback(void *handle);
uint32_t NTAPI RtlGetVersion(struct nt_version *v);
void *NTAPI MmGetSystemRoutineAddress(const struct nt_ustr *name);
uint32_t NTAPI __C_specific_handler(void *record, void *frame, void *context,
				    void *dispatcher);
uint32_t NTAPI DbgPrint(const char *fmt, ...);
uint32_t NTAPI ExSetTimerResolution(uint32_t wish, uint8_t set);
uint64_t NTAPI KeQueryPerformanceCounter(uint64_t *frequency);
void NTAPI KeQuerySystemTimePrecise(uint64_t *time);

/* ---- ke_api.c ---- */
uint8_t NTAPI KeAcquireSpinLockRaiseToDpc(uint64_t *lock);
void NTAPI KeReleaseSpinLock(uint64_t *lock, uint8_t irql);
void NTAPI KeInitializeEvent(struct nt_event *e, uint32_t type, uint8_t set);
void NTAPI KeClearEvent(struct nt_event *e);
int32_t NTAPI KeSetEvent(struct nt_event *e, int32_t boost, uint8_t wait);
void NTAPI KeInitializeMutex(struct nt_mutant *m, uint32_t level);
int32_t NTAPI KeReleaseMutex(struct nt_mutant *m, uint8_t wait);
void NTAPI KeInitializeTimerEx(struct nt_timer *t, uint32_t type);
uint8_t NTAPI KeSetTimer(struct nt_timer *t, int64_t due, struct nt_dpc *dpc);
uint8_t NTAPI KeCancelTimer(struct nt_timer *t);
void NTAPI KeInitializeDpc(struct nt_dpc *d, void *routine, void *context);
uint8_t NTAPI KeInsertQueueDpc(struct nt_dpc *d, void *arg1, void *arg2);
void NTAPI KeSetImportanceDpc(struct nt_dpc *d, uint32_t importance);
void NTAPI KeSetTargetProcessorDpc(struct nt_dpc *d, int8_t number);
uint32_t NTAPI KeSetTargetProcessorDpcEx(struct nt_dpc *d,
					 struct nt_processor *number);
void NTAPI KeFlushQueuedDpcs(void);
uint32_t NTAPI KeWaitForSingleObject(struct nt_header *h, uint32_t reason,
				     int8_t mode, uint8_t alertable,
				     int64_t *timeout);
uint32_t NTAPI KeDelayExecutionThread(int8_t mode, uint8_t alertable,
				      int64_t *interval);
uint64_t NTAPI KeQueryActiveProcessors(void);
void NTAPI KeSetSystemAffinityThread(uint64_t mask);
void NTAPI KeRevertToUserAffinityThread(void);
void NTAPI KeSetSystemGroupAffinityThread(struct nt_affinity *want,
					  struct nt_affinity *old);
void NTAPI KeRevertToUserGroupAffinityThread(struct nt_affinity *old);
uint32_t NTAPI KeGetCurrentProcessorNumberEx(struct nt_processor *number);
uint32_t NTAPI KeGetProcessorNumberFromIndex(uint32_t index,
					     struct nt_processor *number);
uint32_t NTAPI KeQueryActiveProcessorCountEx(uint16_t group);

#endif /* BED_EX_H */
