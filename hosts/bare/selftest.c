/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * selftest.c - the conformance suite of the host API, run by this host.
 */
#include <cvm/libcvm.h>

#include "bare.h"
#include "conformance.h"

static struct cvm_conformance conf;

static const void *view(void *arg, uint64_t hpa)
{
	(void)arg;
	return bare_hva(hpa);
}

static uint64_t pages_out(void *arg)
{
	(void)arg;
	return bare_lent_mem + bare_lent_pages;
}

static uint64_t self_taken(void *arg)
{
	(void)arg;
	return bare_gate_count[BARE_VEC_WAKE];
}

static int nmi_watch(void *arg, int begin)
{
	static uint64_t before;

	(void)arg;
	if (begin)
		before = bare_gate_count[2];
	return (int)(bare_gate_count[2] - before);
}

static void report(void *arg, int verdict, const char *test, const char *why)
{
	(void)arg;
	if (verdict == CVM_CONF_SKIP)
		bare_skip("%s: %s", test, why);
	else
		bare_report(verdict == CVM_CONF_PASS, "%s%s%s", test,
			    *why ? ": " : "", why);
}

static void fired(uint32_t vcpu)
{
	cvm_conformance_fired(&conf, vcpu);
}

void bare_selftest(void)
{
	static struct bare_vm host_vm;

	host_vm.fired = fired;
	conf.ops = &bare_host_ops;
	conf.host_vm = &host_vm;
	conf.cpus = 1;
	conf.flags = CVM_CONF_RING0;
	conf.view = view;
	conf.pages_out = pages_out;
	conf.self_taken = self_taken;
	conf.self_vector = BARE_VEC_WAKE;
	conf.nmis = nmi_watch;
	conf.report = report;
	bare_report(!cvm_conformance(&conf), "the host API's contract holds");
	bare_vm_gone(&host_vm);
}
