/* SPDX-License-Identifier: GPL-2.0-only */
/* kernel_file.h - a kernel file, unpacked, adapted and checked. */
#ifndef CVM_KERNEL_KERNEL_FILE_H
#define CVM_KERNEL_KERNEL_FILE_H

#include <cvm/boot.h>

#include "os/file.h"
#include "os/problem.h"

/* With all of its debugging information. */
extern const struct file_kind kernel_file_kind;

struct kernel {
	struct file file;
	uint8_t *unpacked;	/* of a bzImage, else NULL */
	struct adapt *adapt;	/* of one that was not built for libcvm */
	uint8_t *adapted;	/* what was made of it; kernel_slim() */
	struct cvm_image image;
};

/*
 * kernel_open - read, adapt if need be, and check; kernel_close() in every
 * case.  kernel_check - the same of one whose file is in memory already.
 * platform: the path of a platform object, or NULL (platform.h).
 */
int kernel_open(struct kernel *kernel, const char *path, const char *platform,
		struct problem *problem);
int kernel_check(struct kernel *kernel, const char *platform,
		 struct problem *problem);

/* kernel_look - as kernel_open(), for whoever wants to see all of adapt. */
int kernel_look(struct kernel *kernel, const char *path, const char *platform,
		struct problem *problem);

/*
 * kernel_slim - let go of all but what is loaded: symbols, types, the unpacked
 * file.  What adapt has is gone then.
 */
void kernel_slim(struct kernel *kernel);
void kernel_close(struct kernel *kernel);

#define UNPACK_WRONG_SIZE \
	"corrupt: unpacked size does not match the header"
#define UNPACK_CORRUPT		"corrupt: it cannot be unpacked"

/*
 * unpack - one payload of the given kind into out.  0, or -1 with a reason;
 * *got is what came out.  What follows the payload is not looked at.
 */
int unpack(uint32_t kind, const uint8_t *in, uint64_t in_bytes, uint8_t *out,
	   uint64_t out_bytes, uint64_t *got, const char **reason);

/* The ones that have a file of their own; lz4 takes no library. */
int unpack_lzma(const uint8_t *in, uint64_t in_bytes, uint8_t *out,
		uint64_t out_bytes, uint64_t *got, const char **reason);
int unpack_zstd(const uint8_t *in, uint64_t in_bytes, uint8_t *out,
		uint64_t out_bytes, uint64_t *got, const char **reason);
int unpack_lz4(const uint8_t *in, uint64_t in_bytes, uint8_t *out,
	       uint64_t out_bytes, uint64_t *got, const char **reason);

#endif /* CVM_KERNEL_KERNEL_FILE_H */
