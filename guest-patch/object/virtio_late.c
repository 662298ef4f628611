// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio_late.c - the transport's start, where virtio is a module.
 *
 * Nobody would load that module: a driver is looked for when there is a device,
 * and the device is registered with virtio.  So the transport is a device of
 * its own first, on a bus that asks user space for the module by name, as any
 * device asks for its driver.
 */
#include <linux/device.h>
#include <linux/init.h>
#include <linux/kmod.h>
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/workqueue.h>

#define CVM_VIRTIO_LATE_C
#include "cvm.h"
#include "virtio_late.h"

#define MODULE_WANTED	"virtio_ring"
#define MODULE_OTHER	"virtio"

struct cvm_guest_virtio_functions cvm_guest_virtio;

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
#define CVM_CONST_DEVICE	struct device
#else
#define CVM_CONST_DEVICE	const struct device
#endif

static int ask_for_module(CVM_CONST_DEVICE *dev, struct kobj_uevent_env *env)
{
	return add_uevent_var(env, "MODALIAS=" MODULE_WANTED);
}

static struct bus_type bus = {
	.name = "cvm",
	.uevent = ask_for_module,
};

static void never_released(struct device *dev)
{
}

static struct device transport = {
	.bus = &bus,
	.init_name = "cvm-virtio",
	.release = never_released,
};

#define TAKE(fn)							\
	if (!cvm_guest_virtio.fn)					\
		cvm_guest_virtio.fn = symbol_get(fn);			\
	complete &= cvm_guest_virtio.fn != NULL;

/* Both modules stay, once something of them is held. */
static bool take_functions(void)
{
	bool complete = true;

	CVM_VIRTIO_FUNCTIONS(TAKE)
	return complete;
}

static DEFINE_MUTEX(start_mutex);
static bool started;

static bool start(void)
{
	int err;

	mutex_lock(&start_mutex);
	if (!started && take_functions()) {
		started = true;
		err = cvm_guest_virtio_start();
		if (err)
			pr_err("cvm: virtio does not start: error %d\n", err);
	}
	mutex_unlock(&start_mutex);
	return started;
}

static void ask_for_other(struct work_struct *work)
{
	request_module(MODULE_OTHER);
}

static DECLARE_WORK(other_work, ask_for_other);

/*
 * Who loads the second of both finds the devices when it is loaded.  Inside
 * the notification no module can be asked for.
 */
static int module_event(struct notifier_block *nb, unsigned long event,
			void *data)
{
	const struct module *mod = data;

	if (event != MODULE_STATE_LIVE || started)
		return NOTIFY_DONE;
	if (!strcmp(mod->name, MODULE_OTHER))
		start();
	else if (!strcmp(mod->name, MODULE_WANTED) && !start())
		schedule_work(&other_work);
	return NOTIFY_DONE;
}

static struct notifier_block module_block = {
	.notifier_call = module_event,
};

static int __init announce(void)
{
	int err = bus_register(&bus);

	if (!err)
		err = device_register(&transport);
	if (err)
		return err;
	return register_module_notifier(&module_block);
}
device_initcall(announce);
