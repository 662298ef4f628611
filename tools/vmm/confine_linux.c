// SPDX-License-Identifier: GPL-2.0-only
/* confine_linux.c - users, capabilities and no way back. */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine.h"
#include "filter_linux.h"
#include "os/linux/linux.h"

#define OWN_USER	"cvm"	/* where the system has one */
#define NOBODY		65534u

/* ---- who to be ---- */

/* Whoever asked sudo for this, or somebody with no rights at all. */
static int choose_user(const char *wish, struct linux_user *user,
		       struct problem *problem)
{
	if (wish) {
		if (linux_user_find(wish, user))
			return problem_set(problem, "user", "%s: no such "
					   "user", wish);
		if (!user->uid)
			return problem_set(problem, "user", "%s: a VM must not "
					   "run as root; name another "
					   "user", wish);
		return 0;
	}
	if (!linux_user_sudo(user))
		return 0;
	if (!linux_user_find(OWN_USER, user) && user->uid)
		return 0;
	user->uid = NOBODY;
	user->gid = NOBODY;
	return 0;
}

/* ---- rights ---- */

static int become(const struct linux_user *user, struct problem *problem)
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

int confine_check(const struct config *config, struct problem *problem)
{
	struct linux_user user;

	return geteuid() ? 0 : choose_user(config->user, &user, problem);
}

int confine(const struct config *config, struct problem *problem)
{
	struct linux_user user;

	linux_inherited_close();
	if (drop_bounding_set())
		return problem_set(problem, "confinement", "the bounding set: "
				   "%s", strerror(errno));
	if (!geteuid() && (choose_user(config->user, &user, problem) ||
			   become(&user, problem)))
		return -1;
	if (drop_capabilities(problem))
		return -1;
	/* Other processes of this user must not look in: we hold the driver. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return problem_set(problem, "confinement", "prctl: %s",
				   strerror(errno));
	return filter_syscalls(needs_network(config), problem);
}
