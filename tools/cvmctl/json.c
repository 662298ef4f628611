// SPDX-License-Identifier: GPL-2.0-only
/* json.c - the few shapes --json prints. */
#include <stdio.h>
#include <string.h>

#include "cvmctl.h"
#include "json.h"

void json_put_u64(struct json_object *to, const char *key, uint64_t value)
{
	json_object_object_add(to, key, json_object_new_uint64(value));
}

void json_put_text(struct json_object *to, const char *key, const char *text,
		   size_t max)
{
	char clean[1024];
	size_t i;

	/* Guests write some of these: keep the output valid whatever they
	 * put there. */
	for (i = 0; i < max && i < sizeof(clean) - 1 && text[i]; i++)
		clean[i] = (unsigned char)text[i] < 0x80 ? text[i] : '?';
	json_object_object_add(to, key,
			       json_object_new_string_len(clean, (int)i));
}

int json_print(struct json_object *root)
{
	puts(json_object_to_json_string_ext(root,
					    JSON_C_TO_STRING_PRETTY |
					    JSON_C_TO_STRING_SPACED |
					    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(root);
	return print_flush();
}
