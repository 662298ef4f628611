/* SPDX-License-Identifier: GPL-2.0-only */
/* fake_driver.h - a driver and its guest, without the way to reach them. */
#ifndef FAKE_DRIVER_H
#define FAKE_DRIVER_H

#include <stddef.h>
#include <stdint.h>

#include <cvm/uapi.h>

/* A request of uapi.h, by its number; as a driver answers it. */
int fake_driver_ioctl(uint32_t number, void *arg);

/* CVM_FAKE_* of the environment, or otherwise. */
long fake_driver_setting(const char *name, long otherwise);

/* Guest memory belongs to the host's part. */
void fake_driver_memory_read(uint64_t gpa, void *data, size_t bytes);
void fake_driver_memory_write(uint64_t gpa, const void *data, size_t bytes);

#endif /* FAKE_DRIVER_H */
