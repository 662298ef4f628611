// SPDX-License-Identifier: GPL-2.0-only
/*
 * fake_driver_nt.c - linked into cvmctl.exe in the place of os/nt/device.c.
 * Memory is where plat_map() put it; nothing is reserved that is not used.
 */
#include <windows.h>

#include <stdlib.h>
#include <string.h>

#include "fake_driver.h"
#include "os/os.h"

const char plat_device[] = "fake driver";

static uint8_t *memory;
static uint64_t memory_gpa;

void fake_driver_memory_write(uint64_t gpa, const void *data, size_t bytes)
{
	memcpy(memory + (gpa - memory_gpa), data, bytes);
}

void fake_driver_memory_read(uint64_t gpa, void *data, size_t bytes)
{
	memcpy(data, memory + (gpa - memory_gpa), bytes);
}

struct device *plat_open(struct problem *problem)
{
	if (!fake_driver_setting("CVM_FAKE_ERRNO", 0))
		return malloc(1);
	problem_set(problem, plat_device, "the libcvm driver is not started");
	return NULL;
}

void plat_close(struct device *dev)
{
	free(dev);
}

int plat_op(struct device *dev, uint32_t op, void *arg, size_t bytes)
{
	(void)dev;
	(void)bytes;
	return fake_driver_ioctl(op, arg);
}

void *plat_map(struct device *dev, const struct cvm_user_ranges *ranges,
	       uint64_t gpa, uint64_t bytes)
{
	const struct cvm_user_range *range;
	uint32_t i;

	(void)dev;
	memory_gpa = gpa;
	memory = VirtualAlloc(NULL, bytes, MEM_RESERVE, PAGE_NOACCESS);
	for (i = 0; memory && i < ranges->count; i++) {
		range = &ranges->range[i];
		if (!VirtualAlloc(memory + (range->gpa - gpa), range->bytes,
				  MEM_COMMIT, PAGE_READWRITE))
			return NULL;
	}
	return memory;
}

void plat_unmap(void *map, uint64_t bytes)
{
	(void)bytes;
	VirtualFree(map, 0, MEM_RELEASE);
}
