// SPDX-License-Identifier: GPL-2.0-only
/* complaints.c - how often is something said? */
#include <stdbool.h>

#include "complaints.h"

static uint32_t find(struct cvm_complaints *c, int kind)
{
	uint32_t i;

	for (i = 0; i < c->kinds; i++)
		if (c->of[i].kind == kind)
			return i;
	if (i == CVM_COMPLAINT_KINDS)
		return i - 1;
	c->of[i].kind = kind;
	c->kinds++;
	return i;
}

/* Another of the host's came between. */
static bool say_change(struct cvm_complaints *c)
{
	if (c->changes == CVM_COMPLAINT_LINES)
		return false;
	c->changes++;
	return true;
}

enum cvm_complaint cvm_complaints_next(struct cvm_complaints *c, int kind,
				       time_t now)
{
	uint32_t i = find(c, kind);
	bool other = c->kind != kind;

	if (kind != CVM_COMPLAINT_GUEST)
		c->kind = kind;
	if (c->of[i].lines < CVM_COMPLAINT_LINES)
		c->of[i].lines++;
	else if (kind == CVM_COMPLAINT_GUEST ||
		 (now - c->of[i].last < CVM_COMPLAINT_SECONDS &&
		  !(other && say_change(c))))
		return CVM_COMPLAINT_SILENT;
	c->of[i].last = now;
	return c->of[i].lines < CVM_COMPLAINT_LINES ? CVM_COMPLAINT_SAID :
	       CVM_COMPLAINT_LAST;
}

const char *cvm_complaints_end(enum cvm_complaint said, int kind)
{
	if (said != CVM_COMPLAINT_LAST)
		return "";
	return kind == CVM_COMPLAINT_GUEST ?
	       " (and no more of this device)" :
	       " (while this stays so, it is said once in an hour)";
}
