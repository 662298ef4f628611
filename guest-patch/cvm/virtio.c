// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio.c - the transport: finding devices, and carrying what their drivers
 * and the host's back ends say to each other.
 *
 * A device is one page of shared memory.  Its fields are read directly; what
 * needs an answer is a command, and a command is a passage call that returns
 * when the host has carried it out.  Interrupts are event bits, turned into
 * ordinary interrupts here so that they have names and counts.  Rings are the
 * drivers' own and need nothing of this file but an address and a doorbell.
 *
 * Sections are those of Virtual I/O Device (VIRTIO) Version 1.2.
 */
#include <linux/bitops.h>
#include <linux/device.h>
#include <linux/init.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/irq.h>
#include <linux/irqdesc.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <linux/workqueue.h>

#include <asm/setup.h>

#include "cvm.h"
#include "virtio.h"

/* Rings lie on page boundaries; nothing asks for more. */
#define CVM_VRING_ALIGN		PAGE_SIZE

struct cvm_virtio_device {
	struct virtio_device vdev;
	struct cvm_virtio_slot *slot;
	unsigned int nr;		/* of the slot */
	unsigned int irq;
	u32 plug;			/* slot->plug when it was found */
	char name[16];			/* of the interrupt */
	raw_spinlock_t lock;		/* one command at a time */
	struct virtqueue *vq[CVM_VIRTIO_QUEUES];
};

static struct cvm_virtio_table *cvm_table __ro_after_init;
static struct device *cvm_virtio_root __ro_after_init;
static struct cvm_virtio_device *cvm_devices[CVM_VIRTIO_SLOTS];
/* The interrupt of each occupied slot, 0 otherwise; read by events. */
static unsigned int cvm_slot_irq[CVM_VIRTIO_SLOTS];

static struct cvm_virtio_device *to_cvm(struct virtio_device *vdev)
{
	return container_of(vdev, struct cvm_virtio_device, vdev);
}

static struct cvm_virtio_slot *cvm_slot(unsigned int nr)
{
	return (struct cvm_virtio_slot *)((char *)cvm_table +
					  (nr + 1) * CVM_PAGE_SIZE);
}

/* ---- commands ------------------------------------------------------------ */

static int cvm_command_locked(struct cvm_virtio_device *dev, u32 command,
			      u32 arg)
{
	struct cvm_virtio_slot *slot = dev->slot;

	WRITE_ONCE(slot->arg, arg);
	WRITE_ONCE(slot->command, command);
	cvm_doorbell(CVM_VIRTIO_DOORBELL(dev->nr,
					 CVM_VIRTIO_DOORBELL_COMMAND));
	return READ_ONCE(slot->result) ? -EIO : 0;
}

static int cvm_command(struct cvm_virtio_device *dev, u32 command, u32 arg)
{
	unsigned long flags;
	int err;

	raw_spin_lock_irqsave(&dev->lock, flags);
	err = cvm_command_locked(dev, command, arg);
	raw_spin_unlock_irqrestore(&dev->lock, flags);
	return err;
}

/* ---- configuration space (2.5) ------------------------------------------- */

static void cvm_get(struct virtio_device *vdev, unsigned int offset, void *buf,
		    unsigned int len)
{
	struct cvm_virtio_slot *slot = to_cvm(vdev)->slot;
	u32 generation;

	memset(buf, 0, len);
	if (offset >= CVM_VIRTIO_CONFIG_BYTES)
		return;
	len = min(len, CVM_VIRTIO_CONFIG_BYTES - offset);
	do {
		generation = smp_load_acquire(&slot->generation);
		memcpy(buf, (generation & 1 ? slot->config_odd :
			     slot->config) + offset, len);
		smp_rmb();
	} while (READ_ONCE(slot->generation) != generation);
}

static void cvm_set(struct virtio_device *vdev, unsigned int offset,
		    const void *buf, unsigned int len)
{
	struct cvm_virtio_device *dev = to_cvm(vdev);
	unsigned long flags;

	if (offset + len > CVM_VIRTIO_CONFIG_BYTES)
		return;
	raw_spin_lock_irqsave(&dev->lock, flags);
	memcpy(dev->slot->config_in, buf, len);
	cvm_command_locked(dev, CVM_VIRTIO_CONFIG_WRITE, offset << 16 | len);
	raw_spin_unlock_irqrestore(&dev->lock, flags);
}

/* The caller asks before and after it reads and compares (2.5.3). */
static u32 cvm_generation(struct virtio_device *vdev)
{
	return smp_load_acquire(&to_cvm(vdev)->slot->generation);
}

/* ---- status and features (2.1, 2.2, 2.4) --------------------------------- */

static u8 cvm_get_status(struct virtio_device *vdev)
{
	return READ_ONCE(to_cvm(vdev)->slot->status);
}

static void cvm_set_status(struct virtio_device *vdev, u8 status)
{
	cvm_command(to_cvm(vdev), CVM_VIRTIO_SET_STATUS, status);
}

static void cvm_reset(struct virtio_device *vdev)
{
	struct cvm_virtio_device *dev = to_cvm(vdev);

	cvm_command(dev, CVM_VIRTIO_RESET, 0);
	/* What was pending is gone; a handler still running is not. */
	synchronize_irq(dev->irq);
}

static u64 cvm_get_features(struct virtio_device *vdev)
{
	return READ_ONCE(to_cvm(vdev)->slot->device_features);
}

static int cvm_finalize_features(struct virtio_device *vdev)
{
	vring_transport_features(vdev);
	if (!__virtio_test_bit(vdev, VIRTIO_F_VERSION_1)) {
		dev_err(&vdev->dev, "device does not offer virtio 1\n");
		return -EINVAL;
	}
	WRITE_ONCE(to_cvm(vdev)->slot->driver_features, vdev->features);
	return 0;
}

/* ---- interrupts (2.3) ---------------------------------------------------- */

static void cvm_serve_queues(struct cvm_virtio_device *dev, u64 queues)
{
	struct virtqueue *vq;
	unsigned int i;

	for_each_set_bit(i, (unsigned long *)&queues, CVM_VIRTIO_QUEUES) {
		vq = READ_ONCE(dev->vq[i]);
		if (vq)
			vring_interrupt(dev->irq, vq);
	}
}

/*
 * A back end in the host's kernel raises the event and sets no bit: then
 * every queue is looked at, which costs a glance at each ring.
 */
static irqreturn_t cvm_virtio_interrupt(int irq, void *data)
{
	struct cvm_virtio_device *dev = data;
	u64 queues = xchg(&dev->slot->queue_pending, 0);
	u32 config = xchg(&dev->slot->config_pending, 0);

	if (config)
		virtio_config_changed(&dev->vdev);
	cvm_serve_queues(dev, queues || config ? queues : ~0ULL);
	return IRQ_HANDLED;
}

static void cvm_irq_noop(struct irq_data *data)
{
}

static struct irq_chip cvm_irq_chip = {
	.name = "cvm",
	.irq_mask = cvm_irq_noop,
	.irq_unmask = cvm_irq_noop,
};

/* ---- queues (2.6) -------------------------------------------------------- */

static bool cvm_notify(struct virtqueue *vq)
{
	struct cvm_virtio_device *dev = to_cvm(vq->vdev);

	dev->slot->queue[vq->index].doorbells++;
	cvm_doorbell(CVM_VIRTIO_DOORBELL(dev->nr, vq->index));
	return true;
}

static int cvm_queue_on(struct cvm_virtio_device *dev, struct virtqueue *vq)
{
	struct cvm_virtio_queue *queue = &dev->slot->queue[vq->index];

	queue->size = virtqueue_get_vring_size(vq);
	queue->desc = virtqueue_get_desc_addr(vq);
	queue->driver = virtqueue_get_avail_addr(vq);
	queue->device = virtqueue_get_used_addr(vq);
	return cvm_command(dev, CVM_VIRTIO_QUEUE_ON, vq->index);
}

static void cvm_del_vqs(struct virtio_device *vdev)
{
	struct cvm_virtio_device *dev = to_cvm(vdev);
	struct virtqueue *vq, *next;

	list_for_each_entry(vq, &vdev->vqs, list)
		WRITE_ONCE(dev->vq[vq->index], NULL);
	synchronize_irq(dev->irq);
	list_for_each_entry_safe(vq, next, &vdev->vqs, list)
		vring_del_virtqueue(vq);
}

static struct virtqueue *cvm_setup_vq(struct cvm_virtio_device *dev,
				      unsigned int index,
				      vq_callback_t *callback,
				      const char *name, bool ctx)
{
	unsigned int size;
	struct virtqueue *vq;
	int err;

	if (index >= CVM_VIRTIO_QUEUES)
		return ERR_PTR(-ENOENT);
	size = READ_ONCE(dev->slot->queue[index].size_max);
	if (!size || READ_ONCE(dev->slot->queue[index].enabled))
		return ERR_PTR(-ENOENT);
	vq = vring_create_virtqueue(index, size, CVM_VRING_ALIGN, &dev->vdev,
				    true, true, ctx, cvm_notify, callback,
				    name);
	if (!vq)
		return ERR_PTR(-ENOMEM);
	vq->num_max = size;
	err = cvm_queue_on(dev, vq);
	if (err) {
		vring_del_virtqueue(vq);
		return ERR_PTR(err);
	}
	WRITE_ONCE(dev->vq[index], vq);
	return vq;
}

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)
#define CVM_FIND_VQS_ARGS	vq_callback_t *callbacks[],		\
				const char * const names[], const bool *ctxs
#define CVM_VQ_NAME(i)		(names[i])
#define CVM_VQ_CALLBACK(i)	(callbacks[i])
#define CVM_VQ_CTX(i)		(ctxs && ctxs[i])
#else
#define CVM_FIND_VQS_ARGS	struct virtqueue_info info[]
#define CVM_VQ_NAME(i)		(info[i].name)
#define CVM_VQ_CALLBACK(i)	(info[i].callback)
#define CVM_VQ_CTX(i)		(info[i].ctx)
#endif

/* A queue without a name is left out and takes no number. */
static int cvm_find_vqs(struct virtio_device *vdev, unsigned int count,
			struct virtqueue *vqs[], CVM_FIND_VQS_ARGS,
			struct irq_affinity *affinity)
{
	struct cvm_virtio_device *dev = to_cvm(vdev);
	unsigned int i, index = 0;

	for (i = 0; i < count; i++) {
		vqs[i] = NULL;
		if (!CVM_VQ_NAME(i))
			continue;
		vqs[i] = cvm_setup_vq(dev, index++, CVM_VQ_CALLBACK(i),
				      CVM_VQ_NAME(i), CVM_VQ_CTX(i));
		if (IS_ERR(vqs[i])) {
			cvm_del_vqs(vdev);
			return PTR_ERR(vqs[i]);
		}
	}
	return 0;
}

/* Virtqueue reset (2.6.1): a driver may resize a queue while others run. */
static int cvm_disable_vq_and_reset(struct virtqueue *vq)
{
	struct cvm_virtio_device *dev = to_cvm(vq->vdev);

	if (!virtio_has_feature(vq->vdev, VIRTIO_F_RING_RESET))
		return -ENOENT;
	WRITE_ONCE(dev->vq[vq->index], NULL);
	synchronize_irq(dev->irq);
	vq->reset = true;
	return cvm_command(dev, CVM_VIRTIO_QUEUE_OFF, vq->index);
}

static int cvm_enable_vq_after_reset(struct virtqueue *vq)
{
	struct cvm_virtio_device *dev = to_cvm(vq->vdev);
	int err;

	if (!vq->reset)
		return -EBUSY;
	err = cvm_queue_on(dev, vq);
	if (err)
		return err;
	vq->reset = false;
	WRITE_ONCE(dev->vq[vq->index], vq);
	return 0;
}

static void cvm_synchronize_cbs(struct virtio_device *vdev)
{
	synchronize_irq(to_cvm(vdev)->irq);
}

static const char *cvm_bus_name(struct virtio_device *vdev)
{
	return dev_name(cvm_virtio_root);
}

static const struct virtio_config_ops cvm_config_ops = {
	.get = cvm_get,
	.set = cvm_set,
	.generation = cvm_generation,
	.get_status = cvm_get_status,
	.set_status = cvm_set_status,
	.reset = cvm_reset,
	.find_vqs = cvm_find_vqs,
	.del_vqs = cvm_del_vqs,
	.synchronize_cbs = cvm_synchronize_cbs,
	.get_features = cvm_get_features,
	.finalize_features = cvm_finalize_features,
	.bus_name = cvm_bus_name,
	.disable_vq_and_reset = cvm_disable_vq_and_reset,
	.enable_vq_after_reset = cvm_enable_vq_after_reset,
};

/* ---- devices coming and going -------------------------------------------- */

static void cvm_release(struct device *device)
{
	kfree(to_cvm(dev_to_virtio(device)));
}

static int cvm_request_irq(struct cvm_virtio_device *dev)
{
	int irq, err;

	irq = irq_alloc_desc(NUMA_NO_NODE);
	if (irq < 0)
		return irq;
	irq_set_chip_and_handler(irq, &cvm_irq_chip, handle_simple_irq);
	err = request_irq(irq, cvm_virtio_interrupt, 0, dev->name, dev);
	if (err) {
		irq_free_desc(irq);
		return err;
	}
	dev->irq = irq;
	WRITE_ONCE(cvm_slot_irq[dev->nr], irq);
	return 0;
}

static void cvm_free_irq(struct cvm_virtio_device *dev)
{
	WRITE_ONCE(cvm_slot_irq[dev->nr], 0);
	free_irq(dev->irq, dev);
	irq_free_desc(dev->irq);
}

static struct cvm_virtio_device *cvm_new_device(unsigned int nr)
{
	struct cvm_virtio_slot *slot = cvm_slot(nr);
	struct cvm_virtio_device *dev;

	dev = kzalloc(sizeof(*dev), GFP_KERNEL);
	if (!dev)
		return NULL;
	dev->nr = nr;
	dev->slot = slot;
	dev->plug = READ_ONCE(slot->plug);
	raw_spin_lock_init(&dev->lock);
	dev->vdev.id.device = READ_ONCE(slot->device_id);
	dev->vdev.id.vendor = READ_ONCE(slot->vendor);
	dev->vdev.config = &cvm_config_ops;
	dev->vdev.dev.parent = cvm_virtio_root;
	dev->vdev.dev.release = cvm_release;
	snprintf(dev->name, sizeof(dev->name), "cvm-virtio%u", nr);
	return dev;
}

static int cvm_add_device(unsigned int nr)
{
	struct cvm_virtio_device *dev;
	int err;

	dev = cvm_new_device(nr);
	if (!dev)
		return -ENOMEM;
	err = cvm_request_irq(dev);
	if (err) {
		kfree(dev);
		return err;
	}
	err = register_virtio_device(&dev->vdev);
	if (err) {
		cvm_free_irq(dev);
		put_device(&dev->vdev.dev);
		return err;
	}
	cvm_devices[nr] = dev;
	return 0;
}

/*
 * Ends with a reset, by which the host knows that the device is free.  One
 * that is gone already answers nothing any more: its driver must not wait.
 */
static void cvm_remove_device(unsigned int nr)
{
	struct cvm_virtio_device *dev = cvm_devices[nr];

	cvm_devices[nr] = NULL;
	if (!READ_ONCE(dev->slot->device_id) ||
	    READ_ONCE(dev->slot->plug) != dev->plug)
		virtio_break_device(&dev->vdev);
	get_device(&dev->vdev.dev);
	unregister_virtio_device(&dev->vdev);
	cvm_command(dev, CVM_VIRTIO_RESET, 0);
	cvm_free_irq(dev);
	put_device(&dev->vdev.dev);
}

static void cvm_look_at_slot(unsigned int nr)
{
	struct cvm_virtio_device *dev = cvm_devices[nr];
	struct cvm_virtio_slot *slot = cvm_slot(nr);
	int err;

	if (dev && (READ_ONCE(slot->unplug) || !READ_ONCE(slot->device_id) ||
		    READ_ONCE(slot->plug) != dev->plug))
		cvm_remove_device(nr);
	if (cvm_devices[nr] || READ_ONCE(slot->unplug) ||
	    !smp_load_acquire(&slot->device_id))
		return;
	err = cvm_add_device(nr);
	if (err)
		pr_err("cvm: virtio slot %u: error %d\n", nr, err);
}

static void cvm_virtio_scan(struct work_struct *work)
{
	u64 changed = xchg(&cvm_table->changed, 0);
	unsigned int nr;

	for_each_set_bit(nr, (unsigned long *)&changed, CVM_VIRTIO_SLOTS)
		cvm_look_at_slot(nr);
}

static DECLARE_WORK(cvm_scan_work, cvm_virtio_scan);

/* From cvm_run_events(): on the interrupt stack, with interrupts off. */
void cvm_virtio_events(u64 events)
{
	u64 slots = events >> CVM_EVENT_DEVICE_BIT;
	unsigned int nr, irq;

	if (!cvm_table)
		return;
	if (events & BIT_ULL(CVM_EVENT_HOTPLUG_BIT))
		schedule_work(&cvm_scan_work);
	for_each_set_bit(nr, (unsigned long *)&slots, CVM_VIRTIO_SLOTS) {
		irq = READ_ONCE(cvm_slot_irq[nr]);
		if (irq)
			generic_handle_irq(irq);
	}
}

/* Of the host's terminal: columns << 16 | rows, 0: not known. */
u32 cvm_virtio_console_size(void)
{
	return cvm_table ? READ_ONCE(cvm_table->console_size) : 0;
}

/* ---- finding the table --------------------------------------------------- */

/* Setup data stays in the direct map and is nobody's to allocate. */
static struct cvm_virtio_table *__init cvm_find_table(void)
{
	u64 pa = boot_params.hdr.setup_data;
	struct cvm_virtio_table *table;

	while (pa) {
		table = __va(pa);
		if (table->setup_type == CVM_SETUP_VIRTIO)
			return table;
		pa = table->setup_next;
	}
	return NULL;
}

static bool __init cvm_table_usable(const struct cvm_virtio_table *table)
{
	return table->magic == CVM_VIRTIO_MAGIC &&
	       table->version == CVM_VIRTIO_VERSION &&
	       table->slots == CVM_VIRTIO_SLOTS &&
	       table->setup_len >= CVM_VIRTIO_TABLE_BYTES -
				   sizeof(struct setup_data) &&
	       PAGE_ALIGNED(table);
}

static int __init cvm_virtio_init(void)
{
	struct cvm_virtio_table *table;
	unsigned int nr;

	BUILD_BUG_ON(offsetof(struct cvm_virtio_table, magic) !=
		     sizeof(struct setup_data));
	if (!cvm_is_guest())
		return 0;
	table = cvm_find_table();
	if (!table)
		return 0;
	if (!cvm_table_usable(table)) {
		pr_err("cvm: virtio table of version %u not understood\n",
		       table->version);
		return -EINVAL;
	}
	cvm_virtio_root = root_device_register("cvm");
	if (IS_ERR(cvm_virtio_root))
		return PTR_ERR(cvm_virtio_root);
	cvm_table = table;
	for (nr = 0; nr < CVM_VIRTIO_SLOTS; nr++)
		cvm_look_at_slot(nr);
	return 0;
}
device_initcall(cvm_virtio_init);
