/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * platform.h - everything of cvmctl that knows the operating system.
 *
 * One implementation is linked: platform_linux*.c.  Calls return 0 or a
 * negative CVM_E* where nothing else is said; plat_reason() puts such a
 * number into words.
 */
#ifndef CVMCTL_PLATFORM_H
#define CVMCTL_PLATFORM_H

#include <stddef.h>
#include <stdint.h>

#include "cvmctl.h"

/* ---- driver ---- */

/* plat_open - one more handle of the driver, NULL with a problem. */
struct device *plat_open(struct problem *problem);
void plat_close(struct device *dev);

/* plat_op - one operation of uapi.h; -CVM_EINTR when a signal came. */
int plat_op(struct device *dev, uint32_t op, void *arg);

/* plat_map - guest memory [gpa, gpa + bytes), holes included; or NULL. */
void *plat_map(struct device *dev, uint64_t gpa, uint64_t bytes);
void plat_unmap(void *map, uint64_t bytes);

const char *plat_reason(int ret);

/* ---- files ---- */

struct file {
	const char *path;
	const uint8_t *data;	/* file_map() */
	uint64_t bytes;
	int mapped;		/* how to let go of data */
	int fd;			/* file_open() */
};

/* A whole file in memory; anything that can be read, pipes too. */
int plat_file_map(struct file *file, const char *path,
		  struct problem *problem);
/* A regular file to be read later: its size now, its bytes by file_read(). */
int plat_file_open(struct file *file, const char *path,
		   struct problem *problem);
int plat_file_read(struct file *file, void *to, struct problem *problem);
void plat_file_close(struct file *file);

/* ---- threads ---- */

struct thread;
struct thread *plat_thread_start(void (*fn)(void *arg), void *arg);
void plat_thread_join(struct thread *thread);

/* ---- the console of a running VM ---- */

enum console_event {
	CONSOLE_INPUT,		/* *bytes bytes are in buf */
	CONSOLE_EOF,		/* there will be no more input */
	CONSOLE_WAKE,		/* console_wake() was called */
	CONSOLE_STOP,		/* somebody wants the VM to end in order */
	CONSOLE_KILL,		/* somebody wants it to end now */
	CONSOLE_LOST		/* the terminal's process died */
};

/*
 * The VMM's side, one of two.  Direct: stdin and stdout.  Served: terminals
 * come and go on a socket named after the VM; first is the end of a
 * connection that exists from the start (plat_split()).
 */
int plat_console_direct(struct problem *problem);
int plat_console_served(int first, struct problem *problem);

/*
 * plat_console_started - the guest runs from now on: tell the terminal, and
 * catch the signals that mean "stop" from here on.  With a served console it
 * can be reached by name from now on.
 */
int plat_console_started(const char *name, const char *greeting,
			 struct problem *problem);

/*
 * plat_console_wait - sleep until something happens.  Input is only taken
 * when buf is not NULL.
 */
enum console_event plat_console_wait(void *buf, size_t size, size_t *bytes);

/* plat_console_write - guest output; waits while the reader is slow. */
void plat_console_write(const void *data, size_t bytes);

/* plat_console_wake - end a plat_console_wait().  Any thread. */
void plat_console_wake(void);

/* plat_console_unblock - writers give up from now on.  Any thread. */
void plat_console_unblock(void);

/* plat_console_end - hand status and a last line (or "") to the terminal. */
void plat_console_end(int status, const char *line);

/* ---- the terminal's side ---- */

/* Is stdin a terminal?  Does stdout show colours? */
int plat_interactive(void);
int plat_colours(void);

/*
 * plat_split - make a second process to be the VMM: 0 there, 1 in the old
 * one, -1 with a problem.  *sock is each one's end of a connection.
 */
int plat_split(int *sock, struct problem *problem);

/* plat_attach - connect to the VM of this name, -1 with a problem. */
int plat_attach(const char *name, struct problem *problem);

/*
 * plat_front - be the terminal of the VMM at sock until it ends (its status)
 * or the detach key is pressed (EXIT_OK).  key < 0: there is none.
 */
int plat_front(int sock, const char *name, int key);

/*
 * plat_front_detach - wait until the VMM at sock has started, then leave it
 * to itself.  EXIT_OK, or its exit status if it did not start.
 */
int plat_front_detach(int sock);

#endif /* CVMCTL_PLATFORM_H */
