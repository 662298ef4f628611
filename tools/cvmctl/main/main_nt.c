// SPDX-License-Identifier: GPL-2.0-only
/* main_nt.c - the entry point on Windows: arguments from UTF-16 to UTF-8. */
#include <stdio.h>
#include <stdlib.h>

#include "main.h"
#include "os/nt/nt.h"

/* Keeps the run-time library from expanding * and ? in arguments. */
int _dowildcard = 0;

int wmain(int argc, wchar_t **argv);
int wmain(int argc, wchar_t **argv)
{
	char **words = calloc((size_t)argc + 1, sizeof(*words));
	int i, size;

	for (i = 0; words && i < argc; i++) {
		size = WideCharToMultiByte(CP_UTF8, 0, argv[i], -1, NULL, 0,
					   NULL, NULL);
		words[i] = malloc((size_t)size);
		if (!words[i])
			break;
		nt_utf8(argv[i], words[i], (size_t)size);
	}
	nt_console_begin();
	if (!words || i < argc) {
		say("cvmctl: no memory");
		return EXIT_REFUSED;
	}
	return cvmctl_main(argc, words);
}
