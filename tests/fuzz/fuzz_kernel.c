// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_kernel.c - any bytes as a kernel and the platform object for it.
 *
 * The first 4 bytes say how many of the rest are the kernel.  What is adapted
 * is what the loader's parser takes.
 */
#include <string.h>

#include <cvm/boot.h>

#include "kernel/adapt.h"

#include "kernel_seed.h"
#include "replay.h"

#define KERNEL_MAX	65536u

/* How far inputs came. */
static struct {
	unsigned long opened;	/* complete kernels, with symbols */
	unsigned long sites;	/* whose instructions were all judged */
	unsigned long linked;	/* with an object that fits */
	unsigned long adapted;
} fuzz_count;

static const uint8_t *object;
static size_t object_bytes;

/* The object is the input's, not a file. */
int __wrap_platform_open(struct platform *platform, const struct image *image,
			 const char *given, struct problem *problem);
int __wrap_platform_open(struct platform *platform, const struct image *image,
			 const char *given, struct problem *problem)
{
	(void)image;
	(void)given;
	(void)problem;
	strcpy(platform->path, "object");
	platform->file.data = object;
	platform->file.bytes = object_bytes;
	return 0;
}

void __wrap_platform_close(struct platform *platform);
void __wrap_platform_close(struct platform *platform)
{
	(void)platform;
}

static void check_adapted(const struct adapt *a)
{
	struct cvm_image image;
	struct cvm_err err = { 0 };
	uint32_t i;

	for (i = 1; i < a->rows; i++)
		require(a->table[i - 1].at < a->table[i].at);
	for (i = 0; i < a->rows; i++)
		require(*image_at(&a->image, a->image.text + a->table[i].at,
				  1) == 0xcc);
	if (!cvm_image_parse(&image, a->image.data, a->image.data_bytes, NULL,
			     &err))
		require(image.segs);
}

static void check_refused(const struct problem *problem)
{
	require(problem->text[0] && !strchr(problem->text, '\n'));
	require(strlen(problem->text) < sizeof(problem->text) - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct problem problem = { { 0 } };
	struct adapt a;
	uint32_t kernel;

	if (size < sizeof(kernel) || size > KERNEL_MAX + KERNEL_SEED_OBJECT)
		return 0;
	memcpy(&kernel, data, sizeof(kernel));
	data += sizeof(kernel);
	size -= sizeof(kernel);
	if (kernel > size)
		kernel = (uint32_t)size;
	object = data + kernel;
	object_bytes = size - kernel;
	if (!adapt(&a, "kernel", data, kernel, NULL, ADAPT_WHOLLY,
		   &problem))
		check_adapted(&a);
	else
		check_refused(&problem);
	fuzz_count.opened += a.step >= ADAPT_OBJECT;
	fuzz_count.sites += a.step >= ADAPT_PLACES;
	fuzz_count.linked += a.step >= ADAPT_HOOKS;
	fuzz_count.adapted += a.step == ADAPT_DONE;
	adapt_close(&a);
	return 0;
}

static struct made_kernel made;

static size_t seed(uint8_t *data)
{
	uint32_t kernel;

	kernel_seed(&made);
	kernel = (uint32_t)made.bytes;
	memcpy(data, &kernel, sizeof(kernel));
	memcpy(data + sizeof(kernel), made.file, kernel);
	return sizeof(kernel) + kernel +
		kernel_seed_object(data + sizeof(kernel) + kernel);
}

/* Headers, symbols, functions, and the object. */
static void hot(uint32_t *at, uint32_t *bytes)
{
	uint32_t kernel = (uint32_t)made.bytes;

	switch (fuzz_dice(3)) {
	case 0:
		*at = sizeof(kernel);
		*bytes = 4096;
		break;
	case 1:
		*at = sizeof(kernel) + 4096;
		*bytes = 512;
		break;
	default:
		*at = sizeof(kernel) + kernel;
		*bytes = 4096;
		break;
	}
}

static int report(unsigned long inputs)
{
	printf("kernel: %lu inputs, %lu opened, %lu judged, %lu linked, "
	       "%lu adapted\n", inputs, fuzz_count.opened, fuzz_count.sites,
	       fuzz_count.linked, fuzz_count.adapted);
	return fuzz_count.adapted < inputs / 20;
}

const struct fuzz_target fuzz_target = {
	.name = "fuzz_kernel",
	.max = KERNEL_MAX + KERNEL_SEED_OBJECT,
	.seed = seed,
	.hot = hot,
	.report = report,
};
