// SPDX-License-Identifier: GPL-2.0-only
/*
 * bzimage.c - find the compressed kernel inside a bzImage.
 *
 * The guest never runs the bzImage's own decompressor: it expects a firmware
 * machine.  The payload is an ELF vmlinux, the same file kdump would load
 * (Documentation/arch/x86/boot.rst, payload_offset and payload_length).
 */
#include <cvm/boot.h>

#include "boot/impl.h"
#include "boot/params.h"

static const struct {
	uint32_t kind;
	uint32_t len;
	uint8_t magic[6];
	const char *name;
} packs[] = {
	{ CVM_PACK_NONE, 4, { 0x7f, 'E', 'L', 'F' }, "none" },
	{ CVM_PACK_GZIP, 2, { 0x1f, 0x8b }, "gzip" },
	{ CVM_PACK_BZIP2, 3, { 'B', 'Z', 'h' }, "bzip2" },
	{ CVM_PACK_LZMA, 3, { 0x5d, 0x00, 0x00 }, "lzma" },
	{ CVM_PACK_XZ, 6, { 0xfd, '7', 'z', 'X', 'Z', 0x00 }, "xz" },
	{ CVM_PACK_LZO, 4, { 0x89, 'L', 'Z', 'O' }, "lzo" },
	{ CVM_PACK_LZ4, 4, { 0x02, 0x21, 0x4c, 0x18 }, "lz4" },
	{ CVM_PACK_ZSTD, 4, { 0x28, 0xb5, 0x2f, 0xfd }, "zstd" },
};

#define PACKS (sizeof(packs) / sizeof(packs[0]))

static int begins_with(const uint8_t *file, uint64_t bytes,
		       const uint8_t *magic, uint32_t len)
{
	return bytes >= len && !__builtin_memcmp(file, magic, len);
}

const char *cvm_pack_name(uint32_t kind)
{
	uint32_t i;

	for (i = 0; i < PACKS; i++)
		if (packs[i].kind == kind)
			return packs[i].name;
	return "an unknown method";
}

static void read_header(struct cvm_setup_header *hdr, const void *file)
{
	__builtin_memcpy(hdr, (const uint8_t *)file + CVM_SETUP_HEADER_OFF,
			 sizeof(*hdr));
}

uint32_t cvm_image_format(const void *file, uint64_t bytes)
{
	static const uint8_t elf[4] = { 0x7f, 'E', 'L', 'F' };
	struct cvm_setup_header hdr;

	if (begins_with(file, bytes, elf, sizeof(elf)))
		return CVM_IMAGE_ELF;
	if (bytes < CVM_SETUP_HEADER_OFF + sizeof(hdr))
		return CVM_IMAGE_UNKNOWN;
	read_header(&hdr, file);
	if (hdr.boot_flag == CVM_BOOT_FLAG && hdr.header == CVM_BOOT_HDRS)
		return CVM_IMAGE_BZIMAGE;
	return CVM_IMAGE_UNKNOWN;
}

static int check_header(const struct cvm_setup_header *hdr,
			struct cvm_err *err)
{
	if (hdr->version < CVM_BOOT_PROTOCOL_MIN)
		return cvm_refuse(err, CVM_EINVAL, CVM_WHY_MACHINE,
				  "boot protocol %u.%u is too old, %u.%u is "
				  "the least", hdr->version >> 8,
				  hdr->version & 0xffu,
				  CVM_BOOT_PROTOCOL_MIN >> 8,
				  CVM_BOOT_PROTOCOL_MIN & 0xffu);
	if (!(hdr->xloadflags & CVM_XLF_KERNEL_64))
		return cvm_refuse(err, CVM_EINVAL, CVM_WHY_MACHINE,
				  "a 32-bit kernel; x86-64 is needed");
	if (!hdr->relocatable_kernel)
		return cvm_refuse(err, CVM_EINVAL, CVM_WHY_MACHINE,
				  "the kernel is not relocatable");
	if (hdr->kernel_alignment & (hdr->kernel_alignment - 1) ||
	    hdr->kernel_alignment > CVM_IMAGE_SPAN_MAX)
		return cvm_refuse(err, CVM_EINVAL, CVM_WHY_LAYOUT,
				  "kernel_alignment 0x%x is not usable",
				  hdr->kernel_alignment);
	if (hdr->init_size > CVM_IMAGE_SPAN_MAX)
		return cvm_refuse(err, CVM_EINVAL, CVM_WHY_LAYOUT,
				  "init_size 0x%x is larger than any kernel",
				  hdr->init_size);
	return 0;
}

/*
 * The kernel's build appends the unpacked size to every payload; gzip's own
 * trailer happens to have it in the same place.
 */
static int read_payload(struct cvm_bzimage *bz, struct cvm_err *err)
{
	uint32_t i, size;

	for (i = 0; i < PACKS; i++) {
		if (begins_with(bz->payload, bz->payload_bytes,
				packs[i].magic, packs[i].len)) {
			bz->kind = packs[i].kind;
			break;
		}
	}
	if (bz->kind == CVM_PACK_UNKNOWN)
		return cvm_refuse(err, CVM_EINVAL, CVM_WHY_PAYLOAD,
				  "the payload begins with no known magic; "
				  "the file is damaged or of another kind");
	__builtin_memcpy(&size, bz->payload + bz->payload_bytes - sizeof(size),
			 sizeof(size));
	bz->unpacked_bytes = bz->kind == CVM_PACK_NONE ?
			     bz->payload_bytes : size;
	if (bz->unpacked_bytes > CVM_IMAGE_SPAN_MAX)
		return cvm_refuse(err, CVM_EINVAL, CVM_WHY_PAYLOAD,
				  "the payload claims to unpack to %llu MiB; "
				  "the file is damaged",
				  (unsigned long long)
				  cvm_to_mib(bz->unpacked_bytes));
	return 0;
}

int cvm_bzimage_parse(struct cvm_bzimage *bz, const void *file,
		      uint64_t bytes, struct cvm_err *err)
{
	struct cvm_setup_header hdr;
	uint64_t off;
	int ret;

	__builtin_memset(bz, 0, sizeof(*bz));
	if (cvm_image_format(file, bytes) != CVM_IMAGE_BZIMAGE)
		return cvm_refuse(err, CVM_EINVAL, CVM_WHY_FORMAT,
				  "not a kernel image (neither ELF vmlinux nor "
				  "bzImage)");
	read_header(&hdr, file);
	ret = check_header(&hdr, err);
	if (ret)
		return ret;

	/* boot.rst: 0 setup sectors mean 4, and the boot sector comes first. */
	off = ((hdr.setup_sects ? hdr.setup_sects : 4u) + 1u) * 512u;
	off += hdr.payload_offset;
	if (!hdr.payload_offset || hdr.payload_length < 16)
		return cvm_refuse(err, CVM_EINVAL, CVM_WHY_PAYLOAD,
				  "the bzImage names no payload");
	if (!cvm_inside(off, hdr.payload_length, bytes))
		return cvm_refuse(err, CVM_EINVAL, CVM_WHY_TRUNCATED,
				  "truncated: its payload needs %llu bytes, "
				  "the file has %llu",
				  (unsigned long long)(off +
						       hdr.payload_length),
				  (unsigned long long)bytes);
	bz->payload = (const uint8_t *)file + off;
	bz->payload_bytes = hdr.payload_length;
	bz->alignment = hdr.kernel_alignment;
	bz->init_size = hdr.init_size;
	bz->la57 = !!(hdr.xloadflags & CVM_XLF_5LEVEL);
	return read_payload(bz, err);
}
