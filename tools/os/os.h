/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * os.h - everything of a VM's process that knows the operating system.
 *
 *   os.h, linux/, nt/	driver, services, files, links, waiting, terminals
 *   thread.h		threads, locks, events: what device models need
 *   disk.h		files and disks, as a guest's disk needs them
 *   problem.h, say.h	what went wrong, for people
 *   file.h, visible.h, strip_ansi.h	portable, on top of it
 *
 * One implementation is linked, linux/ or nt/.  Text is UTF-8 on every host.
 * This room includes no other but virtio/core for guest memory's pieces
 * (disk.h).  It holds no lock while it calls back.
 *
 * Calls that return "a result" return 0, a negative CVM_E*, or a negative
 * number of the system's own; reason() puts any of them into words.
 */
#ifndef CVM_OS_OS_H
#define CVM_OS_OS_H

#include <stddef.h>
#include <stdint.h>

#include <cvm/uapi.h>

#include "problem.h"
#include "say.h"

/* plat_error_text - a number of the system's own; until the next call. */
const char *plat_error_text(int result);

/*
 * plat_owner - whom is to belong what is made for people, if not to this
 * process's user: who asked for it through sudo.  -1: nobody else.
 */
int plat_owner(uint32_t *uid, uint32_t *gid);

/* plat_say - a line, newline included, on stderr, at once. */
void plat_say(const char *line);

/* plat_pid - of the process the user started, the VMM's front included. */
long plat_pid(void);

/* ---- driver ---- */

extern const char plat_device[];	/* its name, for messages */

/*
 * plat_open - one more handle of the driver, NULL with a problem.  From now on
 * a memory error of the machine in a guest does not end this process.
 */
struct device *plat_open(struct problem *problem);
void plat_close(struct device *dev);

/*
 * plat_op - one operation of uapi.h on its structure; a result, -CVM_EINTR
 * when it is to be called again.
 */
int plat_op(struct device *dev, uint32_t op, void *arg, size_t bytes);

/*
 * plat_map - guest memory [gpa, gpa + bytes), which holds all of ranges, in
 * one piece: what is no part of a range faults.  NULL if it cannot be.
 * plat_unmap() before plat_close(); a host may keep it until then.
 */
void *plat_map(struct device *dev, const struct cvm_user_ranges *ranges,
	       uint64_t gpa, uint64_t bytes);
void plat_unmap(void *map, uint64_t bytes);

/* ---- the driver's and services' administration ---- */

enum driver_state {
	DRIVER_ABSENT,		/* not installed */
	DRIVER_STOPPED,
	DRIVER_RUNNING,
	DRIVER_CHANGING		/* starting, or stopping */
};

struct driver_info {
	enum driver_state state;
	char path[1024];	/* of its file, or "" */
};

/*
 * plat_driver_why - it is not loaded: why, as far as the system tells, and what
 * to do; "" where plat_open() has said all.
 */
void plat_driver_why(char *to, size_t size);

/* All of them -1 with a problem. */
int plat_driver_query(struct driver_info *info, struct problem *problem);
int plat_driver_install(const char *path, struct problem *problem);
int plat_driver_start(struct problem *problem);
int plat_driver_stop(struct problem *problem);
int plat_driver_remove(struct problem *problem);

/*
 * A guest as a service of the system, started by `cvmctl service run`, and
 * with so many seconds to power off in.
 */
int plat_service_install(const char *name, const char *config,
			 uint32_t seconds, struct problem *problem);
int plat_service_remove(const char *name, struct problem *problem);
/* Calls fn for each; state and config are words for people. */
int plat_service_list(void (*fn)(const char *name, const char *state,
				 const char *config),
		      struct problem *problem);
/*
 * plat_service_run - be the service: calls run(ctx) when the system says so,
 * with the console going to log and wishes to stop coming from the system.
 */
int plat_service_run(const char *name, const char *log,
		     int (*run)(void *ctx), void *ctx,
		     struct problem *problem);

/* ---- files: file.h is built upon these ---- */

#define PLAT_NO_FILE	((intptr_t)-1)
#define PLAT_STREAM	UINT64_MAX	/* a size: of a pipe */

/* plat_file_open - a file or a pipe, for reading; -1 with a problem. */
int plat_file_open(const char *path, intptr_t *handle, uint64_t *bytes,
		   struct problem *problem);
void plat_file_close(intptr_t handle);

/*
 * plat_file_read - up to bytes bytes at offset, which streams do not look at.
 * 0 at the end, -1 with a problem about path.
 */
int64_t plat_file_read(intptr_t handle, uint64_t offset, void *to,
		       size_t bytes, const char *path,
		       struct problem *problem);

/* plat_file_map - a regular file that is not empty; NULL with a problem. */
const void *plat_file_map(intptr_t handle, uint64_t bytes, const char *path,
			  struct problem *problem);
void plat_file_unmap(const void *map, uint64_t bytes);

/* plat_absolute - path, seen from the current directory; 0, or -1. */
int plat_absolute(const char *path, char *to, size_t size);

/* plat_beside - name as seen from the directory file lies in; 0, or -1. */
int plat_beside(const char *file, const char *name, char *to, size_t size);

/* plat_foreign_path - can this be a path of other systems only? */
int plat_foreign_path(const char *path);

/*
 * plat_raise_files - let this process have as many files open as its limits
 * allow: each of its guest's connections is one.
 */
void plat_raise_files(void);

/* ---- links: packets between a VMM and its terminal ---- */

struct link;

#define LINK_DATA	4096u	/* most that a packet holds */

/*
 * plat_split - make a second process to be the VMM: 0 there, 1 in the old
 * one, -1 with a problem.  *link is each one's end of a connection.  Where
 * processes cannot be split, the program is started again with the same
 * arguments and comes here once more, as the VMM.
 */
int plat_split(struct link **link, struct problem *problem);

/*
 * plat_process_open - a process to wait for; PLAT_NO_FILE: it is gone.
 * plat_process_wait - until it has ended or ms milliseconds have passed
 * (< 0: for ever): 1 when it has ended, else 0; and let go of it.
 */
intptr_t plat_process_open(long pid);
int plat_process_wait(intptr_t process, int ms);

/* The old one, about the other: end it; say how it ended, or "". */
void plat_vmm_kill(void);
void plat_vmm_fate(char *text, size_t size);

#define UNNAMED	"vm-"	/* and a number: the name of a VM that was given none */

/*
 * Told of what is made in the file system: a path, a descriptor of what it
 * names, and whether it is to stay unless it is empty.  Whoever outlives the
 * process removes it (vmm/supervisor.h).
 */
typedef void plat_leave_fn(const char *path, intptr_t file, int if_empty);

/*
 * plat_listen - let others connect by the VM's name from now on; -1 with a
 * problem, one of which is that the name is taken.  plat_unlisten() removes
 * what is there by name, but a log that was written.
 */
int plat_listen(const char *name, plat_leave_fn *leave,
		struct problem *problem);
void plat_unlisten(void);

/*
 * plat_log - nobody has refused the VM: where the system has a place for it,
 * begin its log, for plat_terminal_leave(), in the place of one that an earlier
 * VM of this name has left.  -1 with a problem.
 */
int plat_log(const char *name, plat_leave_fn *leave,
	     struct problem *problem);

/*
 * plat_accept - NULL if nobody is there any more, or cannot come in; the first
 * time that it is so, with a problem.
 */
struct link *plat_accept(struct problem *problem);

/* plat_connect - to the VM of this name, NULL with a problem. */
struct link *plat_connect(const char *name, struct problem *problem);

/* How long plat_link_send() waits for a slow reader. */
enum link_wait {
	LINK_NOW,		/* not at all */
	LINK_BLOCK,		/* until plat_unblock() */
	LINK_SURE		/* until it is gone */
};

/*
 * plat_link_send - one packet: a letter and data.  0; 1 when waiting had to
 * end; -1 when the other end is gone.
 */
int plat_link_send(struct link *link, char letter, const void *data,
		   size_t bytes, enum link_wait wait);

/*
 * plat_link_recv - bytes of data of a packet that is there; -1 at the end;
 * *letter is 0 when none was there.
 */
int plat_link_recv(struct link *link, char *letter, void *data);

/* plat_link_shut - whoever waits in plat_link_send() gives up.  Any thread. */
void plat_link_shut(struct link *link);
void plat_link_close(struct link *link);

/* ---- waiting ---- */

enum wait_event {
	WAIT_STOP,	/* the VM is to end in order */
	WAIT_WAKE,	/* plat_wake() was called */
	WAIT_INPUT,	/* plat_input() has something */
	WAIT_LINK,	/* plat_link_recv() has something */
	WAIT_LISTEN,	/* plat_accept() has somebody */
	WAIT_SIZE,	/* the terminal's window has another size */
	WAIT_TIME	/* ms milliseconds have passed */
};

/* plat_wait_open - before anything else of this section. */
int plat_wait_open(struct problem *problem);

/*
 * plat_catch_stop - what else would end the process (signals, Ctrl-Break, the
 * system's end) is WAIT_STOP from now on.
 */
int plat_catch_stop(struct problem *problem);

/*
 * plat_wait - sleep until something happens; the first of the list above when
 * there is more.  Of count links each may be NULL; WAIT_LINK says which.
 * Input is looked at only if input is set; ms < 0 waits for ever.
 */
#define WAIT_LINKS	32u
enum wait_event plat_wait(struct link *const *links, unsigned int count,
			  unsigned int *which, int input, int ms);

/* plat_ticks - milliseconds, of which differences mean something; it wraps. */
uint32_t plat_ticks(void);

void plat_wake(void);		/* any thread */
void plat_unblock(void);	/* writers give up from now on; any thread */

/* ---- the terminal, or what stdin and stdout are instead ---- */

/* Is stdin a terminal?  Does stdout show colours? */
int plat_interactive(void);
int plat_colours(void);

/* plat_input - what was typed: bytes, 0 if nothing, -1 at its end. */
int plat_input(void *buf, size_t size);

/*
 * plat_output - write to stdout, waiting while the reader is slow, or until
 * plat_unblock().  NULL, or why it can never be written again.
 */
const char *plat_output(const void *data, size_t bytes);

/*
 * Every key to us, every byte of output to the terminal; and back as it was,
 * which also happens on every way out of the process.
 */
void plat_terminal_raw(void);
void plat_terminal_restore(void);

/*
 * plat_terminal_leave - let go of the terminal for good; what is said from now
 * on goes to the log that plat_log() began.
 */
void plat_terminal_leave(void);

/* plat_terminal_size - of its window; -1 when there is none. */
int plat_terminal_size(unsigned int *cols, unsigned int *rows);

/* plat_terminal_name - what people call it, or "". */
void plat_terminal_name(char *to, size_t size);

#endif /* CVM_OS_OS_H */
