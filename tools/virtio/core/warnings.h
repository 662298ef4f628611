/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * warnings.h - how often is something said?
 *
 * Often enough to be noticed, and no more, or the log is the guest's.  Lines
 * are counted by kind, so that one that comes all the time hides no other.
 */
#ifndef CVM_VIRTIO_CORE_WARNINGS_H
#define CVM_VIRTIO_CORE_WARNINGS_H

#include <stdint.h>
#include <time.h>

#define WARNING_LINES	8u	/* of a kind */
#define WARNING_KINDS	8u	/* the rest are one */
#define WARNING_SECONDS	3600	/* until there is one more line */

/* The guest's own mistakes; other kinds are numbers of errors of the host. */
#define WARNING_GUEST	0

struct virtio_warnings {
	struct {
		int kind;
		uint32_t lines;	/* said */
		time_t last;	/* when */
	} of[WARNING_KINDS];
	uint32_t kinds;
	int kind;		/* of the host's last one */
	uint32_t changes;	/* lines said because it changed */
};

enum virtio_warning {
	WARNING_SILENT,
	WARNING_SAID,
	WARNING_LAST	/* said, and others of this kind are not */
};

/*
 * virtio_warnings_next - something of this kind happened: is it to be said?  A
 * kind has its lines.  Then one of the host's is said again when another came
 * between, WARNING_LINES times altogether, and in any case one in an
 * hour; the guest's are not.  now: seconds since any time.  Under the caller's
 * lock.
 */
enum virtio_warning virtio_warnings_next(struct virtio_warnings *c, int kind,
					 time_t now);

/* virtio_warnings_end - what follows a line, " (...)" or "". */
const char *virtio_warnings_end(enum virtio_warning said, int kind);

#endif /* CVM_VIRTIO_CORE_WARNINGS_H */
