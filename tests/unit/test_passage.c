// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_passage.c - the bytes of switch.S in an emulated CPU.
 *
 * What this CPU lacks (XSAVE, WRGSBASE, INVPCID, CET) is for the ring-0 images
 * under QEMU and Bochs.
 */
#include "worlds.h"

extern const uint8_t cvm_flush_begin[], cvm_flush_end[];

/* ---- tests -------------------------------------------------------------- */

static void first_entry(void **state)
{
	struct machine_state s;

	(void)state;
	call_switch();
	s = before();
	run_to(GUEST_RET);
	assert_int_equal(machine_get(&m, UC_X86_REG_RSI), 0xb007);
	assert_true(machine_get(&m, UC_X86_REG_RSP) ==
		    guest.stack_va + PAGE - 64);
	assert_int_equal(machine_get(&m, UC_X86_REG_CR3), guest.root);
	assert_int_equal(machine_get(&m, UC_X86_REG_EFLAGS) & 0x200, 0);
	assert_int_equal(machine_get(&m, UC_X86_REG_CS), 0x10);
	assert_int_equal(machine_get(&m, UC_X86_REG_DS), 0x18);
	assert_int_equal(machine_get(&m, UC_X86_REG_SS), 0x18);
	/* Before it has an IDT, NMIs are latched and the guest goes on. */
	assert_null(machine_interrupt(&m, 2));
	run_to(GUEST_RET);
	assert_int_equal(priv->nmi, 1);
	call_passage();
	run_to(HOST_RET);
	same(&s, "host");
}

static void round_trips(void **state)
{
	struct machine_state h, g;
	uint64_t seed;

	(void)state;
	call_switch();
	run_to(GUEST_RET);
	for (seed = 2; seed < 40; seed++) {
		start_guest(seed);
		call_passage();
		g = before();
		run_to(HOST_RET);
		if (seed > 2)
			same(&h, "host");
		assert_int_equal(shared->msr_dirty, 0);
		assert_int_equal(priv->msr_changed, 1);
		poison(seed + 100);
		refresh_host();
		call_switch();
		h = before();
		run_to(GUEST_RET);
		same(&g, "guest");
	}
	/* Neither side's tables or GDT were written. */
	assert_int_equal(((uint64_t *)host.data)[TR / 8] >> 40 & 0xff, 0x8b);
	assert_int_equal(((uint64_t *)guest.data)[TR / 8] >> 40 & 0xff, 0x8b);
	assert_int_equal(priv->fault.count, 0);
}

/* Everything a trip may change, so that it can be made again. */
struct snapshot {
	uc_context *cpu;
	struct machine_tlb tlb;
	uint8_t memory[9][4096];
};

static void *snapshot_page(uint32_t i)
{
	uint8_t *const worlds[] = { host.data, guest.data };

	return i < 3 ? (uint8_t *)priv + i * PAGE :
	       worlds[(i - 3) / 3] + (i - 3) % 3 * PAGE;
}

static void take(struct snapshot *s)
{
	uint32_t i;

	if (!s->cpu)
		assert_int_equal(uc_context_alloc(m.uc, &s->cpu), 0);
	assert_int_equal(uc_context_save(m.uc, s->cpu), 0);
	s->tlb = m.tlb;
	for (i = 0; i < 9; i++)
		memcpy(s->memory[i], snapshot_page(i), PAGE);
}

static void put_back(struct snapshot *s)
{
	uint32_t i;

	assert_int_equal(uc_context_restore(m.uc, s->cpu), 0);
	for (i = 0; i < 9; i++)
		memcpy(snapshot_page(i), s->memory[i], PAGE);
	machine_set_tlb(&m, &s->tlb);
}

static uint32_t hits[3];	/* host, passage, guest */

/* Deliver the vector here, finish the trip, compare. */
static void inject(uint8_t vector, uint64_t stop,
		   const struct machine_state *want)
{
	uint64_t rip = machine_get(&m, UC_X86_REG_RIP);
	uint64_t n[3] = { *counter(&host), priv->nmi + priv->mce,
			  *counter(&guest) };
	const char *why = machine_interrupt(&m, vector);
	uint64_t now[3];
	uint32_t i, got = 0;

	if (why)
		fail_msg("vector %u at 0x%llx: %s", vector,
			 (unsigned long long)rip, why);
	run_to(rip);
	run_to(stop);
	same(want, "after the interrupt");
	now[0] = *counter(&host);
	now[1] = priv->nmi + priv->mce;
	now[2] = *counter(&guest);
	for (i = 0; i < 3; i++) {
		hits[i] += now[i] != n[i];
		got += (uint32_t)(now[i] - n[i]);
	}
	assert_int_equal(got, 1);
}

/* From here to stop: the vector at every instruction.  Returns how many. */
static uint32_t everywhere(uint8_t vector, uint64_t stop)
{
	static struct snapshot start, here;
	struct machine_state want;
	const char *why;
	uint32_t n = 0;

	take(&start);
	run_to(stop);
	machine_read(&m, &want);
	put_back(&start);
	while (machine_get(&m, UC_X86_REG_RIP) != stop) {
		take(&here);
		inject(vector, stop, &want);
		put_back(&here);
		why = machine_step(&m);
		assert_null(why);
		n++;
	}
	uc_context_free(start.cpu);
	uc_context_free(here.cpu);
	start.cpu = here.cpu = NULL;
	return n;
}

static void interrupt_everywhere(uint8_t vector, const char *name)
{
	uint32_t in, out, all;

	memset(hits, 0, sizeof(hits));
	call_switch();
	run_to(GUEST_RET);
	start_guest(6);
	call_passage();
	run_to(HOST_RET);
	poison(7);
	refresh_host();
	call_switch();
	in = everywhere(vector, GUEST_RET);

	start_guest(8);		/* with new MSRs and debug registers */
	call_passage();
	all = everywhere(vector, HOST_RET);
	refresh_host();
	call_switch();
	run_to(GUEST_RET);
	call_passage();		/* and without */
	out = everywhere(vector, HOST_RET);
	print_message("%s: %u of %u addresses in, %u of %u out, %u of %u out "
		      "the long way (host %u, passage %u, guest %u)\n", name,
		      in, in, out, out, all, all, hits[0], hits[1], hits[2]);
	assert_true(in > 60 && out > 60 && all > out);
	assert_true(hits[0] && hits[1] && hits[2]);
}

static void nmi_everywhere(void **state)
{
	(void)state;
	interrupt_everywhere(2, "NMI");
}

static void mce_everywhere(void **state)
{
	(void)state;
	interrupt_everywhere(18, "#MC");
}

/* A fault while the guest is left or loaded gives the host back. */
static uint32_t fault_until(uint64_t idt, const struct machine_state *want)
{
	static struct snapshot here;
	uint32_t n = 0;

	while (machine_idt(&m) != idt) {
		take(&here);
		n++;
		assert_null(machine_interrupt(&m, 13));
		run_to(HOST_RET);
		same(want, "host after a fault");
		assert_int_equal(priv->fault.count, 1);
		assert_int_equal(priv->fault.vector, 13);
		put_back(&here);
		assert_null(machine_step(&m));
	}
	uc_context_free(here.cpu);
	here.cpu = NULL;
	return n;
}

static void faults(void **state)
{
	struct machine_state h;
	uint32_t in, out;

	(void)state;
	call_switch();
	run_to(GUEST_RET);
	start_guest(4);
	call_passage();
	run_to(HOST_RET);
	poison(5);
	refresh_host();
	call_switch();
	h = before();
	/* From the intermediate tables on, the host is saved. */
	while (machine_get(&m, UC_X86_REG_CR3) == host.root)
		assert_null(machine_step(&m));
	in = fault_until(guest.data_va + IDT_OFF, &h);
	run_to(GUEST_RET);
	call_passage();
	while (machine_idt(&m) == guest.data_va + IDT_OFF)
		assert_null(machine_step(&m));
	out = fault_until(host.data_va + IDT_OFF, &h);
	print_message("#GP: %u of %u addresses in, %u of %u out\n", in, in,
		      out, out);
	assert_true(in > 60 && out > 60);
}

/* Patch the flush out, as the CPU sees the page at this address. */
static void no_flush(uint64_t code_va)
{
	uint64_t from = (uint64_t)(cvm_flush_begin - cvm_passage_start);
	uint64_t to = (uint64_t)(cvm_flush_end - cvm_passage_start);

	memset(code + from, 0x90, to - from);
	assert_int_equal(uc_ctl_remove_cache(m.uc, code_va + from,
					     code_va + to), 0);
}

/* The guest with the host's CR4, so that only the flush changes CR4.PGE. */
static void same_cr4(void)
{
	call_switch();
	run_to(GUEST_RET);
	start_guest(2);
	call_passage();
}

/* With the flush patched out, a page of the wrong world must show. */
static void flush_out_is_needed(void **state)
{
	const char *why;

	(void)state;
	same_cr4();
	no_flush(GVA);
	why = try_to(HOST_RET);
	print_message("without the flush, out: %s\n", why ? why : "nothing");
	assert_non_null(why);
}

static void flush_in_is_needed(void **state)
{
	const char *why;

	(void)state;
	same_cr4();
	run_to(HOST_RET);
	refresh_host();
	call_switch();
	no_flush((uintptr_t)cvm_passage_start);
	why = try_to(GUEST_RET);
	print_message("without the flush, in: %s\n", why ? why : "nothing");
	assert_non_null(why);
}

#define WORLDS_TEST(name) \
	cmocka_unit_test_setup_teardown(name, worlds_setup, worlds_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLDS_TEST(flush_out_is_needed),
		WORLDS_TEST(flush_in_is_needed),
		WORLDS_TEST(first_entry),
		WORLDS_TEST(round_trips),
		WORLDS_TEST(nmi_everywhere),
		WORLDS_TEST(mce_everywhere),
		WORLDS_TEST(faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
