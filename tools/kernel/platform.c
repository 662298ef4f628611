// SPDX-License-Identifier: GPL-2.0-only
/* platform.c - which platform object is a kernel's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/os.h"

#include "platform.h"

static const struct file_kind kind = { "a platform object", 64u << 20 };

void platform_build_id(const struct image *image, char to[BUILD_ID_TEXT])
{
	uint32_t i;

	to[0] = 0;
	for (i = 0; i < image->build_id_bytes; i++)
		snprintf(to + 2 * i, 3, "%02x", image->build_id[i]);
}

/* "6.12" of "6.12.117+deb12-cloud-amd64". */
static void series_of(const struct image *image, char *to, size_t size)
{
	const char *end = strchr(image->release, '.');

	end = end ? end + 1 + strspn(end + 1, "0123456789") : image->release;
	snprintf(to, size, "%.*s", (int)(end - image->release),
		 image->release);
}

/* A directory of them: $CVM_PLATFORM_DIR, or ours. */
static int directory(char *to, size_t size)
{
	const char *own = getenv("CVM_PLATFORM_DIR");

	if (own && *own)
		return snprintf(to, size, "%s", own) < (int)size ? 0 : -1;
	return os_program_path("platform", to, size);
}

static bool try_name(struct platform *platform, const char *dir,
		     const char *name)
{
	struct problem ignored = { "" };

	if (!*name || snprintf(platform->path, sizeof(platform->path),
			       "%s/%s.o", dir, name) >=
	    (int)sizeof(platform->path))
		return false;
	if (!file_map(&platform->file, platform->path, &kind, &ignored))
		return true;
	file_close(&platform->file);
	return false;
}

int platform_open(struct platform *platform, const struct image *image,
		  const char *given, struct problem *problem)
{
	char dir[PLATFORM_PATH - 160] = "", id[BUILD_ID_TEXT], series[16];

	file_init(&platform->file);
	if (given) {
		snprintf(platform->path, sizeof(platform->path), "%s", given);
		return file_map(&platform->file, given, &kind, problem);
	}
	platform_build_id(image, id);
	series_of(image, series, sizeof(series));
	if (!directory(dir, sizeof(dir)) &&
	    (try_name(platform, dir, id) || try_name(platform, dir, series)))
		return 0;
	platform->path[0] = 0;
	return problem_set(problem, image->path, "there is no platform object "
			   "for it in %.200s (%s.o or %s.o); "
			   "guest-patch/object/build makes one from the "
			   "kernel's headers", dir, id, series);
}

void platform_close(struct platform *platform)
{
	file_close(&platform->file);
}
