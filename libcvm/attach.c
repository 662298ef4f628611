/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * attach.c - a host shim hands over its table and gets a monitor.
 */
#include "host_calls.h"

_Static_assert(sizeof(struct cvm_host_ops) == 16 + 17 * sizeof(void *) &&
	       sizeof(struct cvm_host_notifier_ops) == 5 * sizeof(void *),
	       "a member came or went: complete(), docs/host-api.md");

/* A designated initialiser leaves forgotten members NULL without a word. */
static int complete(const struct cvm_host_ops *ops)
{
	return ops->mem_alloc && ops->mem_free && ops->page_alloc &&
	       ops->page_free && ops->hva_to_hpa && ops->cpu_call &&
	       ops->irq_forward && ops->machine_check && ops->irq_self &&
	       ops->wait && ops->wake && ops->timer && ops->time &&
	       ops->poll && ops->log && ops->fatal;
}

static int complete_notifiers(const struct cvm_host_notifier_ops *ops)
{
	return !ops || (ops->get && ops->put && ops->signal && ops->watch &&
			ops->unwatch);
}

static int check_table(const struct cvm_host_ops *ops)
{
	if (!ops)
		return -CVM_EINVAL;
	/* The size says how much of the table there is: look at it first. */
	if (ops->api != CVM_HOST_API || ops->size != sizeof(*ops))
		return -CVM_EPROTO;
	if (ops->flags & ~(CVM_HOST_F_SCHED_NOTIFY | CVM_HOST_F_IRQ80))
		return -CVM_EINVAL;
	return complete(ops) && complete_notifiers(ops->notifiers) ?
	       0 : -CVM_EINVAL;
}

int cvm_attach(const struct cvm_host_ops *ops, void *ctx, uint32_t cpus,
	       struct cvm_monitor **out)
{
	struct cvm_monitor *mon;
	int ret;

	ret = check_table(ops);
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
	cvm_host_page_free(mon, mon, CVM_PAGES(sizeof(*mon)));
	return ret;
}

int cvm_detach(struct cvm_monitor *mon)
{
	uint32_t i;

	for (i = 0; i < CVM_VMS_MAX; i++)
		if (mon->vm[i])
			return -CVM_EBUSY;
	cvm_host_page_free(mon, mon, CVM_PAGES(sizeof(*mon)));
	return 0;
}
