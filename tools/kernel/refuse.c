// SPDX-License-Identifier: GPL-2.0-only
/* refuse.c - kernels that cannot be adapted, by what is in them. */
#include <string.h>

#include "adapt.h"

/* A symbol that only such kernels have. */
static const struct {
	const char *symbol;
	const char *reason;
} refused[] = {
	{ "__start___kcfi_traps", "built with control-flow integrity "
	  "(CONFIG_CFI_CLANG, FineIBT): it checks a hash before each function, "
	  "and those of the platform have none; build it without" },
};

/* Without these it is no kernel that a PC starts. */
static const struct {
	const char *symbol;
	const char *reason;
} needed[] = {
	{ "startup_64", "it has no startup_64, so it starts under Xen, or in "
	  "32-bit mode, only" },
	{ "level1_fixmap_pgt", "its symbols have no level1_fixmap_pgt, in "
	  "which the passage is mapped; data are in there with "
	  "CONFIG_KALLSYMS_ALL" },
	{ "early_idt_handler_common", "it takes no early exceptions" },
};

int refuse_image(const struct image *image, struct problem *problem)
{
	uint64_t gva;
	size_t i;

	for (i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (kallsyms_find(&image->symbols, needed[i].symbol, &gva) ==
		    KALLSYMS_ABSENT)
			return problem_set(problem, image->path, "%s",
					   needed[i].reason);
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (kallsyms_find(&image->symbols, refused[i].symbol, &gva) !=
		    KALLSYMS_ABSENT)
			return problem_set(problem, image->path, "%s",
					   refused[i].reason);
	return 0;
}
