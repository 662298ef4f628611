/* SPDX-License-Identifier: GPL-2.0-only */
/* tests.h - the modes of the test image, chosen by test=NAME. */
#ifndef RING0_TESTS_H
#define RING0_TESTS_H

void test_state(void);
void test_early(void);
void test_tlb(void);
void test_events(void);
void test_irq(void);
void test_nmi(void);
void test_fault(void);
void test_storm(void);
void test_bench(void);
void test_fail(void);
void test_refuse(void);

#endif /* RING0_TESTS_H */
