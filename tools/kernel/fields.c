// SPDX-License-Identifier: GPL-2.0-only
/* fields.c - what a platform object believes of a kernel's types. */
#include <stdio.h>
#include <string.h>

#include "fields.h"

#define NO_TYPES	"the kernel has no type information (.BTF, " \
			"CONFIG_DEBUG_INFO_BTF)"

static int check_enumerator(const struct btf *btf, const struct field *field,
			    struct problem *problem)
{
	int64_t value;

	if (!btf_enumerator(btf, field->member, &value))
		return problem_set(problem, field->member,
				   "the kernel has no enumerator of this name");
	if (value != (int32_t)field->offset)
		return problem_set(problem, field->member,
				   "is %lld in this kernel, and %d to the "
				   "platform object", (long long)value,
				   (int32_t)field->offset);
	return 0;
}

static int check_size(const struct btf *btf, const struct field *field,
		      struct problem *problem)
{
	uint32_t bytes;

	if (!btf_size(btf, field->structure, &bytes))
		return problem_set(problem, field->structure,
				   "the kernel has no one type of this name");
	if (bytes != field->offset)
		return problem_set(problem, field->structure,
				   "has %u bytes in this kernel, and %u to the "
				   "platform object", bytes, field->offset);
	return 0;
}

/* A bit-field counts in bits, and has no bytes. */
static int check_member(const struct btf *btf, const struct field *field,
			struct problem *problem)
{
	uint32_t offset, bytes;
	char name[200];

	snprintf(name, sizeof(name), "%.90s.%.90s", field->structure,
		 field->member);
	if (!btf_member(btf, field->structure, field->member, &offset, &bytes))
		return problem_set(problem, name,
				   "the kernel has no one member of this name");
	if (offset != field->offset || bytes != field->bytes)
		return problem_set(problem, name,
				   "is %u bytes at %u in this kernel, and %u "
				   "at %u to the platform object", bytes,
				   offset, field->bytes, field->offset);
	return 0;
}

int field_check(const struct btf *btf, const struct field *field,
		struct problem *problem)
{
	if (!btf->types)
		return problem_set(problem, NULL, NO_TYPES);
	if (!field->structure)
		return check_enumerator(btf, field, problem);
	if (!field->member)
		return check_size(btf, field, problem);
	return check_member(btf, field, problem);
}

/* What follows prefix, or NULL. */
static const char *behind(const char *symbol, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(symbol, prefix, len) ? NULL : symbol + len;
}

static bool find_member(const struct btf *btf, const char *path,
			uint64_t *value)
{
	const char *member = strchr(path, '.');
	uint32_t offset, bytes;
	char structure[128];

	if (!member || (size_t)(member - path) >= sizeof(structure))
		return false;
	memcpy(structure, path, member - path);
	structure[member - path] = '\0';
	/* An address of a bit-field there is none. */
	if (!btf_member(btf, structure, member + 1, &offset, &bytes) || !bytes)
		return false;
	*value = offset;
	return true;
}

static bool find_value(const struct btf *btf, const char *symbol,
		       uint64_t *value)
{
	const char *name;
	uint32_t bytes;
	int64_t number;

	name = behind(symbol, "cvm_field.");
	if (name)
		return find_member(btf, name, value);
	name = behind(symbol, "cvm_size.");
	if (name) {
		if (!btf_size(btf, name, &bytes))
			return false;
		*value = bytes;
		return true;
	}
	name = behind(symbol, "cvm_enum.");
	if (!btf_enumerator(btf, name, &number))
		return false;
	*value = (uint64_t)number;
	return true;
}

enum field_symbol field_symbol(const struct btf *btf, const char *symbol,
			       uint64_t *value, struct problem *problem)
{
	if (!behind(symbol, "cvm_field.") && !behind(symbol, "cvm_size.") &&
	    !behind(symbol, "cvm_enum."))
		return FIELD_NONE;
	if (!btf->types) {
		problem_set(problem, NULL, NO_TYPES);
		return FIELD_REFUSED;
	}
	if (find_value(btf, symbol, value))
		return FIELD_FOUND;
	problem_set(problem, strchr(symbol, '.') + 1,
		    "the kernel has no one %s of this name, which the platform "
		    "object needs", behind(symbol, "cvm_enum.") ? "enumerator" :
		    behind(symbol, "cvm_size.") ? "type" : "member");
	return FIELD_REFUSED;
}
