// SPDX-License-Identifier: GPL-2.0-only
/*
 * direct.c - direct I/O into guest memory, until killed.
 *
 * Creates a VM, maps its memory and reads a block device into it with
 * O_DIRECT for ever, so that a kill finds pages of the guest in flight.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cvm/abi.h>
#include <cvm/uapi.h>

#define MEM_BYTES	(16ul << 20)
#define IO_BYTES	(1ul << 20)

static int fail(const char *what)
{
	perror(what);
	return 1;
}

int main(int argc, char **argv)
{
	static struct cvm_user_ranges ranges;
	struct cvm_user_vm vm;
	struct cvm_user_mem mem;
	char *guest;
	size_t span;
	off_t at = 0;
	int fd, disk;

	if (argc != 2)
		return 2;
	disk = open(argv[1], O_RDONLY | O_DIRECT);
	fd = open(CVM_DEVICE_PATH, O_RDWR);
	if (disk < 0 || fd < 0)
		return fail("open");
	memset(&vm, 0, sizeof(vm));
	vm.vcpus = 1;
	vm.guest_abi = CVM_GUEST_ABI;
	vm.passage_gva = 0xffffffffff400000ull;
	strcpy(vm.name, "direct");
	if (ioctl(fd, CVM_IOCTL(CVM_USER_VM_CREATE, sizeof(vm)), &vm))
		return fail("create");
	memset(&mem, 0, sizeof(mem));
	mem.bytes = MEM_BYTES;
	mem.first_bytes = MEM_BYTES;
	if (ioctl(fd, CVM_IOCTL(CVM_USER_MEM_ADD, sizeof(mem)), &mem) ||
	    ioctl(fd, CVM_IOCTL(CVM_USER_MEM_RANGES, sizeof(ranges)),
		  &ranges))
		return fail("memory");
	span = ranges.range[0].bytes;
	guest = mmap(NULL, span, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		     (off_t)ranges.range[0].gpa);
	if (guest == MAP_FAILED)
		return fail("mmap");
	for (;;) {
		ssize_t n = pread(disk, guest + (size_t)at % span, IO_BYTES,
				  at);

		if (n < 0)
			return fail("direct read into guest memory");
		at = n ? (at + n) % (off_t)span : 0;
	}
}
