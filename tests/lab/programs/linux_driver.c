// SPDX-License-Identifier: GPL-2.0-only
/*
 * linux_driver.c - the Linux driver's edge, seen from user space: who may open
 * it, what its calls refuse, how guest memory behaves when mapped.  Runs as
 * root on a disposable machine; prints one line per test.
 *
 *	linux_driver [BLOCK-DEVICE]	a scratch disk for direct I/O
 *	linux_driver hold MIB GROUP	make a VM, print what GROUP is charged
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/capability.h>

#include <cvm/abi.h>
#include <cvm/uapi.h>

#define MIB	(1024ull * 1024)
#define FAIL_MEMORY	"/sys/devices/system/memory/hard_offline_page"
#define PASSAGE	0xffffffffff575000ull

static int failed;

static void report(int ok, const char *name)
{
	printf("%s %s\n", ok ? "ok" : "not ok", name);
	if (!ok) {
		printf("# errno %d (%s)\n", errno, strerror(errno));
		failed++;
	}
	fflush(stdout);
}

static int sized_request(int fd, unsigned int number, void *arg, size_t bytes)
{
	return ioctl(fd, CVM_IOCTL(number, bytes), arg);
}

#define request(fd, number, arg) \
	sized_request(fd, number, arg, sizeof(*(arg)))

static int fails(int ret, int err)
{
	return ret < 0 && errno == err;
}

/* ---- who may open it -------------------------------------------------- */

static void drop_cap(int cap)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	syscall(SYS_capget, &head, data);
	data[cap / 32].effective &= ~(1u << cap % 32);
	data[cap / 32].permitted &= ~(1u << cap % 32);
	syscall(SYS_capset, &head, data);
}

static int open_without(int cap)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		drop_cap(cap);
		_exit(open(CVM_DEVICE_PATH, O_RDWR) < 0 ? errno : 0);
	}
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

static void test_open(void)
{
	struct stat st;

	report(!stat(CVM_DEVICE_PATH, &st) && (st.st_mode & 0777) == 0600,
	       "open: device has mode 0600");
	report(open_without(CAP_SYS_MODULE) == EPERM,
	       "open: refused without CAP_SYS_MODULE");
	report(open_without(CAP_SYS_RAWIO) == EPERM,
	       "open: refused without CAP_SYS_RAWIO");
	report(open_without(CAP_SYS_TIME) == 0,
	       "open: other capabilities are not needed");
}

/* ---- calls ------------------------------------------------------------- */

static void test_control(int fd)
{
	static struct cvm_user_list list;
	static struct cvm_user_stats stats;
	struct cvm_user_version v = { 0 };
	static struct cvm_user_check check;
	struct cvm_user_mem mem = { .bytes = 2 * MIB };
	unsigned int i;

	report(!request(fd, CVM_USER_VERSION, &v) &&
	       v.user_abi == CVM_USER_ABI && v.guest_abi == CVM_GUEST_ABI &&
	       v.host == CVM_HOST_LINUX && v.cpus >= 1, "VERSION");
	report(!request(fd, CVM_USER_CHECK, &check) && check.rows, "CHECK");
	for (i = 0; i < check.rows && i < CVM_CHECK_MAX; i++)
		printf("# %-20s %u %s\n", check.row[i].name,
		       check.row[i].status, check.row[i].text);
	report(check.refused == 0, "CHECK: this machine is accepted");
	report(!request(fd, CVM_USER_LIST, &list) && !list.count,
	       "LIST: empty");
	stats.id = 12345;
	report(fails(request(fd, CVM_USER_STATS, &stats), ENOENT),
	       "STATS: unknown VM");
	report(fails(request(fd, 200, &v), ENOTTY), "unknown request");
	report(fails(ioctl(fd, 0x5401, &v), ENOTTY), "foreign request");
	report(fails(sized_request(fd, CVM_USER_VERSION, NULL, sizeof(v)),
		     EFAULT), "bad pointer");
	report(fails(request(fd, CVM_USER_MEM_ADD, &mem), ENOENT),
	       "MEM_ADD: needs a VM");
	report(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED,
	       "mmap: needs a VM");
}

/* How much of a page was written by VERSION of so many bytes, -1: refused. */
static int version_writes(int fd, uint8_t *page, size_t bytes, int fill)
{
	int last = 4096;

	memset(page, 0, bytes);
	memset(page + bytes, fill, 4096 - bytes);
	if (sized_request(fd, CVM_USER_VERSION, page, bytes))
		return -1;
	while (last && page[last - 1] == fill)
		last--;
	return last;
}

/* Programs of before and after this driver, by the size they bring along. */
static void test_sizes(int fd)
{
	const size_t size = sizeof(struct cvm_user_version);
	static uint8_t page[4096];
	const struct cvm_user_version *v = (const void *)page;
	size_t end;

	report(version_writes(fd, page, size, 0x5a) == (int)size &&
	       v->user_abi == CVM_USER_ABI, "size: the driver's");
	end = offsetof(struct cvm_user_version, reserved);
	report(version_writes(fd, page, end, 0x5a) == (int)end,
	       "size: shorter, and nothing is written behind");
	report(version_writes(fd, page, end - 1, 0x5a) < 0 &&
	       errno == EINVAL, "size: less than least");
	report(fails(sized_request(fd, CVM_USER_VERSION, page, 0), EINVAL),
	       "size: none");
	report(version_writes(fd, page, 4000, 0x5a) == 4000 &&
	       v->user_abi == CVM_USER_ABI && !page[size],
	       "size: longer, the rest stays 0");
	page[3999] = 1;
	report(fails(sized_request(fd, CVM_USER_VERSION, page, 4000), E2BIG),
	       "size: longer, the rest is not 0");
	memset(page, 0, size);
	page[size - 1] = 1;
	report(fails(sized_request(fd, CVM_USER_VERSION, page, size), EINVAL),
	       "reserved fields are 0");
	report(fails(ioctl(fd, CVM_IOCTL(CVM_USER_VERSION, size) & ~(3u << 30),
			   page), ENOTTY), "request without direction");
}

static int create(int fd, const char *name)
{
	struct cvm_user_vm vm = {
		.vcpus = 1,
		.guest_abi = CVM_GUEST_ABI,
		.passage_gva = PASSAGE,
	};

	snprintf(vm.name, sizeof(vm.name), "%s", name);
	return request(fd, CVM_USER_VM_CREATE, &vm) ? -1 : (int)vm.id;
}

static int add_memory(int fd, uint64_t bytes, uint64_t first)
{
	struct cvm_user_mem mem = { .bytes = bytes, .first_bytes = first };

	return request(fd, CVM_USER_MEM_ADD, &mem);
}

/* ---- memory -------------------------------------------------------------- */

static sigjmp_buf on_bus;

static void bus_handler(int sig)
{
	(void)sig;
	siglongjmp(on_bus, 1);
}

static int gives_sigbus(volatile const char *p)
{
	signal(SIGBUS, bus_handler);
	if (sigsetjmp(on_bus, 1))
		return 1;
	(void)*p;
	return 0;
}

static int is_zero(const char *p, uint64_t bytes)
{
	uint64_t i;

	for (i = 0; i < bytes; i += sizeof(uint64_t))
		if (*(const uint64_t *)(p + i))
			return 0;
	return 1;
}

static void test_direct_io(const char *disk, char *mem)
{
	int fd = open(disk, O_RDWR | O_DIRECT);
	int i;

	report(fd >= 0, "direct I/O: open the disk");
	if (fd < 0)
		return;
	for (i = 0; i < 65536; i++)
		mem[i] = (char)(i * 7 + 3);
	report(pwrite(fd, mem, 65536, 0) == 65536, "direct I/O: write");
	memset(mem + MIB, 0, 65536);
	report(pread(fd, mem + MIB, 65536, 0) == 65536, "direct I/O: read");
	report(!memcmp(mem, mem + MIB, 65536), "direct I/O: same bytes");
	close(fd);
}

static void test_memory(int fd, const char *disk)
{
	static struct cvm_user_ranges r;
	uint64_t low = UINT64_MAX, high = 0, sum = 0;
	unsigned int i, ok = 1;
	char *base;

	report(!add_memory(fd, 64 * MIB, 24 * MIB), "MEM_ADD: 64 MiB");
	report(fails(add_memory(fd, 1ull << 40, 0), ENOMEM) || errno == E2BIG,
	       "MEM_ADD: refuses 1 TiB");
	report(!request(fd, CVM_USER_MEM_RANGES, &r) && r.count,
	       "MEM_RANGES");
	for (i = 0; i < r.count; i++) {
		printf("# %#llx + %#llx\n",
		       (unsigned long long)r.range[i].gpa,
		       (unsigned long long)r.range[i].bytes);
		sum += r.range[i].bytes;
		if (r.range[i].gpa < low)
			low = r.range[i].gpa;
		if (r.range[i].gpa + r.range[i].bytes > high)
			high = r.range[i].gpa + r.range[i].bytes;
	}
	report(sum == 64 * MIB, "MEM_RANGES: all of it");
	report(r.range[0].bytes >= 24 * MIB, "MEM_RANGES: first piece");
	report(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, (off_t)low) ==
	       MAP_FAILED, "mmap: private is refused");
	report(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd,
		    (off_t)low) == MAP_FAILED, "mmap: executable is refused");
	/* One mapping over the whole span, and beyond it on both sides. */
	base = mmap(NULL, high - low + 4 * MIB, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_NORESERVE, fd, (off_t)(low - 2 * MIB));
	report(base != MAP_FAILED, "mmap: the span");
	if (base == MAP_FAILED)
		return;
	base += 2 * MIB;
	report(fails(mprotect(base, 4096, PROT_READ | PROT_EXEC), EACCES),
	       "mprotect: executable is refused");
	for (i = 0; i < r.count; i++)
		ok &= is_zero(base + (r.range[i].gpa - low), r.range[i].bytes);
	report(ok, "mmap: memory is zero");
	for (i = 0; i < r.count; i++)
		memset(base + (r.range[i].gpa - low), 0x5a, r.range[i].bytes);
	report(gives_sigbus(base - 2 * MIB), "mmap: SIGBUS below");
	report(gives_sigbus(base + (high - low)), "mmap: SIGBUS above");
	if (disk)
		test_direct_io(disk, base + (r.range[0].gpa - low));
	report(!munmap(base - 2 * MIB, high - low + 4 * MIB), "munmap");
}

/* Pages of small pieces that were given back while somebody held them. */
static long held_pages(void)
{
	FILE *counts = fopen("/sys/kernel/debug/cvm/pages", "r");
	long held = -1;
	char line[128];

	while (counts && fgets(line, sizeof(line), counts))
		if (sscanf(line, "ram taken %*d returned %*d shared %ld",
			   &held) == 1)
			break;
	if (counts)
		fclose(counts);
	return held;
}

/* Tell the kernel that the memory at an address has failed. */
static int fail_memory(uint64_t hpa)
{
	FILE *ask = fopen(FAIL_MEMORY, "w");

	if (!ask)
		return -1;
	fprintf(ask, "0x%llx", (unsigned long long)hpa);
	/* The kernel cannot take the page away, and says so. */
	return fclose(ask) && errno != EBUSY && errno != EIO ? -1 : 0;
}

/* A piece with a page that has failed never comes back to be used. */
static void test_bad_memory(void)
{
	static struct cvm_user_ranges r;
	long before = held_pages();
	int fd;

	if (access(FAIL_MEMORY, F_OK)) {
		printf("skip bad memory: this kernel knows none\n");
		return;
	}
	fd = open(CVM_DEVICE_PATH, O_RDWR | O_CLOEXEC);
	create(fd, "bad");
	report(before >= 0 && !add_memory(fd, 4 * MIB, 4 * MIB) &&
	       !request(fd, CVM_USER_MEM_RANGES, &r) && r.count == 1,
	       "bad memory: one piece of 4 MiB");
	report(!fail_memory(r.range[0].gpa + MIB), "bad memory: a page fails");
	close(fd);
	report(held_pages() == before + (long)(4 * MIB / 4096),
	       "bad memory: the piece stays out of use");
}

static void test_vm(const char *disk)
{
	int fd = open(CVM_DEVICE_PATH, O_RDWR | O_CLOEXEC);
	struct cvm_user_run run = { .vcpu = 0 };
	struct cvm_user_vcpu vcpu = { .vcpu = 0 };
	static struct cvm_user_list list;
	int id, status;
	pid_t pid;

	id = create(fd, "first");
	report(id > 0, "VM_CREATE");
	report(fails(create(fd, "again"), EBUSY), "VM_CREATE: once per handle");
	report(!request(fd, CVM_USER_LIST, &list) && list.count == 1 &&
	       list.vm[0].pid == getpid() && !strcmp(list.vm[0].name, "first"),
	       "LIST: the VM");
	test_memory(fd, disk);
	report(fails(request(fd, CVM_USER_VCPU_RUN, &run), ENOENT),
	       "RUN: no such vCPU");
	report(!request(fd, CVM_USER_VCPU_CREATE, &vcpu) && vcpu.shared_hpa,
	       "VCPU_CREATE");
	pid = fork();
	if (!pid)
		_exit(request(fd, CVM_USER_VCPU_RUN, &run) ? errno : 0);
	waitpid(pid, &status, 0);
	report(WEXITSTATUS(status) == EPERM, "RUN: of the creator only");
	close(fd);
	fd = open(CVM_DEVICE_PATH, O_RDWR);
	report(!request(fd, CVM_USER_LIST, &list) && !list.count,
	       "close: ends the VM");
	close(fd);
}

/* ---- notifiers ----------------------------------------------------------- */

/* The kernel's number of a new eventfd: the lowest that is free. */
static int lowest_eventfd(void)
{
	int fd = eventfd(0, 0), id = -1;
	char path[64], line[128];
	FILE *info;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info = fopen(path, "r");
	while (info && fgets(line, sizeof(line), info))
		if (sscanf(line, "eventfd-id: %d", &id) == 1)
			break;
	if (info)
		fclose(info);
	close(fd);
	return id;
}

static int bell(int fd, unsigned int number, uint64_t doorbell,
		int64_t notifier)
{
	struct cvm_user_doorbell args = {
		.doorbell = doorbell, .notifier = notifier,
	};

	return request(fd, number, &args);
}

static int watch(int fd, int64_t notifier, unsigned int *id)
{
	struct cvm_user_notifier args = {
		.bits = 1ull << CVM_EVENT_DEVICE_BIT, .notifier = notifier,
	};
	int ret = request(fd, CVM_USER_NOTIFIER_BIND, &args);

	*id = args.id;
	return ret;
}

/* A signal nobody has taken is still there to read. */
static int was_taken(int notifier)
{
	uint64_t count = 1;

	if (write(notifier, &count, sizeof(count)) != sizeof(count))
		return 0;
	return read(notifier, &count, sizeof(count)) < 0 && errno == EAGAIN;
}

static void test_doorbells(int fd, int notifier)
{
	unsigned int i, ok = 1;
	int other = open("/dev/null", O_RDWR);

	report(fails(bell(fd, CVM_USER_DOORBELL_BIND, 1, -1), EINVAL) &&
	       fails(bell(fd, CVM_USER_DOORBELL_BIND, 1, 999), EINVAL) &&
	       fails(bell(fd, CVM_USER_DOORBELL_BIND, 1, other), EINVAL) &&
	       fails(bell(fd, CVM_USER_DOORBELL_BIND, 1, fd), EINVAL) &&
	       fails(bell(fd, CVM_USER_DOORBELL_BIND, 1,
			  (1ll << 32) + notifier), EINVAL),
	       "DOORBELL_BIND: an eventfd only");
	report(!bell(fd, CVM_USER_DOORBELL_BIND, UINT64_MAX, notifier) &&
	       fails(bell(fd, CVM_USER_DOORBELL_BIND, UINT64_MAX, notifier),
		     EBUSY), "DOORBELL_BIND: a number once");
	for (i = 1; i < CVM_DOORBELLS_MAX; i++)
		ok &= !bell(fd, CVM_USER_DOORBELL_BIND, i * 0x9e3779b9ull,
			    notifier);
	report(ok && fails(bell(fd, CVM_USER_DOORBELL_BIND, 5, notifier),
			   E2BIG), "DOORBELL_BIND: the table has an end");
	report(!bell(fd, CVM_USER_DOORBELL_UNBIND, UINT64_MAX, -1) &&
	       fails(bell(fd, CVM_USER_DOORBELL_UNBIND, UINT64_MAX, -1),
		     ENOENT), "DOORBELL_UNBIND");
	close(other);
}

static void test_watches(int fd, int notifier)
{
	struct cvm_user_notifier args = { .id = UINT32_MAX };
	unsigned int id = 0, i, ok = 1;

	report(!was_taken(notifier),
	       "a notifier nobody watches keeps its signal");
	report(fails(watch(fd, -1, &id), EINVAL) &&
	       fails(watch(fd, fd, &id), EINVAL),
	       "NOTIFIER_BIND: an eventfd only");
	report(!watch(fd, notifier, &id) && was_taken(notifier),
	       "NOTIFIER_BIND: signals are taken");
	args.id = id;
	report(!request(fd, CVM_USER_NOTIFIER_UNBIND, &args) &&
	       !was_taken(notifier) && fails(request(fd,
						     CVM_USER_NOTIFIER_UNBIND,
						     &args), ENOENT),
	       "NOTIFIER_UNBIND");
	args.id = UINT32_MAX;
	report(fails(request(fd, CVM_USER_NOTIFIER_UNBIND, &args), ENOENT),
	       "NOTIFIER_UNBIND: no such number");
	for (i = 0; i < CVM_NOTIFIERS_MAX; i++)
		ok &= !watch(fd, notifier, &id);
	report(ok && fails(watch(fd, notifier, &id), E2BIG),
	       "NOTIFIER_BIND: the table has an end");
	report(was_taken(notifier), "NOTIFIER_BIND: one notifier, many times");
}

/* Whatever was bound goes with the VM; a signal afterwards hits nobody. */
static void test_notifiers(void)
{
	int first = lowest_eventfd();
	int fd = open(CVM_DEVICE_PATH, O_RDWR);
	int notifier = eventfd(0, EFD_NONBLOCK);
	struct cvm_user_vcpu vcpu = { .vcpu = 0 };
	unsigned int id;

	report(fails(bell(fd, CVM_USER_DOORBELL_BIND, 1, notifier), ENOENT) &&
	       fails(watch(fd, notifier, &id), ENOENT), "BIND: needs a VM");
	create(fd, "notifiers");
	report(fails(watch(fd, notifier, &id), ENOENT),
	       "NOTIFIER_BIND: no such vCPU");
	request(fd, CVM_USER_VCPU_CREATE, &vcpu);
	test_doorbells(fd, notifier);
	test_watches(fd, notifier);
	close(fd);
	report(!was_taken(notifier), "close: nobody watches any more");
	close(notifier);
	report(first >= 0 && lowest_eventfd() == first,
	       "close: every notifier was let go of");
}

/* For a process that will be killed: bind, and close our own handle. */
static void bind_some(int fd)
{
	unsigned int i, id;
	int notifier;

	for (i = 0; i < 20; i++) {
		notifier = eventfd(0, 0);
		bell(fd, CVM_USER_DOORBELL_BIND, i, notifier);
		watch(fd, notifier, &id);
		if (i % 2)
			close(notifier);
	}
}

/* A process killed in the middle, with a child that keeps the file open. */
static void test_kill(const char *disk)
{
	int i, fd, first = lowest_eventfd();

	for (i = 0; i < 30; i++) {
		pid_t pid = fork();

		if (!pid) {
			static struct cvm_user_ranges r;
			struct cvm_user_vcpu vcpu = { .vcpu = 0 };
			char *p;

			fd = open(CVM_DEVICE_PATH, O_RDWR);
			create(fd, "victim");
			add_memory(fd, 16 * MIB, 6 * MIB);
			request(fd, CVM_USER_VCPU_CREATE, &vcpu);
			bind_some(fd);
			request(fd, CVM_USER_MEM_RANGES, &r);
			p = mmap(NULL, r.range[0].bytes,
				 PROT_READ | PROT_WRITE, MAP_SHARED, fd,
				 (off_t)r.range[0].gpa);
			fd = disk ? open(disk, O_RDWR | O_DIRECT) : -1;
			for (;;) {
				memset(p, i, 65536);
				if (fd >= 0 && pread(fd, p, MIB, 0) < 0)
					_exit(1);
			}
		}
		usleep((useconds_t)(rand() % 60000));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	report(lowest_eventfd() == first,
	       "kill -9 at 30 moments: every notifier was let go of");
}

static int hold(uint64_t bytes, const char *group)
{
	char text[256];
	ssize_t got;
	int fd = open(CVM_DEVICE_PATH, O_RDWR);

	if (fd < 0 || create(fd, "hold") < 0 ||
	    add_memory(fd, bytes, bytes / 2)) {
		perror("hold");
		return 1;
	}
	snprintf(text, sizeof(text), "%s/memory.current", group);
	fd = open(text, O_RDONLY);
	got = fd < 0 ? 0 : read(fd, text, sizeof(text));
	fwrite(text, 1, got > 0 ? (size_t)got : 0, stdout);
	return 0;
}

/* ---- nobody waits for another's memory ---------------------------------- */

#define PAGES_FILE	"/sys/kernel/debug/cvm/pages"

static int busy_fd;
static uint64_t busy_bytes;
static int busy;		/* 1: the call below is under way (atomic) */

static int is_busy(void)
{
	return __atomic_load_n(&busy, __ATOMIC_SEQ_CST);
}

static void *add_main(void *unused)
{
	(void)unused;
	report(!add_memory(busy_fd, busy_bytes, 0), "waits: MEM_ADD");
	__atomic_store_n(&busy, 0, __ATOMIC_SEQ_CST);
	return NULL;
}

static void *close_main(void *unused)
{
	(void)unused;
	close(busy_fd);
	__atomic_store_n(&busy, 0, __ATOMIC_SEQ_CST);
	return NULL;
}

static pthread_t start_busy(void *(*fn)(void *))
{
	pthread_t thread;

	__atomic_store_n(&busy, 1, __ATOMIC_SEQ_CST);
	if (pthread_create(&thread, NULL, fn, NULL))
		exit(1);
	return thread;
}

/* Bytes of guest memory, taken or returned since the module was loaded. */
static uint64_t counted(int returned)
{
	unsigned long long taken, back, sum = 0;
	FILE *file = fopen(PAGES_FILE, "r");
	char pool[16];

	while (file && fscanf(file, "%15s taken %llu returned %llu shared %*u",
			      pool, &taken, &back) == 3)
		if (strcmp(pool, "core"))
			sum += returned ? back : taken;
	if (file)
		fclose(file);
	return sum * 4096;
}

/* What the one VM there is has been granted. */
static uint64_t granted(int fd)
{
	static struct cvm_user_list list;

	return request(fd, CVM_USER_LIST, &list) ? 0 : list.vm[0].mem_bytes;
}

/* Faults that began and ended while another thread's grant went on. */
static unsigned int faults_meanwhile(int fd, const char *base, uint64_t bytes)
{
	uint64_t before = counted(0), had = granted(fd), i;
	pthread_t thread = start_busy(add_main);
	unsigned int n = 0;

	while (is_busy() && counted(0) == before)
		;
	for (i = 0; i < bytes && granted(fd) == had && is_busy(); i += 4096) {
		(void)*(volatile const char *)(base + i);
		n += granted(fd) == had;
	}
	pthread_join(thread, NULL);
	return n;
}

/* LISTs that began and ended while memory was being given back. */
static unsigned int lists_meanwhile(int fd, uint64_t bytes)
{
	static struct cvm_user_list list;
	uint64_t before = counted(1), back;
	pthread_t thread = start_busy(close_main);
	unsigned int n = 0;

	while (is_busy()) {
		back = counted(1) - before;
		if (request(fd, CVM_USER_LIST, &list))
			break;
		n += back && counted(1) - before < bytes;
	}
	pthread_join(thread, NULL);
	return n;
}

static void test_killed_grant(void)
{
	uint64_t before = counted(0);
	pid_t pid = fork();
	int status, fd;

	if (!pid) {
		fd = open(CVM_DEVICE_PATH, O_RDWR);
		if (create(fd, "killed") < 0)
			_exit(1);
		add_memory(fd, busy_bytes, 0);
		_exit(0);
	}
	while (counted(0) == before && !waitpid(pid, &status, WNOHANG))
		;
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	printf("# killed: %llu of %llu MiB were taken\n",
	       (unsigned long long)(counted(0) - before) / MIB,
	       (unsigned long long)busy_bytes / MIB);
	report(WIFSIGNALED(status) && counted(0) - before < busy_bytes,
	       "waits: a killed MEM_ADD stops asking");
}

static void test_waits(void)
{
	static struct cvm_user_ranges r;
	unsigned int faults, lists;
	struct sysinfo info;
	int fd = open(CVM_DEVICE_PATH, O_RDWR);
	char *base;

	sysinfo(&info);
	/* No power of two: several pieces. */
	busy_bytes = info.freeram * info.mem_unit / 2 / (14 * MIB) * (14 * MIB);
	busy_fd = open(CVM_DEVICE_PATH, O_RDWR);
	if (create(busy_fd, "large") < 0 || add_memory(busy_fd, 16 * MIB, 0) ||
	    request(busy_fd, CVM_USER_MEM_RANGES, &r)) {
		report(0, "waits: a VM");
		return;
	}
	base = mmap(NULL, r.range[0].bytes, PROT_READ, MAP_SHARED, busy_fd,
		    (off_t)r.range[0].gpa);
	faults = faults_meanwhile(fd, base, r.range[0].bytes);
	munmap(base, r.range[0].bytes);
	lists = lists_meanwhile(fd, busy_bytes + 16 * MIB);
	close(fd);
	printf("# %u faults beside a grant, %u LISTs beside the end of %llu "
	       "MiB\n", faults, lists, (unsigned long long)busy_bytes / MIB);
	report(faults >= 4, "waits: a page fault does not wait for a grant");
	report(lists >= 4, "waits: nobody waits for the end of another VM");
	test_killed_grant();
}

int main(int argc, char **argv)
{
	const char *disk = argc > 1 ? argv[1] : NULL;
	int fd;

	if (argc == 4 && !strcmp(argv[1], "hold"))
		return hold(strtoull(argv[2], NULL, 0) * MIB, argv[3]);

	test_open();
	fd = open(CVM_DEVICE_PATH, O_RDWR);
	report(fd >= 0, "open");
	if (fd < 0)
		return 1;
	test_control(fd);
	test_sizes(fd);
	close(fd);
	test_vm(disk);
	test_bad_memory();
	test_notifiers();
	test_kill(disk);
	test_waits();
	printf("%d failed\n", failed);
	return failed != 0;
}
