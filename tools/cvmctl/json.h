/* SPDX-License-Identifier: GPL-2.0-only */
/* json.h - the few shapes --json prints. */
#ifndef CVMCTL_JSON_H
#define CVMCTL_JSON_H

#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

void json_put_u64(struct json_object *to, const char *key, uint64_t value);

/* Text of at most max bytes; bytes that are not UTF-8 become '?'. */
void json_put_text(struct json_object *to, const char *key, const char *text,
		   size_t max);

/* Print and let go; the exit status. */
int json_print(struct json_object *root);

#endif /* CVMCTL_JSON_H */
