// SPDX-License-Identifier: GPL-2.0-only
/*
 * elf.c - check an ELF vmlinux and its libcvm note.
 *
 * Nothing of the file is believed before it was compared with the file's
 * length; afterwards the loader only follows struct cvm_image.
 */
#include <cvm/boot.h>

#include "boot/impl.h"

/* System V ABI, "ELF-64 Object File Format", Figures 2, 6 and 7. */
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

struct elf64_nhdr {
	uint32_t namesz;
	uint32_t descsz;
	uint32_t type;
};

_Static_assert(sizeof(struct elf64_ehdr) == 64, "ELF header");
_Static_assert(sizeof(struct elf64_phdr) == 56, "ELF program header");

#define ELF_CLASS64	2
#define ELF_LSB		1
#define ELF_EXEC	2
#define ELF_DYN		3
#define ELF_X86_64	62
#define ELF_PT_LOAD	1
#define ELF_PT_NOTE	4
#define PHDRS_MAX	64

static int truncated(struct cvm_err *err, const char *what, uint64_t end,
		     uint64_t bytes)
{
	return cvm_refuse(err, CVM_EINVAL, CVM_WHY_TRUNCATED,
			  "truncated: %s needs %llu bytes, the file has %llu",
			  what, (unsigned long long)end,
			  (unsigned long long)bytes);
}

static int check_header(const struct cvm_image *img, struct elf64_ehdr *eh,
			struct cvm_err *err)
{
	if (cvm_image_format(img->file, img->bytes) != CVM_IMAGE_ELF)
		return cvm_refuse(err, CVM_EINVAL, CVM_WHY_FORMAT,
				  "not a kernel image (neither ELF vmlinux nor "
				  "bzImage)");
	if (img->bytes < sizeof(*eh))
		return truncated(err, "its ELF header", sizeof(*eh),
				 img->bytes);
	__builtin_memcpy(eh, img->file, sizeof(*eh));
	if (eh->ident[4] != ELF_CLASS64 || eh->ident[5] != ELF_LSB)
		return cvm_refuse(err, CVM_EINVAL, CVM_WHY_MACHINE,
				  "an ELF file, but not of the 64-bit little "
				  "endian class");
	if (eh->machine != ELF_X86_64)
		return cvm_refuse(err, CVM_EINVAL, CVM_WHY_MACHINE,
				  "an ELF file for machine %u; x86-64 (62) is "
				  "needed", eh->machine);
	if (eh->type != ELF_EXEC && eh->type != ELF_DYN)
		return cvm_refuse(err, CVM_EINVAL, CVM_WHY_LAYOUT,
				  "an ELF file, but not an executable "
				  "(type %u)", eh->type);
	if (eh->phentsize != sizeof(struct elf64_phdr) || !eh->phnum ||
	    eh->phnum > PHDRS_MAX)
		return cvm_refuse(err, CVM_EINVAL, CVM_WHY_LAYOUT,
				  "%u program headers of %u bytes cannot be a "
				  "kernel's", eh->phnum, eh->phentsize);
	if (!cvm_inside(eh->phoff, (uint64_t)eh->phnum * eh->phentsize,
			img->bytes))
		return truncated(err, "its program header table",
				 eh->phoff +
				 (uint64_t)eh->phnum * eh->phentsize,
				 img->bytes);
	return 0;
}

static void read_phdr(const struct cvm_image *img,
		      const struct elf64_ehdr *eh, uint32_t i,
		      struct elf64_phdr *ph)
{
	__builtin_memcpy(ph, img->file + eh->phoff + i * sizeof(*ph),
			 sizeof(*ph));
}

/* Keep the physical address in .off until the lowest one is known. */
static int add_segment(struct cvm_image *img, const struct elf64_phdr *ph,
		       struct cvm_err *err)
{
	struct cvm_image_seg *seg;

	if (!ph->memsz)
		return 0;
	if (img->segs == CVM_IMAGE_SEGS_MAX)
		return cvm_refuse(err, CVM_EINVAL, CVM_WHY_LAYOUT,
				  "more than %u loadable segments",
				  CVM_IMAGE_SEGS_MAX);
	if (ph->filesz > ph->memsz || ph->memsz > CVM_IMAGE_SPAN_MAX ||
	    ph->paddr > UINT64_MAX - ph->memsz ||
	    ph->vaddr > UINT64_MAX - ph->memsz)
		return cvm_refuse(err, CVM_EINVAL, CVM_WHY_LAYOUT,
				  "segment %u: impossible sizes (file 0x%llx, "
				  "memory 0x%llx at 0x%llx)", img->segs,
				  (unsigned long long)ph->filesz,
				  (unsigned long long)ph->memsz,
				  (unsigned long long)ph->paddr);
	if (!cvm_inside(ph->offset, ph->filesz, img->bytes))
		return truncated(err, "a segment", ph->offset + ph->filesz,
				 img->bytes);
	seg = &img->seg[img->segs++];
	seg->file_off = ph->offset;
	seg->file_bytes = ph->filesz;
	seg->off = ph->paddr;
	seg->mem_bytes = ph->memsz;
	seg->gva = ph->vaddr;
	return 0;
}

static int segments_overlap(const struct cvm_image *img)
{
	const struct cvm_image_seg *a, *b;
	uint32_t i, j;

	for (i = 0; i < img->segs; i++) {
		for (j = i + 1; j < img->segs; j++) {
			a = &img->seg[i];
			b = &img->seg[j];
			if (a->off < b->off + b->mem_bytes &&
			    b->off < a->off + a->mem_bytes)
				return 1;
		}
	}
	return 0;
}

static int read_segments(struct cvm_image *img, const struct elf64_ehdr *eh,
			 struct cvm_err *err)
{
	uint64_t low = UINT64_MAX, end = 0;
	struct cvm_image_seg *seg;
	struct elf64_phdr ph;
	uint32_t i;
	int ret;

	for (i = 0; i < eh->phnum; i++) {
		read_phdr(img, eh, i, &ph);
		if (ph.type != ELF_PT_LOAD)
			continue;
		ret = add_segment(img, &ph, err);
		if (ret)
			return ret;
	}
	if (!img->segs)
		return cvm_refuse(err, CVM_EINVAL, CVM_WHY_LAYOUT,
				  "no loadable segment");
	if (segments_overlap(img))
		return cvm_refuse(err, CVM_EINVAL, CVM_WHY_LAYOUT,
				  "segments overlap in memory");
	for (i = 0; i < img->segs; i++) {
		seg = &img->seg[i];
		if (seg->off < low)
			low = seg->off;
		if (seg->off + seg->mem_bytes > end)
			end = seg->off + seg->mem_bytes;
	}
	/* __startup_64() hangs unless it was moved by a multiple of 2 MiB. */
	if (low & (CVM_LARGE_PAGE - 1) || end - low > CVM_IMAGE_SPAN_MAX)
		return cvm_refuse(err, CVM_EINVAL, CVM_WHY_LAYOUT,
				  "segments from 0x%llx to 0x%llx are not a "
				  "kernel's", (unsigned long long)low,
				  (unsigned long long)end);
	for (i = 0; i < img->segs; i++)
		img->seg[i].off -= low;
	img->span = cvm_round_up(end - low, CVM_PAGE_SIZE);
	img->entry = eh->entry - low;
	return 0;
}

/* startup_64 may be named by its physical or its virtual address. */
static int find_entry(struct cvm_image *img, const struct elf64_ehdr *eh,
		      struct cvm_err *err)
{
	const struct cvm_image_seg *seg;
	uint32_t i;

	for (i = 0; i < img->segs; i++) {
		seg = &img->seg[i];
		if (img->entry - seg->off < seg->file_bytes)
			return 0;
		if (eh->entry - seg->gva < seg->file_bytes) {
			img->entry = seg->off + (eh->entry - seg->gva);
			return 0;
		}
	}
	return cvm_refuse(err, CVM_EINVAL, CVM_WHY_LAYOUT,
			  "the entry point 0x%llx lies in no segment",
			  (unsigned long long)eh->entry);
}

/*
 * Look through one PT_NOTE segment.  1 = found (*desc_off, *desc_bytes).
 * A note's name and descriptor are padded to the segment's alignment; 4 is
 * what the kernel and gas use, 8 occurs for .note.gnu.property.
 */
static int find_note(const struct cvm_image *img, const struct elf64_phdr *ph,
		     uint64_t *desc_off, uint64_t *desc_bytes)
{
	uint64_t align = ph->align == 8 ? 8 : 4;
	uint64_t off = ph->offset, end = ph->offset + ph->filesz;
	uint64_t name, desc;
	struct elf64_nhdr nh;

	while (cvm_inside(off, sizeof(nh), end)) {
		__builtin_memcpy(&nh, img->file + off, sizeof(nh));
		name = off + sizeof(nh);
		desc = cvm_round_up(name + nh.namesz, align);
		if (!cvm_inside(desc, nh.descsz, end))
			return 0;
		if (nh.type == CVM_NOTE_TYPE &&
		    nh.namesz == sizeof(CVM_NOTE_OWNER) &&
		    !__builtin_memcmp(img->file + name, CVM_NOTE_OWNER,
				      sizeof(CVM_NOTE_OWNER))) {
			*desc_off = desc;
			*desc_bytes = nh.descsz;
			return 1;
		}
		off = cvm_round_up(desc + nh.descsz, align);
	}
	return 0;
}

static int read_note(struct cvm_image *img, const struct elf64_ehdr *eh,
		     struct cvm_err *err)
{
	uint64_t off = 0, bytes = 0;
	struct elf64_phdr ph;
	uint32_t i, abi;
	int found = 0;

	for (i = 0; i < eh->phnum && !found; i++) {
		read_phdr(img, eh, i, &ph);
		if (ph.type != ELF_PT_NOTE)
			continue;
		if (!cvm_inside(ph.offset, ph.filesz, img->bytes))
			return truncated(err, "its notes",
					 ph.offset + ph.filesz, img->bytes);
		found = find_note(img, &ph, &off, &bytes);
	}
	if (!found)
		return cvm_refuse(err, CVM_EINVAL, CVM_WHY_NO_NOTE,
				  "not built for libcvm (the kernel has no "
				  "\"%s\" note)", CVM_NOTE_OWNER);
	/* Another ABI may have another descriptor: compare .abi alone first. */
	if (bytes < sizeof(abi))
		return cvm_refuse(err, CVM_EINVAL, CVM_WHY_LAYOUT,
				  "the libcvm note has only %llu bytes",
				  (unsigned long long)bytes);
	__builtin_memcpy(&abi, img->file + off, sizeof(abi));
	if (abi != CVM_GUEST_ABI)
		return cvm_refuse(err, CVM_EPROTO, CVM_WHY_ABI,
				  "built for guest ABI %u, this libcvm speaks "
				  "%u", abi, CVM_GUEST_ABI);
	if (bytes < sizeof(img->note))
		return cvm_refuse(err, CVM_EINVAL, CVM_WHY_LAYOUT,
				  "the libcvm note has only %llu bytes",
				  (unsigned long long)bytes);
	__builtin_memcpy(&img->note, img->file + off, sizeof(img->note));
	if (img->note.size != sizeof(img->note) || img->note.flags)
		return cvm_refuse(err, CVM_EINVAL, CVM_WHY_LAYOUT,
				  "the libcvm note says size %u, flags 0x%x",
				  img->note.size, img->note.flags);
	return 0;
}

/* Where a GVA lies in the file-backed image; UINT64_MAX if nowhere. */
static uint64_t gva_to_off(const struct cvm_image *img, uint64_t gva,
			   uint64_t bytes)
{
	const struct cvm_image_seg *seg;
	uint32_t i;

	for (i = 0; i < img->segs; i++) {
		seg = &img->seg[i];
		if (gva >= seg->gva &&
		    cvm_inside(gva - seg->gva, bytes, seg->file_bytes))
			return seg->off + (gva - seg->gva);
	}
	return UINT64_MAX;
}

static int check_note(struct cvm_image *img, struct cvm_err *err)
{
	const struct cvm_note_desc *note = &img->note;
	uint64_t span = (uint64_t)CVM_PASSAGE_PAGES * CVM_PAGE_SIZE;

	if (note->passage_gva & (CVM_PAGE_SIZE - 1))
		return cvm_refuse(err, CVM_EINVAL, CVM_WHY_PASSAGE_GVA,
				  "passage_gva 0x%llx in the libcvm note is "
				  "not page aligned",
				  (unsigned long long)note->passage_gva);
	/* The upper half begins at bit 47 whatever the paging mode. */
	if (note->passage_gva < 0xffff800000000000u ||
	    note->passage_gva > UINT64_MAX - span)
		return cvm_refuse(err, CVM_EINVAL, CVM_WHY_PASSAGE_GVA,
				  "passage_gva 0x%llx in the libcvm note is "
				  "not a kernel address",
				  (unsigned long long)note->passage_gva);
	if (note->passage_pages < CVM_PASSAGE_PAGES)
		return cvm_refuse(err, CVM_EINVAL, CVM_WHY_PASSAGE_PAGES,
				  "the kernel keeps %u pages for the passage, "
				  "%u are needed", note->passage_pages,
				  CVM_PASSAGE_PAGES);
	if ((note->pte_gva & (CVM_PAGE_SIZE - 1)) !=
	    (note->passage_gva >> 12 & 511) * 8)
		return cvm_refuse(err, CVM_EINVAL, CVM_WHY_PTE_GVA,
				  "pte_gva 0x%llx in the libcvm note does not "
				  "map passage_gva 0x%llx",
				  (unsigned long long)note->pte_gva,
				  (unsigned long long)note->passage_gva);
	/*
	 * Only what comes from the file: the kernel clears its .bss, and with
	 * it what a loader wrote there.
	 */
	img->pte = gva_to_off(img, note->pte_gva, CVM_PASSAGE_PAGES * 8u);
	if (img->pte == UINT64_MAX)
		return cvm_refuse(err, CVM_EINVAL, CVM_WHY_PTE_GVA,
				  "pte_gva 0x%llx in the libcvm note lies "
				  "outside the image",
				  (unsigned long long)note->pte_gva);
	return 0;
}

int cvm_image_parse(struct cvm_image *img, const void *file, uint64_t bytes,
		    const struct cvm_bzimage *bz, struct cvm_err *err)
{
	struct elf64_ehdr eh;
	int ret;

	__builtin_memset(img, 0, sizeof(*img));
	img->file = file;
	img->bytes = bytes;
	img->align = CVM_LARGE_PAGE;
	ret = check_header(img, &eh, err);
	if (!ret)
		ret = read_segments(img, &eh, err);
	if (!ret)
		ret = find_entry(img, &eh, err);
	if (!ret)
		ret = read_note(img, &eh, err);
	if (!ret)
		ret = check_note(img, err);
	if (ret || !bz)
		return ret;
	if (bz->alignment > img->align)
		img->align = bz->alignment;
	img->four_level = !bz->la57;
	return 0;
}
