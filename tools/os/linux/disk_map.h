/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * disk_map.h - files in memory, read by copying (Linux).
 *
 * read() looks for each page of such a file anew; in a mapping they are where
 * they were.  But a page that is not there is made when it is looked at, so
 * the map keeps book of those that are, and reads no other.  Only reads go
 * this way: a write through a mapping leaves no time in the file, and finds
 * its file system full by a signal.
 */
#ifndef CVM_OS_LINUX_DISK_MAP_H
#define CVM_OS_LINUX_DISK_MAP_H

#include <stdbool.h>

#include "os/iov.h"

struct linux_disk_map;

/*
 * linux_disk_map_open - map a file of this many bytes and find its data.  NULL:
 * not possible, which only costs time.  Puts a handler of SIGBUS in front of
 * the one there is, unless that is ours; call it before the guest runs.
 */
struct linux_disk_map *linux_disk_map_open(int fd, uint64_t bytes);
void linux_disk_map_close(struct linux_disk_map *map);

/*
 * linux_disk_map_read - fill the pieces.  false: some of it is not known to be
 * there, or is not any more (the file became shorter): read() tells.  The
 * pieces then hold anything.  Any thread.
 */
bool linux_disk_map_read(struct linux_disk_map *map, const struct os_iov *iov,
			 uint32_t count, uint64_t offset);

/*
 * linux_disk_map_filled - these bytes were written; _emptied - they are about
 * to be given back, or are no part of the file any more.  Those beyond the map
 * mean nothing to it.  Any thread.
 */
void linux_disk_map_filled(struct linux_disk_map *map, uint64_t offset,
			   uint64_t bytes);
void linux_disk_map_emptied(struct linux_disk_map *map, uint64_t offset,
			    uint64_t bytes);

#endif /* CVM_OS_LINUX_DISK_MAP_H */
