/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * attach.c - a host shim hands over its table and gets a monitor.
 */
#include "internal.h"

_Static_assert(sizeof(struct cvm_host_ops) == 16 + 21 * sizeof(void *),
	       "a member came or went: cvm_ops_complete, docs/host-api.md");

/* A designated initialiser leaves forgotten members NULL without a word. */
static int cvm_ops_complete(const struct cvm_host_ops *ops)
{
	return ops->mem_alloc && ops->mem_free && ops->page_alloc &&
	       ops->page_free && ops->hva_to_hpa && ops->cpu_call &&
	       ops->irq_forward && ops->machine_check && ops->irq_self &&
	       ops->wait && ops->wake && ops->timer && ops->time &&
	       ops->poll && ops->log && ops->fatal;
}

/* A host has events, or it has none. */
static int cvm_ops_events(const struct cvm_host_ops *ops)
{
	int any = ops->event_get || ops->event_put || ops->event_signal ||
		  ops->event_watch || ops->event_unwatch;
	int all = ops->event_get && ops->event_put && ops->event_signal &&
		  ops->event_watch && ops->event_unwatch;

	return any == all;
}

static int cvm_ops_check(const struct cvm_host_ops *ops)
{
	if (!ops)
		return -CVM_EINVAL;
	/* The size says how much of the table there is: look at it first. */
	if (ops->api != CVM_HOST_API || ops->size != sizeof(*ops))
		return -CVM_EPROTO;
	if (ops->flags & ~(CVM_HOST_F_SCHED_NOTIFY | CVM_HOST_F_IRQ80))
		return -CVM_EINVAL;
	return cvm_ops_complete(ops) && cvm_ops_events(ops) ? 0 : -CVM_EINVAL;
}

int cvm_attach(const struct cvm_host_ops *ops, void *ctx, uint32_t cpus,
	       struct cvm_monitor **out)
{
	struct cvm_monitor *mon;
	int ret;

	ret = cvm_ops_check(ops);
	if (ret)
		return ret;
	if (!cpus || !out)
		return -CVM_EINVAL;

	mon = ops->page_alloc(ctx, CVM_PAGES(sizeof(*mon)));
	if (!mon)
		return -CVM_ENOMEM;
	mon->ops = ops;
	mon->ctx = ctx;
	mon->cpus = cpus;
	mon->next_id = 1;

	ret = cvm_check_host(mon);
	if (ret)
		goto err_free_mon;
	*out = mon;
	return 0;

err_free_mon:
	ops->page_free(ctx, mon, CVM_PAGES(sizeof(*mon)));
	return ret;
}

int cvm_detach(struct cvm_monitor *mon)
{
	uint32_t i;

	for (i = 0; i < CVM_VMS_MAX; i++)
		if (mon->vm[i])
			return -CVM_EBUSY;
	mon->ops->page_free(mon->ctx, mon, CVM_PAGES(sizeof(*mon)));
	return 0;
}
