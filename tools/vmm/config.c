// SPDX-License-Identifier: GPL-2.0-only
/* config.c - what follows from a configuration, whoever made it. */
#include <string.h>

#include <cvm/abi.h>

#include "config.h"

bool good_name(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	return *name && *name != '.' && *name != '-' &&
	       strlen(name) < CVM_NAME_MAX &&
	       strspn(name, allowed) == strlen(name);
}

/* Locally administered, for one station: 02:.. (FNV-1a of name and index). */
void nic_mac(uint8_t mac[6], const char *vm, unsigned int index)
{
	uint64_t hash = 0xcbf29ce484222325ull;
	unsigned int i;

	for (; *vm; vm++)
		hash = (hash ^ (uint8_t)*vm) * 0x100000001b3ull;
	/* No name has a byte of less than ' ', so names and numbers differ. */
	hash = (hash ^ index) * 0x100000001b3ull;
	mac[0] = 0x02;
	for (i = 1; i < 6; i++)
		mac[i] = (uint8_t)((hash ^ hash >> 40) >> 8 * (i - 1));
}

bool needs_network(const struct config *config)
{
	unsigned int i;

	for (i = 0; i < CONFIG_NICS; i++)
		if (*config->nic[i].name && !config->nic[i].args.tap)
			return true;
	return false;
}
