/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * elf_format.h - ELF as files have it (System V ABI, "Object Files"), and the
 * relocations of x86-64 (its processor supplement, Table 4.9).  Windows has no
 * <elf.h>.
 */
#ifndef CVM_KERNEL_ELF_FORMAT_H
#define CVM_KERNEL_ELF_FORMAT_H

#include <stdint.h>

struct elf64_ehdr {
	uint8_t ident[16];
	uint16_t type;
	uint16_t machine;
	uint32_t version;
	uint64_t entry;
	uint64_t phoff;
	uint64_t shoff;
	uint32_t flags;
	uint16_t ehsize;
	uint16_t phentsize;
	uint16_t phnum;
	uint16_t shentsize;
	uint16_t shnum;
	uint16_t shstrndx;
};

struct elf64_phdr {
	uint32_t type;
	uint32_t flags;
	uint64_t offset;
	uint64_t vaddr;
	uint64_t paddr;
	uint64_t filesz;
	uint64_t memsz;
	uint64_t align;
};

struct elf64_shdr {
	uint32_t name;
	uint32_t type;
	uint64_t flags;
	uint64_t addr;
	uint64_t offset;
	uint64_t size;
	uint32_t link;
	uint32_t info;
	uint64_t addralign;
	uint64_t entsize;
};

struct elf64_sym {
	uint32_t name;
	uint8_t info;
	uint8_t other;
	uint16_t shndx;
	uint64_t value;
	uint64_t size;
};

struct elf64_rela {
	uint64_t offset;
	uint64_t info;
	int64_t addend;
};

struct elf64_nhdr {
	uint32_t namesz;
	uint32_t descsz;
	uint32_t type;
};

#define ELF_MAGIC	"\177ELF"
#define ELF_CLASS32	1
#define ELF_CLASS64	2
#define ELF_LSB		1

#define ELF_ET_REL	1
#define ELF_ET_EXEC	2
#define ELF_ET_DYN	3

#define ELF_EM_386	3
#define ELF_EM_X86_64	62
#define ELF_EM_AARCH64	183

#define ELF_PT_LOAD	1
#define ELF_PT_NOTE	4

#define ELF_SHT_NULL	0
#define ELF_SHT_SYMTAB	2
#define ELF_SHT_RELA	4
#define ELF_SHT_NOBITS	8

#define ELF_SHF_WRITE	1
#define ELF_SHF_ALLOC	2
#define ELF_SHF_EXEC	4

#define ELF_SHN_UNDEF	0
#define ELF_SHN_LORESERVE 0xff00
#define ELF_SHN_ABS	0xfff1
#define ELF_SHN_COMMON	0xfff2

#define ELF_STB_WEAK	2
#define ELF_STT_SECTION	3

#define ELF_R_NONE	0
#define ELF_R_64	1
#define ELF_R_PC32	2
#define ELF_R_PLT32	4
#define ELF_R_32	10
#define ELF_R_32S	11
#define ELF_R_PC64	24

#endif /* CVM_KERNEL_ELF_FORMAT_H */
