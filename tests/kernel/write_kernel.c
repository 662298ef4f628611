// SPDX-License-Identifier: GPL-2.0-only
/*
 * write_kernel.c - a small kernel and a platform object for it, as files.
 *
 * usage: write_kernel KERNEL OBJECT
 */
#include <stdio.h>

#include "made_pair.h"

static int write_file(const char *path, const void *data, size_t bytes)
{
	FILE *f = fopen(path, "wb");
	int ret;

	if (!f)
		return 1;
	ret = fwrite(data, 1, bytes, f) != bytes;
	return fclose(f) || ret;
}

int main(int argc, char **argv)
{
	static struct made_pair pair;

	if (argc != 3)
		return 2;
	made_pair(&pair);
	made_hook(&pair.object, CVM_HOOK_ENTRY, "traced", "",
		  pair.replacement, pair.orig, 0, 0);
	made_hook(&pair.object, CVM_HOOK_CALL, "callee", "caller",
		  pair.replacement, 0, 0, 0);
	made_end(&pair.kernel);
	made_object_end(&pair.object);
	return write_file(argv[1], pair.kernel.file, pair.kernel.bytes) ||
	       write_file(argv[2], pair.object.file, pair.object.bytes);
}
