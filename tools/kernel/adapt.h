/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * adapt.h - make a distribution's kernel one that can be a guest, in memory.
 *
 *	image_open()	its file, symbols, types, and a copy of what is loaded
 *	refuse_image()	what no platform object can be for
 *	platform_open(), object_open()	the platform object, of its names
 *	sites_find()	every privileged instruction has a verdict
 *	places_find()	room for all of it
 *	object_link()	its code and data, for these places
 *	hooks_plan()	where it is entered
 *	orc_plan()	what the unwinder is to know
 *	audit_image()	nothing of ours where the kernel patches itself
 *	then, for the first time, the copy is changed, and cannot fail any more
 *
 * What was found so far stays to be looked at when something is refused.
 */
#ifndef CVM_KERNEL_ADAPT_H
#define CVM_KERNEL_ADAPT_H

#include <stdint.h>

#include "os/problem.h"

#include "audit.h"
#include "hooks.h"
#include "image.h"
#include "link.h"
#include "orc.h"
#include "places.h"
#include "platform.h"
#include "sites.h"

enum adapt_step {
	ADAPT_IMAGE,		/* its file was looked at */
	ADAPT_OBJECT,
	ADAPT_SITES,
	ADAPT_PLACES,
	ADAPT_LINK,
	ADAPT_HOOKS,
	ADAPT_DONE		/* image.data is an ELF file */
};

struct adapt {
	enum adapt_step step;	/* that was begun last */
	struct image image;
	struct platform platform;
	struct object object;
	struct hooks hooks;
	struct sites sites;
	struct cvm_site *table;
	uint32_t rows;
	struct places places;
	struct orc orc;
	struct image_change *change;
	uint32_t changes;
	struct audit audit;
};

enum adapt_how {
	ADAPT_SWIFTLY,		/* a table of sites that was kept will do */
	ADAPT_WHOLLY		/* all of sites is wanted */
};

/*
 * adapt - elf is an unpacked kernel, path its file's for messages, platform
 * the path of an object or NULL.  -1 with a problem; adapt_close() in every
 * case.
 */
int adapt(struct adapt *a, const char *path, const void *elf, uint64_t bytes,
	  const char *platform, enum adapt_how how, struct problem *problem);
void adapt_close(struct adapt *a);

/* refuse_image - what this cannot be done with, by name; -1 with a problem. */
int refuse_image(const struct image *image, struct problem *problem);

#endif /* CVM_KERNEL_ADAPT_H */
