/* SPDX-License-Identifier: GPL-2.0-only */
/* fake_os_nt.c - memory and faults of a Windows process. */
#include <stdlib.h>

#include <windows.h>

#include "fake_os.h"

#define GP_ADDRESS	(~(ULONG_PTR)0)	/* stands for none, in a #GP */

static int (*on_fault)(struct fake_fault *fault);

void *fake_os_map(uint64_t bytes)
{
	void *hva = VirtualAlloc(NULL, bytes, MEM_RESERVE | MEM_COMMIT,
				 PAGE_READWRITE);

	if (!hva)
		abort();
	return hva;
}

void fake_os_unmap(void *hva, uint64_t bytes)
{
	(void)bytes;
	VirtualFree(hva, 0, MEM_RELEASE);
}

static uint64_t address_of(const EXCEPTION_RECORD *record)
{
	if (record->ExceptionCode == EXCEPTION_PRIV_INSTRUCTION ||
	    record->ExceptionInformation[1] == GP_ADDRESS)
		return 0;
	return record->ExceptionInformation[1];
}

static LONG NTAPI on_exception(EXCEPTION_POINTERS *what)
{
	const EXCEPTION_RECORD *record = what->ExceptionRecord;
	CONTEXT *context = what->ContextRecord;
	/* Rax to R15 lie in the order of an instruction's operand. */
	DWORD64 *reg = &context->Rax;
	struct fake_fault fault = { .rip = context->Rip };
	int i;

	if (record->ExceptionCode != EXCEPTION_PRIV_INSTRUCTION &&
	    record->ExceptionCode != EXCEPTION_ACCESS_VIOLATION)
		return EXCEPTION_CONTINUE_SEARCH;
	fault.address = address_of(record);
	for (i = 0; i < FAKE_REGS; i++)
		fault.reg[i] = reg[i];
	if (!on_fault(&fault))
		return EXCEPTION_CONTINUE_SEARCH;
	for (i = 0; i < FAKE_REGS; i++)
		reg[i] = fault.reg[i];
	context->Rip = fault.rip;
	return EXCEPTION_CONTINUE_EXECUTION;
}

void fake_os_catch(int (*handler)(struct fake_fault *fault))
{
	if (!on_fault)
		AddVectoredExceptionHandler(1, on_exception);
	on_fault = handler;
}
