// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_loader.c - any bytes as a kernel file.
 *
 * What the parser accepts is planned and loaded too.  Guest memory is handed
 * out in heap blocks of exactly the size asked for, so the sanitizer sees a
 * write that goes one byte beyond what the loader said it would touch; what
 * lies outside the ranges is a crash.
 */
#include <string.h>

#include <cvm/boot.h>

#include "replay.h"
#include "../unit/boot_image.h"

#define MIB		0x100000ull
#define SPAN_MAX	(64 * MIB)	/* larger kernels are not loaded */

/* How far inputs came. */
static struct {
	unsigned long parsed;	/* complete kernels by the parser's word */
	unsigned long loaded;	/* planned and written */
} fuzz_count;

struct block {
	struct block *next;
	uint64_t gpa, bytes;
	uint8_t data[];
};

struct memory {
	const struct cvm_user_ranges *ranges;
	struct block *blocks;
};

static void *memory_at(void *ctx, uint64_t gpa, uint64_t bytes)
{
	const struct cvm_user_range *range;
	struct memory *mem = ctx;
	struct block *block;
	uint32_t i;

	for (i = 0; i < mem->ranges->count; i++) {
		range = &mem->ranges->range[i];
		if (gpa >= range->gpa && bytes <= range->bytes &&
		    gpa - range->gpa <= range->bytes - bytes)
			break;
	}
	require(i < mem->ranges->count);
	for (block = mem->blocks; block; block = block->next)
		if (block->gpa == gpa && block->bytes == bytes)
			return block->data;
	block = malloc(sizeof(*block) + bytes);
	require(block);
	block->next = mem->blocks;
	block->gpa = gpa;
	block->bytes = bytes;
	mem->blocks = block;
	return block->data;
}

static void memory_free(struct memory *mem)
{
	struct block *block;

	while ((block = mem->blocks)) {
		mem->blocks = block->next;
		free(block);
	}
}

static void check_image(const struct cvm_image *img)
{
	const struct cvm_image_seg *seg;
	uint32_t i;

	require(img->segs && img->segs <= CVM_IMAGE_SEGS_MAX);
	require(img->span <= CVM_IMAGE_SPAN_MAX);
	require(img->entry < img->span);
	require(img->pte < img->span);
	for (i = 0; i < img->segs; i++) {
		seg = &img->seg[i];
		require(seg->file_off <= img->bytes);
		require(seg->file_bytes <= img->bytes - seg->file_off);
		require(seg->file_bytes <= seg->mem_bytes);
		require(seg->off <= img->span);
		require(seg->mem_bytes <= img->span - seg->off);
	}
}

static void load(const struct cvm_image *img, uint32_t dice)
{
	struct cvm_user_vcpu vcpu[CVM_MAX_VCPUS];
	struct cvm_user_ranges ranges = { .count = 1 + dice % 4 };
	struct memory mem = { .ranges = &ranges };
	struct cvm_guest_mem guest = { memory_at, &mem };
	struct cvm_boot_args args = {
		.image = img,
		.ranges = &ranges,
		.cmdline = "console=hvc0",
		.initrd_bytes = dice % 3 * 12345,
		.setup_bytes = dice % 5 * 50000,
		.passage_code_hpa = 0x1234000,
		.vcpu = vcpu,
		.vcpus = 1 + (dice >> 8) % CVM_MAX_VCPUS,
		.la57 = dice >> 16 & 1,
	};
	struct cvm_boot_plan plan;
	struct cvm_err err;
	uint32_t i;

	memset(vcpu, 0, sizeof(vcpu));
	ranges.range[0].gpa = img->align * (1 + (dice >> 17) % 64);
	ranges.range[0].bytes = cvm_boot_first_bytes(img, args.initrd_bytes,
						     args.setup_bytes,
						     8 * MIB);
	for (i = 1; i < ranges.count; i++) {
		ranges.range[i].gpa = ((uint64_t)i << 33) + 4 * MIB;
		ranges.range[i].bytes = 2 * MIB;
	}
	/* The range first_bytes asked for must do, except for paging. */
	if (cvm_boot_plan(&args, &plan, &err)) {
		require(err.why == CVM_WHY_PAGING);
		return;
	}
	require(!cvm_boot_load(&args, &plan, &guest, &err));
	fuzz_count.loaded++;
	memory_free(&mem);
}

static void parse(const uint8_t *data, size_t size,
		  const struct cvm_bzimage *bz, uint32_t dice)
{
	struct cvm_image img;
	struct cvm_err err = { 0 };

	if (cvm_image_parse(&img, data, size, bz, &err)) {
		require(err.why != CVM_WHY_NONE);
		require(memchr(err.text, '\0', sizeof(err.text)));
		require(err.text[0]);
		return;
	}
	check_image(&img);
	fuzz_count.parsed++;
	if (img.span <= SPAN_MAX && img.align <= SPAN_MAX)
		load(&img, dice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cvm_err err = { 0 };
	struct cvm_bzimage bz;
	uint32_t dice = 2166136261u;
	size_t i;

	for (i = 0; i < size; i++)
		dice = (dice ^ data[i]) * 16777619u;
	if (cvm_image_format(data, size) != CVM_IMAGE_BZIMAGE) {
		parse(data, size, NULL, dice);
		return 0;
	}
	if (cvm_bzimage_parse(&bz, data, size, &err)) {
		require(err.why != CVM_WHY_NONE && err.text[0]);
		return 0;
	}
	require(bz.payload >= data && bz.payload_bytes <= size &&
		bz.payload + bz.payload_bytes <= data + size);
	parse(bz.payload, bz.payload_bytes, &bz, dice);
	return 0;
}

/* ---- for replay.c -------------------------------------------------------- */

#define ELF_HOT		0x200u		/* ELF and program headers */

static uint32_t base;			/* of the ELF in the last seed */

static size_t loader_seed(uint8_t *data)
{
	static uint8_t elf[TEST_ELF_BYTES];

	test_elf(elf);
	base = fuzz_dice(2) ? TEST_BZ_PAYLOAD : 0;
	if (base)
		test_bzimage(data, elf, sizeof(elf));
	else
		memcpy(data, elf, sizeof(elf));
	return base + sizeof(elf);
}

static void loader_hot(uint32_t *at, uint32_t *bytes)
{
	*at = base;
	*bytes = ELF_HOT;
	if (!fuzz_dice(3)) {
		*at = base + TEST_NOTE_OFF;
		*bytes = 0x80;
	} else if (base && fuzz_dice(2)) {
		*at = 0x1f1;
		*bytes = 0x7b;
	}
}

static int loader_report(unsigned long inputs)
{
	printf("%lu inputs, %lu accepted, %lu loaded\n", inputs,
	       fuzz_count.parsed, fuzz_count.loaded);
	return fuzz_count.loaded < inputs / 100;
}

const struct fuzz_target fuzz_target = {
	.name = "fuzz_loader",
	.max = TEST_BZ_PAYLOAD + TEST_ELF_BYTES,
	.seed = loader_seed,
	.hot = loader_hot,
	.report = loader_report,
};
