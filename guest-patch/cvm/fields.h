/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fields.h - structures of the kernel's that are not the same in all builds of
 * one version.
 *
 * An object that is for all of them (CVM_SERIES) does not know where their
 * members lie: it names a symbol, which whoever links it to a kernel gives the
 * value that is that kernel's (include/cvm/object.h).  In an instruction it
 * stands where the offset would.  Everywhere else these are plain C.
 */
#ifndef CVM_GUEST_FIELDS_H
#define CVM_GUEST_FIELDS_H

#include <linux/compiler.h>
#include <linux/kconfig.h>
#include <linux/stddef.h>

#ifdef CVM_SERIES

#define CVM_VALUE_OF(id, symbol)					\
	({								\
		extern const char id[] __asm__(symbol);			\
		(unsigned long)id;					\
	})
#define CVM_OFFSET(structure, member)					\
	CVM_VALUE_OF(__UNIQUE_ID(cvm_field),				\
		     "cvm_field." #structure "." #member)
#define CVM_SIZE(structure)						\
	CVM_VALUE_OF(__UNIQUE_ID(cvm_size), "cvm_size." #structure)
#define CVM_MEMBER(p, structure, member)				\
	(*(typeof(((struct structure *)0)->member) *)			\
	 ((char *)(p) + CVM_OFFSET(structure, member)))

/* What a spinlock_t is with PREEMPT_RT: a lock that sleeps. */
extern void cvm_guest_rt_lock(void *lock) __asm__("rt_spin_lock")
	__attribute__((weak));
extern void cvm_guest_rt_unlock(void *lock) __asm__("rt_spin_unlock")
	__attribute__((weak));

#define CVM_PREEMPT_RT			(cvm_guest_rt_lock != NULL)

#else

#define CVM_OFFSET(structure, member)	offsetof(struct structure, member)
#define CVM_SIZE(structure)		sizeof(struct structure)
#define CVM_MEMBER(p, structure, member) \
	(((struct structure *)(p))->member)
#define CVM_PREEMPT_RT			IS_ENABLED(CONFIG_PREEMPT_RT)

#endif

/* The structure whose member p leads to. */
#define CVM_HOLDER(p, structure, member)				\
	((struct structure *)((char *)(p) - CVM_OFFSET(structure, member)))

#endif /* CVM_GUEST_FIELDS_H */
