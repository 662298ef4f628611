/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * places.h - where in a kernel that was linked before there is room.
 *
 * Text: the gap behind it, up to the read-only data, or the one behind those.
 * Data: the gap behind the read-only data.  Per-CPU data: over a variable that
 * no guest uses.  Entry text: behind the kernel's own, in its 2 MiB.  A place
 * is one only if the file has nothing but zeroes (in text: or int3) there.
 */
#ifndef CVM_KERNEL_PLACES_H
#define CVM_KERNEL_PLACES_H

#include <stdint.h>

#include "image.h"

struct place {
	uint64_t gva;
	uint64_t need;		/* bytes; set by the caller */
	uint64_t align;		/* a power of two; set by the caller */
	uint64_t room;		/* bytes */
	const char *what;	/* "gap behind .text" */
};

struct places {
	struct place text, data, percpu, entry;
	uint64_t text_begin, text_end;	/* whole pages, with entry if near */
	uint64_t data_begin, data_end;
};

/*
 * places_find - for what is needed.  -1 with a problem that says what does not
 * fit, and how much room there is.
 */
int places_find(struct places *places, const struct image *image,
		struct problem *problem);

#endif /* CVM_KERNEL_PLACES_H */
