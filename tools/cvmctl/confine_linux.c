// SPDX-License-Identifier: GPL-2.0-only
/* confine_linux.c - users, capabilities and no way back. */
#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine.h"
#include "linux.h"

#define OWN_USER	"cvm"	/* where the system has one */
#define NOBODY		65534u

struct user {
	uid_t uid;
	gid_t gid;
};

/* ---- who to be ---- */

/* A number needs no entry in the system's list of users. */
static int find_user(const char *text, struct user *user)
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
	return 0;
}

/* Whoever asked sudo for this, or somebody with no rights at all. */
static int choose_user(const char *wish, struct user *user,
		       struct problem *problem)
{
	const char *sudo = getenv("SUDO_UID");

	if (wish) {
		if (find_user(wish, user))
			return problem_set(problem, "user", "%s: no such "
					   "user", wish);
		if (!user->uid)
			return problem_set(problem, "user", "%s: that is "
					   "root, who is what a VM's process "
					   "must not be", wish);
		return 0;
	}
	if (sudo && !find_user(sudo, user) && user->uid)
		return 0;
	if (!find_user(OWN_USER, user) && user->uid)
		return 0;
	user->uid = NOBODY;
	user->gid = NOBODY;
	return 0;
}

/* ---- rights ---- */

static int become(const struct user *user, struct problem *problem)
{
	if (setgroups(0, NULL) ||
	    setresgid(user->gid, user->gid, user->gid) ||
	    setresuid(user->uid, user->uid, user->uid))
		return problem_set(problem, "confinement", "user %u: %s",
				   user->uid, strerror(errno));
	return 0;
}

/* The bounding set first: taking from it is itself a capability. */
static int drop_bounding_set(void)
{
	unsigned long cap;
	int had;

	for (cap = 0; (had = prctl(PR_CAPBSET_READ, cap)) >= 0; cap++)
		if (had && prctl(PR_CAPBSET_DROP, cap) && errno != EPERM)
			return -1;
	return 0;
}

static int drop_capabilities(struct problem *problem)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) ||
	    syscall(SYS_capset, &head, none))
		return problem_set(problem, "confinement", "capabilities: %s",
				   strerror(errno));
	return 0;
}

int confine(const struct confine_args *args, struct problem *problem)
{
	struct user user;

	if (drop_bounding_set())
		return problem_set(problem, "confinement", "the bounding set: "
				   "%s", strerror(errno));
	if (!geteuid() && (choose_user(args->user, &user, problem) ||
			   become(&user, problem)))
		return -1;
	if (drop_capabilities(problem))
		return -1;
	/* Other processes of this user must not look in: we hold the driver. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return problem_set(problem, "confinement", "prctl: %s",
				   strerror(errno));
	return linux_filter(args->network, problem);
}
