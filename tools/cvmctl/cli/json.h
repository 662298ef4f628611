/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * json.h - write JSON.
 *
 * The tool only writes, and only a few shapes; a library for it would be the
 * one thing that is not to be had for every host.  Memory that runs out makes
 * the text end early, which json_print() reports.
 */
#ifndef CVMCTL_CLI_JSON_H
#define CVMCTL_CLI_JSON_H

#include <stddef.h>
#include <stdint.h>

#define JSON_DEPTH	8

struct json {
	char *text;		/* NUL-ended, or NULL: no memory */
	size_t bytes, room;
	int lines;		/* one value a line, else all in one line */
	int depth;
	char closing[JSON_DEPTH];	/* bracket of each open level */
	int empty;		/* nothing in the innermost level yet */
};

/* json_begin - an empty text; json_print() or json_end() frees it. */
void json_begin(struct json *json, int lines);

/*
 * A value each; key is NULL in arrays and for the outermost.  json_open()
 * begins an object ('{') or an array ('['), json_close() ends it.
 */
void json_open(struct json *json, const char *key, char bracket);
void json_close(struct json *json);
void json_u64(struct json *json, const char *key, uint64_t value);
void json_int(struct json *json, const char *key, int value);
void json_bool(struct json *json, const char *key, int value);
void json_null(struct json *json, const char *key);
/* Text of at most max bytes; bytes that are not UTF-8 become '?'. */
void json_text(struct json *json, const char *key, const char *text,
	       size_t max);

/* What list and stats both tell of a VM, behind the ID. */
struct cvm_user_vm_info;
void json_vm(struct json *json, const struct cvm_user_vm_info *vm);

/* json_print - print to stdout and free it; the exit status. */
int json_print(struct json *json);
void json_end(struct json *json);

#endif /* CVMCTL_CLI_JSON_H */
