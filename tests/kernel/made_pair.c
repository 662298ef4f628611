// SPDX-License-Identifier: GPL-2.0-only
/* made_pair.c - a small kernel, and a platform object for it. */
#include <string.h>

#include "kernel/elf_format.h"

#include "made_pair.h"

#define PAGE	4096u

static void pad(struct made_kernel *kernel, enum made_part part, size_t to,
		uint8_t with)
{
	while (made_here(kernel, part) % to)
		made_add(kernel, part, &with, 1);
}

uint64_t made_calling(struct made_kernel *kernel, const char *name,
		      uint64_t to, const char *begin, const char *rest,
		      size_t rest_bytes)
{
	uint8_t code[64];
	size_t n = strlen(begin);
	int32_t rel;

	/* Functions begin at 16. */
	pad(kernel, MADE_TEXT_PART, 16, 0xcc);
	rel = (int32_t)(to - (made_here(kernel, MADE_TEXT_PART) + n + 5));
	memcpy(code, begin, n);
	code[n] = 0xe8;
	memcpy(code + n + 1, &rel, 4);
	memcpy(code + n + 5, rest, rest_bytes);
	return made_function(kernel, name, code, n + 5 + rest_bytes);
}

static void make_text(struct made_pair *pair)
{
	struct made_kernel *kernel = &pair->kernel;

	made_function(kernel, "startup_64", "\x90\xc3", 2);
	made_function(kernel, "early_idt_handler_common", "\xc3", 1);
	pair->fentry = made_function(kernel, "__fentry__", "\xc3", 1);
	/* endbr64; call __fentry__; mov $7, %eax; ret */
	pair->traced = made_calling(kernel, "traced", pair->fentry,
				    "\xf3\x0f\x1e\xfa",
				    "\xb8\x07\0\0\0\xc3\x90\x90", 8);
	/* push %rbp; mov %rsp, %rbp; mov $9, %eax; pop %rbp; ret */
	pair->plain = made_function(kernel, "plain",
				    "\x55\x48\x89\xe5\xb8\x09\0\0\0\x5d\xc3"
				    "\x90\x90\x90\x90\x90", 16);
	pair->callee = made_function(kernel, "callee", "\xc3", 1);
	pair->caller = made_calling(kernel, "caller", pair->callee, "\x90",
				    "\x90\xc3", 2);
	pair->port = made_function(kernel, "port", "\xec\xc3", 2);
	made_function(kernel, "last_entry", "\xc3", 1);
	made_symbol(kernel, "__entry_text_end",
		    made_here(kernel, MADE_TEXT_PART));
	pad(kernel, MADE_TEXT_PART, PAGE, 0xcc);
	made_symbol(kernel, "padding", made_here(kernel, MADE_TEXT_PART));
	do
		made_add(kernel, MADE_TEXT_PART, "\xcc", 1);
	while (made_here(kernel, MADE_TEXT_PART) % (3 * PAGE));
	made_function(kernel, "behind", "\xc3", 1);
}

static void make_kernel(struct made_pair *pair)
{
	struct made_kernel *kernel = &pair->kernel;
	uint8_t zero[256] = { 0 };
	unsigned int i;

	made_begin(kernel);
	make_text(pair);
	/* Nothing between .text and .rodata. */
	made_symbol(kernel, "__start_rodata", MADE_TEXT);
	made_symbol(kernel, "__end_rodata", MADE_TEXT + 0x1e000);
	made_symbol(kernel, "_sdata", MADE_DATA_GVA);
	made_symbol(kernel, "level1_fixmap_pgt", MADE_DATA_GVA);
	for (i = 0; i < PAGE / sizeof(zero); i++)
		made_add(kernel, MADE_DATA, zero, sizeof(zero));
	made_symbol(kernel, "mc_buffer", made_add(kernel, MADE_DATA, zero,
						   sizeof(zero)));
	pair->pointer = made_add(kernel, MADE_DATA, &pair->callee, 8);
	made_symbol(kernel, "pointer", pair->pointer);
	pair->mcount = pair->traced + 4;
	pair->mcount = made_add(kernel, MADE_DATA, &pair->mcount, 8);
	made_symbol(kernel, "__start_mcount_loc", pair->mcount);
	made_symbol(kernel, "__stop_mcount_loc", pair->mcount + 8);
}

static void make_object(struct made_pair *pair)
{
	struct made_object *object = &pair->object;
	static const uint8_t code[32] = { 0x31, 0xc0, 0xc3 };
	static const uint8_t words[64] = { 0 };

	made_object_begin(object);
	pair->text = made_section(object, ".text",
				  ELF_SHF_ALLOC | ELF_SHF_EXEC, code,
				  sizeof(code));
	pair->data = made_section(object, ".data",
				  ELF_SHF_ALLOC | ELF_SHF_WRITE, words,
				  sizeof(words));
	pair->replacement = made_defined(object, "replacement", pair->text,
					 16);
	pair->orig = made_defined(object, "orig", pair->data, 8);
}

void made_pair(struct made_pair *pair)
{
	make_kernel(pair);
	make_object(pair);
}
