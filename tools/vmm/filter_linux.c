// SPDX-License-Identifier: GPL-2.0-only
/*
 * filter_linux.c - the system calls of a running VM.
 *
 * What is not on a list here ends the process.  Lists are by what needs them,
 * so that it is seen when something goes.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cvm/uapi.h>

#include "filter_linux.h"

static const int always[] = {
	/* memory, without making any of it executable (below) */
	SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
	/* files that are open: disks, consoles, events */
	SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev),
	SCMP_SYS(pread64), SCMP_SYS(pwrite64), SCMP_SYS(preadv),
	SCMP_SYS(pwritev), SCMP_SYS(preadv2), SCMP_SYS(pwritev2),
	SCMP_SYS(lseek), SCMP_SYS(fdatasync), SCMP_SYS(fsync),
	SCMP_SYS(fallocate), SCMP_SYS(ftruncate), SCMP_SYS(fstat),
	SCMP_SYS(close), SCMP_SYS(dup2), SCMP_SYS(eventfd2),
	SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime),
	/* rings, made and restricted before (blk_uring.c) */
	SCMP_SYS(io_uring_enter),
	/* waiting */
	SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait),
	SCMP_SYS(futex), SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep),
	SCMP_SYS(restart_syscall),
	/* sockets that are open */
	SCMP_SYS(accept4), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg),
	SCMP_SYS(recvmmsg), SCMP_SYS(sendto), SCMP_SYS(sendmsg),
	SCMP_SYS(sendmmsg), SCMP_SYS(shutdown), SCMP_SYS(getsockopt),
	SCMP_SYS(getsockname), SCMP_SYS(getpeername),
	/* threads and signals */
	SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(membarrier),
	SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity), SCMP_SYS(gettid),
	SCMP_SYS(getpid), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack), SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	/* clocks and randomness, where there is no vDSO */
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres),
	SCMP_SYS(gettimeofday), SCMP_SYS(getrandom),
};

/* Of a process that makes connections for its guest. */
static const int network[] = {
	SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(listen), SCMP_SYS(accept),
	SCMP_SYS(setsockopt),
};

static const unsigned int families[] = { AF_INET, AF_INET6 };

static const unsigned int ioctls[] = {
	/* terminals and pipes; not TIOCSTI, which types into them */
	TCGETS, TCSETS, TCSETSW, TCSETSF, TIOCGWINSZ, TIOCSWINSZ, FIONREAD,
	FIONBIO,
	/* what the guest's driver can do, known when it starts */
	TUNSETOFFLOAD,
	/* a name server that is one on a link: fe80::1%eth0 */
	SIOCGIFINDEX,
};

static const unsigned int fcntls[] = {
	F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC,
};

/*
 * Refused, not deadly: the C library opens files of the system where it can
 * do without, and falls back from clone3, whose flags no filter sees.
 */
static const struct {
	int call;
	int error;
} refused[] = {
	{ SCMP_SYS(open), EACCES }, { SCMP_SYS(openat), EACCES },
	{ SCMP_SYS(clone3), ENOSYS },
};

#define EACH(i, list)	(i = 0; i < sizeof(list) / sizeof((list)[0]); i++)

/* These only, with one argument as it must be. */
static int allow_if(scmp_filter_ctx filter, int call,
		    struct scmp_arg_cmp argument)
{
	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, 1,
				      &argument);
}

static int allow_arguments(scmp_filter_ctx filter)
{
	int err = 0;
	size_t i;

	/* The driver's operations; which of them is its own business. */
	err |= allow_if(filter, SCMP_SYS(ioctl), SCMP_A1_32(SCMP_CMP_MASKED_EQ,
			0xc000ff00, CVM_IOCTL(0u, 0u)));
	for EACH(i, ioctls)
		err |= allow_if(filter, SCMP_SYS(ioctl),
				SCMP_A1_32(SCMP_CMP_EQ, ioctls[i]));
	for EACH(i, fcntls)
		err |= allow_if(filter, SCMP_SYS(fcntl),
				SCMP_A1_32(SCMP_CMP_EQ, fcntls[i]));
	err |= allow_if(filter, SCMP_SYS(mmap),
			SCMP_A2_32(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	err |= allow_if(filter, SCMP_SYS(mprotect),
			SCMP_A2_32(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	/* Threads, no processes. */
	err |= allow_if(filter, SCMP_SYS(clone),
			SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD,
				CLONE_THREAD));
	/* abort() and raise(); not other processes. */
	err |= allow_if(filter, SCMP_SYS(tgkill),
			SCMP_A0_32(SCMP_CMP_EQ, (unsigned int)getpid()));
	/* fstat() of newer C libraries is newfstatat() without a path. */
	err |= allow_if(filter, SCMP_SYS(newfstatat),
			SCMP_A3_32(SCMP_CMP_EQ, AT_EMPTY_PATH));
	err |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES),
				SCMP_SYS(newfstatat), 1,
				SCMP_A3_32(SCMP_CMP_NE, AT_EMPTY_PATH));
	err |= allow_if(filter, SCMP_SYS(prctl),
			SCMP_A0_32(SCMP_CMP_EQ, PR_SET_NAME));
	return err;
}

static int allow_network(scmp_filter_ctx filter)
{
	int err = 0;
	size_t i;

	for EACH(i, network)
		err |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, network[i], 0);
	for EACH(i, families)
		err |= allow_if(filter, SCMP_SYS(socket),
				SCMP_A0_32(SCMP_CMP_EQ, families[i]));
	/* if_nametoindex() tries this first, and then an AF_INET one. */
	err |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT),
				SCMP_SYS(socket), 1,
				SCMP_A0_32(SCMP_CMP_EQ, AF_UNIX));
	return err;
}

static int fill(scmp_filter_ctx filter, int with_network)
{
	int err = 0;
	size_t i;

	err |= seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH,
				SCMP_ACT_KILL_PROCESS);
	err |= seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	/* A tree in place of a chain of comparisons. */
	err |= seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	for EACH(i, always)
		err |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, always[i], 0);
	for EACH(i, refused)
		err |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(
					refused[i].error), refused[i].call, 0);
	err |= allow_arguments(filter);
	if (with_network)
		err |= allow_network(filter);
	return err ? -EINVAL : 0;
}

int filter_syscalls(int with_network, struct problem *problem)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int err = filter ? fill(filter, with_network) : -ENOMEM;

	if (!err)
		err = seccomp_load(filter);
	seccomp_release(filter);
	if (err)
		return problem_set(problem, "confinement", "seccomp: %s; a "
				   "VM takes a kernel with CONFIG_SECCOMP_"
				   "FILTER", strerror(-err));
	return 0;
}
