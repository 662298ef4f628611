/* SPDX-License-Identifier: GPL-2.0-only */
/* vm_run.h - from files, words and options to a VM that has ended. */
#ifndef CVMCTL_CMD_VM_RUN_H
#define CVMCTL_CMD_VM_RUN_H

#include "cvmctl/config/config.h"
#include "vmm/vm.h"

#define RUN_WORDS	64

struct run_options {
	struct config config;	/* what the VM is to be, */
	struct config_sources sources; /* and by what */
	struct config_given given[CONFIG_OPTIONS + 1];
	char name[CVM_NAME_MAX]; /* when nobody gave one */
	const char *file;	/* --config, or the first @FILE; NULL: none */
	const char *word[RUN_WORDS];	/* @FILE, key=value, and others */
	int words;
	const char *key_text;
	int key;		/* -1: none */
	int json;
};

/*
 * run_prepare - read files, words and options: PARSE_GO_ON, or an exit status
 * with a problem.  run_free() in every case.
 */
int run_prepare(struct run_options *o, struct problem *problem);

void run_free(struct run_options *o);

/* run_vm - build it, run it, until it has ended; the console is set up. */
int run_vm(const struct run_options *o);

#endif /* CVMCTL_CMD_VM_RUN_H */
