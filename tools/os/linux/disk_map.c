// SPDX-License-Identifier: GPL-2.0-only
/*
 * disk_map.c - files in memory, read by copying (Linux).
 *
 * Somebody else may shorten the file, or empty it while its file system is
 * full: a page that was there is not to be had then, which Linux says by
 * SIGBUS.  It ends the copy, and nothing else.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "disk_map.h"

#define PAGE		4096u
#define WORD		64u	/* pages in a word of the book */
/* Of a file in more pieces, the rest is known once it is written. */
#define EXTENTS_MAX	65536u

struct linux_disk_map {
	uint8_t *base;
	uint64_t bytes;
	uint64_t *there;	/* the book: a bit a page, changed atomically */
};

/* ---- which pages are there ----------------------------------------------- */

/* What a word says about the pages from first to last. */
static uint64_t bits_of(uint64_t word, uint64_t first, uint64_t last)
{
	uint64_t bits = UINT64_MAX;

	if (word == first / WORD)
		bits &= UINT64_MAX << first % WORD;
	if (word == last / WORD)
		bits &= UINT64_MAX >> (WORD - 1 - last % WORD);
	return bits;
}

static bool is_there(const struct linux_disk_map *map, uint64_t offset,
		     uint64_t bytes)
{
	uint64_t first = offset / PAGE, last = (offset + bytes - 1) / PAGE;
	uint64_t word, bits;

	for (word = first / WORD; word <= last / WORD; word++) {
		bits = bits_of(word, first, last);
		if (bits & ~__atomic_load_n(&map->there[word],
					    __ATOMIC_RELAXED))
			return false;
	}
	return true;
}

/* The file may have become longer than its map; are any of the bytes there? */
static bool cut_to_map(const struct linux_disk_map *map, uint64_t offset,
		       uint64_t *bytes)
{
	uint64_t most = offset < map->bytes ? map->bytes - offset : 0;

	if (*bytes > most)
		*bytes = most;
	return *bytes;
}

/* Of two at the same pages, the guest does not know who was first. */
void linux_disk_map_filled(struct linux_disk_map *map, uint64_t offset,
			   uint64_t bytes)
{
	uint64_t first, last, word;

	if (!cut_to_map(map, offset, &bytes) || is_there(map, offset, bytes))
		return;
	first = offset / PAGE;
	last = (offset + bytes - 1) / PAGE;
	for (word = first / WORD; word <= last / WORD; word++)
		__atomic_fetch_or(&map->there[word],
				  bits_of(word, first, last),
				  __ATOMIC_RELAXED);
}

void linux_disk_map_emptied(struct linux_disk_map *map, uint64_t offset,
			    uint64_t bytes)
{
	uint64_t first, last, word;

	if (!cut_to_map(map, offset, &bytes))
		return;
	first = offset / PAGE;
	last = (offset + bytes - 1) / PAGE;
	for (word = first / WORD; word <= last / WORD; word++)
		__atomic_fetch_and(&map->there[word],
				   ~bits_of(word, first, last),
				   __ATOMIC_RELAXED);
}

/* Pages that were swapped out count as data. */
static void find_data(struct linux_disk_map *map, int fd)
{
	off_t from = 0, to = 0;
	uint32_t i;

	for (i = 0; i < EXTENTS_MAX; i++) {
		from = lseek(fd, to, SEEK_DATA);
		to = from < 0 ? from : lseek(fd, from, SEEK_HOLE);
		if (to <= from || (uint64_t)to > map->bytes)
			return;
		linux_disk_map_filled(map, (uint64_t)from,
				      (uint64_t)(to - from));
	}
}

/* ---- copying ------------------------------------------------------------- */

struct guard {
	uint8_t *base;
	uint64_t bytes;
	sigjmp_buf back;
};

static _Thread_local struct guard *guarding;
static struct sigaction handler_before;

/* A fault that is not ours comes again, to who was there before. */
static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	struct guard *guard = guarding;

	(void)context;
	if (guard && (uintptr_t)info->si_addr - (uintptr_t)guard->base <
	    guard->bytes)
		siglongjmp(guard->back, 1);
	sigaction(sig, &handler_before, NULL);
}

/* It leaves by a jump, so the signal is not to stay blocked. */
static int catch_sigbus(void)
{
	struct sigaction action = {
		.sa_sigaction = on_sigbus,
		.sa_flags = SA_SIGINFO | SA_NODEFER,
	};
	struct sigaction now;

	if (sigaction(SIGBUS, NULL, &now))
		return -1;
	if (now.sa_flags & SA_SIGINFO && now.sa_sigaction == on_sigbus)
		return 0;
	handler_before = now;
	sigemptyset(&action.sa_mask);
	return sigaction(SIGBUS, &action, NULL);
}

static bool copy(struct linux_disk_map *map, const struct os_iov *iov,
		 uint32_t count, uint64_t offset, uint64_t bytes)
{
	struct guard guard = { .base = map->base, .bytes = map->bytes };

	if (sigsetjmp(guard.back, 0)) {
		guarding = NULL;
		return false;
	}
	guarding = &guard;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	os_iov_put(iov, count, 0, map->base + offset, bytes);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	guarding = NULL;
	return true;
}

bool linux_disk_map_read(struct linux_disk_map *map, const struct os_iov *iov,
			 uint32_t count, uint64_t offset)
{
	uint64_t bytes = os_iov_bytes(iov, count);

	return bytes && offset <= map->bytes && bytes <= map->bytes - offset &&
	       is_there(map, offset, bytes) &&
	       copy(map, iov, count, offset, bytes);
}

/* ---- the map ------------------------------------------------------------- */

struct linux_disk_map *linux_disk_map_open(int fd, uint64_t bytes)
{
	struct linux_disk_map *map = calloc(1, sizeof(*map));
	void *base;

	if (!map)
		return NULL;
	map->bytes = bytes;
	map->there = calloc(bytes / PAGE / WORD + 1, sizeof(*map->there));
	base = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
	map->base = base == MAP_FAILED ? NULL : base;
	if (!map->there || !map->base || catch_sigbus()) {
		linux_disk_map_close(map);
		return NULL;
	}
	/* A guest's disk is not for core files. */
	madvise(base, bytes, MADV_DONTDUMP);
	find_data(map, fd);
	return map;
}

void linux_disk_map_close(struct linux_disk_map *map)
{
	if (!map)
		return;
	if (map->base)
		munmap(map->base, map->bytes);
	free(map->there);
	free(map);
}
