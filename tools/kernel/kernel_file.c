// SPDX-License-Identifier: GPL-2.0-only
/* kernel_file.c - a kernel file, unpacked, adapted and checked. */
#include <stdlib.h>
#include <string.h>

#include "adapt.h"
#include "kernel_file.h"

const struct file_kind kernel_file_kind = { "a kernel", 2ull << 30 };

static int unpack_kernel(struct kernel *kernel, const struct cvm_bzimage *bz,
			 uint64_t *bytes, struct problem *problem)
{
	/* lz4 in a kernel has no checksum: the length is the check then. */
	const char *reason = UNPACK_WRONG_SIZE;

	kernel->unpacked = malloc(bz->unpacked_bytes + 1);
	if (!kernel->unpacked)
		return problem_set(problem, kernel->file.path,
				   "no memory to unpack %llu MiB",
				   (unsigned long long)bz->unpacked_bytes >>
				   20);
	if (unpack(bz->kind, bz->payload, bz->payload_bytes, kernel->unpacked,
		   bz->unpacked_bytes, bytes, &reason) ||
	    *bytes != bz->unpacked_bytes)
		return problem_set(problem, kernel->file.path,
				   "the kernel inside (%s) cannot be unpacked: "
				   "%s", cvm_pack_name(bz->kind), reason);
	return 0;
}

/* A distribution's own: what the platform object makes of it is parsed. */
static int adapt_kernel(struct kernel *kernel, const void *elf, uint64_t bytes,
			const struct cvm_bzimage *bz, const char *platform,
			enum adapt_how how, struct problem *problem)
{
	const char *path = kernel->file.path, *why;
	struct problem reason = { "" };
	struct cvm_err err = { 0 };
	size_t len = strlen(path);

	kernel->adapt = malloc(sizeof(*kernel->adapt));
	if (!kernel->adapt)
		return problem_set(problem, path, "no memory");
	if (adapt(kernel->adapt, path, elf, bytes, platform, how, &reason)) {
		/* Named once is enough. */
		why = reason.text;
		if (!strncmp(why, path, len) && !strncmp(why + len, ": ", 2))
			why += len + 2;
		return problem_set(problem, path, "not built for libcvm, and "
				   "cannot be adapted: %s", why);
	}
	if (cvm_image_parse(&kernel->image, kernel->adapt->image.data,
			    kernel->adapt->image.data_bytes, bz, &err))
		return problem_set(problem, path, "adapted: %s", err.text);
	return 0;
}

static int check(struct kernel *kernel, const char *platform,
		 enum adapt_how how, struct problem *problem)
{
	const char *path = kernel->file.path;
	struct cvm_bzimage bz = { 0 };
	struct cvm_err err = { 0 };
	const void *elf;
	uint64_t bytes;
	int packed;

	elf = kernel->file.data;
	bytes = kernel->file.bytes;
	packed = cvm_image_format(elf, bytes) == CVM_IMAGE_BZIMAGE;
	if (packed) {
		if (cvm_bzimage_parse(&bz, elf, bytes, &err))
			return problem_set(problem, path, "%s", err.text);
		elf = bz.payload;
		bytes = bz.payload_bytes;
	}
	if (packed && bz.kind != CVM_PACK_NONE) {
		if (unpack_kernel(kernel, &bz, &bytes, problem))
			return -1;
		elf = kernel->unpacked;
	}
	if (!cvm_image_parse(&kernel->image, elf, bytes, packed ? &bz : NULL,
			     &err))
		return 0;
	if (err.why == CVM_WHY_NO_NOTE)
		return adapt_kernel(kernel, elf, bytes, packed ? &bz : NULL,
				    platform, how, problem);
	return problem_set(problem, path, "%s", err.text);
}

int kernel_check(struct kernel *kernel, const char *platform,
		 struct problem *problem)
{
	return check(kernel, platform, ADAPT_SWIFTLY, problem);
}

static int open_file(struct kernel *kernel, const char *path,
		     struct problem *problem)
{
	memset(kernel, 0, sizeof(*kernel));
	return file_map(&kernel->file, path, &kernel_file_kind, problem);
}

int kernel_open(struct kernel *kernel, const char *path, const char *platform,
		struct problem *problem)
{
	return open_file(kernel, path, problem) ||
	       check(kernel, platform, ADAPT_SWIFTLY, problem) ? -1 : 0;
}

int kernel_look(struct kernel *kernel, const char *path, const char *platform,
		struct problem *problem)
{
	return open_file(kernel, path, problem) ||
	       check(kernel, platform, ADAPT_WHOLLY, problem) ? -1 : 0;
}

void kernel_slim(struct kernel *kernel)
{
	if (!kernel->adapt)
		return;
	kernel->adapted = kernel->adapt->image.data;
	kernel->adapt->image.data = NULL;
	adapt_close(kernel->adapt);
	free(kernel->adapt);
	kernel->adapt = NULL;
	free(kernel->unpacked);
	kernel->unpacked = NULL;
	file_close(&kernel->file);
}

void kernel_close(struct kernel *kernel)
{
	if (kernel->adapt)
		adapt_close(kernel->adapt);
	free(kernel->adapt);
	kernel->adapt = NULL;
	free(kernel->adapted);
	kernel->adapted = NULL;
	free(kernel->unpacked);
	kernel->unpacked = NULL;
	file_close(&kernel->file);
}
