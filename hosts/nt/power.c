// SPDX-License-Identifier: GPL-2.0-only
/*
 * power.c - what happens to the host: sleep, clock changes, dying processes,
 * new processors, bug checks.
 */
#include "shim.h"

/* \Callback\PowerState: what the first argument may be. */
#define SYSTEM_STATE_LOCK	3u	/* PO_CB_SYSTEM_STATE_LOCK */
#define ADD_COMPLETE		1u	/* KeProcessorAddCompleteNotify */
#define BUG_TEXT		1024u

typedef void NTAPI callback_fn(void *ctx, void *a, void *b);

struct callback {
	PCALLBACK_OBJECT object;
	void *handle;
};

static struct callback power_state, system_time;
static void *processor_change;
static uint32_t process_notify;
static KBUGCHECK_REASON_CALLBACK_RECORD bug_record;
static uint32_t bug_registered;
static char bug_text[BUG_TEXT];

/* ---- sleep and clock ------------------------------------------------- */

static void interrupt(struct cvm_nt_handle *h)
{
	cvm_vm_interrupt(h->vm);
}

static void tell_time(struct cvm_nt_handle *h)
{
	cvm_clock_was_set(h->vm);
}

/*
 * Leaving S0: guests are interrupted, and no slice begins until S0 is back.
 * The threads wait in the kernel, as NT expects of any thread.
 */
static void NTAPI power_changed(void *ctx, void *what, void *in_s0)
{
	(void)ctx;
	if ((uintptr_t)what != SYSTEM_STATE_LOCK)
		return;
	if (!in_s0) {
		cvm_nt_clock_suspend();
		KeClearEvent(&cvm_nt.awake);
		__atomic_store_n(&cvm_nt.asleep, 1, __ATOMIC_SEQ_CST);
		cvm_nt_for_each_vm(interrupt);
		return;
	}
	if (!__atomic_load_n(&cvm_nt.asleep, __ATOMIC_SEQ_CST))
		return;
	cvm_nt_clock_resume();
	__atomic_store_n(&cvm_nt.asleep, 0, __ATOMIC_SEQ_CST);
	KeSetEvent(&cvm_nt.awake, 0, FALSE);
	cvm_nt_for_each_vm(tell_time);
}

static void NTAPI time_was_set(void *ctx, void *a, void *b)
{
	(void)ctx;
	(void)a;
	(void)b;
	cvm_nt_for_each_vm(tell_time);
}

static void callback_add(struct callback *c, const WCHAR *name,
			 uint16_t bytes, callback_fn *fn)
{
	UNICODE_STRING text = {
		.Length = bytes,
		.MaximumLength = bytes,
		.Buffer = (WCHAR *)(uintptr_t)name,
	};
	OBJECT_ATTRIBUTES at = {
		.Length = sizeof(at),
		.ObjectName = &text,
		.Attributes = OBJ_CASE_INSENSITIVE,
	};

	if (ExCreateCallback(&c->object, &at, FALSE, TRUE) < 0)
		c->object = NULL;
	else
		c->handle = ExRegisterCallback(c->object, fn, NULL);
	if (!c->handle)
		DbgPrint("cvm: a system callback is missing: sleep or clock "
			 "changes will not reach guests\n");
}

static void callback_remove(struct callback *c)
{
	if (c->handle)
		ExUnregisterCallback(c->handle);
	if (c->object)
		ObfDereferenceObject(c->object);
	c->handle = NULL;
	c->object = NULL;
}

/* ---- processes and processors ---------------------------------------- */

/*
 * The process still has its address space here.  Handles may live on in
 * another process, but the guest must not outlive the program that serves it,
 * nor a mapping the memory it shows.
 */
static void NTAPI process_changed(HANDLE parent, HANDLE pid, BOOLEAN created)
{
	(void)parent;
	if (!created)
		cvm_nt_process_gone(pid);
}

static void NTAPI processor_changed(void *ctx, const uint32_t *what,
				    int32_t *status)
{
	(void)ctx;
	(void)status;
	if (*what == ADD_COMPLETE)
		DbgPrint("cvm: a CPU was added; guests stay off it until the "
			 "driver is loaded again\n");
}

/* ---- bug check ------------------------------------------------------- */

static uint32_t append(uint32_t at, const char *text)
{
	while (*text && at < BUG_TEXT - 1)
		bug_text[at++] = *text++;
	return at;
}

static uint32_t append_number(uint32_t at, uint32_t n)
{
	char digits[12];
	uint32_t i = sizeof(digits) - 1;

	digits[i] = 0;
	do
		digits[--i] = (char)('0' + n % 10);
	while (n /= 10);
	return append(at, &digits[i]);
}

/* What each CPU was doing for us; memory of ours only. */
static uint32_t bug_describe(void)
{
	uint32_t i, at = append(0, "cvm " CVM_VERSION ":");
	const struct cvm_nt_vcpu *v;
	const struct cvm_nt_handle *h;

	for (i = 0; i < cvm_nt.cpus; i++) {
		v = cvm_nt_cpus[i].vcpu;
		if (!v)
			continue;
		at = append(at, " CPU ");
		at = append_number(at, cvm_nt_cpus[i].number);
		at = append(at, " was in a slice of");
		if (v->hvm->vm) {
			h = CONTAINING_RECORD(v->hvm, struct cvm_nt_handle,
					      hvm);
			at = append(at, " VM ");
			at = append_number(at, h->id);
			at = append(at, " '");
			at = append(at, h->name);
			at = append(at, "'");
		}
		at = append(at, " vCPU ");
		at = append_number(at, v->id);
		at = append(at, ";");
	}
	if (!i || bug_text[at - 1] == ':')
		at = append(at, " no CPU was in a slice;");
	bug_text[at] = 0;
	return at + 1;
}

/*
 * As text in the crash dump (windbg: .enumtag).  The simpler kind of callback
 * comes after the dump is written, since NT 5.2 and before.  Called twice: for
 * the size, for the data.  HIGH_LEVEL, everything is frozen.
 */
static void NTAPI bug_check(KBUGCHECK_CALLBACK_REASON reason,
			    KBUGCHECK_REASON_CALLBACK_RECORD *record,
			    void *data, ULONG length)
{
	static const GUID tag = { 0xed4a3b65, 0xcbd6, 0x4fbf,
		{ 0xa6, 0xf1, 0xc0, 0xe7, 0x22, 0xb4, 0xc8, 0x0c } };
	KBUGCHECK_SECONDARY_DUMP_DATA *dump = data;
	uint32_t bytes = bug_describe();

	(void)reason;
	(void)record;
	(void)length;
	if (bytes > dump->MaximumAllowed)
		return;
	dump->Guid = tag;
	dump->OutBuffer = bug_text;
	dump->OutBufferLength = bytes;
}

/* ---- all of them ----------------------------------------------------- */

NTSTATUS cvm_nt_power_init(void)
{
	static const WCHAR power_name[] = L"\\Callback\\PowerState";
	static const WCHAR time_name[] = L"\\Callback\\SetSystemTime";
	static UCHAR component[] = "cvm";
	NTSTATUS status;

	/* Without it a mapping could outlive its process: not optional. */
	status = PsSetCreateProcessNotifyRoutine(process_changed, FALSE);
	if (status < 0)
		return status;
	process_notify = 1;
	callback_add(&power_state, power_name,
		     sizeof(power_name) - sizeof(WCHAR), power_changed);
	callback_add(&system_time, time_name,
		     sizeof(time_name) - sizeof(WCHAR), time_was_set);
	if (cvm_nt.fn.KeRegisterProcessorChangeCallback &&
	    cvm_nt.fn.KeDeregisterProcessorChangeCallback)
		processor_change = cvm_nt.fn.KeRegisterProcessorChangeCallback(
			processor_changed, NULL, 0);
	/* (No machine stops when a process that loaded us does.) */
	if (!cvm_nt.ring0)
		return STATUS_SUCCESS;
	bug_record = (KBUGCHECK_REASON_CALLBACK_RECORD){
		.State = BufferEmpty
	};
	bug_registered = KeRegisterBugCheckReasonCallback(&bug_record,
		bug_check, KbCallbackSecondaryDumpData, component);
	return STATUS_SUCCESS;
}

void cvm_nt_power_exit(void)
{
	if (bug_registered)
		KeDeregisterBugCheckReasonCallback(&bug_record);
	if (processor_change)
		cvm_nt.fn.KeDeregisterProcessorChangeCallback(
			processor_change);
	callback_remove(&system_time);
	callback_remove(&power_state);
	if (process_notify)
		PsSetCreateProcessNotifyRoutine(process_changed, TRUE);
	bug_registered = 0;
	processor_change = NULL;
	process_notify = 0;
}
