/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ex.c - the exports that are little more than a list: callbacks, objects,
 * versions, and the kernel's Ke functions over ke.c.
 */
#include "bed.h"
#include "ex.h"
#include "ke.h"
#include "x86.h"

#define CALLBACKS	8
#define SECONDARY_DUMP_DATA	2	/* of KBUGCHECK_CALLBACK_REASON */

struct callback {
	uint16_t name[48];
	uint32_t bytes;
	struct callback *object;	/* of a registration */
	void (NTAPI *fn)(void *context, void *a, void *b);
	void *context;
	int used;
};

static struct callback objects[CALLBACKS], registered[CALLBACKS];
static struct bug_record *bug_first;
static void (NTAPI *process_fn)(uint64_t parent, uint64_t pid, uint8_t made);
static uint8_t (NTAPI *nmi_fn)(void *context, uint8_t handled);
static void *nmi_context;

uint32_t bed_nt_major = 10, bed_nt_minor, bed_nt_build = 19045;
uint32_t bed_code_integrity;

/* ---- callback objects ------------------------------------------------ */

uint32_t NTAPI ExCreateCallback(struct callback **out,
				const struct nt_attributes *at, uint8_t create,
				uint8_t many)
{
	const struct nt_ustr *name = at->name;
	struct callback *free = NULL;
	uint32_t i;

	bed_watch(__func__, PASSIVE_LEVEL);
	(void)many;
	if (bed_fails(__func__))
		return STATUS_INSUFFICIENT_RESOURCES;
	for (i = 0; i < CALLBACKS; i++) {
		struct callback *c = &objects[i];

		if (c->used && c->bytes == name->length &&
		    !memcmp(c->name, name->text, c->bytes)) {
			bed_take(BED_COUNT_objects, 1);
			*out = c;
			return STATUS_SUCCESS;
		}
		if (!c->used)
			free = c;
	}
	(void)create;	/* the two that are asked for exist on every NT */
	if (!free || name->length > sizeof(free->name))
		return STATUS_INSUFFICIENT_RESOURCES;
	free->used = 1;
	free->bytes = name->length;
	memcpy(free->name, name->text, name->length);
	bed_take(BED_COUNT_objects, 1);
	*out = free;
	return STATUS_SUCCESS;
}

void *NTAPI ExRegisterCallback(struct callback *object,
	void (NTAPI *fn)(void *context, void *a, void *b), void *context)
{
	uint32_t i;

	bed_watch(__func__, APC_LEVEL);
	for (i = 0; i < CALLBACKS && registered[i].used; i++)
		;
	if (i == CALLBACKS || bed_fails(__func__))
		return NULL;
	registered[i] = (struct callback){ .object = object, .fn = fn,
					   .context = context, .used = 1 };
	bed_take(BED_COUNT_callbacks, 1);
	return &registered[i];
}

void NTAPI ExUnregisterCallback(struct callback *c)
{
	bed_watch(__func__, APC_LEVEL);
	if (!c->used)
		bare_panic("a callback is removed twice");
	c->used = 0;
	bed_give(BED_COUNT_callbacks, 1);
}

/* Calls what is registered with an object whose name ends like this. */
static void notify(const char *end, uint64_t a, uint64_t b)
{
	uint32_t i, n, k = (uint32_t)strlen(end);

	for (i = 0; i < CALLBACKS; i++) {
		const struct callback *c = &registered[i];

		if (!c->used || c->object->bytes < 2 * k)
			continue;
		for (n = 0; n < k; n++)
			if (c->object->name[c->object->bytes / 2 - k + n] !=
			    (uint16_t)end[n])
				break;
		if (n == k)
			c->fn(c->context, (void *)a, (void *)b);
	}
}

void bed_power(uint64_t what, uint64_t value)
{
	notify("PowerState", what, value);
}

void bed_time_set(void)
{
	notify("SetSystemTime", 0, 0);
}

/* ---- objects and handles --------------------------------------------- */

struct bed_process bed_processes[BED_PROCESSES];

int bed_is_process(const void *object)
{
	const struct bed_process *p = object;

	return p == &bed_system ||
	       (p >= bed_processes && p < bed_processes + BED_PROCESSES);
}

void NTAPI ObfDereferenceObject(void *object)
{
	bed_watch(__func__, DISPATCH_LEVEL);
	bed_give(BED_COUNT_objects, 1);
	if (bed_is_process(object) && --((struct bed_process *)object)
	    ->references < 0)
		bed_bugcheck(0x18, 0, (uint64_t)object, 1, 0);
}

uint32_t NTAPI ObOpenObjectByPointer(void *object, uint32_t attributes,
	void *state, uint32_t access, void *type, int8_t mode, uint64_t *handle)
{
	bed_watch(__func__, PASSIVE_LEVEL);
	(void)object;
	(void)state;
	(void)access;
	(void)type;
	if (bed_fails(__func__))
		return STATUS_INSUFFICIENT_RESOURCES;
	if (mode || !(attributes & 0x200))
		bare_panic("a handle of the driver is not a kernel handle");
	bed_take(BED_COUNT_handles, 1);
	*handle = 0xffffffff80001000ull;
	return STATUS_SUCCESS;
}

uint32_t NTAPI ZwClose(uint64_t handle)
{
	bed_watch(__func__, PASSIVE_LEVEL);
	if (handle != 0xffffffff80001000ull)
		return STATUS_INVALID_HANDLE;
	bed_give(BED_COUNT_handles, 1);
	return STATUS_SUCCESS;
}

uint32_t NTAPI ZwSetSecurityObject(uint64_t handle, uint32_t information,
				   const uint8_t *descriptor)
{
	bed_watch(__func__, PASSIVE_LEVEL);
	(void)handle;
	if (bed_fails(__func__))
		return STATUS_INSUFFICIENT_RESOURCES;
	if (information != 4 || descriptor[0] != 1)
		return STATUS_INVALID_PARAMETER;
	return STATUS_SUCCESS;
}

uint32_t NTAPI ZwQuerySystemInformation(uint32_t kind, uint32_t *buffer,
					uint32_t bytes, uint32_t *needed)
{
	bed_watch(__func__, PASSIVE_LEVEL);
	if (kind != 103 || bed_nt_major < 6)
		return STATUS_INVALID_INFO_CLASS;
	if (bed_fails(__func__))
		return STATUS_INSUFFICIENT_RESOURCES;
	if (bytes != 8 || buffer[0] != 8)
		return STATUS_INVALID_PARAMETER;
	buffer[1] = bed_code_integrity;
	if (needed)
		*needed = 8;
	return STATUS_SUCCESS;
}

/* ---- processes and threads ------------------------------------------- */

uint64_t NTAPI PsGetCurrentProcessId(void)
{
	bed_watch(__func__, DISPATCH_LEVEL);
	return bed_current->process->pid;
}

void *NTAPI PsGetCurrentThread(void)
{
	bed_watch(__func__, DISPATCH_LEVEL);
	return bed_current;
}

uint8_t NTAPI PsIsThreadTerminating(struct bed_thread *t)
{
	bed_watch(__func__, DISPATCH_LEVEL);
	return (uint8_t)t->terminating;
}

uint32_t NTAPI PsSetCreateProcessNotifyRoutine(
	void (NTAPI *fn)(uint64_t parent, uint64_t pid, uint8_t made),
	uint8_t remove)
{
	bed_watch(__func__, PASSIVE_LEVEL);
	if (remove) {
		if (process_fn != fn)
			return STATUS_INVALID_PARAMETER;
		process_fn = NULL;
		bed_give(BED_COUNT_callbacks, 1);
		return STATUS_SUCCESS;
	}
	if (process_fn || bed_fails(__func__))
		return STATUS_INVALID_PARAMETER;
	process_fn = fn;
	bed_take(BED_COUNT_callbacks, 1);
	return STATUS_SUCCESS;
}

void bed_process_notify(uint64_t pid, int created)
{
	if (process_fn)
		process_fn(4, pid, (uint8_t)created);
}

/* ---- bug checks, NMIs, versions, text -------------------------------- */

uint8_t NTAPI KeRegisterBugCheckReasonCallback(struct bug_record *r,
	void (NTAPI *fn)(uint32_t reason, struct bug_record *r, void *data,
			 uint32_t bytes),
	uint32_t reason, const char *component)
{
	bed_watch(__func__, HIGH_LEVEL);
	if (reason != SECONDARY_DUMP_DATA || r->state)
		bare_panic("bug check callback: reason %u, state %u", reason,
			   r->state);
	if (bed_fails(__func__))
		return 0;
	r->fn = fn;
	r->reason = reason;
	r->component = component;
	r->state = 1;
	r->link.next = (void *)bug_first;
	bug_first = r;
	bed_take(BED_COUNT_callbacks, 1);
	return 1;
}

uint8_t NTAPI KeDeregisterBugCheckReasonCallback(struct bug_record *r)
{
	bed_watch(__func__, HIGH_LEVEL);
	if (bug_first != r)
		return 0;
	r->state = 0;
	bug_first = (void *)r->link.next;
	bed_give(BED_COUNT_callbacks, 1);
	return 1;
}

void bed_bugcheck_callbacks(void)
{
	static uint8_t small[16];
	struct bug_record *r;
	struct bug_data d;

	/* Asked for the size first, then for the data. */
	for (r = bug_first; r; r = (void *)r->link.next) {
		d = (struct bug_data){ .in = small, .in_bytes = sizeof(small),
				       .max = 4096 };
		r->fn(r->reason, r, &d, sizeof(d));
		d.out = small;
		r->fn(r->reason, r, &d, sizeof(d));
		bare_printf("%s: %u bytes: %s\n", r->component, d.out_bytes,
			    (char *)d.out);
	}
}

void NTAPI KeBugCheckEx(uint32_t code, uint64_t a, uint64_t b, uint64_t c,
			uint64_t d)
{
	bed_bugcheck(code, a, b, c, d);
}

void *NTAPI KeRegisterNmiCallback(uint8_t (NTAPI *fn)(void *context,
						      uint8_t handled),
				  void *context)
{
	bed_watch(__func__, DISPATCH_LEVEL);
	if (nmi_fn || bed_fails(__func__))
		return NULL;
	nmi_fn = fn;
	nmi_context = context;
	bed_take(BED_COUNT_callbacks, 1);
	return &nmi_fn;
}

uint32_t NTAPI KeDeregisterNmiCallback(void *handle)
{
	bed_watch(__func__, APC_LEVEL);
	if (handle != &nmi_fn || !nmi_fn)
		return STATUS_INVALID_HANDLE;
	nmi_fn = NULL;
	bed_give(BED_COUNT_callbacks, 1);
	return STATUS_SUCCESS;
}

int bed_watch_nmis(void)
{
	return nmi_fn ? nmi_fn(nmi_context, 0) : 0;
}

void *NTAPI KeRegisterProcessorChangeCallback(void *fn, void *context,
					      uint32_t flags)
{
	bed_watch(__func__, APC_LEVEL);
	(void)context;
	(void)flags;
	if (bed_fails(__func__))
		return NULL;
	bed_take(BED_COUNT_callbacks, 1);
	return fn;
}

void NTAPI KeDeregisterProcessorChangeCallback(void *handle)
{
	bed_watch(__func__, APC_LEVEL);
	(void)handle;
	bed_give(BED_COUNT_callbacks, 1);
}

uint32_t NTAPI RtlGetVersion(struct nt_version *v)
{
	bed_watch(__func__, PASSIVE_LEVEL);
	if (v->bytes < 276)
		return STATUS_INVALID_PARAMETER;
	v->major = bed_nt_major;
	v->minor = bed_nt_minor;
	v->build = bed_nt_build;
	v->platform = 2;
	v->service_pack[0] = 0;
	return STATUS_SUCCESS;
}

void *NTAPI MmGetSystemRoutineAddress(const struct nt_ustr *name)
{
	char text[64];
	uint32_t i;

	bed_watch(__func__, PASSIVE_LEVEL);
	for (i = 0; i < name->length / 2u && i < sizeof(text) - 1; i++)
		text[i] = (char)name->text[i];
	text[i] = 0;
	return bed_fails(__func__) ? NULL : bed_export(NULL, text);
}

/* A stray exception; see bed_landing(). */
uint32_t NTAPI __C_specific_handler(void *record, void *frame, void *context,
				    void *dispatcher)
{
	(void)record;
	(void)frame;
	(void)context;
	(void)dispatcher;
	bare_panic("__C_specific_handler was called");
}

/* One conversion of bare_printf(); an NT long has 32 bits. */
static void print_one(const char *conv, __builtin_ms_va_list *args)
{
	uint32_t wide = 0, i;

	for (i = 1; conv[i + 1]; i++)
		wide += conv[i] == 'l' || conv[i] == 'I';
	switch (conv[i]) {
	case 's':
	case 'p':
		bare_printf(conv, __builtin_va_arg(*args, void *));
		break;
	case 'c':
		bare_printf("%c", __builtin_va_arg(*args, int));
		break;
	case 'd':
		if (wide > 1)
			bare_printf("%lld",
				    __builtin_va_arg(*args, long long));
		else
			bare_printf("%d", __builtin_va_arg(*args, int));
		break;
	case 'u':
	case 'x':
		bare_printf(conv[i] == 'u' ? "%llu" : "%llx", wide > 1 ?
			    __builtin_va_arg(*args, unsigned long long) :
			    __builtin_va_arg(*args, unsigned int));
		break;
	default:
		bare_panic("DbgPrint with %s", conv);
	}
}

uint32_t NTAPI DbgPrint(const char *fmt, ...)
{
	__builtin_ms_va_list args;
	char conv[16];
	uint32_t n;

	bed_watch(__func__, HIGH_LEVEL);
	__builtin_ms_va_start(args, fmt);
	for (; *fmt; fmt++) {
		if (*fmt != '%' || fmt[1] == '%') {
			bare_printf("%c", *fmt);
			fmt += *fmt == '%';
			continue;
		}
		n = 0;
		do
			conv[n++] = *fmt;
		while ((*fmt == '%' || *fmt == 'l' || *fmt == 'I' ||
			(*fmt >= '0' && *fmt <= '9')) && *++fmt &&
		       n < sizeof(conv) - 1);
		conv[n] = 0;
		print_one(conv, &args);
	}
	__builtin_ms_va_end(args);
	return 0;
}

uint32_t NTAPI ExSetTimerResolution(uint32_t wish, uint8_t set)
{
	static int64_t holders;

	bed_watch(__func__, APC_LEVEL);
	holders += set ? 1 : -1;
	if (set)
		bed_take(BED_COUNT_resolution, 1);
	else
		bed_give(BED_COUNT_resolution, 1);
	if (set && wish < bed_resolution)
		bed_resolution = wish < 10000 ? 10000 : wish;
	if (!holders)
		bed_resolution = 156250;
	return (uint32_t)bed_resolution;
}

uint64_t NTAPI KeQueryPerformanceCounter(uint64_t *frequency)
{
	bed_watch(__func__, HIGH_LEVEL);
	if (frequency)
		*frequency = 10000000;
	return bare_mono_ns() / 100;
}

void NTAPI KeQuerySystemTimePrecise(uint64_t *time)
{
	bed_watch(__func__, HIGH_LEVEL);
	*time = bed_system_time();
}
