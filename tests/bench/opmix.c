// SPDX-License-Identifier: GPL-2.0-only
/*
 * opmix.c - a QEMU TCG plugin that counts privileged operations.
 *
 * Between two marker instructions (see bench.h) it counts writes of CR3 and
 * CR4, INVPCID, RDMSR, WRMSR and VMRUN, whoever executes them: the process, its
 * kernel or the host.  One line per pair of markers goes to the file given as
 * out=FILE:
 *
 *	ROW cr3 cr4 invpcid rdmsr wrmsr vmrun
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "qemu_plugin.h"

enum op { OP_CR3, OP_CR4, OP_INVPCID, OP_RDMSR, OP_WRMSR, OP_VMRUN, OPS };

#define MARK_BASE	0x4d42u		/* upper half of the marker's number */
#define MARK_END	0x80u

static uint64_t count[OPS], at_begin[OPS];
static unsigned int row;
static FILE *out;

static void on_op(unsigned int vcpu, void *udata)
{
	(void)vcpu;
	count[(uintptr_t)udata]++;
}

static void on_mark(unsigned int vcpu, void *udata)
{
	unsigned int n = (unsigned int)(uintptr_t)udata;
	unsigned int i;

	(void)vcpu;
	if (n != MARK_END) {
		row = n;
		memcpy(at_begin, count, sizeof(count));
		return;
	}
	fprintf(out, "%u", row);
	for (i = 0; i < OPS; i++)
		fprintf(out, " %llu",
			(unsigned long long)(count[i] - at_begin[i]));
	fputc('\n', out);
	fflush(out);
}

/* SDM vol. 2: MOV to CR is 0F 22 /r, INVPCID 66 0F 38 82, RDMSR 0F 32,
 * WRMSR 0F 30; AMD's APM vol. 2, 15.5.1: VMRUN is 0F 01 D8; prefixes before
 * the opcode are skipped. */
static int classify(const unsigned char *p, size_t len)
{
	size_t i = 0;
	int size_prefix = 0;

	while (i < len && ((p[i] & 0xf0) == 0x40 || p[i] == 0x66 ||
			   p[i] == 0x2e || p[i] == 0x3e)) {
		size_prefix |= p[i] == 0x66;
		i++;
	}
	if (len - i < 2 || p[i] != 0x0f)
		return -1;
	switch (p[i + 1]) {
	case 0x01:
		return len - i >= 3 && p[i + 2] == 0xd8 ? OP_VMRUN : -1;
	case 0x22:
		if (len - i < 3)
			return -1;
		if (((p[i + 2] >> 3) & 7) == 3)
			return OP_CR3;
		return ((p[i + 2] >> 3) & 7) == 4 ? OP_CR4 : -1;
	case 0x30:
		return OP_WRMSR;
	case 0x32:
		return OP_RDMSR;
	case 0x38:
		return size_prefix && len - i >= 3 && p[i + 2] == 0x82 ?
			OP_INVPCID : -1;
	}
	return -1;
}

static int marker(const unsigned char *p, size_t len)
{
	if (len != 8 || memcmp(p, "\x0f\x1f\x84\x00", 4))
		return -1;
	if ((unsigned int)(p[6] | p[7] << 8) != MARK_BASE)
		return -1;
	return p[4];
}

static void on_tb(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t i, n = qemu_plugin_tb_n_insns(tb);

	(void)id;
	for (i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		const unsigned char *p = qemu_plugin_insn_data(insn);
		size_t len = qemu_plugin_insn_size(insn);
		int op = classify(p, len), mark = marker(p, len);

		if (op >= 0)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_op,
				QEMU_PLUGIN_CB_NO_REGS, (void *)(intptr_t)op);
		if (mark >= 0)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark,
				QEMU_PLUGIN_CB_NO_REGS,
				(void *)(intptr_t)mark);
	}
}

static void on_exit(qemu_plugin_id_t id, void *udata)
{
	(void)id;
	(void)udata;
	fclose(out);
}

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info,
			int argc, char **argv)
{
	(void)info;
	if (argc != 1 || strncmp(argv[0], "out=", 4))
		return -1;
	out = fopen(argv[0] + 4, "w");
	if (!out)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_tb);
	qemu_plugin_register_atexit_cb(id, on_exit, NULL);
	return 0;
}
