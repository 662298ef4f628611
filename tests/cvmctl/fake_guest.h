/* SPDX-License-Identifier: GPL-2.0-only */
/* fake_guest.h - a driver and its guest, without the way to reach them. */
#ifndef FAKE_GUEST_H
#define FAKE_GUEST_H

#include <stddef.h>
#include <stdint.h>

#include <cvm/uapi.h>

/* One operation of uapi.h; as a driver answers it. */
int fake_op(uint32_t op, void *arg);

/* CVM_FAKE_* of the environment, or otherwise. */
long fake_setting(const char *name, long otherwise);

/* Guest memory belongs to the host's part. */
void fake_memory_read(uint64_t gpa, void *data, size_t bytes);
void fake_memory_write(uint64_t gpa, const void *data, size_t bytes);

#endif /* FAKE_GUEST_H */
