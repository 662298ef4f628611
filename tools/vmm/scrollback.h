/* SPDX-License-Identifier: GPL-2.0-only */
/* scrollback.h - what was printed last, for the next who looks. */
#ifndef CVM_VMM_SCROLLBACK_H
#define CVM_VMM_SCROLLBACK_H

#include <stddef.h>
#include <stdint.h>

#define SCROLLBACK	65536u	/* bytes kept */

/* Not locked: whoever owns it does. */
struct scrollback {
	uint64_t written;	/* bytes ever put in */
	char ring[SCROLLBACK];
};

void scrollback_put(struct scrollback *s, const char *data, size_t bytes);

/*
 * scrollback_part - the piece at *at, which begins at 0 and is moved on; its
 * length, 0 at the end.
 */
size_t scrollback_part(const struct scrollback *s, uint64_t *at,
		       const char **data);

#endif /* CVM_VMM_SCROLLBACK_H */
