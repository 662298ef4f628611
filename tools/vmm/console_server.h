/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * console_server.h - the consoles of a running VM, in the VMM's process.
 *
 * A channel is one line of bytes to the guest: its own console, or a port
 * that terminals attach to.  Direct: the guest's own console is stdin and
 * stdout as they are, with back-pressure both ways.  Served: it is a terminal
 * process that comes over a link.  One terminal at a time is attached to a
 * channel; what was printed last is kept and shown to the next that comes.
 *
 * The thread that calls console_wait() owns links and channels; others call
 * what is declared as "any thread".
 */
#ifndef CVM_VMM_CONSOLE_SERVER_H
#define CVM_VMM_CONSOLE_SERVER_H

#include <stddef.h>
#include <stdint.h>

#include "os/os.h"

#define CONSOLE_CHANNELS	8	/* the guest's own, and ports */

struct console_channel;

/* What becomes of what is typed; called in console_wait()'s thread. */
struct console_sink {
	/*
	 * Takes as many of the bytes as fit now.  After fewer,
	 * console_input_space() when there is room again.
	 */
	size_t (*input)(void *ctx, const void *data, size_t bytes);
	/* The terminal's window has this size. */
	void (*resize)(void *ctx, unsigned int cols, unsigned int rows);
};

enum console_wait_end {
	CONSOLE_WAKE,		/* nothing for others; os_wake() perhaps */
	CONSOLE_STOP,		/* somebody wants the VM to end in order */
	CONSOLE_POWEROFF,	/* the guest was asked to, by the driver */
	CONSOLE_KILL,		/* somebody wants it to end now */
	CONSOLE_LOST		/* the process that started the VM died */
};

/*
 * One of the two.  first: the link that exists from the start, or NULL;
 * copy: output goes to stdout too.
 */
int console_direct(struct problem *problem);
int console_served(struct os_link *first, int copy, struct problem *problem);

/*
 * console_claim - the VM's name is ours, others find us by it from now on.
 * console_end() gives it back.
 */
int console_claim(const char *name, struct problem *problem);

/*
 * console_ready - everything is open, the guest may run: what means "stop" is
 * caught from here on.  id: the VM's, for those who mean it and not another of
 * its name; greeting: for whoever attaches.
 */
int console_ready(uint32_t id, const char *greeting, struct problem *problem);

/* console_running - the guest has run: who started it is told.  Any thread. */
void console_running(void);

/*
 * console_channel - one more channel, by this name; NULL is the guest's own,
 * which is always there.  Before console_ready().  NULL: no more of them.
 */
struct console_channel *console_channel(const char *name,
					const struct console_sink *sink,
					void *ctx);

/* console_explain - a port of this name is none to attach to, because. */
void console_explain(const char *name, const char *why);

/*
 * console_on_stats - who asks for counters gets what report() puts into the
 * answer; who asks for a rescan, what rescan() does: of one disk, or with "" of
 * all, how long they are.
 */
struct stats_answer;
void console_on_stats(void (*report)(void *ctx, struct stats_answer *a),
		      void (*rescan)(void *ctx, const char *disk,
				     struct stats_answer *a),
		      void *ctx);

/*
 * stats_answer_device - what is put next is of this device, until there is
 * another; the name stays as long as the answer.
 * stats_answer_put - a counter, or with text a word, which begins with no
 * digit.  a: struct stats_answer.
 */
void stats_answer_device(struct stats_answer *a, const char *name);
void stats_answer_put(void *a, const char *name, const char *text,
		      uint64_t number);

/*
 * console_wait - sleep until something happens, or ms milliseconds have
 * passed (< 0: for ever).
 */
enum console_wait_end console_wait(int ms);

/* console_input_space - the sink takes input again.  Any thread. */
void console_input_space(struct console_channel *channel);

/* console_write - guest output; waits while the reader is slow.  Any thread. */
void console_write(struct console_channel *channel, const void *data,
		   size_t bytes);

/* console_note - a line of ours beside the guest's output.  Any thread. */
void console_note(const char *fmt, ...)
	__attribute__((format(OS_PRINTF, 1, 2)));

/*
 * console_last - the last line (or "") where stderr goes, if anywhere; logged:
 * a log that nobody was to look at is such a place too.
 */
void console_last(const char *line, int logged);

/* console_end - hand status and a last line (or "") to the terminals. */
void console_end(int status, const char *line);

#endif /* CVM_VMM_CONSOLE_SERVER_H */
