/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * count.h - what a driver may hold, by kind.  The probe, which leaks one of
 * each, is compiled with it too.
 */
#ifndef BED_COUNT_H
#define BED_COUNT_H

#define BED_COUNTERS(X) \
	X(pool) X(pool_bytes) X(mdl) X(pages) X(contiguous) X(maps) \
	X(user_maps) X(io_maps) X(devices) X(links) X(files) X(irps) \
	X(threads) X(timers) X(dpcs) X(objects) X(handles) X(callbacks) \
	X(resolution) X(affinity) X(attached)

enum {
#define BED_COUNTER(name) BED_COUNT_##name,
	BED_COUNTERS(BED_COUNTER)
#undef BED_COUNTER
	BED_KINDS
};

#endif /* BED_COUNT_H */
