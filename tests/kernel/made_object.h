/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * made_object.h - a platform object of a few bytes, as a compiler would leave
 * it: sections, symbols, relocations.
 */
#ifndef CVM_MADE_OBJECT_H
#define CVM_MADE_OBJECT_H

#include <stddef.h>
#include <stdint.h>

#include <cvm/object.h>

#define MADE_SECTIONS	16u

struct made_section {
	char name[32];
	uint32_t type;
	uint64_t flags, align;
	uint8_t data[4096];
	size_t bytes;		/* of ELF_SHT_NOBITS: without data */
	uint8_t rela[8192];
	size_t rela_bytes;
};

struct made_object {
	struct made_section section[MADE_SECTIONS];
	uint32_t sections;
	uint8_t symbol[24 * 256];
	uint32_t symbols;
	char names[8192];
	size_t name_bytes;
	uint32_t hooks, strings, fields, head; /* sections */
	uint8_t file[262144];
	size_t bytes;
};

/* made_object_begin - one with a head, a note and no hooks. */
void made_object_begin(struct made_object *made);

/* Each returns its section's number, or its symbol's. */
uint32_t made_section(struct made_object *made, const char *name,
		      uint64_t flags, const void *data, size_t bytes);
uint32_t made_defined(struct made_object *made, const char *name,
		      uint32_t section, uint64_t value);
uint32_t made_undefined(struct made_object *made, const char *name, int weak);

/* made_rela - a relocation of the section's bytes at off. */
void made_rela(struct made_object *made, uint32_t section, uint64_t off,
	       uint32_t type, uint32_t symbol, int64_t addend);

/*
 * made_hook - a row.  Names may be ""; replacement and orig are symbols, 0 for
 * none.
 */
void made_hook(struct made_object *made, uint32_t kind, const char *target,
	       const char *in, uint32_t replacement, uint32_t orig,
	       uint64_t offset, uint32_t flags);

/* made_object_end - file and bytes are there then. */
void made_object_end(struct made_object *made);

#endif /* CVM_MADE_OBJECT_H */
