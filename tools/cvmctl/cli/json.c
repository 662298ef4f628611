// SPDX-License-Identifier: GPL-2.0-only
/* json.c - write JSON (RFC 8259). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cvmctl.h"
#include "json.h"
#include "os/visible.h"
#include "vmm/driver.h"

static void put(struct json *json, const char *text, size_t bytes)
{
	char *more;

	if (!json->text)
		return;
	if (json->bytes + bytes >= json->room) {
		more = realloc(json->text, (json->room + bytes) * 2);
		if (!more) {
			json_end(json);
			return;
		}
		json->text = more;
		json->room = (json->room + bytes) * 2;
	}
	memcpy(json->text + json->bytes, text, bytes);
	json->bytes += bytes;
	json->text[json->bytes] = '\0';
}

static void put_string(struct json *json, const char *text)
{
	put(json, text, strlen(text));
}

/* White space before the next value, or before the closing bracket. */
static void put_gap(struct json *json, const char *blank)
{
	int i;

	put_string(json, json->lines ? "\n" : blank);
	for (i = 0; json->lines && i < json->depth; i++)
		put_string(json, "  ");
}

static void put_quoted(struct json *json, const char *text, size_t max)
{
	size_t i, n, bytes = strnlen(text, max);
	uint32_t character;
	char escape[8];

	put_string(json, "\"");
	for (i = 0; i < bytes; i += n ? n : 1) {
		character = utf8_next(text + i, bytes - i, &n);
		if (!n) {
			put_string(json, "?");
		} else if (text[i] == '"' || text[i] == '\\') {
			snprintf(escape, sizeof(escape), "\\%c", text[i]);
			put_string(json, escape);
		} else if (!is_visible(character)) {
			/* (These are all below U+10000.) */
			snprintf(escape, sizeof(escape), "\\u%04x",
				 (unsigned int)character);
			put_string(json, escape);
		} else {
			put(json, text + i, n);
		}
	}
	put_string(json, "\"");
}

static void put_key(struct json *json, const char *key)
{
	if (json->depth) {
		if (!json->empty)
			put_string(json, ",");
		put_gap(json, " ");
	}
	json->empty = 0;
	if (!key)
		return;
	put_quoted(json, key, SIZE_MAX);
	put_string(json, ": ");
}

void json_begin(struct json *json, int lines)
{
	memset(json, 0, sizeof(*json));
	json->lines = lines;
	json->room = 1024;
	json->text = calloc(1, json->room);
}

void json_open(struct json *json, const char *key, char bracket)
{
	put_key(json, key);
	put(json, &bracket, 1);
	json->closing[json->depth++] = bracket == '{' ? '}' : ']';
	json->empty = 1;
}

void json_close(struct json *json)
{
	char bracket = json->closing[--json->depth];

	if (!json->empty)
		put_gap(json, " ");
	put(json, &bracket, 1);
	json->empty = 0;
}

void json_u64(struct json *json, const char *key, uint64_t value)
{
	char text[24];

	put_key(json, key);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	put_string(json, text);
}

void json_int(struct json *json, const char *key, int value)
{
	char text[16];

	put_key(json, key);
	snprintf(text, sizeof(text), "%d", value);
	put_string(json, text);
}

void json_bool(struct json *json, const char *key, int value)
{
	put_key(json, key);
	put_string(json, value ? "true" : "false");
}

void json_null(struct json *json, const char *key)
{
	put_key(json, key);
	put_string(json, "null");
}

void json_text(struct json *json, const char *key, const char *text,
	       size_t max)
{
	put_key(json, key);
	put_quoted(json, text, max);
}

void json_vm(struct json *json, const struct cvm_user_vm_info *vm)
{
	json_text(json, "name", vm->name, sizeof(vm->name));
	json_text(json, "state", state_name(vm->state), 16);
	json_u64(json, "vcpus", vm->vcpus);
	json_u64(json, "mem_bytes", vm->mem_bytes);
	json_int(json, "pid", vm->pid);
	json_text(json, "kernel", vm->release, sizeof(vm->release));
}

void json_end(struct json *json)
{
	free(json->text);
	json->text = NULL;
}

int json_print(struct json *json)
{
	struct problem problem = { "" };

	if (!json->text) {
		problem_set(&problem, "stdout", "no memory");
		problem_print(&problem);
		return EXIT_REFUSED;
	}
	puts(json->text);
	json_end(json);
	return print_flush();
}
