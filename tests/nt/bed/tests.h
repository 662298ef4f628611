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
void test_fail(void);		/* the nth call of DriverEntry() fails */
void test_failrun(void);	/* the nth call of a VM's life fails */
void test_poison(void);		/* a guest and NT poison every register */
void test_nmi(void);		/* an NMI at every instruction, driven */
void test_fault(void);		/* a guest that dies at once; driven too */

#endif /* BED_TESTS_H */
