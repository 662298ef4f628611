/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * error.h - result codes of every libcvm call.
 *
 * A call returns 0 or a negative CVM_E*.  The numbers are Linux's errno
 * values, so that the Linux shim returns them unchanged; every other shim
 * converts once, at its edge.
 */
#ifndef CVM_ERROR_H
#define CVM_ERROR_H

#define CVM_EPERM	1	/* this host refuses, see the check rows */
#define CVM_ENOENT	2	/* no such VM, vCPU or request */
#define CVM_EINTR	4	/* the host wants the calling thread back */
#define CVM_EIO		5	/* the guest ended; no further run possible */
#define CVM_E2BIG	7	/* more than a fixed limit allows */
#define CVM_ENOMEM	12	/* the host has no memory of that shape */
#define CVM_EFAULT	14	/* an address outside what was granted */
#define CVM_EBUSY	16	/* in use, or done already */
#define CVM_EINVAL	22	/* malformed argument, image or size */
#define CVM_ENOTTY	25	/* unknown number of a request */
#define CVM_ENOSYS	38	/* the CPU or host lacks the feature */
#define CVM_EPROTO	71	/* other ABI version */

#endif /* CVM_ERROR_H */
