// SPDX-License-Identifier: GPL-2.0-only
/*
 * answers.c - what the kernel answers to a program.
 *
 * Asks for every system call, with arguments that are all 0 and all -1, and
 * for each class of what hides behind one: commands of futex and prctl, socket
 * families, options, clocks, namespaces.  Each question is put by a process of
 * its own, and a line says what it was told:
 *
 *	NAME NUMBER ok|-ERRNO|sig NUMBER|exit|waits
 *
 * One source for both kinds of programs.  It needs no C library, because a
 * 64-bit machine has none for 32-bit programs, and enters by `int $0x80` where
 * it is one of those.
 */
#include <asm/resource.h>
#include <asm/unistd.h>
#include <linux/fcntl.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <stddef.h>
#include <stdint.h>

#define SYSCALLS	480
#define WAIT_MS		1000
#define SIGCHLD		17
#define SIGKILL		9
#define PAGE		4096
#define AF_INET		2
#define AF_NETLINK	16
#define SOCK_STREAM	1
#define SOCK_RAW	3
#define LDT_WRITE	0x11

long call(long nr, long a, long b, long c, long d, long e, long f);
void begin(void);

#ifdef __x86_64__
#define NR_fcntl	__NR_fcntl
#define NR_mmap		__NR_mmap
#define NR_clock_getres	__NR_clock_getres
#define SYSV_64		0
/* call(): the seventh argument lies above the return address. */
__asm__(".globl begin\nbegin:\n"
	"	xor %ebp, %ebp\n"
	"	and $-16, %rsp\n"
	"	call ask_all\n"
	".globl call\ncall:\n"
	"	mov %rdi, %rax\n"
	"	mov %rsi, %rdi\n"
	"	mov %rdx, %rsi\n"
	"	mov %rcx, %rdx\n"
	"	mov %r8, %r10\n"
	"	mov %r9, %r8\n"
	"	mov 8(%rsp), %r9\n"
	"	syscall\n"
	"	ret\n");
#else
#define NR_fcntl	__NR_fcntl64
#define NR_mmap		__NR_mmap2
#define NR_clock_getres	__NR_clock_getres_time64
#define SYSV_64		0x100
__asm__(".globl begin\nbegin:\n"
	"	xor %ebp, %ebp\n"
	"	and $-16, %esp\n"
	"	call ask_all\n"
	".globl call\ncall:\n"
	"	push %ebp\n"
	"	push %ebx\n"
	"	push %esi\n"
	"	push %edi\n"
	"	mov 20(%esp), %eax\n"
	"	mov 24(%esp), %ebx\n"
	"	mov 28(%esp), %ecx\n"
	"	mov 32(%esp), %edx\n"
	"	mov 36(%esp), %esi\n"
	"	mov 40(%esp), %edi\n"
	"	mov 44(%esp), %ebp\n"
	"	int $0x80\n"
	"	pop %edi\n"
	"	pop %esi\n"
	"	pop %ebx\n"
	"	pop %ebp\n"
	"	ret\n");
#endif

#define CALL0(nr)		call(nr, 0, 0, 0, 0, 0, 0)
#define CALL1(nr, a)		call(nr, (long)(a), 0, 0, 0, 0, 0)
#define CALL2(nr, a, b)		call(nr, (long)(a), (long)(b), 0, 0, 0, 0)
#define CALL3(nr, a, b, c) \
	call(nr, (long)(a), (long)(b), (long)(c), 0, 0, 0)

/* What a child was told; shared with its parent. */
struct answer {
	long value;
	int told;
};

static volatile struct answer *answer;
static char page[PAGE] __attribute__((aligned(PAGE)));
static int pipe_fd[2], tcp, udp;

/* ---- printing -------------------------------------------------------- */

static char out[8192];
static unsigned long filled;

static void flush(void)
{
	CALL3(__NR_write, 1, out, filled);
	filled = 0;
}

static void put(const char *text)
{
	while (*text)
		out[filled++] = *text++;
	if (filled > sizeof(out) - 128)
		flush();
}

static void put_number(long n)
{
	char digits[24], *p = digits + sizeof(digits) - 1;
	unsigned long rest = n < 0 ? -(unsigned long)n : (unsigned long)n;

	*p = 0;
	do
		*--p = (char)('0' + rest % 10);
	while (rest /= 10);
	if (n < 0)
		*--p = '-';
	put(p);
}

/* ---- one question ---------------------------------------------------- */

static void say(const char *name, long number, int status)
{
	int sig = status & 0x7f;

	put(name);
	put(" ");
	put_number(number);
	if (answer->told && answer->value < 0 && answer->value >= -4095) {
		put(" ");
		put_number(answer->value);
	} else if (answer->told) {
		put(" ok");
	} else if (sig == SIGKILL) {
		put(" waits");
	} else if (sig) {
		put(" sig ");
		put_number(sig);
	} else {
		put(" exit");
	}
	put("\n");
}

static void child(long (*fn)(long n), long n)
{
	long self, value;

	CALL0(__NR_setsid);
	self = CALL0(__NR_gettid);
	value = fn(n);
	/* What fork() made comes here too, perhaps in the next question. */
	if (CALL0(__NR_gettid) == self) {
		answer->value = value;
		answer->told = 1;
	}
	/* After vfork() the stack is that of two: come back to here. */
	for (;;)
		CALL1(__NR_exit, 0);
}

/* A call that waits is cut short. */
static void ask(const char *name, long (*fn)(long n), long n)
{
	struct { int fd; short events, revents; } end = { .events = 1 };
	int status = 0;
	long pid;

	answer->told = 0;
	pid = CALL1(__NR_clone, SIGCHLD);
	if (!pid)
		child(fn, n);
	end.fd = (int)CALL1(__NR_pidfd_open, pid);
	if (!CALL3(__NR_poll, &end, 1, WAIT_MS))
		CALL2(__NR_kill, pid, SIGKILL);
	CALL3(__NR_wait4, pid, &status, 0);
	CALL1(__NR_close, end.fd);
	say(name, n, status);
}

/* ---- classes --------------------------------------------------------- */

/* These do not return to who asks, and the kernel has a word about it. */
static int is_sigreturn(long n)
{
#ifdef __NR_sigreturn
	if (n == __NR_sigreturn)
		return 1;
#endif
	return n == __NR_rt_sigreturn;
}

static long all_zero(long n)
{
	return is_sigreturn(n) ? 0 : CALL0(n);
}

static long all_ones(long n)
{
	return is_sigreturn(n) ? 0 : call(n, -1, -1, -1, -1, -1, -1);
}

/* Of a value that is not there, so that nothing waits. */
static long ask_futex(long op)
{
	return call(__NR_futex, (long)page, op, 1, 0, (long)page + 64, ~0l);
}

static long ask_prctl(long option)
{
	return CALL1(__NR_prctl, option);
}

static long ask_fcntl(long cmd)
{
	return CALL2(NR_fcntl, pipe_fd[0], cmd);
}

/* The table of a process grows to some MiB, whose mapping may be huge. */
static long ask_descriptor(long n)
{
	long limit[2] = { n + 1, n + 1 };

	if (CALL2(__NR_setrlimit, RLIMIT_NOFILE, limit))
		return -1;
	return CALL2(__NR_dup2, 1, n);
}

static long ask_madvise(long advice)
{
	return CALL3(__NR_madvise, page, PAGE, advice);
}

static long ask_unshare(long bit)
{
	return CALL1(__NR_unshare, 1l << bit);
}

static long ask_stream(long family)
{
	return CALL3(__NR_socket, family, SOCK_STREAM, 0);
}

static long ask_datagram(long family)
{
	return CALL3(__NR_socket, family, 2, 0);
}

static long ask_raw(long family)
{
	return CALL3(__NR_socket, family, SOCK_RAW, 255);
}

static long ask_packets(long family)
{
	return CALL3(__NR_socket, family, 5, 0);
}

static long ask_netlink(long protocol)
{
	return CALL3(__NR_socket, AF_NETLINK, SOCK_RAW, protocol);
}

/* level * 256 + option, at a stream and, above that, a datagram socket. */
static long ask_option(long n)
{
	long fd = n >> 16 ? udp : tcp;

	return call(__NR_setsockopt, fd, n >> 8 & 255, n & 255, (long)page, 4,
		    0);
}

static long ask_option_value(long n)
{
	long fd = n >> 16 ? udp : tcp;
	int bytes = 256;

	return call(__NR_getsockopt, fd, n >> 8 & 255, n & 255, (long)page,
		    (long)&bytes, 0);
}

static long ask_keyctl(long cmd)
{
	return CALL1(__NR_keyctl, cmd);
}

static long ask_bpf(long cmd)
{
	return CALL3(__NR_bpf, cmd, page, 72);
}

static long ask_clock(long id)
{
	return CALL2(NR_clock_getres, id, page);
}

static long ask_timerfd(long id)
{
	return CALL1(__NR_timerfd_create, id);
}

static long ask_timer(long id)
{
	int timer;

	return CALL3(__NR_timer_create, id, 0, &timer);
}

static long ask_membarrier(long bit)
{
	return CALL1(__NR_membarrier, bit < 0 ? 0 : 1l << bit);
}

static long ask_memfd(long bit)
{
	return CALL2(__NR_memfd_create, "answers", 1l << bit);
}

static long ask_fanotify(long bit)
{
	return CALL1(__NR_fanotify_init, 1l << bit);
}

static long ask_landlock(long flags)
{
	return CALL3(__NR_landlock_create_ruleset, 0, 0, flags);
}

static long ask_seccomp(long op)
{
	return CALL3(__NR_seccomp, op, 0, page);
}

static long ask_policy(long policy)
{
	return CALL3(__NR_sched_setscheduler, 0, policy, page);
}

static long ask_shm(long cmd)
{
	return CALL3(__NR_shmctl, 0, cmd | SYSV_64, page);
}

static long ask_msg(long cmd)
{
	return CALL3(__NR_msgctl, 0, cmd | SYSV_64, page);
}

static long ask_perf(long n)
{
	struct perf_event_attr *attr = (void *)page;

	attr->size = PERF_ATTR_SIZE_VER0;
	attr->type = (uint32_t)n >> 8;
	attr->config = n & 255;
	attr->exclude_kernel = 1;
	return call(__NR_perf_event_open, (long)attr, 0, -1, -1, 0, 0);
}

/* A data segment of one page: as a 16-bit one, or as a 32-bit one. */
static long ask_ldt(long seg_32bit)
{
	uint32_t desc[4] = { 0, (uint32_t)(uintptr_t)page, PAGE - 1,
			     (uint32_t)seg_32bit };

	return CALL3(__NR_modify_ldt, LDT_WRITE, desc, sizeof(desc));
}

static long ask_ioprio(long class)
{
	return CALL3(__NR_ioprio_set, 1, 0, class << 13);
}

static long ask_x32(long n)
{
	return CALL0(0x40000000 | n);
}

#ifdef __i386__
static long ask_socketcall(long n)
{
	return CALL2(__NR_socketcall, n, page);
}

static long ask_ipc(long n)
{
	return CALL1(__NR_ipc, n);
}
#endif

static const struct {
	const char *name;
	long (*fn)(long n);
	int first, last;
} classes[] = {
	{ "all-0", all_zero, 0, SYSCALLS },
	{ "all-1", all_ones, 0, SYSCALLS },
	{ "futex", ask_futex, 0, 13 },
	{ "prctl", ask_prctl, 1, 80 },
	{ "fcntl", ask_fcntl, 0, 20 },
	{ "fcntl", ask_fcntl, F_LINUX_SPECIFIC_BASE,
	  F_LINUX_SPECIFIC_BASE + 16 },
	{ "descriptor", ask_descriptor, 900000, 900000 },
	{ "madvise", ask_madvise, 0, 25 },
	{ "unshare", ask_unshare, 0, 31 },
	{ "stream", ask_stream, 0, 46 },
	{ "datagram", ask_datagram, 0, 46 },
	{ "raw", ask_raw, 0, 46 },
	{ "packets", ask_packets, 0, 46 },
	{ "netlink", ask_netlink, 0, 23 },
	{ "set-ip", ask_option, 0x00001, 0x00060 },
	{ "set-socket", ask_option, 0x00101, 0x00160 },
	{ "set-tcp", ask_option, 0x00601, 0x00630 },
	{ "set-ip-udp", ask_option, 0x10001, 0x10060 },
	{ "set-socket-udp", ask_option, 0x10101, 0x10160 },
	{ "set-udp", ask_option, 0x11101, 0x1117f },
	{ "get-ip", ask_option_value, 0x00001, 0x00060 },
	{ "get-socket", ask_option_value, 0x00101, 0x00160 },
	{ "get-tcp", ask_option_value, 0x00601, 0x00630 },
	{ "keyctl", ask_keyctl, 0, 32 },
	{ "bpf", ask_bpf, 0, 37 },
	{ "clock", ask_clock, 0, 11 },
	{ "timerfd", ask_timerfd, 0, 11 },
	{ "timer", ask_timer, 0, 11 },
	{ "membarrier", ask_membarrier, -1, 9 },
	{ "memfd", ask_memfd, 0, 5 },
	{ "fanotify", ask_fanotify, 0, 13 },
	{ "landlock", ask_landlock, 0, 1 },
	{ "seccomp", ask_seccomp, 0, 3 },
	{ "policy", ask_policy, 0, 7 },
	{ "ioprio", ask_ioprio, 0, 3 },
	{ "shm", ask_shm, 0, 15 },
	{ "msg", ask_msg, 0, 13 },
	{ "perf", ask_perf, 0x0100, 0x010b },
	{ "perf-type", ask_perf, 0x0200, 0x0200 },
	{ "ldt", ask_ldt, 0, 1 },
	{ "x32", ask_x32, 39, 39 },
#ifdef __i386__
	{ "socketcall", ask_socketcall, 1, 20 },
	{ "ipc", ask_ipc, 0, 24 },
#endif
};

/* ---- all of them ----------------------------------------------------- */

static void hands(void)
{
	answer = (void *)call(NR_mmap, 0, PAGE, 3, 0x21, -1, 0);
	CALL2(__NR_pipe2, pipe_fd, 0);
	tcp = (int)CALL3(__NR_socket, AF_INET, SOCK_STREAM, 0);
	udp = (int)CALL3(__NR_socket, AF_INET, 2, 0);
}

void ask_all(void) __attribute__((used, noreturn));
void ask_all(void)
{
	static char names[6][65];
	unsigned long i, length = 0;
	long n;

	hands();
	CALL1(__NR_uname, names);
	for (i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		for (n = classes[i].first; n <= classes[i].last; n++)
			ask(classes[i].name, classes[i].fn, n);
	flush();
	/* sethostname(0, 0) was one of the questions, and is allowed. */
	while (names[1][length])
		length++;
	CALL2(__NR_sethostname, names[1], length);
	CALL1(__NR_exit_group, 0);
	__builtin_unreachable();
}
