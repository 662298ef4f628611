/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pe.c - load a PE32+ driver as NT's loader does: check the file, copy the
 * sections, relocate to an address that differs every time, bind the imports
 * by name, and map each section with its own protection.
 */
#include "bed.h"
#include "mm.h"

#define MACHINE_AMD64	0x8664
#define PE32_PLUS	0x20b
#define NATIVE		1
#define DYNAMIC_BASE	0x0040
#define NX_COMPAT	0x0100
#define SECTION_EXEC	0x20000000u
#define SECTION_WRITE	0x80000000u
#define DIR_IMPORT	1
#define DIR_EXCEPTION	3
#define DIR_RELOC	5
#define RELOC_DIR64	10
#define IMAGE_MAX	(4u << 20)
#define EHANDLER	1

struct dir {
	uint32_t rva, bytes;
};

struct pe {
	uint32_t signature;
	uint16_t machine, sections;
	uint32_t stamp, symbols, symbol_count;
	uint16_t optional_bytes, characteristics;
	/* optional header, PE32+ */
	uint16_t magic;
	uint8_t linker[2];
	uint32_t code, data, bss, entry, code_base;
	uint64_t base;
	uint32_t section_align, file_align;
	uint16_t os[2], image[2], subsystem_version[2];
	uint32_t win32, image_bytes, header_bytes, checksum;
	uint16_t subsystem, dll;
	uint64_t stack[2], heap[2];
	uint32_t flags, dirs;
	struct dir dir[16];
} __attribute__((packed));

struct section {
	char name[8];
	uint32_t bytes, rva, raw_bytes, raw, unused[3], flags;
};

struct import {
	uint32_t names, stamp, forwarder, module, slots;
};

struct function {
	uint32_t begin, end, unwind;
};

static struct bed_image *current;	/* for bed_landing() */
static uint64_t current_hpa;
static struct nt_driver driver_object;

static const struct pe *pe_of(const void *file)
{
	return (const void *)((const uint8_t *)file +
			      *(const uint32_t *)((const uint8_t *)file + 60));
}

static const struct section *sections_of(const struct pe *pe)
{
	return (const void *)((const uint8_t *)&pe->magic +
			      pe->optional_bytes);
}

/* The checksum of a PE file: 16-bit words with carry, itself left out. */
static uint32_t checksum(const void *file, uint64_t bytes)
{
	uint64_t skip = (uint64_t)((const uint8_t *)&pe_of(file)->checksum -
				   (const uint8_t *)file);
	const uint8_t *p = file;
	uint32_t sum = 0;
	uint64_t i;

	for (i = 0; i < bytes; i += 2) {
		uint32_t word = p[i] | (i + 1 < bytes ? p[i + 1] << 8 : 0);

		if (i == skip || i == skip + 2)
			word = 0;
		sum += word;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum + (uint32_t)bytes;
}

static const char *check_sections(const struct pe *pe, uint64_t bytes)
{
	const struct section *s = sections_of(pe);
	uint32_t i;

	for (i = 0; i < pe->sections; i++, s++) {
		if (s->rva % 4096 || s->rva < pe->header_bytes ||
		    s->rva > pe->image_bytes ||
		    s->bytes > pe->image_bytes - s->rva)
			return "a section lies outside the image";
		if (s->raw_bytes && (s->raw > bytes ||
				     s->raw_bytes > bytes - s->raw))
			return "a section lies outside the file";
		if (s->flags & SECTION_EXEC && s->flags & SECTION_WRITE)
			return "a section is writable and executable";
	}
	return NULL;
}

const char *bed_image_check(const void *file, uint64_t bytes)
{
	const struct pe *pe;

	if (bytes < 1024 || *(const uint16_t *)file != 0x5a4d)
		return "no MZ header";
	if (*(const uint32_t *)((const uint8_t *)file + 60) >
	    bytes - sizeof(*pe))
		return "the PE header lies outside the file";
	pe = pe_of(file);
	if (pe->signature != 0x4550 || pe->machine != MACHINE_AMD64 ||
	    pe->magic != PE32_PLUS || pe->dirs != 16)
		return "not a PE32+ file for x64";
	if (pe->subsystem != NATIVE)
		return "the subsystem is not native";
	if (!(pe->dll & DYNAMIC_BASE) || !(pe->dll & NX_COMPAT) ||
	    !pe->dir[DIR_RELOC].rva)
		return "it cannot be relocated or is not NX compatible";
	if (pe->section_align != 4096 || pe->image_bytes > IMAGE_MAX ||
	    pe->image_bytes % 4096 || pe->entry >= pe->image_bytes)
		return "the layout is unusable";
	if (pe->sections > 32)
		return "too many sections";
	if (pe->checksum != checksum(file, bytes))
		return "the checksum is wrong";
	return check_sections(pe, bytes);
}

static void copy_sections(const uint8_t *file, const struct pe *pe,
			  uint8_t *image)
{
	const struct section *s = sections_of(pe);
	uint32_t i, n;

	memcpy(image, file, pe->header_bytes);
	for (i = 0; i < pe->sections; i++, s++) {
		n = s->raw_bytes < s->bytes ? s->raw_bytes : s->bytes;
		memcpy(image + s->rva, file + s->raw, n);
	}
}

static int relocate(const struct pe *pe, uint8_t *image, uint64_t va)
{
	uint32_t at = pe->dir[DIR_RELOC].rva;
	uint32_t end = at + pe->dir[DIR_RELOC].bytes, i;

	if (end > pe->image_bytes)
		return -1;
	while (at + 8 <= end) {
		const uint32_t *block = (const void *)(image + at);
		const uint16_t *entry = (const void *)(block + 2);

		if (block[1] < 8 || at + block[1] > end)
			return -1;
		for (i = 0; i < (block[1] - 8) / 2; i++) {
			uint32_t rva = block[0] + (entry[i] & 0xfff);

			if (!(entry[i] >> 12))
				continue;
			if (entry[i] >> 12 != RELOC_DIR64 ||
			    rva > pe->image_bytes - 8)
				return -1;
			*(uint64_t *)(image + rva) += va - pe->base;
		}
		at += block[1];
	}
	return 0;
}

static int bind(const struct pe *pe, uint8_t *image)
{
	const struct import *im = (void *)(image + pe->dir[DIR_IMPORT].rva);

	for (; pe->dir[DIR_IMPORT].rva && im->slots; im++) {
		const char *module = (void *)(image + im->module);
		const uint64_t *name = (void *)(image + im->names);
		uint64_t *slot = (void *)(image + im->slots);

		for (; *name; name++, slot++) {
			const char *text = (void *)(image + *name + 2);
			void *fn = *name >> 63 ? NULL :
				   bed_export(module, text);

			if (!fn) {
				bare_printf("no export %s of %s\n", text,
					    module);
				return -1;
			}
			*slot = (uint64_t)fn;
		}
	}
	return 0;
}

/* Headers read-only; pages that no section claims are left out. */
static void protect(const struct pe *pe, uint64_t va, uint64_t hpa)
{
	const struct section *s = sections_of(pe);
	uint32_t i, at;

	for (at = 0; at < pe->header_bytes; at += 4096)
		bed_map(&bed_system, va + at, hpa + at, BED_NX);
	for (i = 0; i < pe->sections; i++, s++)
		for (at = s->rva; at < s->rva + s->bytes; at += 4096)
			bed_map(&bed_system, va + at, hpa + at,
				(s->flags & SECTION_WRITE ? BED_W : 0) |
				(s->flags & SECTION_EXEC ? 0 : BED_NX));
}

static uint32_t NTAPI no_dispatch(struct nt_device *device, struct nt_irp *irp)
{
	(void)device;
	(void)irp;
	bare_panic("an IRP the driver has no routine for");
}

static uint32_t call_entry(struct bed_image *image)
{
	static uint16_t key[] = u"\\Registry\\Machine\\System\\Services\\cvm";
	struct nt_ustr registry = { sizeof(key) - 2, sizeof(key), key };
	uint32_t (NTAPI *entry)(struct nt_driver *d, struct nt_ustr *r);
	struct nt_driver *d = &driver_object;
	uint32_t i, status;

	memset(d, 0, sizeof(*d));
	d->type = 4;
	d->size = sizeof(*d);
	d->start = (void *)image->va;
	d->bytes = image->pages * 4096;
	for (i = 0; i <= IRP_MJ_MAX; i++)
		d->major[i] = no_dispatch;
	__builtin_memcpy(&entry, &image->entry, 8);
	image->driver = d;
	bed_watch("DriverEntry's begin", PASSIVE_LEVEL);
	status = entry(d, &registry);
	bed_watch("DriverEntry's end", PASSIVE_LEVEL);
	if (d->device)
		d->device->flags &= ~DO_DEVICE_INITIALIZING;
	return status;
}

static void unmap(struct bed_image *image)
{
	const struct pe *pe = pe_of(bare_hva(current_hpa));
	const struct section *s = sections_of(pe);
	uint32_t i, at;

	for (at = 0; at < pe->header_bytes; at += 4096)
		bed_unmap(&bed_system, image->va + at);
	for (i = 0; i < pe->sections; i++, s++)
		for (at = s->rva; at < s->rva + s->bytes; at += 4096)
			bed_unmap(&bed_system, image->va + at);
	bare_pages_free(current_hpa, image->pages);
	current = NULL;
}

uint32_t bed_load(const void *file, uint64_t bytes, struct bed_image *image)
{
	const char *why = bed_image_check(file, bytes);
	const struct pe *pe;
	uint8_t *at;
	uint32_t status;

	if (why || current) {
		bare_printf("not loaded: %s\n", why ? why : "one is");
		return STATUS_INVALID_IMAGE_FORMAT;
	}
	pe = pe_of(file);
	image->pages = pe->image_bytes / 4096;
	image->va = bed_va_alloc(image->pages);
	image->entry = image->va + pe->entry;
	current_hpa = bare_pages_alloc(image->pages, 4096, 0);
	at = bare_hva(current_hpa);
	copy_sections(file, pe, at);
	if (relocate(pe, at, image->va) || bind(pe, at)) {
		bare_pages_free(current_hpa, image->pages);
		return STATUS_ENTRYPOINT_NOT_FOUND;
	}
	current = image;
	protect(pe, image->va, current_hpa);
	status = call_entry(image);
	if (status)
		unmap(image);
	return status;
}

void bed_unload(struct bed_image *image)
{
	struct nt_driver *d = image->driver;

	bed_watch("DriverUnload's begin", PASSIVE_LEVEL);
	d->unload(d);
	bed_watch("DriverUnload's end", PASSIVE_LEVEL);
	if (d->device)
		bare_puts("a device outlives its driver\n");
	unmap(image);
}

uint64_t bed_section(const struct bed_image *image, const char *name)
{
	const struct pe *pe = pe_of((const void *)image->va);
	const struct section *s = sections_of(pe);
	uint32_t i;

	for (i = 0; i < pe->sections; i++, s++)
		if (!strncmp(s->name, name, sizeof(s->name)))
			return image->va + s->rva;
	return 0;
}

/* ---- exceptions ------------------------------------------------------ */

/* Is it `jmp *import` to __C_specific_handler? */
static int is_handler(uint32_t rva)
{
	const uint8_t *code = (const void *)(current->va + rva);
	int32_t distance;

	if (code[0] != 0xff || code[1] != 0x25)
		return 0;
	memcpy(&distance, code + 2, 4);
	return *(void *const *)(code + 6 + distance) ==
	       bed_export("ntoskrnl.exe", "__C_specific_handler");
}

/*
 * Where a driver goes on whose call, returning to rip, raised an exception.
 * The frame with the handler is the caller's own: nothing is to be unwound.
 */
uint64_t NTAPI bed_landing(uint64_t rip);

uint64_t NTAPI bed_landing(uint64_t rip)
{
	const struct pe *pe = pe_of((const void *)current->va);
	const struct function *f = (const void *)
		(current->va + pe->dir[DIR_EXCEPTION].rva);
	uint32_t i, n = pe->dir[DIR_EXCEPTION].bytes / sizeof(*f);
	uint32_t at = (uint32_t)(rip - current->va);
	const uint32_t *scope;
	const uint8_t *u;

	for (i = 0; i < n && (at < f[i].begin || at >= f[i].end); i++)
		;
	u = i < n ? (const uint8_t *)current->va + f[i].unwind : NULL;
	if (!u || (u[0] & 7) != 1 || !(u[0] >> 3 & EHANDLER))
		bed_bugcheck(0x1e, STATUS_INSUFFICIENT_RESOURCES, rip, 0, 0);
	scope = (const void *)(u + 4 + ((u[2] + 1u) & ~1u) * 2);
	if (!is_handler(scope[0]))
		bare_panic("a handler that the bed does not know");
	for (i = 0; i < scope[1]; i++) {
		const uint32_t *s = scope + 2 + 4 * i;

		if (at >= s[0] && at < s[1] && s[2] == 1 && s[3])
			return current->va + s[3];
	}
	bed_bugcheck(0x1e, STATUS_INSUFFICIENT_RESOURCES, rip, 1, 0);
}
