// SPDX-License-Identifier: GPL-2.0-only
/* kernel_modules.c - what becomes of the instructions of modules? */
#include <stdio.h>
#include <string.h>

#include "cvmctl/cli/cvmctl.h"
#include "kernel/modules.h"

#include "kernel_print.h"

#define WORDS_MAX	64

/* Rows of one module and class stand together, and are one line. */
static int is_same(const struct module_site *a, const struct module_site *b)
{
	return a->class == b->class && a->verdict == b->verdict &&
		!strcmp(a->module, b->module);
}

/* How many from i on are the same; a module's own order mixes classes. */
static uint32_t same(const struct modules *all, size_t i)
{
	uint32_t count = 0;
	size_t j;

	for (j = 0; j < i; j++)
		if (is_same(&all->list[j], &all->list[i]))
			return 0;
	for (j = i; j < all->count; j++)
		count += is_same(&all->list[j], &all->list[i]);
	return count;
}

static int print_table(const struct modules *all)
{
	const struct module_site *row;
	uint32_t count;
	size_t i;

	print_counts(&all->counts);
	printf("\n%s%-20s %-30s %6s  %-11s %s%s\n", style(STYLE_BOLD),
	       "MODULE", "INSTRUCTION", "COUNT", "VERDICT", "REASON",
	       style(STYLE_OFF));
	for (i = 0; i < all->count; i++) {
		row = &all->list[i];
		count = same(all, i);
		if (!count)
			continue;
		put_column(row->module, MODULE_NAME, 20);
		printf(" %-30s %6u  %s%-11s%s %s\n", insn_words(row->class),
		       count, row->verdict == SITE_REFUSED ?
		       style(STYLE_BAD) : "", row->verdict == SITE_REFUSED ?
		       "unknown" : site_verdict_words(row->verdict),
		       row->verdict == SITE_REFUSED ? style(STYLE_OFF) : "",
		       row->reason);
	}
	printf("\n%u modules\n", all->files);
	return print_flush();
}

static int print_json(const struct modules *all)
{
	const struct module_site *row;
	struct json json;
	size_t i;

	json_begin(&json, 1);
	json_open(&json, NULL, '{');
	json_u64(&json, "modules", all->files);
	json_counts(&json, &all->counts);
	json_open(&json, "judged", '[');
	for (i = 0; i < all->count; i++) {
		row = &all->list[i];
		json_open(&json, NULL, '{');
		json_text(&json, "module", row->module, MODULE_NAME);
		json_text(&json, "function", row->function, MODULE_NAME);
		json_u64(&json, "offset", row->offset);
		json_text(&json, "instruction", insn_words(row->class),
			  WORDS_MAX);
		json_text(&json, "verdict", site_verdict_words(row->verdict),
			  WORDS_MAX);
		json_text(&json, "reason", row->reason, 256);
		json_close(&json);
	}
	json_close(&json);
	json_close(&json);
	return json_print(&json);
}

/* The first that nobody has judged. */
static void complain(const struct modules *all)
{
	struct problem problem = { "" };
	const struct module_site *row = all->list;

	while (row->verdict != SITE_REFUSED)
		row++;
	problem_set(&problem, row->module, "%s in function %s at +0x%x is not "
		    "known (%s), and %u more: a guest that loads this module "
		    "would execute it", insn_words(row->class), row->function,
		    row->offset, row->reason, all->refused - 1);
	problem_print(&problem);
}

int kernel_modules(const char *const *paths, int json)
{
	struct problem problem = { "" };
	struct modules all = { 0 };
	int ret = EXIT_OK;

	for (; *paths && ret == EXIT_OK; paths++) {
		if (!module_add(&all, *paths, &problem))
			continue;
		problem_print(&problem);
		ret = EXIT_REFUSED;
	}
	if (ret == EXIT_OK)
		ret = json ? print_json(&all) : print_table(&all);
	if (all.refused) {
		complain(&all);
		ret = EXIT_REFUSED;
	}
	modules_free(&all);
	return ret;
}
