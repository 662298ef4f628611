/* SPDX-License-Identifier: GPL-2.0-only */
/* tests.h - the tests of the bed. */
#ifndef BED_TESTS_H
#define BED_TESTS_H

void test_probe(void);		/* the bed itself, with probe.sys */
void test_spoil(void);		/* the watchman notices */
void test_refuse(void);		/* damaged files are not loaded */
void test_load(void);		/* load, ask, unload */
void test_boot(void);		/* a guest to its end */
void test_rounds(void);		/* load, start, kill, unload; again */
void test_fail(void);		/* the nth call that may fail does */
void test_wait(void);		/* beside a grant that takes long */
void test_leak(void);		/* each kind of leak is noticed */
void test_poison(void);		/* a guest and NT poison every register */
void test_nmi(void);		/* an NMI at every instruction, driven */
void test_fault(void);		/* a guest that dies at once; driven too */

/* ---- t_driver.c ---- */
struct bed_image;
struct bed_vm_args;
struct bed_vm_end;
int test_load_driver(struct bed_image *at);	/* 1: loaded */
int test_have_guest(void);
struct bed_vm_args test_vm_args(void);
/* Killed, or done with its work before the kill came. */
int test_ended_well(const struct bed_vm_end *end);

#endif /* BED_TESTS_H */
