/* SPDX-License-Identifier: GPL-2.0-only */
/* made_pair.h - a small kernel, and a platform object for it. */
#ifndef CVM_MADE_PAIR_H
#define CVM_MADE_PAIR_H

#include "made_kernel.h"
#include "made_object.h"

#define MADE_DATA_GVA	(MADE_TEXT + 0x20000)

struct made_pair {
	struct made_kernel kernel;
	struct made_object object;
	/* Of the kernel: functions, a pointer, and where __mcount_loc is. */
	uint64_t fentry, traced, plain, caller, callee, pointer, mcount, port;
	/* Of the object: sections, and symbols in them. */
	uint32_t text, data, replacement, orig;
};

/* made_pair - both as they are before made_end() and made_object_end(). */
void made_pair(struct made_pair *pair);

/* made_calling - a function that begins so, calls to, and goes on so. */
uint64_t made_calling(struct made_kernel *kernel, const char *name,
		      uint64_t to, const char *begin, const char *rest,
		      size_t rest_bytes);

#endif /* CVM_MADE_PAIR_H */
