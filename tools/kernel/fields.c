// SPDX-License-Identifier: GPL-2.0-only
/* fields.c - what a platform object believes of a kernel's types. */
#include <stdio.h>
#include <string.h>

#include "fields.h"

static int check_member(const struct image *image, const struct field *field,
			struct problem *problem)
{
	uint32_t offset, bytes;
	const char *unit;

	if (!btf_member(&image->btf, field->name, field->member, &offset,
			&bytes))
		return problem_set(problem, image->path, "its BTF has no "
				   "%.100s.%.100s, which the platform object "
				   "uses", field->name, field->member);
	if (offset == field->value && (bytes == field->bytes ||
				       field->bytes == CVM_FIELD_ANY_SIZE))
		return 0;
	unit = bytes ? "byte" : "bit";
	if (offset != field->value)
		return problem_set(problem, image->path, "%.100s.%.100s is at "
				   "%s %u, and at %u to the platform object",
				   field->name, field->member, unit, offset,
				   field->value);
	return problem_set(problem, image->path, "%.100s.%.100s has %u bytes, "
			   "and %u to the platform object", field->name,
			   field->member, bytes, field->bytes);
}

static int check_size(const struct image *image, const struct field *field,
		      struct problem *problem)
{
	uint32_t bytes;

	if (!btf_size(&image->btf, field->name, &bytes))
		return problem_set(problem, image->path, "its BTF has no type "
				   "%.100s, which the platform object uses",
				   field->name);
	if (bytes != field->value)
		return problem_set(problem, image->path, "%.100s has %u bytes, "
				   "and %u to the platform object", field->name,
				   bytes, field->value);
	return 0;
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

static int check_no_symbol(const struct image *image, const struct field *field,
			   struct problem *problem)
{
	uint64_t gva;

	if (kallsyms_find(&image->symbols, field->name, &gva) ==
	    KALLSYMS_ABSENT)
		return 0;
	return problem_set(problem, image->path, "it is configured with %.100s "
			   "(it has a symbol %.100s), and the platform object "
			   "is not", field->member, field->name);
}

int field_check(const struct image *image, const struct field *field,
		struct problem *problem)
{
	switch (field->kind) {
	case CVM_FIELD_MEMBER:
		return check_member(image, field, problem);
	case CVM_FIELD_SIZE:
		return check_size(image, field, problem);
	case CVM_FIELD_ENUMERATOR:
		return check_enumerator(image, field, problem);
	case CVM_FIELD_FUNCTION:
		return check_function(image, field, problem);
	case CVM_FIELD_NO_SYMBOL:
		return check_no_symbol(image, field, problem);
	}
	return problem_set(problem, image->path, "the platform object says of "
			   "%.100s what this cvmctl does not understand",
			   field->name);
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
static int check_has_types(const struct image *image,
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

int fields_check(const struct image *image, const struct object *object,
		 struct problem *problem)
{
	const struct cvm_field *row;
	const void *rows;
	uint32_t i, count;
	struct field field;

	if (object_rows(object, ".cvm.fields", sizeof(*row), &rows, &count,
			problem) ||
	    check_has_types(image, object, count, problem))
		return -1;
	for (i = 0, row = rows; i < count; i++, row++)
		if (read_row(object, row, &field, problem) ||
		    field_check(image, &field, problem))
			return -1;
	return 0;
}
