// SPDX-License-Identifier: GPL-2.0-only
/* image.c - a distribution's kernel, while it is being adapted. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image.h"

#define PAGE		4096u
#define ROOM_MAX	(4u << 20)	/* that a segment may grow by */
#define IMAGE_MAX	(1ull << 30)	/* KERNEL_IMAGE_SIZE */
#define NOTE_BUILD_ID	3u
#define HEADER_BYTES	PAGE	/* ELF header, program headers, note */

static uint64_t round_up(uint64_t value, uint64_t to)
{
	return (value + to - 1) & ~(to - 1);
}

/* ---- the copy ---- */

/* How far it may grow before the next one begins. */
static uint64_t room_of(const struct elf *elf, const struct elf_segment *s)
{
	const struct elf_segment *next;
	uint64_t room = s->file_bytes + ROOM_MAX;
	uint32_t i;

	if (s->mem_bytes != s->file_bytes)
		return s->file_bytes;
	for (i = 0; i < elf->segments; i++) {
		next = &elf->segment[i];
		if (next->type != ELF_PT_LOAD || next->gpa <= s->gpa)
			continue;
		if (next->gpa - s->gpa < room)
			room = next->gpa - s->gpa;
	}
	return room < s->file_bytes ? s->file_bytes : room;
}

static int plan_copy(struct image *image, struct problem *problem)
{
	const struct elf_segment *from;
	struct image_segment *to;
	uint64_t end = HEADER_BYTES;
	uint32_t i;

	for (i = 0; i < image->elf.segments; i++) {
		from = &image->elf.segment[i];
		if (from->type != ELF_PT_LOAD || !from->mem_bytes)
			continue;
		if (image->segments == IMAGE_SEGMENTS ||
		    from->mem_bytes > IMAGE_MAX)
			return problem_set(problem, image->path, "its segments "
					   "are not a kernel's");
		to = &image->segment[image->segments++];
		to->gva = from->gva;
		to->gpa = from->gpa;
		to->bytes = from->file_bytes;
		to->mem_bytes = from->mem_bytes;
		to->flags = from->flags;
		to->room = room_of(&image->elf, from);
		to->off = end;
		end += round_up(to->room, PAGE);
	}
	if (!image->segments || end > 2 * IMAGE_MAX)
		return problem_set(problem, image->path, "its segments are not "
				   "a kernel's");
	image->data_bytes = end;
	return 0;
}

static int copy(struct image *image, struct problem *problem)
{
	const struct elf_segment *from;
	uint32_t i, n = 0;

	if (plan_copy(image, problem))
		return -1;
	image->data = calloc(1, image->data_bytes);
	if (!image->data)
		return problem_set(problem, image->path, "no memory for a copy "
				   "of %llu MiB",
				   (unsigned long long)image->data_bytes >> 20);
	for (i = 0; i < image->elf.segments; i++) {
		from = &image->elf.segment[i];
		if (from->type != ELF_PT_LOAD || !from->mem_bytes)
			continue;
		memcpy(image->data + image->segment[n++].off,
		       image->elf.file + from->off, from->file_bytes);
	}
	return 0;
}

static struct image_segment *segment_of(const struct image *image,
					uint64_t gva, uint64_t bytes,
					bool grown)
{
	struct image_segment *s;
	uint64_t has;
	uint32_t i;

	for (i = 0; i < image->segments; i++) {
		s = (struct image_segment *)&image->segment[i];
		has = grown ? s->room : s->bytes;
		if (gva >= s->gva && gva - s->gva <= has &&
		    bytes <= has - (gva - s->gva))
			return s;
	}
	return NULL;
}

uint8_t *image_at(const struct image *image, uint64_t gva, uint64_t bytes)
{
	const struct image_segment *s = segment_of(image, gva, bytes, false);

	return s ? image->data + s->off + (gva - s->gva) : NULL;
}

uint8_t *image_grow(struct image *image, uint64_t gva, uint64_t bytes)
{
	struct image_segment *s = segment_of(image, gva, bytes, true);

	if (!s)
		return NULL;
	if (gva - s->gva + bytes > s->bytes) {
		s->bytes = gva - s->gva + bytes;
		s->mem_bytes = s->bytes;
	}
	return image->data + s->off + (gva - s->gva);
}

const uint8_t *image_room(const struct image *image, uint64_t gva,
			  uint64_t bytes)
{
	const struct image_segment *s = segment_of(image, gva, bytes, true);

	return s ? image->data + s->off + (gva - s->gva) : NULL;
}

/* ---- what it says of itself ---- */

static void read_build_id(struct image *image, const struct elf_segment *s)
{
	const uint8_t *at = image->elf.file + s->off;
	uint64_t left = s->file_bytes, name, desc;
	struct elf64_nhdr nh;

	while (left >= sizeof(nh)) {
		memcpy(&nh, at, sizeof(nh));
		name = round_up(nh.namesz, 4);
		desc = round_up(nh.descsz, 4);
		if (name + desc > left - sizeof(nh))
			return;
		if (nh.type == NOTE_BUILD_ID && nh.namesz == 4 &&
		    !memcmp(at + sizeof(nh), "GNU", 4) &&
		    nh.descsz <= sizeof(image->build_id)) {
			memcpy(image->build_id, at + sizeof(nh) + name,
			       nh.descsz);
			image->build_id_bytes = nh.descsz;
			return;
		}
		at += sizeof(nh) + name + desc;
		left -= sizeof(nh) + name + desc;
	}
}

/* linux_banner: "Linux version 6.12.117 (who built it) ...". */
static void read_release(struct image *image)
{
	static const char begin[] = "Linux version ";
	const char *text;
	uint64_t at;
	size_t len;

	if (kallsyms_find(&image->symbols, "linux_banner", &at) ==
	    KALLSYMS_ABSENT)
		return;
	text = (const char *)image_at(image, at, sizeof(begin) +
				      sizeof(image->release));
	if (!text || memcmp(text, begin, sizeof(begin) - 1))
		return;
	text += sizeof(begin) - 1;
	for (len = 0; len + 1 < sizeof(image->release) && text[len] > ' ';
	     len++)
		image->release[len] = text[len];
}

static int read_parts(struct image *image, struct problem *problem)
{
	uint32_t i;

	if (kallsyms_read(&image->symbols, &image->elf, image->path, problem))
		return -1;
	for (i = 0; i < image->elf.segments && !image->build_id_bytes; i++)
		if (image->elf.segment[i].type == ELF_PT_NOTE)
			read_build_id(image, &image->elf.segment[i]);
	read_release(image);
	image->text = image_symbol(image, "_text", problem);
	image->text_end = image_symbol(image, "_etext", problem);
	if (!image->text || !image->text_end)
		return -1;
	if (image->text_end <= image->text ||
	    !image_at(image, image->text, image->text_end - image->text))
		return problem_set(problem, image->path, "_text and _etext do "
				   "not enclose text");
	return btf_read(&image->btf, &image->elf, image->path, problem);
}

int image_open(struct image *image, const char *path, const void *file,
	       uint64_t bytes, struct problem *problem)
{
	memset(image, 0, sizeof(*image));
	image->path = path;
	if (elf_open(&image->elf, file, bytes, path, problem) ||
	    copy(image, problem))
		return -1;
	return read_parts(image, problem);
}

void image_close(struct image *image)
{
	btf_free(&image->btf);
	kallsyms_free(&image->symbols);
	elf_close(&image->elf);
	free(image->data);
	memset(image, 0, sizeof(*image));
}

uint64_t image_symbol(const struct image *image, const char *name,
		      struct problem *problem)
{
	uint64_t gva = 0;

	switch (kallsyms_find(&image->symbols, name, &gva)) {
	case KALLSYMS_ONE:
		return gva;
	case KALLSYMS_SEVERAL:
		problem_set(problem, image->path, "it has two symbols named "
			    "%.100s, where one is meant", name);
		return 0;
	default:
		problem_set(problem, image->path, "it has no symbol named "
			    "%.100s", name);
		return 0;
	}
}

const char *image_function(const struct image *image, uint64_t gva)
{
	const struct kallsym *sym = kallsyms_at(&image->symbols, gva);

	return sym ? sym->name : "?";
}

/* ---- what becomes of it ---- */

static void put_segment(const struct image_segment *s, uint8_t **to)
{
	struct elf64_phdr ph = {
		.type = ELF_PT_LOAD, .flags = s->flags, .offset = s->off,
		.vaddr = s->gva, .paddr = s->gpa, .filesz = s->bytes,
		.memsz = s->mem_bytes, .align = PAGE,
	};

	memcpy(*to, &ph, sizeof(ph));
	*to += sizeof(ph);
}

int image_finish(struct image *image, const void *note, uint64_t note_bytes,
		 struct problem *problem)
{
	struct elf64_ehdr eh = {
		.ident = { 0x7f, 'E', 'L', 'F', ELF_CLASS64, ELF_LSB, 1 },
		.type = ELF_ET_EXEC, .machine = ELF_EM_X86_64, .version = 1,
		.entry = image->elf.entry, .phoff = sizeof(eh),
		.ehsize = sizeof(eh), .phentsize = sizeof(struct elf64_phdr),
		.phnum = (uint16_t)(image->segments + 1),
		.shentsize = sizeof(struct elf64_shdr),
	};
	uint64_t used = sizeof(eh) + eh.phnum * sizeof(struct elf64_phdr);
	struct elf64_phdr ph = {
		.type = ELF_PT_NOTE, .flags = 4, .offset = used,
		.filesz = note_bytes, .memsz = note_bytes, .align = 4,
	};
	uint8_t *to = image->data + sizeof(eh);
	uint32_t i;

	if (note_bytes > HEADER_BYTES - used)
		return problem_set(problem, image->path, "a note of %llu bytes "
				   "has no room",
				   (unsigned long long)note_bytes);
	memcpy(image->data, &eh, sizeof(eh));
	for (i = 0; i < image->segments; i++)
		put_segment(&image->segment[i], &to);
	memcpy(to, &ph, sizeof(ph));
	memcpy(image->data + used, note, note_bytes);
	return 0;
}
