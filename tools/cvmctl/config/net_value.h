/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * net_value.h - what ethN= says of a network card, in coLinux's form:
 *
 *	slirp[,MAC[,FORWARD/FORWARD...]]
 *		FORWARD: tcp|udp[:ADDRESS]:HOSTPORT:GUESTPORT[:COUNT]
 *	tap,NAME[,MAC[,ADDRESS]]	or tuntap,..., coLinux's word
 *		ADDRESS has no meaning, as in coLinux
 */
#ifndef CVMCTL_CONFIG_NET_VALUE_H
#define CVMCTL_CONFIG_NET_VALUE_H

#include "virtio/devices.h"

#include "cvmctl/cli/cvmctl.h"

struct net_config {
	char key[8];		/* "eth0" */
	char tap[64];		/* args.tap, a copy */
	struct cvm_net_args args;
	int unused_address;	/* there was an ADDRESS */
};

/*
 * net_config_read - the value of ethN (index) of a VM; without a MAC it gets
 * one that only name and index decide.  path: the file, for the problem, or
 * NULL.  -1 with a problem.
 */
int net_config_read(struct net_config *net, const char *text,
		    const char *name, unsigned int index, const char *path,
		    struct problem *problem);

#endif /* CVMCTL_CONFIG_NET_VALUE_H */
