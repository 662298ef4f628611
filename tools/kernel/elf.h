/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * elf.h - one 64-bit little-endian ELF file, checked.
 *
 * After elf_open() every segment and section lies inside the file (one without
 * bytes in the file has file_bytes or bytes of 0), every section has a name
 * that ends, and no look at them leaves the file.  The file stays the caller's
 * and must stay until elf_close().
 */
#ifndef CVM_KERNEL_ELF_H
#define CVM_KERNEL_ELF_H

#include <stdbool.h>
#include <stdint.h>

#include "os/problem.h"

#include "elf_format.h"

struct elf_segment {
	uint32_t type, flags;	/* ELF_PT_* */
	uint64_t gva;		/* link-time address: 0 of per-CPU data */
	uint64_t gpa;
	uint64_t off;		/* in the file */
	uint64_t file_bytes;	/* the rest of mem_bytes is zero */
	uint64_t mem_bytes;
	uint64_t align;
};

struct elf_section {
	const char *name;
	uint32_t type;		/* ELF_SHT_* */
	uint32_t link, info;
	uint64_t flags;		/* ELF_SHF_* */
	uint64_t gva;
	uint64_t off;
	uint64_t bytes;		/* in memory */
	uint64_t file_bytes;	/* 0 of ELF_SHT_NOBITS */
	uint64_t align;
};

struct elf {
	const uint8_t *file;
	uint64_t bytes;
	uint16_t type;		/* ELF_ET_* */
	uint64_t entry;
	struct elf_segment *segment;
	uint32_t segments;
	struct elf_section *section;	/* [0] is the empty one */
	uint32_t sections;
};

/*
 * elf_open - -1 with a problem about thing: no ELF file, of another class,
 * byte order or CPU, truncated.  elf_close() in every case.
 */
int elf_open(struct elf *elf, const void *file, uint64_t bytes,
	     const char *thing, struct problem *problem);
void elf_close(struct elf *elf);

/* elf_find - the section of this name, or NULL. */
const struct elf_section *elf_find(const struct elf *elf, const char *name);

/* elf_at - what the file has for [gva, gva + bytes) of a PT_LOAD, or NULL. */
const uint8_t *elf_at(const struct elf *elf, uint64_t gva, uint64_t bytes);

/* elf_executable - is it a section that holds instructions in memory? */
bool elf_executable(const struct elf_section *section);

#endif /* CVM_KERNEL_ELF_H */
