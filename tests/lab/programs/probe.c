// SPDX-License-Identifier: GPL-2.0-only
/*
 * probe.c - what root of a guest can reach of the machine.
 *
 * Tries the known ways from user space to the hardware and says for each
 * "NAME refused REASON" or "NAME open ...".  What reads physical memory
 * through a door that is open would be the host's.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static void say(const char *name, int failed)
{
	if (failed)
		printf("%s refused %s\n", name, strerror(errno));
	else
		printf("%s open\n", name);
}

static void try_open(const char *name)
{
	int fd = open(name, O_RDWR);
	char byte;

	if (fd < 0) {
		say(name, 1);
		return;
	}
	say(name, pread(fd, &byte, 1, 0x80) != 1);
	close(fd);
}

static void try_map(const char *name, off_t at)
{
	int fd = open(name, O_RDONLY);
	void *p = MAP_FAILED;

	if (fd >= 0)
		p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, at);
	printf("%s-map ", name);
	say("", p == MAP_FAILED);
}

/* Every segment /proc/kcore offers: physical address and size, where it is
 * the direct map (p_paddr is given). */
static void kcore(void)
{
	Elf64_Ehdr eh;
	Elf64_Phdr ph;
	int fd = open("/proc/kcore", O_RDONLY), i;

	if (fd < 0 || pread(fd, &eh, sizeof(eh), 0) != sizeof(eh)) {
		say("kcore", 1);
		return;
	}
	for (i = 0; i < eh.e_phnum; i++) {
		if (pread(fd, &ph, sizeof(ph), (off_t)(eh.e_phoff +
			  (uint64_t)i * sizeof(ph))) != sizeof(ph))
			break;
		if (ph.p_type == PT_LOAD && ph.p_paddr != (Elf64_Addr)-1)
			printf("kcore-segment %llx %llx\n",
			       (unsigned long long)ph.p_paddr,
			       (unsigned long long)ph.p_memsz);
	}
	close(fd);
}

int main(void)
{
	say("iopl", iopl(3));
	say("ioperm", ioperm(0x70, 2, 1));
	try_open("/dev/mem");
	try_map("/dev/mem", 0xf0000);
	try_map("/dev/mem", 0xfee00000);
	try_open("/dev/port");
	try_open("/dev/kmem");
	try_open("/dev/cpu/0/msr");
	try_open("/dev/rtc0");
	say("kexec", (int)syscall(SYS_kexec_load, 0ul, 0ul, NULL, 0ul));
	kcore();
	return 0;
}
