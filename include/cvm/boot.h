/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * boot.h - from a kernel file to a guest that can be entered.
 *
 * Pure code: no host calls, no heap, no state.  cvmctl, the bare test host,
 * the unit tests and the fuzzer link the same objects.  Every byte of a file
 * is untrusted; the ranges come from MEM_RANGES.  The order is
 *
 *	cvm_image_format()	ELF vmlinux or bzImage?
 *	cvm_bzimage_parse()	bzImage only; the caller unpacks the payload
 *	cvm_image_parse()	the ELF vmlinux
 *	cvm_boot_first_bytes()	-> VM_CREATE, MEM_ADD, MEM_RANGES, VCPU_CREATE
 *	cvm_boot_plan()		decide every address, or refuse
 *	cvm_boot_load()		write kernel, boot_params and page tables
 *				(the caller puts the initrd at plan.initrd_gpa)
 *	-> VCPU_BOOT with plan.entry
 *
 * hosts/bare/guest.c is this, and VCPU_RUN until the end, on one page.
 *
 * Functions return 0 or a negative CVM_E* and then explain themselves in
 * *err (which may be NULL).  All of them: thread context, may be called
 * concurrently, nothing to free.  Memory given to a parse function must stay
 * until cvm_boot_load() returned.
 */
#ifndef CVM_BOOT_H
#define CVM_BOOT_H

#include <stdint.h>

#include <cvm/abi.h>
#include <cvm/error.h>
#include <cvm/uapi.h>

#define CVM_LARGE_PAGE		0x200000u	/* ranges come in these */
#define CVM_CMDLINE_MAX		2047u	/* Linux's COMMAND_LINE_SIZE - 1 */
#define CVM_IMAGE_SEGS_MAX	16u
#define CVM_IMAGE_SPAN_MAX	0x40000000u	/* KERNEL_IMAGE_SIZE, 1 GiB */
#define CVM_E820_MAX		128u	/* entries of boot_params.e820_table */

/* What went wrong, for programs; .text says it to people. */
enum {
	CVM_WHY_NONE = 0,
	CVM_WHY_FORMAT,		/* neither ELF nor bzImage */
	CVM_WHY_TRUNCATED,	/* the file ends before what it announces */
	CVM_WHY_MACHINE,	/* another CPU, class or byte order */
	CVM_WHY_LAYOUT,		/* contradictory or unusable contents */
	CVM_WHY_PAYLOAD,	/* bzImage without a payload one can unpack */
	CVM_WHY_NO_NOTE,	/* not built for libcvm */
	CVM_WHY_ABI,		/* built for another guest ABI */
	CVM_WHY_PASSAGE_GVA,	/* note.passage_gva unusable */
	CVM_WHY_PTE_GVA,	/* note.pte_gva unusable */
	CVM_WHY_PASSAGE_PAGES,	/* note.passage_pages too few */
	CVM_WHY_RANGES,		/* malformed memory ranges */
	CVM_WHY_MEMORY,		/* does not fit into the ranges */
	CVM_WHY_CMDLINE,	/* command line too long */
	CVM_WHY_PAGING,		/* kernel lacks the host's paging mode */
	CVM_WHY_VCPUS,		/* no or too many vCPUs */
	CVM_WHY_ACCESS		/* guest memory could not be reached */
};

struct cvm_err {
	uint32_t why;		/* CVM_WHY_* */
	char text[256];		/* one sentence, no newline, no file name */
};

/* ---- files ------------------------------------------------------------ */

#define CVM_IMAGE_UNKNOWN	0u
#define CVM_IMAGE_ELF		1u
#define CVM_IMAGE_BZIMAGE	2u

/* cvm_image_format - CVM_IMAGE_* by magic numbers alone. */
uint32_t cvm_image_format(const void *file, uint64_t bytes);

/* struct cvm_bzimage.kind */
#define CVM_PACK_UNKNOWN	0u
#define CVM_PACK_NONE		1u	/* the payload is the ELF file */
#define CVM_PACK_GZIP		2u
#define CVM_PACK_BZIP2		3u
#define CVM_PACK_LZMA		4u
#define CVM_PACK_XZ		5u
#define CVM_PACK_LZO		6u
#define CVM_PACK_LZ4		7u
#define CVM_PACK_ZSTD		8u

struct cvm_bzimage {
	const uint8_t *payload;	/* in the file */
	uint64_t payload_bytes;	/* packed */
	uint64_t unpacked_bytes; /* as the payload's last word says; a hint
				  * from the file, <= 1 GiB */
	uint32_t kind;		/* CVM_PACK_* by the payload's magic */
	uint32_t alignment;	/* kernel_alignment */
	uint32_t init_size;	/* memory the kernel wants contiguous */
	uint32_t la57;		/* 1: can run with 5-level page tables */
};

/* cvm_pack_name - "gzip", "zstd", ... for messages; never NULL. */
const char *cvm_pack_name(uint32_t kind);

/*
 * cvm_bzimage_parse - check the setup header and find the payload.  Unpacking
 * is the caller's: kind says with what.
 */
int cvm_bzimage_parse(struct cvm_bzimage *bz, const void *file,
		      uint64_t bytes, struct cvm_err *err);

struct cvm_image_seg {
	uint64_t file_off;	/* where it begins in the file */
	uint64_t file_bytes;	/* <= mem_bytes; the rest is zero */
	uint64_t off;		/* from the image's first byte in memory */
	uint64_t mem_bytes;	/* length in memory */
	uint64_t gva;		/* link-time virtual address */
};

struct cvm_image {
	const uint8_t *file;	/* as given to cvm_image_parse() */
	uint64_t bytes;		/* its length */
	uint64_t span;		/* memory it occupies, contiguous */
	uint64_t align;		/* of its first byte, a power of two */
	uint64_t entry;		/* startup_64, from the first byte */
	uint64_t pte;		/* the passage's first PTE, same origin */
	uint32_t four_level;	/* 1: known not to run with 5 levels */
	uint32_t segs;		/* of seg[] */
	struct cvm_image_seg seg[CVM_IMAGE_SEGS_MAX];	/* its PT_LOADs */
	struct cvm_note_desc note;	/* copied from the file */
};

/*
 * cvm_image_parse - check an ELF vmlinux and its libcvm note completely, so
 * that cvm_boot_load() cannot leave the file or the image's span.
 * bz: the bzImage it was unpacked from, or NULL.
 */
int cvm_image_parse(struct cvm_image *img, const void *file, uint64_t bytes,
		    const struct cvm_bzimage *bz, struct cvm_err *err);

/* ---- memory ------------------------------------------------------------ */

/*
 * cvm_boot_first_bytes - what cvm_user_mem.first_bytes must be so that kernel,
 * initrd, setup data and tables of a guest with mem_bytes fit into one range;
 * a multiple of 2 MiB.  A VM smaller than this cannot be planned.  UINT64_MAX
 * when the sum overflows.
 */
uint64_t cvm_boot_first_bytes(const struct cvm_image *img,
			      uint64_t initrd_bytes, uint64_t setup_bytes,
			      uint64_t mem_bytes);

struct cvm_boot_args {
	const struct cvm_image *image;	/* from cvm_image_parse() */
	const struct cvm_user_ranges *ranges;	/* from MEM_RANGES */
	const char *cmdline;		/* NUL-ended, NULL = empty */
	uint64_t initrd_bytes;		/* 0 = none */
	uint64_t setup_bytes;		/* 0 = none: room for one setup_data
					 * record of the boot protocol, which
					 * the caller writes before the guest
					 * runs (virtio.h) */
	uint64_t passage_code_hpa;	/* from VM_CREATE */
	const struct cvm_user_vcpu *vcpu; /* from VCPU_CREATE, vcpus of them */
	uint32_t vcpus;			/* of vcpu[], 1.. */
	uint32_t la57;			/* from VM_CREATE */
};

/* Every address of the boot; all lie inside the ranges. */
struct cvm_boot_plan {
	uint64_t kernel_gpa;	/* aligned to image->align */
	uint64_t initrd_gpa;	/* page aligned; 0 without an initrd */
	uint64_t setup_gpa;	/* page aligned; 0 without setup data */
	uint64_t params_gpa;	/* struct boot_params, one page */
	uint64_t cmdline_gpa;	/* one page */
	uint64_t stack_gpa;	/* one page; entry.rsp is its end */
	uint64_t tables_gpa;	/* identity page tables, root first */
	uint32_t table_pages;
	uint32_t ranges;
	struct cvm_user_range range[CVM_RANGES_MAX];	/* ascending */
	struct cvm_user_boot entry;	/* for VCPU_BOOT of vCPU 0 */
};

/*
 * cvm_boot_plan - place everything, or refuse: -CVM_ENOMEM with the sizes
 * when it does not fit, -CVM_EINVAL for ranges, command line or vCPUs that
 * cannot be, -CVM_ENOSYS when the kernel lacks the host's paging mode.
 */
int cvm_boot_plan(const struct cvm_boot_args *args,
		  struct cvm_boot_plan *plan, struct cvm_err *err);

/*
 * at - the caller's address of guest memory [gpa, gpa + bytes), which lies
 * inside one range; NULL if it cannot be reached.  Valid until
 * cvm_boot_load() returns.
 */
struct cvm_guest_mem {
	void *(*at)(void *ctx, uint64_t gpa, uint64_t bytes);
	void *ctx;
};

/*
 * cvm_boot_load - write the kernel with the passage's PTEs, boot_params,
 * command line and identity page tables to where plan says.  args and plan
 * as cvm_boot_plan() saw and made them.  Everything but the initrd and the
 * setup data is written whole, so the memory need not be zero before.
 */
int cvm_boot_load(const struct cvm_boot_args *args,
		  const struct cvm_boot_plan *plan,
		  const struct cvm_guest_mem *mem, struct cvm_err *err);

#endif /* CVM_BOOT_H */
