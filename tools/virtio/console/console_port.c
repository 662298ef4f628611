// SPDX-License-Identifier: GPL-2.0-only
/* console_port.c - what stands behind a port: this program, or the host. */
#include <stdlib.h>

#include "console.h"
#include "console_host.h"

struct calls {
	void *ctx;
	void (*output)(void *ctx, const void *data, size_t bytes);
	void (*input_space)(void *ctx);
};

static void output(void *backend, const struct os_iov *iov,
		   uint32_t count)
{
	const struct calls *calls = backend;
	uint32_t i;

	for (i = 0; i < count; i++)
		calls->output(calls->ctx, iov[i].base, iov[i].bytes);
}

static void input_space(void *backend)
{
	const struct calls *calls = backend;

	calls->input_space(calls->ctx);
}

/* The program knows by itself when its VM ends. */
static void hangup(void *backend)
{
	(void)backend;
}

static const struct virtio_port_ops calls_ops = {
	.output = output,
	.input_space = input_space,
	.hangup = hangup,
	.destroy = free,
};

void *virtio_port_open(const struct virtio_port_args *args,
		       struct virtio_port *port,
		       const struct virtio_port_ops **ops,
		       struct problem *problem)
{
	struct calls *calls;

	if (args->kind != VIRTIO_PORT_CALLS)
		return virtio_port_open_host(args, port, ops, problem);
	calls = calloc(1, sizeof(*calls));
	if (!calls) {
		problem_set(problem, args->name, "no memory");
		return NULL;
	}
	calls->ctx = args->ctx;
	calls->output = args->output;
	calls->input_space = args->input_space;
	*ops = &calls_ops;
	return calls;
}
