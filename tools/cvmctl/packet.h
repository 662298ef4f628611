/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * packet.h - what a VMM (console.c) and its terminal (front.c) say to each
 * other over a link (platform.h).  Both ends are the same build of cvmctl.
 */
#ifndef CVMCTL_PACKET_H
#define CVMCTL_PACKET_H

/* VMM to terminal */
#define PACKET_STARTED	'S'	/* the guest runs; data: a greeting */
#define PACKET_OUTPUT	'o'	/* guest output */
#define PACKET_NOTE	'n'	/* a line from the VMM itself */
#define PACKET_END	'e'	/* exit status, 1 byte, and the last line */
#define PACKET_BUSY	'b'	/* another terminal is attached */
/* terminal to VMM */
#define PACKET_INPUT	'i'	/* keys */
#define PACKET_STOP	's'	/* a wish to stop */
#define PACKET_DETACH	'd'	/* I leave, go on without me */

#endif /* CVMCTL_PACKET_H */
