// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_adapt.c - a small kernel and a small platform object, put together: what
 * is changed, what it is changed to, and what is refused by which words.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <cvm/boot.h>

#include "kernel/adapt.h"

#include "made_pair.h"

#define PAGE	4096u
#define DATA	MADE_DATA_GVA

static struct made_pair pair;
static struct made_kernel kernel, before;
static struct made_object object;
static struct adapt a;
static struct problem problem;
static char path[64];

/* Of the kernel. */
static uint64_t traced, plain, caller, callee, pointer, mcount, port;
/* Of the object: its data, and symbols. */
static uint32_t data, replacement, orig;

static int begin(void **state)
{
	(void)state;
	memset(&problem, 0, sizeof(problem));
	memset(&a, 0, sizeof(a));
	made_pair(&pair);
	memcpy(&kernel, &pair.kernel, sizeof(kernel));
	memcpy(&object, &pair.object, sizeof(object));
	traced = pair.traced;
	plain = pair.plain;
	caller = pair.caller;
	callee = pair.callee;
	pointer = pair.pointer;
	mcount = pair.mcount;
	port = pair.port;
	data = pair.data;
	replacement = pair.replacement;
	orig = pair.orig;
	return 0;
}

static int end(void **state)
{
	(void)state;
	adapt_close(&a);
	return 0;
}

static int adapted(void)
{
	FILE *f;

	made_end(&kernel);
	made_object_end(&object);
	memcpy(&before, &kernel, sizeof(before));
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(object.file, 1, object.bytes, f),
			 object.bytes);
	fclose(f);
	return adapt(&a, "made", kernel.file, kernel.bytes, path,
		     ADAPT_WHOLLY, &problem);
}

static void done(void)
{
	if (adapted())
		fail_msg("%s", problem.text);
	/* The file is only read. */
	assert_memory_equal(kernel.file, before.file, before.bytes);
}

static void refused(const char *words)
{
	assert_int_equal(adapted(), -1);
	if (!strstr(problem.text, words))
		fail_msg("\"%s\" is not in \"%s\"", words, problem.text);
	assert_memory_equal(kernel.file, before.file, before.bytes);
}

/* ---- looks at the result ---- */

static const uint8_t *at(uint64_t gva, uint64_t bytes)
{
	const uint8_t *there = image_at(&a.image, gva, bytes);

	assert_non_null(there);
	return there;
}

static uint64_t word(uint64_t gva)
{
	uint64_t value;

	memcpy(&value, at(gva, 8), 8);
	return value;
}

static uint64_t jump_target(uint64_t gva, uint8_t opcode)
{
	int32_t rel;

	assert_int_equal(*at(gva, 1), opcode);
	memcpy(&rel, at(gva + 1, 4), 4);
	return gva + 5 + (uint64_t)(int64_t)rel;
}

static uint64_t object_gva(uint32_t symbol)
{
	return a.object.value[symbol];
}

/* ---- done ---- */

static void test_loads(void **state)
{
	struct cvm_image image;
	struct cvm_err err = { 0 };

	(void)state;
	done();
	assert_int_equal(a.step, ADAPT_DONE);
	if (cvm_image_parse(&image, a.image.data, a.image.data_bytes, NULL,
			    &err))
		fail_msg("%s", err.text);
	assert_int_equal(image.note.pte_gva, DATA);
	assert_int_equal(image.pte, 0x20000);
	assert_int_equal(image.entry, 0);
	assert_string_equal(a.image.release, "6.12.0-made");
}

static void test_fentry(void **state)
{
	(void)state;
	made_hook(&object, CVM_HOOK_ENTRY, "traced", "", replacement, orig, 0,
		  0);
	done();
	assert_int_equal(a.hooks.hook[0].state, HOOK_FENTRY);
	assert_int_equal(jump_target(traced + 4, 0xe9),
			 object_gva(replacement));
	assert_memory_equal(at(traced, 4), "\xf3\x0f\x1e\xfa", 4);
	assert_int_equal(word(mcount), 0);
	assert_int_equal(word(object_gva(orig)), traced + 9);
}

/* Nobody traces it: it is not the tracer's call that makes room. */
static void test_no_fentry(void **state)
{
	(void)state;
	made_hook(&object, CVM_HOOK_ENTRY, "plain", "", replacement, 0, 0, 0);
	done();
	assert_int_equal(a.hooks.hook[0].state, HOOK_JUMP);
	/* Straight: a return of the adapter's would be one nobody patches. */
	assert_int_equal(jump_target(plain, 0xe9), object_gva(replacement));
	assert_int_equal(word(mcount), traced + 4);
}

static void test_noreturn(void **state)
{
	(void)state;
	made_hook(&object, CVM_HOOK_ENTRY, "plain", "", replacement, 0, 0,
		  CVM_HOOK_F_NORETURN);
	done();
	assert_int_equal(jump_target(plain, 0xe9), object_gva(replacement));
}

static void test_moved(void **state)
{
	uint64_t way;

	(void)state;
	made_hook(&object, CVM_HOOK_ENTRY, "plain", "", replacement, orig, 0,
		  0);
	done();
	assert_int_equal(a.hooks.hook[0].state, HOOK_MOVED);
	assert_int_equal(a.hooks.hook[0].moved, 9);
	way = word(object_gva(orig));
	assert_memory_equal(at(way, 9), "\x55\x48\x89\xe5\xb8\x09\0\0\0", 9);
	assert_int_equal(jump_target(way + 9, 0xe9), plain + 9);
}

static void test_call(void **state)
{
	(void)state;
	made_hook(&object, CVM_HOOK_CALL, "callee", "caller", replacement,
		  orig, 0, 0);
	done();
	assert_int_equal(jump_target(caller + 1, 0xe8),
			 object_gva(replacement));
	assert_int_equal(word(object_gva(orig)), callee);
	assert_int_equal(*at(callee, 1), 0xc3);
}

static void test_pointer(void **state)
{
	(void)state;
	made_hook(&object, CVM_HOOK_POINTER, "pointer", "", replacement, orig,
		  0, 0);
	done();
	assert_int_equal(word(pointer), object_gva(replacement));
	assert_int_equal(word(object_gva(orig)), callee);
}

static void test_optional(void **state)
{
	(void)state;
	made_hook(&object, CVM_HOOK_ENTRY, "nowhere", "", replacement, orig, 0,
		  CVM_HOOK_F_OPTIONAL);
	done();
	assert_int_equal(a.hooks.hook[0].state, HOOK_ABSENT);
	assert_int_equal(word(object_gva(orig)), 0);
}

static void test_site(void **state)
{
	uint32_t begins, ends;
	struct cvm_site row;

	(void)state;
	begins = made_undefined(&object, "cvm_site_table", 0);
	ends = made_undefined(&object, "cvm_site_table_end", 0);
	done();
	assert_int_equal(object_gva(ends) - object_gva(begins), sizeof(row));
	memcpy(&row, at(object_gva(begins), sizeof(row)), sizeof(row));
	assert_int_equal(MADE_TEXT + row.at, port);
	assert_int_equal(row.kind, CVM_SITE_IN8);
	assert_int_equal(row.bytes, 1);
	assert_int_equal(row.opcode, 0xec);
	assert_int_equal(*at(port, 1), 0xcc);
}

/* ---- places ---- */

static void test_places(void **state)
{
	static const uint8_t zero[16] = { 0 };
	uint32_t percpu, entry;

	(void)state;
	percpu = made_section(&object, ".data..percpu", ELF_SHF_ALLOC |
			      ELF_SHF_WRITE, "per-CPU", 8);
	entry = made_section(&object, ".cvm.entry", ELF_SHF_ALLOC |
			     ELF_SHF_EXEC, "\xf4\xf4\xf4", 3);
	percpu = made_defined(&object, "percpu", percpu, 0);
	entry = made_defined(&object, "entry", entry, 0);
	done();
	assert_string_equal(a.places.percpu.what, "mc_buffer");
	assert_memory_equal(at(object_gva(percpu), 8), "per-CPU", 8);
	assert_memory_equal(at(object_gva(entry), 3), "\xf4\xf4\xf4", 3);
	/* Pages of their own: behind the read-only data there is the rest. */
	assert_string_equal(a.places.text.what, "gap behind .rodata");
	assert_int_equal(a.places.text.gva, MADE_TEXT + 0x1e000);
	assert_int_equal(a.places.text_begin, MADE_TEXT + 0x1e000);
	assert_int_equal(a.places.text_end, MADE_TEXT + 0x1f000);
	assert_int_equal(a.places.data_begin, MADE_TEXT + 0x1f000);
	assert_int_equal(a.places.data.gva, MADE_TEXT + 0x1f000);
	assert_memory_equal(at(object_gva(orig), 16), zero, 16);
}

static void fill(size_t bytes)
{
	made_section(&object, ".data.more", ELF_SHF_ALLOC | ELF_SHF_WRITE,
		     NULL, bytes);
}

static void test_data_fits(void **state)
{
	(void)state;
	/* The table of sites is aligned to 16. */
	fill(0x1000 - 64 - 16);
	done();
}

static void test_data_does_not_fit(void **state)
{
	(void)state;
	fill(0x1000 - 64 - 15);
	refused("no room for 8200 bytes of the platform's text and data (the "
		"largest place has 8192)");
}

/* Behind what has a value from the start. */
static void test_percpu_inside(void **state)
{
	uint32_t percpu = made_section(&object, ".data..percpu", ELF_SHF_ALLOC |
				       ELF_SHF_WRITE, "per-CPU", 8);

	(void)state;
	percpu = made_defined(&object, "percpu", percpu, 0);
	kernel.part[MADE_DATA].data[PAGE + 17] = 1;
	done();
	assert_int_equal(a.places.percpu.gva, DATA + PAGE + 32);
	assert_int_equal(a.places.percpu.room, 256 - 32);
	assert_memory_equal(at(object_gva(percpu), 8), "per-CPU", 8);
}

static void test_percpu_in_use(void **state)
{
	(void)state;
	memset(kernel.part[MADE_DATA].data + PAGE, 1, 256);
	memset(kernel.part[MADE_DATA].data + PAGE + 240, 0, 7);
	made_section(&object, ".data..percpu", ELF_SHF_ALLOC | ELF_SHF_WRITE,
		     "per-CPU", 8);
	refused("no room for 8 bytes of per-CPU data (the largest place has "
		"7)");
}

static void test_gap(void **state)
{
	uint64_t text_end = made_here(&kernel, MADE_TEXT_PART);
	uint32_t i;

	(void)state;
	for (i = 0; strcmp(kernel.symbol[i].name, "__start_rodata"); i++)
		;
	kernel.symbol[i].gva = MADE_TEXT + 0x10000;
	text_end += -text_end % PAGE;
	done();
	assert_string_equal(a.places.text.what, "gap behind .text");
	assert_int_equal(a.places.text.gva, text_end);
	assert_int_equal(a.places.text_begin, text_end);
	assert_int_equal(a.places.text_end, text_end + PAGE);
	assert_int_equal(a.places.data.gva, MADE_TEXT + 0x1e000);
	assert_memory_equal(at(text_end, 3), "\x31\xc0\xc3", 3);
}

/* ---- a table that was kept ---- */

static char cache[64];

/* Whether the text was looked through. */
static int looked(void)
{
	int ret;

	adapt_close(&a);
	memset(&problem, 0, sizeof(problem));
	ret = adapt(&a, "made", kernel.file, kernel.bytes, path, ADAPT_SWIFTLY,
		    &problem);
	if (ret)
		fail_msg("%s", problem.text);
	assert_int_equal(a.rows, 1);
	assert_int_equal(*at(port, 1), 0xcc);
	return a.sites.instructions != 0;
}

/* The one file that is in there. */
static FILE *kept(const char *mode)
{
	struct dirent *entry;
	char file[512];
	DIR *dir;
	FILE *f = NULL;

	snprintf(file, sizeof(file), "%s/libcvm", cache);
	dir = opendir(file);
	assert_non_null(dir);
	while ((entry = readdir(dir)))
		if (!strncmp(entry->d_name, "sites-", 6)) {
			assert_null(f);
			snprintf(file, sizeof(file), "%s/libcvm/%s", cache,
				 entry->d_name);
			f = fopen(file, mode);
		}
	closedir(dir);
	assert_non_null(f);
	return f;
}

static void forget(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", cache);
	assert_int_equal(system(command), 0);
}

static void with_cache(void)
{
	snprintf(cache, sizeof(cache), "/tmp/test_adapt-XXXXXX");
	assert_non_null(mkdtemp(cache));
	setenv("XDG_CACHE_HOME", cache, 1);
	done();
	assert_true(looked());
	assert_false(looked());
}

static void test_kept(void **state)
{
	(void)state;
	with_cache();
	/* Another kernel has another. */
	kernel.file[kernel.bytes - 1] ^= 1;
	assert_true(looked());
	forget();
}

static void test_kept_short(void **state)
{
	FILE *f;

	(void)state;
	with_cache();
	f = kept("r+b");
	assert_int_equal(ftruncate(fileno(f), 20), 0);
	fclose(f);
	assert_true(looked());
	assert_false(looked());
	forget();
}

static void test_kept_damaged(void **state)
{
	FILE *f;

	(void)state;
	with_cache();
	f = kept("r+b");
	fseek(f, -1, SEEK_END);
	fputc(1, f);
	fclose(f);
	assert_true(looked());
	assert_false(looked());
	forget();
}

/* Whoever may write it may say that there is nothing to change. */
static void test_kept_foreign(void **state)
{
	FILE *f;

	(void)state;
	with_cache();
	f = kept("r+b");
	assert_int_equal(fchmod(fileno(f), 0666), 0);
	fclose(f);
	assert_true(looked());
	assert_false(looked());
	forget();
}

/* ---- refused ---- */

static void test_missing(void **state)
{
	(void)state;
	made_hook(&object, CVM_HOOK_ENTRY, "nowhere", "", replacement, 0, 0,
		  0);
	refused("made: it has no nowhere, which must be hooked: a test wants "
		"it");
	assert_int_equal(a.hooks.hook[0].state, HOOK_REFUSED);
}

/* Not of this shape. */
static void test_copy(void **state)
{
	(void)state;
	made_function(&kernel, "other.cold", "\xc3", 1);
	made_function(&kernel, "other.isra.0", "\xc3", 1);
	made_hook(&object, CVM_HOOK_ENTRY, "other", "", replacement, 0, 0, 0);
	refused("made: it has other as other.isra.0 only, whose arguments may "
		"be others; it must be hooked: a test wants it");
}

static void test_two(void **state)
{
	(void)state;
	made_function(&kernel, "traced", "\xc3", 1);
	made_hook(&object, CVM_HOOK_ENTRY, "traced", "", replacement, 0, 0, 0);
	refused("two symbols named traced");
}

static void test_two_calls(void **state)
{
	(void)state;
	made_calling(&kernel, "twice", callee, "",
		     "\xe8\xf0\xff\xff\xff\xc3", 6);
	made_hook(&object, CVM_HOOK_CALL, "callee", "twice", replacement, 0, 0,
		  0);
	made_hook(&object, CVM_HOOK_CALL, "callee", "port", replacement, 0, 0,
		  0);
	refused("made: its port calls callee at 0 places, not one");
}

static void test_short_jump(void **state)
{
	(void)state;
	/* test %edi, %edi; je +4; ... */
	made_function(&kernel, "short", "\x85\xff\x74\x04\xb8\x01\0\0\0\xc3"
		      "\x90\x90\x90\x90\x90\x90", 16);
	made_hook(&object, CVM_HOOK_ENTRY, "short", "", replacement, orig, 0,
		  0);
	refused("its short begins with what cannot be moved (at +0x2)");
}

static void test_loop(void **state)
{
	(void)state;
	/* mov $1, %eax; dec %eax; jne to the mov's end; jmp to its middle */
	made_function(&kernel, "loop", "\xb8\x01\0\0\0\xff\xc8\x75\xf7\xc3"
		      "\x90\x90\x90\x90\x90\x90", 16);
	made_hook(&object, CVM_HOOK_ENTRY, "loop", "", replacement, orig, 0,
		  0);
	refused("its loop comes back to its beginning");
}

static void test_meet(void **state)
{
	(void)state;
	made_hook(&object, CVM_HOOK_ENTRY, "plain", "", replacement, 0, 0, 0);
	made_hook(&object, CVM_HOOK_ENTRY, "plain", "", replacement, 0, 0, 0);
	refused("in its plain two changes meet (plain, plain)");
}

static void test_undefined(void **state)
{
	(void)state;
	made_undefined(&object, "not_there", 0);
	refused("made: it has no symbol named not_there, which the platform "
		"object needs");
}

static void test_weak(void **state)
{
	uint32_t weak;

	(void)state;
	weak = made_undefined(&object, "not_there", 1);
	made_rela(&object, data, 16, ELF_R_64, weak, 0);
	done();
	assert_int_equal(object_gva(weak), 0);
	assert_int_equal(a.object.weak_absent, 1);
}

static void test_release(void **state)
{
	struct cvm_object *head = (void *)object.section[object.head].data;

	(void)state;
	snprintf(head->release, sizeof(head->release), "6.12.1-made");
	refused("it is 6.12.0-made, and the platform object");
}

static void test_object_abi(void **state)
{
	struct cvm_object *head = (void *)object.section[object.head].data;

	(void)state;
	head->guest_abi++;
	refused("for guest ABI");
}

/* The symbol of this name is another's, then. */
static void without(const char *name)
{
	uint32_t i;

	for (i = 0; strcmp(kernel.symbol[i].name, name); i++)
		;
	kernel.symbol[i].name[0] = '?';
}

static void test_xen(void **state)
{
	(void)state;
	without("startup_64");
	refused("it has no startup_64, so it starts under Xen, or in 32-bit "
		"mode, only");
}

static void test_no_data_symbols(void **state)
{
	(void)state;
	without("level1_fixmap_pgt");
	refused("data are in there with CONFIG_KALLSYMS_ALL");
}

static void test_cfi(void **state)
{
	(void)state;
	made_symbol(&kernel, "__start___kcfi_traps", DATA);
	refused("control-flow integrity");
}

static void test_no_object(void **state)
{
	(void)state;
	setenv("CVM_PLATFORM_DIR", "/nowhere", 1);
	made_end(&kernel);
	assert_int_equal(adapt(&a, "made", kernel.file, kernel.bytes, NULL,
			       ADAPT_WHOLLY, &problem), -1);
	assert_non_null(strstr(problem.text, "made: there is no platform "
			       "object for it in /nowhere (.o or 6.12.o)"));
}

/* Every place where it may end. */
static void test_truncated(void **state)
{
	size_t bytes;

	(void)state;
	done();
	for (bytes = 0; bytes < kernel.bytes; bytes += 61) {
		uint8_t *part = malloc(bytes + 1);

		adapt_close(&a);
		memset(&problem, 0, sizeof(problem));
		assert_non_null(part);
		memcpy(part, kernel.file, bytes);
		assert_int_equal(adapt(&a, "made", part, bytes, path,
				       ADAPT_WHOLLY, &problem), -1);
		assert_true(problem.text[0]);
		free(part);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(test_loads), TEST(test_fentry), TEST(test_no_fentry),
		TEST(test_noreturn), TEST(test_moved), TEST(test_call),
		TEST(test_pointer), TEST(test_optional), TEST(test_site),
		TEST(test_places), TEST(test_data_fits),
		TEST(test_data_does_not_fit), TEST(test_percpu_in_use),
		TEST(test_percpu_inside),
		TEST(test_gap), TEST(test_missing), TEST(test_copy),
		TEST(test_two),
		TEST(test_two_calls), TEST(test_short_jump), TEST(test_loop),
		TEST(test_xen), TEST(test_no_data_symbols), TEST(test_meet),
		TEST(test_undefined), TEST(test_weak),
		TEST(test_release), TEST(test_object_abi), TEST(test_cfi),
		TEST(test_no_object), TEST(test_truncated), TEST(test_kept),
		TEST(test_kept_short), TEST(test_kept_damaged),
		TEST(test_kept_foreign),
	};
	int fd, ret;

	snprintf(path, sizeof(path), "/tmp/test_adapt-XXXXXX");
	fd = mkstemp(path);
	if (fd < 0)
		return 1;
	close(fd);
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return ret;
}
