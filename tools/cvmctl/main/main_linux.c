// SPDX-License-Identifier: GPL-2.0-only
/* main_linux.c - the entry point on Linux. */
#include <fcntl.h>
#include <unistd.h>

#include "main.h"
#include "os/linux/linux.h"

/*
 * The first files opened would get the numbers of a stdin, stdout or stderr
 * that is closed, and with them what is printed.  These stay as useless as
 * they were: one cannot be read, the others not be written.
 */
static void keep_stdio(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDONLY);
		if (fd == STDIN_FILENO && !close(fd))
			fd = open("/dev/null", O_WRONLY);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	keep_stdio();
	linux_inherited_note();
	return cvmctl_main(argc, argv);
}
