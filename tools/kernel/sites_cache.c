// SPDX-License-Identifier: GPL-2.0-only
/* sites_cache.c - the table of sites of a kernel that was met before. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/os.h"

#include "sites_cache.h"
#include "sites_sources.h"

#define MAGIC		0x6574697374696d43ull
#define ROWS_MAX	65536u

struct head {
	uint64_t magic;
	struct sites_key key;
	struct sites_key sum;	/* of the rows */
	uint64_t rows;
};

/*
 * Two lanes of multiplication and rotation, 8 bytes at a time: 57 MB in 10 ms.
 * Content that was made to collide is no danger: whoever chooses the kernel
 * has the machine.
 */
static void mix(struct sites_key *key, const void *data, size_t bytes)
{
	const uint8_t *at = data;
	uint64_t a = key->word[0] ^ bytes, b = key->word[1], word;
	size_t n;

	for (; bytes; bytes -= n, at += n) {
		n = bytes < sizeof(word) ? bytes : sizeof(word);
		word = 0;
		memcpy(&word, at, n);
		a = (a ^ word) * 0x9e3779b97f4a7c15ull;
		a ^= a >> 29;
		b = (b + word) * 0xc2b2ae3d27d4eb4full;
		b = b << 31 | b >> 33;
	}
	key->word[0] = a;
	key->word[1] = b;
}

void sites_key(struct sites_key *key, const struct image *image,
	       const struct object *object)
{
	static const char sources[] = SITES_SOURCES;

	memset(key, 0, sizeof(*key));
	mix(key, sources, sizeof(sources));
	mix(key, image->elf.file, image->elf.bytes);
	mix(key, object->elf.file, object->elf.bytes);
}

static void name_of(const struct sites_key *key, char *to, size_t size)
{
	snprintf(to, size, "sites-%016llx%016llx",
		 (unsigned long long)key->word[0],
		 (unsigned long long)key->word[1]);
}

/* What it says of each row is still there. */
static int is_of(const struct image *image, const struct cvm_site *table,
		 uint64_t rows)
{
	const uint8_t *at;
	uint64_t i;

	for (i = 0; i < rows; i++) {
		at = image_at(image, image->text + table[i].at, 1);
		if (!at || *at != table[i].opcode ||
		    (i && table[i].at <= table[i - 1].at))
			return 0;
	}
	return 1;
}

struct cvm_site *sites_cache_read(const struct sites_key *key,
				  const struct image *image, uint32_t *rows)
{
	struct cvm_site *table = NULL;
	struct sites_key sum = { { 0, 0 } };
	struct head head;
	char name[64];
	size_t bytes, table_bytes;
	uint8_t *data;

	name_of(key, name, sizeof(name));
	data = os_cache_read(name, sizeof(head) + ROWS_MAX * sizeof(*table),
			     &bytes);
	if (!data || bytes < sizeof(head))
		goto out;
	memcpy(&head, data, sizeof(head));
	table_bytes = bytes - sizeof(head);
	mix(&sum, data + sizeof(head), table_bytes);
	if (head.magic != MAGIC || memcmp(&head.key, key, sizeof(*key)) ||
	    memcmp(&head.sum, &sum, sizeof(sum)) ||
	    table_bytes % sizeof(*table) ||
	    head.rows != table_bytes / sizeof(*table))
		goto out;
	table = malloc(table_bytes + 1);
	if (!table)
		goto out;
	memcpy(table, data + sizeof(head), table_bytes);
	*rows = (uint32_t)head.rows;
	if (!is_of(image, table, head.rows)) {
		free(table);
		table = NULL;
	}
out:
	free(data);
	return table;
}

void sites_cache_write(const struct sites_key *key,
		       const struct cvm_site *table, uint32_t rows)
{
	size_t bytes = rows * sizeof(*table);
	struct head head = { .magic = MAGIC, .key = *key, .rows = rows };
	char name[64];
	uint8_t *data;

	if (rows > ROWS_MAX)
		return;
	data = malloc(sizeof(head) + bytes);
	if (!data)
		return;
	mix(&head.sum, table, bytes);
	memcpy(data, &head, sizeof(head));
	memcpy(data + sizeof(head), table, bytes);
	name_of(key, name, sizeof(name));
	os_cache_write(name, data, sizeof(head) + bytes);
	free(data);
}
