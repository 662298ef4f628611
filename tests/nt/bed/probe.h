/* SPDX-License-Identifier: GPL-2.0-only */
/* probe.h - what the bed asks the probe driver. */
#ifndef BED_PROBE_H
#define BED_PROBE_H

#include <stdint.h>

#define PROBE_CODE(n)	(0x22u << 16 | 3u << 14 | (0x900u + (n)) << 2)
#define PROBE_ECHO	PROBE_CODE(0)	/* value + 1 */
#define PROBE_ERROR	PROBE_CODE(1)	/* status 0xe0cc0016 */
#define PROBE_TIMER	PROBE_CODE(2)	/* wait value ms by timer and DPC */
#define PROBE_DPC	PROBE_CODE(3)	/* software interrupts */
#define PROBE_MEMORY	PROBE_CODE(4)	/* MDLs, mappings; 0 is good */
#define PROBE_SPOIL	PROBE_CODE(5)	/* spoil a register of the kernel's */
#define PROBE_LEAK	PROBE_CODE(6)	/* keep one thing: BED_COUNT_* */

struct probe_data {
	uint64_t value;
};

#endif /* BED_PROBE_H */
