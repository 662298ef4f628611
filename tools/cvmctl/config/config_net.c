// SPDX-License-Identifier: GPL-2.0-only
/* config_net.c - ethN=: what net_value.c can make something of. */
#include "config_impl.h"
#include "net_value.h"

/* It is read again when the VM's name, which a MAC comes from, is known. */
int config_read_eth(struct config_reading *r)
{
	struct net_config net;
	char where[400];

	config_place(r, where, sizeof(where));
	if (net_config_read(&net, r->text, "", r->number, where, r->problem))
		return -1;
	r->config->eth[r->number] = config_copy(r, r->text);
	if (!r->config->eth[r->number])
		return -1;
	return net.unused_address ? config_note(r, "the host's address is set "
						"with ip(8); ignored") : 0;
}
