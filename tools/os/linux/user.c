// SPDX-License-Identifier: GPL-2.0-only
/* user.c - users of the system. */
#include <ctype.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "linux.h"

/* A number needs no entry in the system's list of users. */
int linux_user_find(const char *text, struct linux_user *user)
{
	struct passwd *entry;
	char *end;
	unsigned long number = strtoul(text, &end, 10);
	int numeric = isdigit((unsigned char)*text) && !*end;

	if (numeric && number >= UINT32_MAX)
		return -1;
	entry = numeric ? getpwuid((uid_t)number) : getpwnam(text);
	if (!entry && !numeric)
		return -1;
	user->uid = entry ? entry->pw_uid : (uid_t)number;
	user->gid = entry ? entry->pw_gid : (gid_t)number;
	snprintf(user->name, sizeof(user->name), "%s",
		 entry ? entry->pw_name : text);
	snprintf(user->home, sizeof(user->home), "%s",
		 entry ? entry->pw_dir : "/");
	return 0;
}

int linux_user_sudo(struct linux_user *user)
{
	const char *sudo = getenv("SUDO_UID");

	if (geteuid() || !sudo || linux_user_find(sudo, user) || !user->uid)
		return -1;
	return 0;
}

int os_owner(uint32_t *uid, uint32_t *gid)
{
	struct linux_user user;

	if (linux_user_sudo(&user))
		return -1;
	*uid = user.uid;
	*gid = user.gid;
	return 0;
}
