/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * packet.h - what a VMM (console_server.c) and those who come to it
 * (console_client.c, stats_client.c) say to each other over a link (os.h).
 * Both ends are the same build of cvmctl.
 *
 * Who connects says first what for, ATTACH, ASK, RESCAN, KILL or ASKED, and the
 * ID of the VM that is meant, 4 bytes: names are no proof.  The process that
 * started the VMM and shares its first link is attached from the beginning.
 */
#ifndef CVM_VMM_PACKET_H
#define CVM_VMM_PACKET_H

#include <stdint.h>

/* VMM to the others */
#define PACKET_STARTED	'S'	/* the guest runs; data: a greeting */
#define PACKET_OUTPUT	'o'	/* guest output */
#define PACKET_NOTE	'n'	/* a line from the VMM itself */
#define PACKET_COUNTERS	'c'	/* device, counter, number or word; NUL-ended
				 * each, and as often as they fit */
#define PACKET_END	'e'	/* exit status, 1 byte, and the last line */
#define PACKET_REFUSED	'r'	/* what was asked for cannot be; a reason */
/* to the VMM */
#define PACKET_ATTACH	'a'	/* ID, port ("": main), who I am; NUL-ended
				 * these */
#define PACKET_STATS	'q'	/* ID; COUNTERS, please, then END */
#define PACKET_RESCAN	'l'	/* ID, disk ("": all), NUL-ended; its length
				 * as COUNTERS, then END */
#define PACKET_KILL	'k'	/* ID; it was ended: wait for no reader */
#define PACKET_POWEROFF	'p'	/* ID; the guest was asked to power off */
#define PACKET_INPUT	'i'	/* keys */
#define PACKET_SIZE	'z'	/* struct packet_size: of my terminal */
#define PACKET_STOP	's'	/* a wish to stop */
#define PACKET_DETACH	'd'	/* I leave, go on without me */

struct packet_size {
	uint16_t cols, rows;
};

#endif /* CVM_VMM_PACKET_H */
