// SPDX-License-Identifier: GPL-2.0-only
/* test_ioctl.c - the user ABI's table, console input, events, statistics. */
#include "core.h"

static void start(struct core *c)
{
	core_init(c);
	assert_int_equal(core_attach(c), 0);
	assert_int_equal(core_create(c, 1), 0);
	assert_int_equal(core_vcpu(c, 0), 0);
}

static void table(void **state)
{
	static const uint32_t ops[] = {
		CVM_USER_VERSION, CVM_USER_CHECK, CVM_USER_LIST,
		CVM_USER_STATS, CVM_USER_STOP, CVM_USER_KILL,
		CVM_USER_VM_CREATE, CVM_USER_MEM_ADD, CVM_USER_MEM_RANGES,
		CVM_USER_VCPU_CREATE, CVM_USER_VCPU_BOOT, CVM_USER_VCPU_RUN,
		CVM_USER_CONSOLE_IN, CVM_USER_EVENT,
		CVM_USER_DOORBELL_BIND, CVM_USER_DOORBELL_UNBIND,
		CVM_USER_NOTIFIER_BIND, CVM_USER_NOTIFIER_UNBIND,
	};
	static const uint32_t least[] = {
		48, 16, 16, 168, 4, 4, 80, 32, 16, 40, 48, 80, 528, 24, 16,
		16, 24, 24,
	};
	uint8_t arg[sizeof(struct cvm_user_list)] = { 0 };
	const struct cvm_ioctl *op;
	struct core c;
	uint32_t i, found = 0;

	(void)state;
	start(&c);
	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		op = cvm_ioctl_find(ops[i]);
		assert_non_null(op);
		assert_int_equal(op->number, ops[i]);
		assert_true(op->name[0]);
		/* Programs are compiled with it (uapi.h). */
		assert_int_equal(op->least, least[i]);
		assert_in_range(op->least, 4, op->size);
		assert_in_range(op->size, 0, CVM_USER_BYTES_MAX);
		/* What a host makes of its own. */
		assert_int_equal(cvm_ioctl_call(op, c.mon, c.vm, arg,
						op->size - 1u), -CVM_EINVAL);
		assert_int_equal(cvm_ioctl_call(op, c.mon, c.vm, arg,
						op->size + 1u), -CVM_EINVAL);
		if (op->needs_vm)
			assert_int_equal(cvm_ioctl_call(op, c.mon, NULL, arg,
							op->size), -CVM_ENOENT);
	}
	for (i = 0; i < 256; i++)
		found += cvm_ioctl_find(i) != NULL;
	assert_int_equal(found, sizeof(ops) / sizeof(ops[0]));
	assert_null(cvm_ioctl_find(UINT32_MAX));
	core_end(&c);
}

/* ---- sizes --------------------------------------------------------------- */

#define ROOM	(CVM_USER_BYTES_MAX + 8u)

/* What uapi.h says, by another way: first the whole structure, then look. */
static int fit_model(const struct cvm_ioctl *op, uint8_t *to,
		     const uint8_t *from, size_t bytes)
{
	static const uint8_t zero[ROOM];

	if (bytes < op->least)
		return -CVM_EINVAL;
	if (bytes > CVM_USER_BYTES_MAX ||
	    (bytes > op->size && memcmp(from + op->size, zero,
					bytes - op->size)))
		return -CVM_E2BIG;
	memset(to, 0, op->size);
	memcpy(to, from, bytes < op->size ? bytes : op->size);
	return memcmp(to + op->reserved_off, zero, op->reserved_bytes) ?
	       -CVM_EINVAL : 0;
}

static uint32_t dice(void)
{
	static uint64_t seed = 88172645463325252ull;

	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 32);
}

/* A few bytes set, anywhere; the reserved ones mostly are not. */
static void scatter(const struct cvm_ioctl *op, uint8_t *from)
{
	uint32_t n = dice() % 4;

	memset(from, 0, ROOM);
	while (n--)
		from[dice() % (dice() % 2 ? op->size : ROOM)] = 1;
	if (dice() % 4)
		memset(from + op->reserved_off, 0, op->reserved_bytes);
}

static size_t any_bytes(const struct cvm_ioctl *op)
{
	switch (dice() % 4) {
	case 0:
		return op->least - 1u + dice() % 3;
	case 1:
		return op->size - 1u + dice() % 3;
	case 2:
		return CVM_USER_BYTES_MAX - 1u + dice() % 3;
	default:
		return dice() % ROOM;
	}
}

static void sizes(void **state)
{
	static uint8_t from[ROOM], arg[ROOM], want[ROOM];
	const struct cvm_ioctl *op;
	uint32_t i, ok = 0, none = 0, big = 0;
	size_t bytes;
	int ret;

	(void)state;
	for (i = 0; i < 200000; i++) {
		op = cvm_ioctl_find(dice() % 28);
		if (!op)
			continue;
		scatter(op, from);
		bytes = any_bytes(op);
		/* Beyond what came lies anything, and stays. */
		memset(arg, 0xa5, ROOM);
		memcpy(arg, from, bytes);
		ret = cvm_ioctl_fit(op, arg, bytes);
		assert_int_equal(ret, fit_model(op, want, from, bytes));
		ok += !ret;
		none += ret == -CVM_EINVAL;
		big += ret == -CVM_E2BIG;
		if (ret)
			continue;
		assert_memory_equal(arg, want, op->size);
		bytes = bytes > op->size ? bytes : op->size;
		assert_int_equal(arg[bytes], 0xa5);
	}
	print_message("%u fit, %u invalid, %u too big\n", ok, none, big);
	assert_true(ok > 10000 && none > 10000 && big > 10000);
}

/* A program that is older than .text, and leaves it out. */
static void shorter_run(void **state)
{
	const struct cvm_ioctl *op = cvm_ioctl_find(CVM_USER_VCPU_RUN);
	struct cvm_user_run run;
	struct core c;

	(void)state;
	start(&c);
	memset(&run, 0x5a, sizeof(run));
	memset(&run, 0, op->least);
	assert_int_equal(cvm_ioctl_fit(op, &run, op->least), 0);
	assert_int_equal(run.text[0], 0);
	cvm_vm_kill(c.vm);
	assert_int_equal(core_request(&c, CVM_USER_VCPU_RUN, &run), 0);
	assert_int_equal(run.reason, CVM_RUN_KILLED);
	core_end(&c);
}

static void vm_create_is_special(void **state)
{
	struct cvm_user_vm args = core_vm_args(1);
	struct core c;

	(void)state;
	start(&c);
	assert_int_equal(core_request(&c, CVM_USER_VM_CREATE, &args),
			 -CVM_ENOTTY);
	core_end(&c);
}

static void version(void **state)
{
	struct cvm_user_version v;
	struct core c;

	(void)state;
	start(&c);
	memset(&v, 0x5a, sizeof(v));
	assert_int_equal(core_request(&c, CVM_USER_VERSION, &v), 0);
	assert_int_equal(v.user_abi, CVM_USER_ABI);
	assert_int_equal(v.guest_abi, CVM_GUEST_ABI);
	assert_int_equal(v.host, CVM_HOST_FAKE);
	assert_int_equal(v.cpus, FAKE_CPUS);
	assert_string_equal(v.version, CVM_VERSION);
	core_end(&c);
}

/* ---- console ------------------------------------------------------------- */

static uint32_t type(struct core *c, const char *text, uint32_t bytes)
{
	struct cvm_user_console con = { .bytes = bytes };

	memcpy(con.data, text, bytes);
	assert_int_equal(core_request(c, CVM_USER_CONSOLE_IN, &con), 0);
	return con.bytes;
}

/* Read like a guest: at most max bytes. */
static uint32_t drain(struct core *c, char *to, uint32_t max)
{
	struct cvm_shared *s = c->vm->vcpu[0]->shared;
	uint32_t n = 0;

	while (n < max && s->con_tail != s->con_head)
		to[n++] = (char)s->con_ring[s->con_tail++ % CVM_CONSOLE_RING];
	return n;
}

static void console(void **state)
{
	struct cvm_shared *s;
	char text[CVM_CONSOLE_RING], got[CVM_CONSOLE_RING];
	struct core c;
	uint32_t i;

	(void)state;
	start(&c);
	s = c.vm->vcpu[0]->shared;
	assert_int_equal(type(&c, "ls\n", 3), 3);
	assert_int_equal(s->events, 1ull << CVM_EVENT_CONSOLE_BIT);
	assert_true(c.fvm.woken[0]);
	assert_int_equal(drain(&c, got, sizeof(got)), 3);
	assert_memory_equal(got, "ls\n", 3);

	/* A full ring, across its end. */
	for (i = 0; i < sizeof(text); i++)
		text[i] = (char)i;
	assert_int_equal(type(&c, text, sizeof(text)), sizeof(text));
	assert_int_equal(s->con_full, 0);
	s->events = 0;
	assert_int_equal(type(&c, "x", 1), 0);
	assert_int_equal(s->con_full, 1);
	assert_int_equal(s->events, 0);
	assert_int_equal(drain(&c, got, 10), 10);
	assert_int_equal(type(&c, "abcdefghijkl", 12), 10);
	assert_int_equal(drain(&c, got, sizeof(got)), sizeof(got));
	assert_memory_equal(got, text + 10, sizeof(got) - 10);
	assert_memory_equal(got + sizeof(got) - 10, "abcdefghij", 10);
	core_end(&c);
}

/* The indices run over 2^32; a guest that writes nonsense hurts itself. */
static void console_indices(void **state)
{
	struct cvm_shared *s;
	char got[8];
	struct core c;

	(void)state;
	start(&c);
	s = c.vm->vcpu[0]->shared;
	s->con_head = s->con_tail = UINT32_MAX - 1;
	assert_int_equal(type(&c, "abcd", 4), 4);
	assert_int_equal(s->con_head, 2);
	assert_int_equal(drain(&c, got, sizeof(got)), 4);
	assert_memory_equal(got, "abcd", 4);
	s->con_tail = s->con_head + 1;
	assert_int_equal(type(&c, "a", 1), 0);
	s->con_tail = s->con_head - CVM_CONSOLE_RING - 1;
	assert_int_equal(type(&c, "a", 1), 0);
	core_end(&c);
}

static void console_arguments(void **state)
{
	struct cvm_user_console con = { .bytes = 513 };
	struct core c;

	(void)state;
	core_init(&c);
	assert_int_equal(core_attach(&c), 0);
	assert_int_equal(core_create(&c, 1), 0);
	assert_int_equal(core_request(&c, CVM_USER_CONSOLE_IN, &con),
			 -CVM_EINVAL);
	con.bytes = 1;
	assert_int_equal(core_request(&c, CVM_USER_CONSOLE_IN, &con),
			 -CVM_ENOENT);
	core_end(&c);
}

/* ---- events -------------------------------------------------------------- */

static int raise_event(struct core *c, uint32_t vcpu, uint64_t bits)
{
	struct cvm_user_event ev = { .vcpu = vcpu, .bits = bits };

	return core_request(c, CVM_USER_EVENT, &ev);
}

static void events(void **state)
{
	struct core c;
	uint32_t bit;
	int want;

	(void)state;
	start(&c);
	for (bit = 0; bit < 64; bit++) {
		want = bit >= CVM_EVENT_DEVICE_BIT ||
		       bit == CVM_EVENT_POWER_BIT ||
		       bit == CVM_EVENT_CLOCK_BIT ||
		       bit == CVM_EVENT_HOTPLUG_BIT ||
		       bit == CVM_EVENT_CONSOLE_BIT ? 0 : -CVM_EINVAL;
		c.vm->vcpu[0]->shared->events = 0;
		c.fvm.woken[0] = 0;
		assert_int_equal(raise_event(&c, 0, 1ull << bit), want);
		assert_true(c.vm->vcpu[0]->shared->events ==
			    (want ? 0 : 1ull << bit));
		assert_int_equal(c.fvm.woken[0], !want);
	}
	assert_int_equal(raise_event(&c, 0, 0), -CVM_EINVAL);
	assert_int_equal(raise_event(&c, 1, 1ull << 16), -CVM_ENOENT);
	/* Bits add up until the guest takes them. */
	c.vm->vcpu[0]->shared->events = 1;
	assert_int_equal(raise_event(&c, 0, 3ull << 16), 0);
	assert_int_equal(c.vm->vcpu[0]->shared->events, (3 << 16) | 1);
	/* From the inside, to a vCPU that does not exist. */
	cvm_event_raise(c.vm, 7, 1);
	cvm_timer_fired(c.vm, 7);
	core_end(&c);
}

/* The event says that the wall clock is new: it must be. */
static void clock_set(void **state)
{
	struct core c;

	(void)state;
	start(&c);
	c.host.now_ns += 3600000000000ull;
	assert_int_equal(core_guest_wall(&c), core_host_wall(&c));
	c.host.wall_step_ns = 7200000000123;
	assert_int_equal(core_guest_wall(&c) + 7200000000123,
			 core_host_wall(&c));
	assert_int_equal(raise_event(&c, 0, 1ull << CVM_EVENT_CLOCK_BIT), 0);
	assert_int_equal(core_guest_wall(&c), core_host_wall(&c));
	core_end(&c);
}

static void timer_fired(void **state)
{
	struct cvm_shared *s;
	struct core c;

	(void)state;
	start(&c);
	s = c.vm->vcpu[0]->shared;
	s->armed_tsc = 12345;
	cvm_timer_fired(c.vm, 0);
	assert_true(s->armed_tsc == CVM_DEADLINE_NONE);
	assert_int_equal(s->events, 1ull << CVM_EVENT_TIMER_BIT);
	assert_true(c.fvm.woken[0]);
	core_end(&c);
}

/* ---- by number ----------------------------------------------------------- */

static void stop_and_kill(void **state)
{
	struct cvm_user_id id = { .id = 1 }, none = { .id = 9 };
	struct cvm_vm *vm;
	struct core c;

	(void)state;
	start(&c);
	vm = c.vm;
	c.vm = NULL;	/* a control handle */
	assert_int_equal(core_request(&c, CVM_USER_STOP, &none), -CVM_ENOENT);
	assert_int_equal(core_request(&c, CVM_USER_KILL, &none), -CVM_ENOENT);
	none.id = 0;
	assert_int_equal(core_request(&c, CVM_USER_STOP, &none), -CVM_ENOENT);
	assert_int_equal(core_request(&c, CVM_USER_KILL, &none), -CVM_ENOENT);
	assert_int_equal(core_request(&c, CVM_USER_STOP, &id), 0);
	assert_int_equal(vm->vcpu[0]->shared->events,
			 1ull << CVM_EVENT_POWER_BIT);
	assert_int_equal(core_request(&c, CVM_USER_KILL, &id), 0);
	assert_int_equal(vm->end, CVM_RUN_KILLED);
	assert_int_equal(core_request(&c, CVM_USER_STOP, &id), -CVM_EIO);
	assert_int_equal(core_request(&c, CVM_USER_KILL, &id), 0);
	c.vm = vm;
	core_end(&c);
}

static void stats(void **state)
{
	struct cvm_user_stats s = { .id = 0 };
	struct cvm_vcpu *v;
	struct core c;
	uint32_t i;

	(void)state;
	core_init(&c);
	assert_int_equal(core_attach(&c), 0);
	assert_int_equal(core_create(&c, 3), 0);
	for (i = 0; i < 3; i++) {
		assert_int_equal(core_vcpu(&c, i), 0);
		v = c.vm->vcpu[i];
		v->stats.switches = 100 + i;
		v->stats.vector[0xec] = 10;
		v->stats.slice_tsc_max = 50 - i;
		v->stats.msr_reloads = 1;
		v->shared->hypercalls = 100 + i;
		v->shared->irqoff_max = 7 + i;
		v->shared->vector_count[0xec] = 10;
		v->shared->forwarded = 4;
		v->shared->refused = i;
	}
	assert_int_equal(core_request(&c, CVM_USER_STATS, &s), 0);
	assert_int_equal(s.id, 1);
	assert_int_equal(s.tsc_khz, 2000000);
	assert_int_equal(s.info.vcpus, 3);
	assert_int_equal(s.stats.switches, 303);
	assert_int_equal(s.stats.guest_calls, 303);
	assert_int_equal(s.stats.vector[0xec], 30);
	assert_int_equal(s.stats.guest_vector[0xec], 30);
	assert_int_equal(s.stats.guest_forwarded, 12);
	assert_int_equal(s.stats.slice_tsc_max, 50);
	assert_int_equal(s.stats.irqoff_tsc_max, 9);
	assert_int_equal(s.stats.refused, 3);
	assert_int_equal(s.stats.msr_reloads, 3);
	s.id = 2;
	assert_int_equal(core_request(&c, CVM_USER_STATS, &s), -CVM_ENOENT);
	core_end(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),
		cmocka_unit_test(sizes),
		cmocka_unit_test(shorter_run),
		cmocka_unit_test(vm_create_is_special),
		cmocka_unit_test(version),
		cmocka_unit_test(console),
		cmocka_unit_test(console_indices),
		cmocka_unit_test(console_arguments),
		cmocka_unit_test(events),
		cmocka_unit_test(clock_set),
		cmocka_unit_test(timer_fired),
		cmocka_unit_test(stop_and_kill),
		cmocka_unit_test(stats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
