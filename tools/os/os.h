/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * os.h - everything of a VM's process that knows the operating system.
 *
 *   os.h		the contract: driver, services, files, links, waiting,
 *			terminals
 *   thread.h		and its part for device models: threads, locks,
 *   disk.h, iov.h	notifiers; files and disks, as a guest's disk needs them
 *   linux/, nt/	one of them is linked; linux.h and nt.h are for their
 *			own files, and for those of other rooms that a host has
 *			alone (NAME_linux.c)
 *   problem.h, say.h	what went wrong, for people
 *   file.h, visible.h, strip_ansi.h	portable, on top of it
 *
 * This room includes no other.  Every other may include os.h, but device models
 * (tools/virtio) only thread.h, disk.h, iov.h and problem.h.
 *
 * Threads: waiting, stdin and whoever connects are one thread's, which calls
 * os_wait().  Any thread may ask the driver (os_driver_request()), print
 * (os_output(), say()), send on a link that no other sends on, and call what
 * says "any thread".  No lock of this room's is held while a function of the
 * caller's is called, so callers may hold their own.
 *
 * Names: os_ where there is one implementation a system; what is portable is
 * called by its file (file_open(), visible(), problem_set()).  Text is UTF-8 on
 * every host.  Calls that return "a result" return 0, a negative CVM_E*, or a
 * negative number of the system's own; reason() puts any of them into words.
 */
#ifndef CVM_OS_OS_H
#define CVM_OS_OS_H

#include <stddef.h>
#include <stdint.h>

#include <cvm/uapi.h>

#include "problem.h"
#include "say.h"

/* os_error_text - a number of the system's own; until the next call. */
const char *os_error_text(int result);

/*
 * os_owner - whom is to belong what is made for people, if not to this
 * process's user: who asked for it through sudo.  -1: nobody else.
 */
int os_owner(uint32_t *uid, uint32_t *gid);

/* os_say - a line, newline included, on stderr, at once. */
void os_say(const char *line);

/* os_pid - of the process the user started, not of a VMM split off from it. */
long os_pid(void);

/* ---- driver ---- */

extern const char os_driver_name[];	/* its name, for messages */

/*
 * os_driver_open - one more handle of the driver, NULL with a problem.  From
 * now on a memory error of the machine in a guest does not end this process.
 */
struct os_driver *os_driver_open(struct problem *problem);
void os_driver_close(struct os_driver *driver);

/*
 * os_driver_request - one operation of uapi.h on its structure; a result,
 * -CVM_EINTR when it is to be called again.
 */
int os_driver_request(struct os_driver *driver, uint32_t op, void *arg,
		      size_t bytes);

/*
 * os_driver_map - guest memory [gpa, gpa + bytes), which holds all of ranges,
 * in one piece: what is no part of a range faults.  NULL if it cannot be.
 * os_driver_unmap() before os_driver_close(); a host may keep it until then.
 */
void *os_driver_map(struct os_driver *driver,
		    const struct cvm_user_ranges *ranges, uint64_t gpa,
		    uint64_t bytes);
void os_driver_unmap(void *map, uint64_t bytes);

/* ---- the driver's and services' administration ---- */

enum os_driver_state {
	OS_DRIVER_ABSENT,		/* not installed */
	OS_DRIVER_STOPPED,
	OS_DRIVER_RUNNING,
	OS_DRIVER_CHANGING		/* starting, or stopping */
};

struct os_driver_info {
	enum os_driver_state state;
	char path[1024];	/* of its file, or "" */
};

/*
 * os_driver_why - it is not loaded: why, as far as the system tells, and what
 * to do; "" where os_driver_open() has said all.
 */
void os_driver_why(char *to, size_t size);

/* All of them -1 with a problem. */
int os_driver_query(struct os_driver_info *info, struct problem *problem);
int os_driver_install(const char *path, struct problem *problem);
int os_driver_start(struct problem *problem);
int os_driver_stop(struct problem *problem);
int os_driver_remove(struct problem *problem);

/*
 * A guest as a service of the system, started by `cvmctl service run`, and
 * with so many seconds to power off in.
 */
int os_service_install(const char *name, const char *config,
		       uint32_t seconds, struct problem *problem);
int os_service_remove(const char *name, struct problem *problem);
/* Calls fn for each; state and config are words for people. */
int os_service_list(void (*fn)(const char *name, const char *state,
			       const char *config),
		    struct problem *problem);
/*
 * os_service_run - be the service: calls run(ctx) when the system says so,
 * with the console going to log and wishes to stop coming from the system.
 */
int os_service_run(const char *name, const char *log,
		   int (*run)(void *ctx), void *ctx,
		   struct problem *problem);

/* ---- files: file.h is built upon these ---- */

#define OS_NO_FILE	((intptr_t)-1)
#define OS_STREAM	UINT64_MAX	/* a size: of a pipe */

/* os_file_open - a file or a pipe, for reading; -1 with a problem. */
int os_file_open(const char *path, intptr_t *handle, uint64_t *bytes,
		 struct problem *problem);
void os_file_close(intptr_t handle);

/*
 * os_file_read - up to bytes bytes at offset, which streams do not look at.
 * 0 at the end, -1 with a problem about path.
 */
int64_t os_file_read(intptr_t handle, uint64_t offset, void *to,
		     size_t bytes, const char *path,
		     struct problem *problem);

/* os_file_map - a regular file that is not empty; NULL with a problem. */
const void *os_file_map(intptr_t handle, uint64_t bytes, const char *path,
			struct problem *problem);
void os_file_unmap(const void *map, uint64_t bytes);

/*
 * os_file_new - a file with these bytes, where there was none; on -1 with a
 * problem there is none again.
 */
int os_file_new(const char *path, const void *data, uint64_t bytes,
		struct problem *problem);

/* os_path_absolute - path, seen from the current directory; 0, or -1. */
int os_path_absolute(const char *path, char *to, size_t size);

/* os_path_beside - name as seen from the directory file lies in; 0, or -1. */
int os_path_beside(const char *file, const char *name, char *to, size_t size);

/*
 * os_program_path - name in the directory where this program's own files are
 * installed; 0, or -1.
 */
int os_program_path(const char *name, char *to, size_t size);

/* os_path_foreign - can this be a path of other systems only? */
int os_path_foreign(const char *path);

/*
 * os_cache_read - what an earlier run of this user's has kept by this name, to
 * be freed; NULL if there is none, it is longer than max, or others could have
 * written it.  os_cache_write - keep it for later ones, whole or not at all:
 * that it cannot be is no problem, for it can be made again.
 */
void *os_cache_read(const char *name, size_t max, size_t *bytes);
void os_cache_write(const char *name, const void *data, size_t bytes);

/*
 * os_raise_file_limit - let this process have as many files open as its limits
 * allow: each of its guest's connections is one.
 */
void os_raise_file_limit(void);

/* ---- links: packets between a VMM and its terminal ---- */

struct os_link;

#define OS_LINK_DATA	4096u	/* most that a packet holds */

enum os_side {
	OS_SIDE_NONE = -1,	/* it could not be done: problem_set()'s */
	OS_SIDE_VMM,
	OS_SIDE_CLIENT		/* the process that there was */
};

/*
 * os_split - make a second process to be the VMM; OS_SIDE_NONE with a problem.
 * *link is each one's end of a connection.  Where processes cannot be split,
 * the program is started again with the same arguments and comes here once
 * more, as the VMM.
 */
enum os_side os_split(struct os_link **link, struct problem *problem);

/*
 * os_process_open - a process to wait for; OS_NO_FILE: it is gone.
 * os_process_wait - until it has ended or ms milliseconds have passed
 * (< 0: for ever): 1 when it has ended, else 0; and let go of it.
 */
intptr_t os_process_open(long pid);
int os_process_wait(intptr_t process, int ms);

/* The old one, about the other: end it; say how it ended, or "". */
void os_vmm_kill(void);
void os_vmm_ending(char *text, size_t size);

#define UNNAMED	"vm-"	/* and a number: the name of a VM that was given none */

/*
 * Told of what is made in the file system: a path, a descriptor of what it
 * names, and whether it is to stay unless it is empty.  Whoever outlives the
 * process removes it (vmm/supervisor.h).
 */
typedef void os_made_fn(const char *path, intptr_t file, int if_empty);

/*
 * os_link_listen - let others connect by the VM's name from now on; -1 with a
 * problem, one of which is that the name is taken.  os_link_unlisten() removes
 * what is there by name, but a log that was written.
 */
int os_link_listen(const char *name, os_made_fn *leave,
		   struct problem *problem);
void os_link_unlisten(void);

/*
 * os_log_begin - nobody has refused the VM: where the system has a place for
 * it, begin its log, for os_terminal_leave(), in the place of one that an
 * earlier VM of this name has left.  -1 with a problem.
 */
int os_log_begin(const char *name, os_made_fn *leave,
		 struct problem *problem);

/*
 * os_link_accept - NULL if nobody is there any more, or cannot come in; the
 * first time that it is so, with a problem.
 */
struct os_link *os_link_accept(struct problem *problem);

/* os_link_connect - to the VM of this name, NULL with a problem. */
struct os_link *os_link_connect(const char *name, struct problem *problem);

/* How long os_link_send() waits for a slow reader. */
enum os_link_wait {
	OS_LINK_NOW,		/* not at all */
	OS_LINK_BLOCK,		/* until os_unblock() */
	OS_LINK_SURE		/* until it is gone */
};

enum os_link_sent {
	OS_LINK_GONE = -1,	/* the other end is */
	OS_LINK_SENT,
	OS_LINK_FULL		/* and waiting had to end */
};

/* os_link_send - one packet: a letter and data. */
enum os_link_sent os_link_send(struct os_link *link, char letter,
			       const void *data, size_t bytes,
			       enum os_link_wait wait);

/*
 * os_link_recv - bytes of data of a packet that is there; -1 at the end;
 * *letter is 0 when none was there.
 */
int os_link_recv(struct os_link *link, char *letter, void *data);

/* os_link_shut - whoever waits in os_link_send() gives up.  Any thread. */
void os_link_shut(struct os_link *link);
void os_link_close(struct os_link *link);

/* ---- waiting ---- */

enum os_wait_end {
	OS_WAIT_STOP,	/* the VM is to end in order */
	OS_WAIT_WAKE,	/* os_wake() was called */
	OS_WAIT_INPUT,	/* os_input() has something */
	OS_WAIT_LINK,	/* os_link_recv() has something */
	OS_WAIT_LISTEN,	/* os_link_accept() has somebody */
	OS_WAIT_SIZE,	/* the terminal's window has another size */
	OS_WAIT_TIME	/* ms milliseconds have passed */
};

/* os_wait_open - before anything else of this section. */
int os_wait_open(struct problem *problem);

/*
 * os_catch_stop - what else would end the process (signals, Ctrl-Break, the
 * system's end) is OS_WAIT_STOP from now on.
 */
int os_catch_stop(struct problem *problem);

/*
 * os_wait - sleep until something happens; the first of the list above when
 * there is more.  Of count links each may be NULL; OS_WAIT_LINK says which.
 * Input is looked at only if input is set; ms < 0 waits for ever.
 */
#define OS_WAIT_LINKS	32u
enum os_wait_end os_wait(struct os_link *const *links, unsigned int count,
			 unsigned int *which, int input, int ms);

/* os_ticks - milliseconds, of which differences mean something; it wraps. */
uint32_t os_ticks(void);

void os_wake(void);		/* any thread */
void os_unblock(void);	/* writers give up from now on; any thread */

/* ---- the terminal, or what stdin and stdout are instead ---- */

/* Is stdin a terminal?  Does stdout show colours? */
int os_interactive(void);
int os_colours(void);

/* os_input - what was typed: bytes, 0 if nothing, -1 at its end. */
int os_input(void *buf, size_t size);

/*
 * os_output - write to stdout, waiting while the reader is slow, or until
 * os_unblock().  NULL, or why it can never be written again.
 */
const char *os_output(const void *data, size_t bytes);

/*
 * Every key to us, every byte of output to the terminal; and back as it was,
 * which also happens on every way out of the process.
 */
void os_terminal_raw(void);
void os_terminal_restore(void);

/*
 * os_terminal_leave - let go of the terminal for good; what is said from now
 * on goes to the log that os_log_begin() began.
 */
void os_terminal_leave(void);

/* os_terminal_size - of its window; -1 when there is none. */
int os_terminal_size(unsigned int *cols, unsigned int *rows);

/* os_terminal_name - what people call it, or "". */
void os_terminal_name(char *to, size_t size);

#endif /* CVM_OS_OS_H */
