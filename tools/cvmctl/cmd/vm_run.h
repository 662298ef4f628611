/* SPDX-License-Identifier: GPL-2.0-only */
/* vm_run.h - from options and a configuration file to a VM that has ended. */
#ifndef CVMCTL_CMD_VM_RUN_H
#define CVMCTL_CMD_VM_RUN_H

#include "cvmctl/config/config.h"
#include "vmm/confine.h"
#include "vmm/vm.h"

#define DEFAULT_KEY	"ctrl-]"
#define RUN_WORDS	64

struct run_options {
	struct vm_config vm;	/* NULL or 0: not given */
	struct config config;	/* of the file, fills what is not given */
	struct confine_args confine;
	char name[CVM_NAME_MAX]; /* when nobody gave one */
	char cmdline[2304];	/* the file's, with a console */
	const char *file;	/* --config, or the first @FILE; NULL: none */
	const char *word[RUN_WORDS];	/* @FILE, key=value, and others */
	int words;
	const char *key_text;
	int key;		/* -1: none */
	uint32_t grace;		/* seconds from asking a guest to ending it */
	int compare;
	int quiet;
	int json;
};

/* read_key - "ctrl-x", "^x" or "none" (-1); 0, or -1 when it is no key. */
int read_key(const char *text, int *key);

/*
 * run_prepare - read files and words, fill in defaults, check.  -1 with a
 * problem; a wrong option's begins with "--".
 */
int run_prepare(struct run_options *o, struct problem *problem);

/* run_vm - build it, run it, until it has ended; the console is set up. */
int run_vm(const struct run_options *o);

#endif /* CVMCTL_CMD_VM_RUN_H */
