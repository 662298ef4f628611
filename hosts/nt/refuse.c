// SPDX-License-Identifier: GPL-2.0-only
/*
 * refuse.c - what a kernel under VBS would not survive.
 *
 * With virtualisation-based security the hypervisor intercepts LIDT, LGDT and
 * control-register writes for the secure kernel (bug check 0x18C), and HVCI
 * lets nothing execute that it has not checked.  An NT that does not know the
 * question has no VBS; one that knows it and does not answer may.  FRED, shadow
 * stacks and Hyper-V's root partition are libcvm's own rows.
 */
#include "shim.h"

#define CODE_INTEGRITY		103u	/* SystemCodeIntegrityInformation */
#define ISOLATED_USER_MODE	165u	/* SystemIsolatedUserModeInformation */
#define HVCI_ANY		0x1c00u	/* enabled, audit or strict mode */
#define IUM_ENABLED		0x2000u
#define SECURE_KERNEL		0x1u	/* SecureKernelRunning */
#define HVCI_ENABLED		0x2u	/* HvciEnabled */

#define NO_ANSWER		(~0u)	/* taken for: everything is on */
#define NOT_IMPLEMENTED		((NTSTATUS)0xc0000002)
#define INVALID_INFO_CLASS	((NTSTATUS)0xc0000003)

struct code_integrity {
	uint32_t length;
	uint32_t options;
};

struct isolated_user_mode {
	uint32_t flags;
	uint32_t more;
	uint64_t spare;
};

static uint32_t answer(NTSTATUS status, uint32_t flags)
{
	if (status == NOT_IMPLEMENTED || status == INVALID_INFO_CLASS)
		return 0;
	return status < 0 ? NO_ANSWER : flags;
}

static uint32_t code_integrity(void)
{
	struct code_integrity info = { .length = sizeof(info) };
	NTSTATUS status = ZwQuerySystemInformation(CODE_INTEGRITY, &info,
						   sizeof(info), NULL);

	return answer(status, info.options);
}

static uint32_t isolated_user_mode(void)
{
	struct isolated_user_mode info = { 0 };
	NTSTATUS status = ZwQuerySystemInformation(ISOLATED_USER_MODE, &info,
						   sizeof(info), NULL);

	return answer(status, info.flags);
}

static int row(const char *name, uint32_t bad, const char *refused,
	       const char *fine)
{
	if (bad)
		DbgPrint("cvm: refused, %s: %s\n", name, refused);
	return cvm_check_row(cvm_nt.monitor, name,
			     bad ? CVM_CHECK_REFUSED : CVM_CHECK_OK,
			     bad ? refused : fine);
}

int cvm_nt_refuse_init(void)
{
	uint32_t options, flags;
	int err;

	if (!cvm_nt.ring0)
		return 0;
	if (!cvm_nt_irq_can_nmi()) {
		err = row("nmi", 1, "no local APIC to raise an NMI again that "
			  "arrived in a guest", "");
		if (err)
			return err;
	}
	err = row("clock", cvm_nt_clock_khz() == CVM_NT_CLOCK_BROKEN,
		  "the TSC could not be measured: NT's performance counter did "
		  "not advance", "the TSC was measured");
	if (err)
		return err;
	options = code_integrity();
	flags = isolated_user_mode();
	if (options == NO_ANSWER || flags == NO_ANSWER)
		return row("vbs", 1, "NT does not tell whether "
			   "virtualisation-based security is on", "");
	err = row("vbs", (options & IUM_ENABLED) | (flags & SECURE_KERNEL),
		  "virtualisation-based security is on; turn it off "
		  "(docs/windows.md)", "no secure kernel guards this one");
	if (err)
		return err;
	return row("hvci", (options & HVCI_ANY) | (flags & HVCI_ENABLED),
		   "memory integrity (HVCI) is on; turn it off "
		   "(docs/windows.md)", "no memory integrity");
}
