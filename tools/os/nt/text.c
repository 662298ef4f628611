// SPDX-License-Identifier: GPL-2.0-only
/* text.c - UTF-8, which is inside, and UTF-16, which Windows wants. */
#include "nt.h"

int nt_wide(const char *text, wchar_t *to, size_t size)
{
	return MultiByteToWideChar(CP_UTF8, 0, text, -1, to, (int)size) ?
	       0 : -1;
}

int nt_utf8(const wchar_t *text, char *to, size_t size)
{
	return WideCharToMultiByte(CP_UTF8, 0, text, -1, to, (int)size, NULL,
				   NULL) ? 0 : -1;
}
