/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * complaints.h - how often is something said?
 *
 * Often enough to be noticed, and no more, or the log is the guest's.  Lines
 * are counted by kind, so that one that comes all the time hides no other.
 */
#ifndef CVM_VIRTIO_CORE_COMPLAINTS_H
#define CVM_VIRTIO_CORE_COMPLAINTS_H

#include <stdint.h>
#include <time.h>

#define CVM_COMPLAINT_LINES	8u	/* of a kind */
#define CVM_COMPLAINT_KINDS	8u	/* the rest are one */
#define CVM_COMPLAINT_SECONDS	3600	/* until there is one more line */

/* The guest's own mistakes; other kinds are numbers of errors of the host. */
#define CVM_COMPLAINT_GUEST	0

struct cvm_complaints {
	struct {
		int kind;
		uint32_t lines;	/* said */
		time_t last;	/* when */
	} of[CVM_COMPLAINT_KINDS];
	uint32_t kinds;
	int kind;		/* of the host's last one */
	uint32_t changes;	/* lines said because it changed */
};

enum cvm_complaint {
	CVM_COMPLAINT_SILENT,
	CVM_COMPLAINT_SAID,
	CVM_COMPLAINT_LAST	/* said, and others of this kind are not */
};

/*
 * cvm_complaints_next - something of this kind happened: is it to be said?  A
 * kind has its lines.  Then one of the host's is said again when another came
 * between, CVM_COMPLAINT_LINES times altogether, and in any case one in an
 * hour; the guest's are not.  now: seconds since any time.  Under the caller's
 * lock.
 */
enum cvm_complaint cvm_complaints_next(struct cvm_complaints *c, int kind,
				       time_t now);

/* cvm_complaints_end - what follows a line, " (...)" or "". */
const char *cvm_complaints_end(enum cvm_complaint said, int kind);

#endif /* CVM_VIRTIO_CORE_COMPLAINTS_H */
