// SPDX-License-Identifier: GPL-2.0-only
/* test_check.c - every refusal by its name, and that it keeps VMs away. */
#include "core.h"

static const struct cvm_user_check_row *row(const struct cvm_user_check *check,
					    const char *name)
{
	uint32_t i;

	for (i = 0; i < check->rows; i++)
		if (!strcmp(check->row[i].name, name))
			return &check->row[i];
	fail_msg("no row '%s'", name);
	return NULL;
}

/* Attach with fake_cpu.caps as they are; expect one row to say so. */
static void expect(const char *name, uint32_t status, const char *text)
{
	const struct cvm_user_check_row *r;
	struct cvm_user_check check;
	struct cvm_x86_caps caps = fake_cpu.caps;
	struct core c;

	core_init(&c);
	fake_cpu.caps = caps;
	assert_int_equal(core_attach(&c), 0);
	assert_int_equal(core_request(&c, CVM_USER_CHECK, &check), 0);
	r = row(&check, name);
	if (r->status != status || !strstr(r->text, text))
		print_error("%s: %u %s\n", r->name, r->status, r->text);
	assert_int_equal(r->status, status);
	assert_non_null(strstr(r->text, text));
	assert_int_equal(check.refused > 0, status == CVM_CHECK_REFUSED);
	assert_int_equal(core_create(&c, 1),
			 check.refused ? -CVM_EPERM : 0);
	core_end(&c);
	fake_cpu_init();
}

#define WITH(change, ...) do {		\
	fake_cpu_init();		\
	fake_cpu.caps.change;		\
	expect(__VA_ARGS__);		\
} while (0)

static void refusals(void **state)
{
	(void)state;
	WITH(efer &= ~(1ull << 10), "long-mode", CVM_CHECK_REFUSED, "64-bit");
	WITH(cs = 0xe033, "ring-0", CVM_CHECK_REFUSED, "Xen PV");
	WITH(nx = 0, "nx", CVM_CHECK_REFUSED, "no-execute");
	WITH(efer &= ~(1ull << 11), "nx", CVM_CHECK_REFUSED, "noexec");
	WITH(syscall = 0, "syscall", CVM_CHECK_REFUSED, "SYSCALL");
	WITH(cr4 &= ~(1ull << 9), "extended-state", CVM_CHECK_REFUSED,
	     "FXSAVE");
	WITH(cr4 |= 1ull << 32, "fred", CVM_CHECK_REFUSED, "fred=off");
	WITH(s_cet = 1, "shadow-stack", CVM_CHECK_REFUSED, "shadow stacks");
	WITH(cr4 |= 1ull << 24, "supervisor-keys", CVM_CHECK_REFUSED, "PKS");
	WITH(cr4 |= 1ull << 25, "user-interrupts", CVM_CHECK_REFUSED,
	     "UINTR");
	WITH(sev_status = 2, "sev", CVM_CHECK_REFUSED, "SEV");
	WITH(c_bit = 1, "sme", CVM_CHECK_REFUSED, "mem_encrypt=off");
	WITH(tdx_guest = 1, "tdx", CVM_CHECK_REFUSED, "TDX");
	WITH(async_pf = 1, "kvm-async-pf", CVM_CHECK_REFUSED, "no-kvmapf");
	WITH(async_pf = 9, "kvm-async-pf", CVM_CHECK_REFUSED, "no-kvmapf");
	WITH(hv_root = 1, "hyper-v", CVM_CHECK_REFUSED, "root partition");
	WITH(hv_isolation = 2, "hyper-v", CVM_CHECK_REFUSED, "isolated");
}

static void selectors(void **state)
{
	(void)state;
	WITH(cs = 0x8, "selectors", CVM_CHECK_REFUSED, "CS");
	WITH(ss = 0x20, "selectors", CVM_CHECK_REFUSED, "SS");
	WITH(ss = 0, "selectors", CVM_CHECK_OK, "");
	WITH(tr = 0, "selectors", CVM_CHECK_REFUSED, "task register");
	WITH(tr = 0x44, "selectors", CVM_CHECK_REFUSED, "task register");
	/* 0x70 is the guest's first TSS in the passage's GDT. */
	WITH(tr = 0x70, "selectors", CVM_CHECK_REFUSED, "task register");
	WITH(tr = 0x60, "selectors", CVM_CHECK_OK, "");
}

static void notes(void **state)
{
	(void)state;
	WITH(la57 = 1, "paging", CVM_CHECK_NOTE, "5-level");
	WITH(xsave = 0, "extended-state", CVM_CHECK_NOTE, "FXSAVE");
	/* CR4.OSXSAVE of the fake CPU is 0. */
	WITH(xsave = 1, "extended-state", CVM_CHECK_NOTE, "XSAVE off");
	WITH(fsgsbase = 0, "fsgsbase", CVM_CHECK_NOTE, "FSGSBASE");
	WITH(cr4 &= ~(1ull << 16), "fsgsbase", CVM_CHECK_NOTE, "FSGSBASE");
	WITH(invpcid = 0, "tlb-flush", CVM_CHECK_NOTE, "CR4.PGE");
	WITH(inv_tsc = 0, "tsc", CVM_CHECK_NOTE, "invariant");
	WITH(cr4 |= 1ull << 13, "vmx-svm", CVM_CHECK_NOTE, "VMX");
	WITH(efer |= 1ull << 12, "vmx-svm", CVM_CHECK_NOTE, "SVM");
	WITH(outer = CVM_OUTER_HYPERV, "hyper-v", CVM_CHECK_NOTE, "Hyper-V");
	WITH(outer = CVM_OUTER_KVM, "kvm-async-pf", CVM_CHECK_OK, "");
}

/* CPU number 2 differs: named, with what differs. */
static void cpus_alike(void **state)
{
	const struct cvm_user_check_row *r;
	struct core c;

	(void)state;
	core_init(&c);
	fake_cpu.caps_odd_at = 2;
	fake_cpu.caps_odd = fake_cpu.caps;
	fake_cpu.caps_odd.fsgsbase = 0;
	assert_int_equal(core_attach(&c), 0);
	r = row(&c.mon->check, "cpus-alike");
	assert_int_equal(r->status, CVM_CHECK_REFUSED);
	assert_non_null(strstr(r->text, "CPU 2 "));
	assert_non_null(strstr(r->text, "fsgsbase"));
	core_end(&c);

	core_init(&c);
	fake_cpu.caps_odd_at = 3;
	fake_cpu.caps_odd = fake_cpu.caps;
	fake_cpu.caps_odd.cr4 ^= 1ull << 17;
	assert_int_equal(core_attach(&c), 0);
	r = row(&c.mon->check, "cpus-alike");
	assert_non_null(strstr(r->text, "CPU 3 "));
	assert_non_null(strstr(r->text, "CR4"));
	core_end(&c);
}

/* What may differ between CPUs counts if any CPU has it. */
static void worst_cpu_counts(void **state)
{
	struct core c;

	(void)state;
	core_init(&c);
	fake_cpu.caps_odd_at = 3;
	fake_cpu.caps_odd = fake_cpu.caps;
	fake_cpu.caps_odd.async_pf = 1;
	assert_int_equal(core_attach(&c), 0);
	assert_int_equal(row(&c.mon->check, "cpus-alike")->status,
			 CVM_CHECK_OK);
	assert_int_equal(row(&c.mon->check, "kvm-async-pf")->status,
			 CVM_CHECK_REFUSED);
	core_end(&c);
}

static void offline_cpus(void **state)
{
	struct core c;

	(void)state;
	core_init(&c);
	c.host.offline = 0x3;
	assert_int_equal(core_attach(&c), 0);
	assert_non_null(strstr(row(&c.mon->check, "cpus-alike")->text,
			       "2 CPUs"));
	core_end(&c);
	core_init(&c);
	c.host.offline = 0xf;
	assert_int_equal(core_attach(&c), -CVM_ENOENT);
	core_end(&c);
}

static int no_ring0(void *ctx, void *host_vm, int vcpu, int cpu,
		    int (*fn)(void *arg), void *arg)
{
	(void)ctx;
	(void)host_vm;
	(void)vcpu;
	(void)cpu;
	(void)fn;
	(void)arg;
	return -CVM_EPERM;
}

/* A driver in a process attaches, answers, and runs nothing. */
static void outside_ring0(void **state)
{
	struct core c;

	(void)state;
	core_init(&c);
	c.host.ops.cpu_call = no_ring0;
	assert_int_equal(core_attach(&c), 0);
	assert_int_equal(c.mon->check.rows, 1);
	assert_int_equal(row(&c.mon->check, "ring-0")->status,
			 CVM_CHECK_REFUSED);
	assert_int_equal(core_create(&c, 1), -CVM_EPERM);
	core_end(&c);
}

/* What only a shim can find out counts like libcvm's own rows. */
static void shim_rows(void **state)
{
	struct core c;

	(void)state;
	core_init(&c);
	assert_int_equal(core_attach(&c), 0);
	assert_int_equal(cvm_check_row(c.mon, "a", CVM_CHECK_OK, "fine"), 0);
	assert_int_equal(c.mon->check.refused, 0);
	assert_int_equal(cvm_check_row(c.mon, "b", CVM_CHECK_REFUSED, "no"),
			 0);
	assert_string_equal(row(&c.mon->check, "b")->text, "no");
	assert_int_equal(core_create(&c, 1), -CVM_EPERM);
	while (c.mon->check.rows < CVM_CHECK_MAX)
		assert_int_equal(cvm_check_row(c.mon, "c", CVM_CHECK_OK, ""),
				 0);
	assert_int_equal(cvm_check_row(c.mon, "d", CVM_CHECK_OK, ""),
			 -CVM_E2BIG);
	core_end(&c);
}

/* A CPU that comes online later is judged like the first ones. */
static void later_cpus(void **state)
{
	struct core c;

	(void)state;
	core_init(&c);
	assert_int_equal(core_attach(&c), 0);
	assert_int_equal(cvm_cpu_check(c.mon), 0);
	fake_cpu.caps.cr4 ^= 1ull << 16;
	assert_int_equal(cvm_cpu_check(c.mon), -CVM_EPERM);
	assert_non_null(strstr(c.host.last_log, "CR4"));
	fake_cpu.caps.cr4 ^= 1ull << 16;
	/* VMX may be on here and off there, a refused setting may not be. */
	fake_cpu.caps.cr4 ^= 1ull << 13;
	assert_int_equal(cvm_cpu_check(c.mon), 0);
	fake_cpu.caps.async_pf = 1;
	assert_int_equal(cvm_cpu_check(c.mon), -CVM_EPERM);
	assert_non_null(strstr(c.host.last_log, "no-kvmapf"));
	assert_int_equal(core_create(&c, 1), 0);
	core_end(&c);
	fake_cpu_init();
}

static void texts_fit(void **state)
{
	struct core c;
	uint32_t i;

	(void)state;
	core_init(&c);
	fake_cpu.caps.xsave = 1;
	fake_cpu.caps.cr4 |= 1ull << 18;
	assert_int_equal(core_attach(&c), 0);
	assert_in_range(c.mon->check.rows, 10, CVM_CHECK_MAX);
	for (i = 0; i < c.mon->check.rows; i++) {
		const struct cvm_user_check_row *r = &c.mon->check.row[i];

		assert_int_equal(r->status, CVM_CHECK_OK);
		assert_in_range(strlen(r->name), 2, sizeof(r->name) - 2);
		assert_in_range(strlen(r->text), 2, sizeof(r->text) - 2);
	}
	core_end(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refusals),
		cmocka_unit_test(selectors),
		cmocka_unit_test(notes),
		cmocka_unit_test(cpus_alike),
		cmocka_unit_test(worst_cpu_counts),
		cmocka_unit_test(offline_cpus),
		cmocka_unit_test(outside_ring0),
		cmocka_unit_test(shim_rows),
		cmocka_unit_test(later_cpus),
		cmocka_unit_test(texts_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
