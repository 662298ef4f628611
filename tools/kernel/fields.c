// SPDX-License-Identifier: GPL-2.0-only
/* fields.c - what a platform object believes of a kernel's types. */
#include <stdlib.h>
#include <string.h>

#include "fields.h"

static int check_member(const struct image *image, uint32_t type,
			const struct field *field, struct problem *problem)
{
	uint32_t offset, bytes;

	if (!btf_in(&image->btf, type, field->member, &offset, &bytes))
		return problem_set(problem, image->path, "its BTF has no "
				   "%.100s.%.100s, which the platform object "
				   "uses", field->name, field->member);
	if (offset != field->value)
		return problem_set(problem, image->path, "%.100s.%.100s is at "
				   "%s %u, and at %u to the platform object",
				   field->name, field->member,
				   bytes ? "byte" : "bit", offset,
				   field->value);
	if (bytes != field->bytes && field->bytes != CVM_FIELD_ANY_SIZE)
		return problem_set(problem, image->path, "%.100s.%.100s has %u "
				   "bytes, and %u to the platform object",
				   field->name, field->member, bytes,
				   field->bytes);
	return 0;
}

static int check_size(const struct image *image, uint32_t type,
		      const struct field *field, struct problem *problem)
{
	uint32_t bytes;

	if (!btf_bytes(&image->btf, type, &bytes))
		return problem_set(problem, image->path, "its BTF has no size "
				   "of %.100s, which the platform object uses",
				   field->name);
	if (bytes != field->value)
		return problem_set(problem, image->path, "%.100s has %u bytes, "
				   "and %u to the platform object", field->name,
				   bytes, field->value);
	return 0;
}

static int check_type(const struct image *image, uint32_t type,
		      const struct field *rows, uint32_t count,
		      struct problem *problem)
{
	uint32_t i;

	for (i = 0; i < count; i++)
		if (rows[i].kind == CVM_FIELD_SIZE ?
		    check_size(image, type, &rows[i], problem) :
		    check_member(image, type, &rows[i], problem))
			return -1;
	return 0;
}

/* Of several of one name, in several files, one is meant: the one that fits. */
static int check_types(const struct image *image, const struct field *rows,
		       uint32_t count, struct problem *problem)
{
	struct problem first = { "" };
	uint32_t type = 0;

	while ((type = btf_next_record(&image->btf, rows->name, type)))
		if (!check_type(image, type, rows, count, &first))
			return 0;
	if (first.text[0])
		return problem_set(problem, NULL, "%s", first.text);
	return problem_set(problem, image->path, "its BTF has no type %.100s, "
			   "which the platform object uses", rows->name);
}

static int check_enumerator(const struct image *image,
			    const struct field *field, struct problem *problem)
{
	int64_t value;

	if (!btf_enumerator(&image->btf, field->name, &value))
		return problem_set(problem, image->path, "its BTF has no "
				   "%.100s, which the platform object uses",
				   field->name);
	if (value != (int32_t)field->value)
		return problem_set(problem, image->path, "%.100s is %lld, and "
				   "%d to the platform object", field->name,
				   (long long)value, (int32_t)field->value);
	return 0;
}

static int check_function(const struct image *image, const struct field *field,
			  struct problem *problem)
{
	char text[512];

	uint64_t gva;

	if (field->value && kallsyms_find(&image->symbols, field->name, &gva) ==
	    KALLSYMS_ABSENT)
		return 0;
	if (!btf_signature(&image->btf, field->name, text, sizeof(text)))
		return problem_set(problem, image->path, "its BTF has no one "
				   "function %.100s, which the platform object "
				   "calls", field->name);
	if (strcmp(text, field->member))
		return problem_set(problem, image->path, "%.100s is %.200s, "
				   "and %.200s to the platform object",
				   field->name, text, field->member);
	return 0;
}

static int check_symbol(const struct image *image, const struct field *field,
			struct problem *problem)
{
	uint64_t gva;
	bool there = kallsyms_find(&image->symbols, field->name, &gva) !=
		     KALLSYMS_ABSENT;

	if (there == (field->kind == CVM_FIELD_SYMBOL))
		return 0;
	return problem_set(problem, image->path, "it is configured %s %.100s "
			   "(its kallsyms have %s symbol %.100s), unlike the "
			   "platform object", there ? "with" : "without",
			   field->member, there ? "a" : "no", field->name);
}

int field_check(const struct image *image, const struct field *rows,
		uint32_t count, struct problem *problem)
{
	switch (rows->kind) {
	case CVM_FIELD_MEMBER:
	case CVM_FIELD_SIZE:
		return check_types(image, rows, count, problem);
	case CVM_FIELD_ENUMERATOR:
		return check_enumerator(image, rows, problem);
	case CVM_FIELD_FUNCTION:
		return check_function(image, rows, problem);
	case CVM_FIELD_NO_SYMBOL:
	case CVM_FIELD_SYMBOL:
		return check_symbol(image, rows, problem);
	}
	return problem_set(problem, image->path, "the platform object says of "
			   "%.100s what this cvmctl does not understand",
			   rows->name);
}

/* How many of them are about one type, or one. */
static uint32_t together(const struct field *rows, uint32_t count)
{
	uint32_t i;

	for (i = 1; i < count; i++)
		if (rows->kind > CVM_FIELD_SIZE ||
		    rows[i].kind > CVM_FIELD_SIZE ||
		    strcmp(rows[i].name, rows->name))
			break;
	return i;
}

static int read_row(const struct object *object, const struct cvm_field *row,
		    struct field *field, struct problem *problem)
{
	*field = (struct field) {
		.kind = (enum cvm_field_kind)row->kind,
		.name = object_text(object, row->name),
		.member = row->member ? object_text(object, row->member) : NULL,
		.value = row->value,
		.bytes = row->bytes,
	};
	if (!field->name || (!field->member &&
			     field->kind != CVM_FIELD_SIZE &&
			     field->kind != CVM_FIELD_ENUMERATOR))
		return problem_set(problem, object->path,
				   "a row of .cvm.fields has no name");
	return 0;
}

/* Types are what an object of a series cannot do without. */
static int check_can_tell(const struct image *image,
			   const struct object *object, uint32_t rows,
			   struct problem *problem)
{
	if (!rows && object->head.flags & CVM_OBJECT_F_SERIES)
		return problem_set(problem, object->path, "it is of a series "
				   "and does not say what it was compiled "
				   "with (.cvm.fields)");
	if (rows && !image->btf.types)
		return problem_set(problem, image->path, "it has no BTF "
				   "(CONFIG_DEBUG_INFO_BTF), by which %.100s "
				   "is known to fit", object->path);
	return 0;
}

static int check_all(const struct image *image, const struct object *object,
		     const struct cvm_field *row, uint32_t count,
		     struct field *fields, struct problem *problem)
{
	uint32_t i, n;

	for (i = 0; i < count; i++)
		if (read_row(object, &row[i], &fields[i], problem))
			return -1;
	for (i = 0; i < count; i += n) {
		n = together(fields + i, count - i);
		if (field_check(image, fields + i, n, problem))
			return -1;
	}
	return 0;
}

int fields_check(const struct image *image, const struct object *object,
		 struct problem *problem)
{
	struct field *fields;
	const void *rows;
	uint32_t count;
	int ret;

	if (object_rows(object, ".cvm.fields", sizeof(struct cvm_field), &rows,
			&count, problem) ||
	    check_can_tell(image, object, count, problem))
		return -1;
	if (!count)
		return 0;
	fields = calloc(count, sizeof(*fields));
	if (!fields)
		return problem_set(problem, image->path, "no memory");
	ret = check_all(image, object, rows, count, fields, problem);
	free(fields);
	return ret;
}
