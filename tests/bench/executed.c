// SPDX-License-Identifier: GPL-2.0-only
/*
 * executed.c - a QEMU TCG plugin that counts how often instructions of some
 * ranges were executed.
 *
 *	ranges=FILE	lines of "BEGIN END", hexadecimal, sorted
 *	out=FILE	lines of "ADDRESS COUNT" for what was executed
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qemu_plugin.h"

struct range {
	uint64_t begin, end;
	uint64_t *count;	/* of each byte */
};

static struct range *ranges;
static size_t nr_ranges;
static FILE *out;

static int read_ranges(const char *path)
{
	FILE *in = fopen(path, "r");
	uint64_t begin, end;
	struct range *more;

	if (!in)
		return -1;
	while (fscanf(in, "%" SCNx64 " %" SCNx64, &begin, &end) == 2) {
		more = realloc(ranges, (nr_ranges + 1) * sizeof(*ranges));
		if (!more)
			break;
		ranges = more;
		ranges[nr_ranges].begin = begin;
		ranges[nr_ranges].end = end;
		ranges[nr_ranges].count = calloc(end - begin, sizeof(uint64_t));
		if (!ranges[nr_ranges++].count)
			break;
	}
	return fclose(in) || !nr_ranges ? -1 : 0;
}

static uint64_t *count_of(uint64_t at)
{
	size_t low = 0, high = nr_ranges, mid;

	while (low < high) {
		mid = (low + high) / 2;
		if (at < ranges[mid].begin)
			high = mid;
		else if (at >= ranges[mid].end)
			low = mid + 1;
		else
			return &ranges[mid].count[at - ranges[mid].begin];
	}
	return NULL;
}

static void on_insn(unsigned int vcpu, void *count)
{
	(void)vcpu;
	++*(uint64_t *)count;
}

static void on_tb(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t i, n = qemu_plugin_tb_n_insns(tb);
	struct qemu_plugin_insn *insn;
	uint64_t *count;

	(void)id;
	for (i = 0; i < n; i++) {
		insn = qemu_plugin_tb_get_insn(tb, i);
		count = count_of(qemu_plugin_insn_vaddr(insn));
		if (count)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_insn,
				QEMU_PLUGIN_CB_NO_REGS, count);
	}
}

static void at_end(qemu_plugin_id_t id, void *udata)
{
	uint64_t at;
	size_t i;

	(void)id;
	(void)udata;
	for (i = 0; i < nr_ranges; i++)
		for (at = ranges[i].begin; at < ranges[i].end; at++)
			if (ranges[i].count[at - ranges[i].begin])
				fprintf(out, "%" PRIx64 " %" PRIu64 "\n", at,
					ranges[i].count[at - ranges[i].begin]);
	fclose(out);
}

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info,
			int argc, char **argv)
{
	(void)info;
	if (argc != 2 || strncmp(argv[0], "ranges=", 7) ||
	    strncmp(argv[1], "out=", 4) || read_ranges(argv[0] + 7))
		return -1;
	out = fopen(argv[1] + 4, "w");
	if (!out)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_tb);
	qemu_plugin_register_atexit_cb(id, at_end, NULL);
	return 0;
}
