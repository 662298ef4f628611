// SPDX-License-Identifier: GPL-2.0-only
/* stats_client.c - of a VM's own process. */
#include <stdio.h>
#include <string.h>

#include "packet.h"
#include "stats_client.h"
#include "vm.h"
#include "os/os.h"

#define ANSWER_MS	2000

struct question {
	void (*fn)(void *ctx, const char *device, const char *counter,
		   const char *value);
	void *ctx;
	int answered;		/* to the end */
};

/* Three texts each, with their NULs; there is one more behind all of them. */
static void counters(const struct question *q, const char *data, size_t bytes)
{
	const char *device = data, *end = data + bytes, *counter, *value;

	while (device < end) {
		counter = device + strlen(device) + 1;
		value = counter < end ? counter + strlen(counter) + 1 : end;
		if (value >= end)
			return;
		q->fn(q->ctx, device, counter, value);
		device = value + strlen(value) + 1;
	}
}

/* 1 while there may be more. */
static int read_answer(struct question *q, struct os_link *link)
{
	char data[OS_LINK_DATA + 1], letter;
	unsigned int which;
	int bytes;

	if (os_wait(&link, 1, &which, 0, ANSWER_MS) != OS_WAIT_LINK)
		return 0;
	bytes = os_link_recv(link, &letter, data);
	q->answered = bytes >= 0 && letter == PACKET_END;
	if (bytes < 0 || letter == PACKET_END || letter == PACKET_REFUSED)
		return 0;
	data[bytes] = '\0';
	if (letter == PACKET_COUNTERS)
		counters(q, data, (size_t)bytes);
	return 1;
}

struct os_link *stats_client_connect(const struct cvm_user_vm_info *vm,
				     struct problem *problem)
{
	struct problem why = { "" };
	struct os_link *link = good_name(vm->name) ?
			    os_link_connect(vm->name, &why) : NULL;

	if (!link)
		problem_set(problem, vm->name, "cannot reach its process%s"
			    "%.400s", why.text[0] ? ": " : "", why.text);
	return link;
}

/* Which VM is meant, and what more there is to say; 0 when it was answered. */
static int ask(const struct cvm_user_vm_info *vm, char letter,
	       const char *text, struct question *q, struct problem *problem)
{
	struct os_link *link = stats_client_connect(vm, problem);
	char data[sizeof(vm->id) + 64];
	size_t bytes = sizeof(vm->id);

	if (!link)
		return -1;
	memcpy(data, &vm->id, bytes);
	if (text)
		bytes += (size_t)snprintf(data + bytes, sizeof(data) - bytes,
					  "%.60s", text) + 1;
	if (!os_wait_open(problem) &&
	    !os_link_send(link, letter, data, bytes, OS_LINK_SURE))
		while (read_answer(q, link))
			;
	os_link_close(link);
	return q->answered ? 0 : problem_set(problem, vm->name, "its process "
					     "does not answer");
}

void stats_client_counters(const struct cvm_user_vm_info *vm,
			   void (*fn)(void *ctx, const char *device,
				      const char *counter, const char *value),
			   void *ctx)
{
	struct question q = { fn, ctx, 0 };
	struct problem ignored = { "" };

	ask(vm, PACKET_STATS, NULL, &q, &ignored);
}

int stats_client_rescan(const struct cvm_user_vm_info *vm, const char *disk,
			void (*fn)(void *ctx, const char *device,
				   const char *counter, const char *value),
			void *ctx, struct problem *problem)
{
	struct question q = { fn, ctx, 0 };

	return ask(vm, PACKET_RESCAN, disk, &q, problem);
}

static void tell(const struct cvm_user_vm_info *vm, char letter)
{
	struct problem ignored = { "" };
	struct os_link *link = stats_client_connect(vm, &ignored);

	if (!link)
		return;
	os_link_send(link, letter, &vm->id, sizeof(vm->id), OS_LINK_SURE);
	os_link_close(link);
}

void stats_client_killed(const struct cvm_user_vm_info *vm)
{
	tell(vm, PACKET_KILL);
}

void stats_client_poweroff(const struct cvm_user_vm_info *vm)
{
	tell(vm, PACKET_POWEROFF);
}
