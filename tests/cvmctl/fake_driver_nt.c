// SPDX-License-Identifier: GPL-2.0-only
/*
 * fake_driver_nt.c - linked into cvmctl.exe in the place of os/nt/device.c.
 * Memory is where os_driver_map() put it; nothing is reserved that is not used.
 */
#include <windows.h>

#include <stdlib.h>
#include <string.h>

#include "fake_driver.h"
#include "os/os.h"

const char os_driver_name[] = "fake driver";

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

struct os_driver *os_driver_open(struct problem *problem)
{
	if (!fake_driver_setting("CVM_FAKE_ERRNO", 0))
		return malloc(1);
	problem_set(problem, os_driver_name, "the libcvm driver is not "
		    "started");
	return NULL;
}

void os_driver_close(struct os_driver *dev)
{
	free(dev);
}

int os_driver_request(struct os_driver *dev, uint32_t op, void *arg,
		      size_t bytes)
{
	(void)dev;
	(void)bytes;
	return fake_driver_ioctl(op, arg);
}

void *os_driver_map(struct os_driver *dev, const struct cvm_user_ranges *ranges,
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

void os_driver_unmap(void *map, uint64_t bytes)
{
	(void)bytes;
	VirtualFree(map, 0, MEM_RELEASE);
}
