// SPDX-License-Identifier: GPL-2.0-only
/* file.c - files to be read whole. */
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "os.h"

#define FIRST_ROOM	(2u << 20)

void file_init(struct file *file)
{
	memset(file, 0, sizeof(*file));
	file->handle = OS_NO_FILE;
}

static int too_large(const char *path, const struct file_kind *kind,
		     struct problem *problem)
{
	int mib = kind->max >= 1u << 20;

	return problem_set(problem, path, "too large: %s has at most %llu %s",
			   kind->what, (unsigned long long)kind->max >>
			   (mib ? 20 : 10), mib ? "MiB" : "KiB");
}

/* Read until the end, as far as one is to be expected. */
static int slurp(struct file *file, const struct file_kind *kind,
		 struct problem *problem)
{
	size_t room = 0;
	uint8_t *more;
	int64_t got;

	file->bytes = 0;
	do {
		if (file->bytes == room) {
			room = room ? room * 2 : FIRST_ROOM;
			more = realloc((void *)(uintptr_t)file->data, room);
			if (!more)
				return problem_set(problem, file->path,
						   "no memory to read it");
			file->data = more;
		}
		got = os_file_read(file->handle, file->bytes,
				   (void *)(uintptr_t)(file->data +
						       file->bytes),
				   room - file->bytes, file->path, problem);
		if (got > 0)
			file->bytes += (uint64_t)got;
		if (file->bytes > kind->max)
			return too_large(file->path, kind, problem);
	} while (got > 0);
	return got < 0 ? -1 : 0;
}

static int begin(struct file *file, const char *path, struct problem *problem)
{
	file_init(file);
	file->path = path;
	return os_file_open(path, &file->handle, &file->bytes, problem);
}

int file_map(struct file *file, const char *path, const struct file_kind *kind,
	     struct problem *problem)
{
	if (begin(file, path, problem))
		return -1;
	/* Those of /proc say that they are empty. */
	if (file->bytes == OS_STREAM || !file->bytes)
		return slurp(file, kind, problem);
	if (file->bytes > kind->max)
		return too_large(path, kind, problem);
	file->data = os_file_map(file->handle, file->bytes, path, problem);
	file->mapped = file->data != NULL;
	return file->data ? 0 : -1;
}

int file_open(struct file *file, const char *path,
	      const struct file_kind *kind, struct problem *problem)
{
	if (begin(file, path, problem))
		return -1;
	return file->bytes == OS_STREAM ? slurp(file, kind, problem) : 0;
}

int file_read(struct file *file, void *to, struct problem *problem)
{
	uint64_t done = 0;
	int64_t got;

	if (file->data) {
		memcpy(to, file->data, file->bytes);
		return 0;
	}
	while (done < file->bytes) {
		got = os_file_read(file->handle, done, (char *)to + done,
				   file->bytes - done, file->path, problem);
		if (got < 0)
			return -1;
		if (!got)
			return problem_set(problem, file->path,
					   "it became shorter while it was "
					   "read");
		done += (uint64_t)got;
	}
	return 0;
}

void file_close(struct file *file)
{
	if (file->mapped)
		os_file_unmap(file->data, file->bytes);
	else
		free((void *)(uintptr_t)file->data);
	file->data = NULL;
	file->mapped = 0;
	if (file->handle != OS_NO_FILE)
		os_file_close(file->handle);
	file->handle = OS_NO_FILE;
}
