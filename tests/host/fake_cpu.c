/* SPDX-License-Identifier: GPL-2.0-only */
/* fake_cpu.c - the instructions of ring 0, and a guest in C. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_cpu.h"
#include "fake_os.h"

struct fake_cpu fake_cpu;

static uint64_t *find_msr(uint32_t index)
{
	uint32_t i;

	for (i = 0; i < fake_cpu.msrs; i++)
		if (fake_cpu.msr[i].index == index)
			return &fake_cpu.msr[i].value;
	fprintf(stderr, "fake CPU: no MSR 0x%x\n", index);
	abort();
}

void fake_cpu_set_msr(uint32_t index, uint64_t value)
{
	uint32_t i;

	for (i = 0; i < fake_cpu.msrs; i++)
		if (fake_cpu.msr[i].index == index)
			break;
	if (i == FAKE_MSRS)
		abort();
	if (i == fake_cpu.msrs)
		fake_cpu.msrs++;
	fake_cpu.msr[i].index = index;
	fake_cpu.msr[i].value = value;
}

static void move(uint64_t *reg, uint64_t *special, int to_special)
{
	if (to_special)
		*special = *reg;
	else
		*reg = *special;
}

/* MOV to or from CRn/DRn: [REX] 0F 20..23 /r.  Returns its length, or 0. */
static uint32_t emulate_mov(uint64_t *r, const uint8_t *at)
{
	uint8_t rex = (*at & 0xf0) == 0x40 ? *at++ : 0;
	uint32_t special, general;

	if (at[0] != 0x0f || at[1] < 0x20 || at[1] > 0x23)
		return 0;
	special = (at[2] >> 3 & 7) | (rex & 4) << 1;
	general = (at[2] & 7) | (rex & 1) << 3;
	if (at[1] & 1)
		move(&r[general], &fake_cpu.dr[special & 7], at[1] & 2);
	else
		move(&r[general], &fake_cpu.cr[special], at[1] & 2);
	return rex ? 4 : 3;
}

static uint64_t edx_eax(const uint64_t *r)
{
	return r[FAKE_RDX] << 32 | (uint32_t)r[FAKE_RAX];
}

static uint32_t emulate(uint64_t *r, const uint8_t *at)
{
	uint64_t value;

	if (at[0] == 0x0f && at[1] == 0x32) {
		value = *find_msr((uint32_t)r[FAKE_RCX]);
		r[FAKE_RAX] = (uint32_t)value;
		r[FAKE_RDX] = value >> 32;
		return 2;
	}
	if (at[0] == 0x0f && at[1] == 0x30) {
		*find_msr((uint32_t)r[FAKE_RCX]) = edx_eax(r);
		return 2;
	}
	if (at[0] == 0x0f && at[1] == 0x01 && at[2] == 0xd1) {
		fake_cpu.xcr0 = edx_eax(r);
		return 3;
	}
	return emulate_mov(r, at);
}

/*
 * The core reads the host's GDT, and SGDT says where the real one is.  Let the
 * register that points there point to ours instead and try again.
 */
static int redirect(uint64_t *r, uint64_t address)
{
	static uint64_t gdt[16];
	struct cvm_dtr real;
	uint32_t i;
	int found = 0;

	__asm__ volatile("sgdt %0" : "=m"(real.limit), "=m"(real.base));
	if (address - real.base >= sizeof(gdt))
		return 0;
	for (i = 0; i < FAKE_REGS; i++) {
		if (r[i] - real.base >= sizeof(gdt))
			continue;
		r[i] += (uintptr_t)gdt - real.base;
		found = 1;
	}
	return found;
}

static int on_fault(struct fake_fault *fault)
{
	uint32_t length;

	/* Only a #GP has no address; anything else is a bug. */
	if (fault->address)
		return redirect(fault->reg, fault->address);
	length = emulate(fault->reg, (const uint8_t *)(uintptr_t)fault->rip);
	fake_cpu.emulated += length != 0;
	fault->rip += length;
	return length != 0;
}

static void default_caps(struct cvm_x86_caps *c)
{
	*c = (struct cvm_x86_caps){
		.lm = 1, .nx = 1, .syscall = 1, .fxsr = 1, .pge = 1,
		.pat = 1, .sep = 1, .mce = 1, .pcid = 1, .fsgsbase = 1,
		.invpcid = 1, .inv_tsc = 1, .rdtscp = 1, .tsc_aux = 1,
		.vendor = CVM_X86_INTEL, .phys_bits = 39,
		.cs = 0x10, .ss = 0x18, .tr = 0x40,
		.cr0 = fake_cpu.cr[0], .cr4 = fake_cpu.cr[4], .efer = 0xd01,
	};
}

void fake_cpu_init(void)
{
	static const uint32_t msrs[] = {
		0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0x174, 0x175,
		0x176, 0x277, 0xc0000103, 0x1d9, 0xc0000100, 0xc0000101,
		0xc0000102,
	};
	uint32_t i;

	memset(&fake_cpu, 0, sizeof(fake_cpu));
	fake_cpu.caps_odd_at = -1;
	fake_cpu.cr[0] = 0x80050033;
	fake_cpu.cr[3] = 0x1000000;
	/* FSGSBASE, PCIDE, OSFXSR, PGE, MCE, PAE; no OSXSAVE: FXSAVE. */
	fake_cpu.cr[4] = 0x302e0;
	fake_cpu.dr[6] = 0xffff0ff0;
	fake_cpu.dr[7] = 0x400;
	for (i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++)
		fake_cpu_set_msr(msrs[i], 0x1000 + i);
	fake_cpu_set_msr(0xc0000080, 0xd01);
	default_caps(&fake_cpu.caps);
	fake_os_catch(on_fault);
}

/* ---- in place of x86/caps.c and of the switch ------------------------- */

uint64_t cvm_x86_rflags(void)
{
	return fake_cpu.rflags;
}

void cvm_x86_caps_read(struct cvm_x86_caps *caps)
{
	*caps = fake_cpu.caps_calls++ == fake_cpu.caps_odd_at ?
		fake_cpu.caps_odd : fake_cpu.caps;
}

void CVM_SYSV cvm_x86_switch(struct cvm_priv *priv)
{
	fake_cpu.switches++;
	if (!fake_cpu.guest) {
		fprintf(stderr, "fake CPU: a switch, and no guest\n");
		abort();
	}
	fake_cpu.guest(priv, (struct cvm_shared *)(priv + 1));
}
