// SPDX-License-Identifier: GPL-2.0-only
/* kernel.c - can this kernel be a guest, and what makes it one? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "cvmctl/cli/json.h"
#include "kernel/adapt.h"
#include "kernel/kernel_file.h"

#include "kernel_print.h"
#include "os/os.h"

#define TEXT_MAX	512

struct report {
	struct kernel kernel;
	const struct adapt *adapt;	/* NULL: built for libcvm, or unread */
	struct problem problem;
	int refused;
};

/* ---- words ---- */

/* Where a hook is: "exc_nmi", "set_memory_ro in mark_rodata_ro". */
static void hook_place(const struct hook *hook, char *to, size_t size)
{
	if (!*hook->target)
		snprintf(to, size, "%s", hook->in);
	else if (*hook->in)
		snprintf(to, size, "%s in %s", hook->target, hook->in);
	else
		snprintf(to, size, "%s", hook->target);
}

static enum style hook_style(const struct hook *hook)
{
	switch (hook->state) {
	case HOOK_REFUSED:
		return STYLE_BAD;
	case HOOK_UNPLANNED:
	case HOOK_ABSENT:
		return STYLE_NOTE;
	default:
		return STYLE_GOOD;
	}
}

static void object_words(const struct adapt *a, char *to, size_t size)
{
	if (!a->object.head.magic)
		snprintf(to, size, "none");
	else
		snprintf(to, size, "%s (for %s%s)", a->object.path,
			 a->object.head.flags & CVM_OBJECT_F_SERIES ?
			 "the series " : "", a->object.head.release);
}

static const struct {
	const char *name;
	size_t off;
} place_rows[] = {
	{ "text", offsetof(struct places, text) },
	{ "data", offsetof(struct places, data) },
	{ "per-CPU", offsetof(struct places, percpu) },
	{ "entry", offsetof(struct places, entry) },
};

#define PLACES (sizeof(place_rows) / sizeof(place_rows[0]))

static const struct place *place_of(const struct adapt *a, size_t i)
{
	return (const void *)((const char *)&a->places + place_rows[i].off);
}

/* ---- for people ---- */

static void line(const char *name, const char *text)
{
	printf("%s%-9s%s", style(STYLE_BOLD), name, style(STYLE_OFF));
	put_text(text, TEXT_MAX);
	printf("\n");
}

static void print_about(const struct adapt *a)
{
	char text[TEXT_MAX], id[BUILD_ID_TEXT];

	platform_build_id(&a->image, id);
	line("kernel", a->image.release[0] ? a->image.release : "unnamed");
	line("build ID", id[0] ? id : "none");
	snprintf(text, sizeof(text), "%u, %s", a->image.symbols.count,
		 a->image.btf.types ? "types by BTF" : "no BTF");
	line("symbols", text);
	object_words(a, text, sizeof(text));
	line("object", text);
}

static void print_hooks(const struct adapt *a)
{
	const struct hook *hook;
	char text[TEXT_MAX];
	size_t width = 4, n;
	uint32_t i;

	if (!a->hooks.count)
		return;
	for (i = 0; i < a->hooks.count; i++) {
		hook_place(&a->hooks.hook[i], text, sizeof(text));
		n = text_width(text, sizeof(text));
		width = n > width ? n : width;
	}
	printf("\n%s%-9s%-*s  STATE%s\n", style(STYLE_BOLD), "KIND",
	       (int)width, "HOOK", style(STYLE_OFF));
	for (i = 0; i < a->hooks.count; i++) {
		hook = &a->hooks.hook[i];
		hook_place(hook, text, sizeof(text));
		printf("%-9s", hook_kind_words(hook->row.kind));
		put_column(text, sizeof(text), width);
		hook_words(hook, text, sizeof(text));
		printf("  %s%s%s\n", style(hook_style(hook)), text,
		       style(STYLE_OFF));
	}
}

/* As wide as its heading; "site" has numbers of four digits. */
static int count_width(uint32_t verdict)
{
	int width = (int)strlen(site_verdict_words(verdict));

	return width < 5 ? 5 : width;
}

void print_counts(const kernel_counts *counts)
{
	const uint32_t *row;
	uint32_t class, verdict, all;
	bool bad;

	printf("%s%-31s", style(STYLE_BOLD), "INSTRUCTION");
	for (verdict = 0; verdict < SITE_VERDICTS; verdict++)
		printf(" %*s", count_width(verdict),
		       site_verdict_words(verdict));
	printf("%s\n", style(STYLE_OFF));
	for (class = 0; class < INSN_CLASSES; class++) {
		row = (*counts)[class];
		for (verdict = all = 0; verdict < SITE_VERDICTS; verdict++)
			all += row[verdict];
		if (!all)
			continue;
		printf("%-31s", insn_words(class));
		for (verdict = 0; verdict < SITE_VERDICTS; verdict++) {
			bad = verdict == SITE_REFUSED && row[verdict];
			if (row[verdict])
				printf(" %s%*u%s", bad ? style(STYLE_BAD) : "",
				       count_width(verdict), row[verdict],
				       bad ? style(STYLE_OFF) : "");
			else
				printf(" %*s", count_width(verdict), "-");
		}
		printf("\n");
	}
}

static void print_sites(const struct adapt *a)
{
	if (!a->sites.count)
		return;
	printf("\n");
	print_counts(&a->sites.counts);
}

static bool alike(const struct audit_overlap *a, const struct audit_overlap *b)
{
	return a->patch.kind == b->patch.kind &&
	       !strcmp(a->reason, b->reason) && a->refused == b->refused;
}

/* Of which there are others before it, or how many from it on. */
static size_t count_alike(const struct adapt *a, size_t from)
{
	const struct audit_overlap *list = a->audit.list;
	size_t i, n = 0;

	for (i = 0; i < a->audit.count; i++) {
		if (!alike(&list[i], &list[from]))
			continue;
		if (i < from)
			return 0;
		n++;
	}
	return n;
}

/* Where the kernel would have written over it, or where it does no harm. */
static void print_overlaps(const struct adapt *a)
{
	const struct audit_overlap *row;
	size_t i, n;

	if (!a->audit.count)
		return;
	printf("\n%s%-21s%6s  WHY IT DOES NO HARM%s\n", style(STYLE_BOLD),
	       "THE KERNEL CHANGES", "PLACES", style(STYLE_OFF));
	for (i = 0; i < a->audit.count; i++) {
		row = &a->audit.list[i];
		n = row->refused ? 1 : count_alike(a, i);
		if (!n)
			continue;
		printf("%-21s%6zu  ", selfpatch_words(row->patch.kind), n);
		if (!row->refused) {
			printf("%s\n", row->reason);
			continue;
		}
		printf("%sin ", style(STYLE_BAD));
		put_text(image_function(&a->image, row->patch.gva), TEXT_MAX);
		printf(": %s%s\n", row->reason, style(STYLE_OFF));
	}
}

static void print_places(const struct adapt *a)
{
	const struct place *place;
	size_t i;

	if (a->step < ADAPT_PLACES)
		return;
	printf("\n%s%-9s%-18s  %8s  %8s  WHERE%s\n", style(STYLE_BOLD),
	       "PLACE", "ADDRESS", "BYTES", "ROOM", style(STYLE_OFF));
	for (i = 0; i < PLACES; i++) {
		place = place_of(a, i);
		if (place->what)
			printf("%-9s0x%016llx  %8llu  %8llu  %s\n",
			       place_rows[i].name,
			       (unsigned long long)place->gva,
			       (unsigned long long)place->need,
			       (unsigned long long)place->room, place->what);
	}
}

static int print_table(const struct report *report)
{
	if (report->adapt && report->adapt->image.symbols.count) {
		print_about(report->adapt);
		print_hooks(report->adapt);
		print_sites(report->adapt);
		print_overlaps(report->adapt);
		print_places(report->adapt);
		printf("\n");
	}
	if (report->refused)
		return print_flush();
	printf("%scan be a guest%s", style(STYLE_GOOD), style(STYLE_OFF));
	if (report->adapt)
		printf(": %u hooks, %u sites; the file stays as it is\n",
		       report->adapt->hooks.count, report->adapt->rows);
	else
		printf(": it was built for libcvm\n");
	return print_flush();
}

/* ---- for programs ---- */

static void json_hooks(struct json *json, const struct adapt *a)
{
	const struct hook *hook;
	char state[HOOK_WORDS];
	uint32_t i;

	json_open(json, "hooks", '[');
	for (i = 0; i < a->hooks.count; i++) {
		hook = &a->hooks.hook[i];
		hook_words(hook, state, sizeof(state));
		json_open(json, NULL, '{');
		json_text(json, "kind", hook_kind_words(hook->row.kind), 16);
		json_text(json, "target", hook->target, TEXT_MAX);
		json_text(json, "in", hook->in, TEXT_MAX);
		json_text(json, "state", state, sizeof(state));
		json_text(json, "reason", hook->reason, TEXT_MAX);
		json_close(json);
	}
	json_close(json);
}

void json_counts(struct json *json, const kernel_counts *counts)
{
	uint32_t class, verdict;

	json_open(json, "sites", '[');
	for (class = 0; class < INSN_CLASSES; class++) {
		for (verdict = 0; verdict < SITE_VERDICTS; verdict++) {
			if (!(*counts)[class][verdict])
				continue;
			json_open(json, NULL, '{');
			json_text(json, "instruction", insn_words(class), 64);
			json_text(json, "verdict",
				  site_verdict_words(verdict), 64);
			json_u64(json, "count",
				 (*counts)[class][verdict]);
			json_close(json);
		}
	}
	json_close(json);
}

static void json_places(struct json *json, const struct adapt *a)
{
	const struct place *place;
	size_t i;

	json_open(json, "places", '[');
	for (i = 0; i < PLACES; i++) {
		place = place_of(a, i);
		if (!place->what)
			continue;
		json_open(json, NULL, '{');
		json_text(json, "name", place_rows[i].name, 16);
		json_u64(json, "address", place->gva);
		json_u64(json, "bytes", place->need);
		json_u64(json, "room", place->room);
		json_text(json, "where", place->what, 64);
		json_close(json);
	}
	json_close(json);
}

/* Where the kernel's text will differ: of a site, the whole instruction. */
static void json_changes(struct json *json, const struct adapt *a)
{
	const struct image_change *change;
	uint32_t i;

	json_open(json, "changes", '[');
	for (i = 0; i < a->changes; i++) {
		change = &a->change[i];
		json_open(json, NULL, '{');
		json_u64(json, "address", change->gva);
		json_u64(json, "bytes", change->bytes);
		json_text(json, "what", change->what, TEXT_MAX);
		json_close(json);
	}
	json_close(json);
}

/* Where the kernel would change what was changed. */
static void json_overlaps(struct json *json, const struct adapt *a)
{
	const struct audit_overlap *row;
	size_t i;

	json_open(json, "overlaps", '[');
	for (i = 0; i < a->audit.count; i++) {
		row = &a->audit.list[i];
		json_open(json, NULL, '{');
		json_u64(json, "address", row->patch.gva);
		json_text(json, "what", selfpatch_words(row->patch.kind), 64);
		json_text(json, "function",
			  image_function(&a->image, row->patch.gva), TEXT_MAX);
		json_bool(json, "refused", row->refused);
		json_text(json, "reason", row->reason, TEXT_MAX);
		json_close(json);
	}
	json_close(json);
}

static int print_json(const struct report *report)
{
	const struct adapt *a = report->adapt;
	char text[TEXT_MAX], id[BUILD_ID_TEXT];
	struct json json;

	json_begin(&json, 1);
	json_open(&json, NULL, '{');
	json_bool(&json, "can_be_guest", !report->refused);
	json_bool(&json, "adapted", a && !report->refused);
	if (report->refused)
		json_text(&json, "reason", report->problem.text,
			  sizeof(report->problem.text));
	if (a) {
		platform_build_id(&a->image, id);
		json_text(&json, "build_id", id, sizeof(id));
		json_text(&json, "release", a->image.release,
			  sizeof(a->image.release));
		json_u64(&json, "symbols", a->image.symbols.count);
		json_bool(&json, "btf", a->image.btf.types != 0);
		object_words(a, text, sizeof(text));
		json_text(&json, "object", text, sizeof(text));
		json_hooks(&json, a);
		json_counts(&json, &a->sites.counts);
		json_places(&json, a);
		json_changes(&json, a);
		json_overlaps(&json, a);
	}
	json_close(&json);
	return json_print(&json);
}

/* ---- the command ---- */

/* Without an object there is as much to see as the kernel has by itself. */
static void look_without_object(struct adapt *a)
{
	struct problem ignored = { "" };

	if (a && a->step == ADAPT_OBJECT)
		sites_find(&a->sites, &a->image, NULL, &ignored);
}

static int check(const char *path, const char *platform, int as_json)
{
	struct report report = { .problem = { "" } };
	int ret;

	report.refused = kernel_look(&report.kernel, path, platform,
				     &report.problem) != 0;
	look_without_object(report.kernel.adapt);
	report.adapt = report.kernel.adapt;
	ret = as_json ? print_json(&report) : print_table(&report);
	if (report.refused) {
		problem_print(&report.problem);
		ret = EXIT_REFUSED;
	}
	kernel_close(&report.kernel);
	return ret;
}

/* What a start would load, as a file. */
static int adapt_to(const char *path, const char *to, const char *platform)
{
	struct problem problem = { "" };
	struct kernel kernel;
	int ret = EXIT_OK;

	if (kernel_open(&kernel, path, platform, &problem) ||
	    os_file_new(to, kernel.image.file, kernel.image.bytes, &problem)) {
		problem_print(&problem);
		ret = EXIT_REFUSED;
	}
	kernel_close(&kernel);
	return ret;
}

static int check_words(const struct command *cmd, const char *const *words,
		       int json)
{
	int adapts = words[0] && !strcmp(words[0], "adapt");
	int modules = words[0] && !strcmp(words[0], "modules");

	if (!adapts && !modules && (!words[0] || strcmp(words[0], "check")))
		return usage_error(cmd, "%s%s; use check, adapt or modules",
				   words[0] ? words[0] : "no verb given",
				   words[0] ? ": unknown verb" : "");
	if (!words[1])
		return usage_error(cmd, "%s: no FILE given", words[0]);
	if (adapts && !words[2])
		return usage_error(cmd, "adapt: no file to write given");
	if (adapts && words[3])
		return usage_error(cmd, "adapt: %s: one FILE at a time",
				   words[3]);
	if (!adapts && !modules && words[2])
		return usage_error(cmd, "check: %s: one FILE at a time",
				   words[2]);
	return adapts && json ? usage_error(cmd, "--json is not for adapt") :
	       PARSE_GO_ON;
}

static int run_words(const struct command *cmd, const struct opt *opts,
		     int argc, char **argv, const char **words,
		     const char *const *platform, const int *json)
{
	int ret = parse_options(cmd, opts, argc, argv, words, argc);

	if (ret == PARSE_GO_ON)
		ret = check_words(cmd, words, *json);
	if (ret != PARSE_GO_ON)
		return ret;
	if (!strcmp(words[0], "modules"))
		return kernel_modules(words + 1, *json);
	return words[2] ? adapt_to(words[1], words[2], *platform) :
	       check(words[1], *platform, *json);
}

static int run(const struct command *cmd, int argc, char **argv)
{
	const char **words = calloc((size_t)argc + 4, sizeof(*words));
	const char *platform = NULL;
	int json = 0, ret;
	const struct opt opts[] = {
		{ "platform", OPT_TEXT, "FILE", &platform,
		  "this platform object (default: the one for the\n"
		  "kernel's build ID, else its series)" },
		{ "json", OPT_FLAG, NULL, &json, "print one JSON object" },
		{ 0 }
	};

	if (!words)
		return EXIT_REFUSED;
	ret = run_words(cmd, opts, argc, argv, words, &platform, &json);
	free(words);
	return ret;
}

const struct command cmd_kernel = {
	"kernel", run,
	"check FILE | adapt FILE NEW | modules FILE... [OPTIONS]",
	"tell whether a kernel can be a guest, and what makes it one",
	"  check     a kernel that was built for libcvm, or a distribution's\n"
	"            own (vmlinuz, or a vmlinux): which hooks are laid, what\n"
	"            becomes of its privileged instructions, where the\n"
	"            platform goes, and the verdict.  The file is only read\n"
	"  adapt     writes what a start would load: an ELF vmlinux that is a\n"
	"            guest's, for hosts whose loader takes nothing else\n"
	"  modules   what becomes of such instructions of modules (.ko,\n"
	"            packed or not) that a guest loads\n\n"
	"Example:\n"
	"  cvmctl kernel check /boot/vmlinuz-6.12.117+deb12-cloud-amd64\n",
	NULL
};
