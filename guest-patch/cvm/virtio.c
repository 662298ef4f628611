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
#include <linux/irqflags.h>
#include <linux/minmax.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <linux/workqueue.h>

#include <asm/setup.h>

#include "cvm.h"
#include "fields.h"
#include "virtio.h"

/* Rings lie on page boundaries; nothing asks for more. */
#define CVM_VRING_ALIGN		PAGE_SIZE

struct cvm_virtio_device {
	struct cvm_virtio_slot *slot;
	unsigned int nr;		/* of the slot */
	unsigned int irq;
	u32 plug;			/* slot->plug when it was found */
	char name[16];			/* of the interrupt */
	raw_spinlock_t lock;		/* one command at a time */
	struct virtqueue *vq[CVM_VIRTIO_QUEUES];
	/* Last, for not every kernel of a version has it of the same size. */
	struct virtio_device vdev;
};

static struct cvm_virtio_table *virtio_table __ro_after_init;
static struct device *virtio_root __ro_after_init;
static struct cvm_virtio_device *devices[CVM_VIRTIO_SLOTS];
/* The interrupt of each occupied slot, 0 otherwise; read by events. */
static unsigned int slot_irq[CVM_VIRTIO_SLOTS];

static struct cvm_virtio_device *to_cvm(struct virtio_device *vdev)
{
	return container_of(vdev, struct cvm_virtio_device, vdev);
}

static struct cvm_virtio_slot *slot_of(unsigned int nr)
{
	return (struct cvm_virtio_slot *)((char *)virtio_table +
					  (nr + 1) * CVM_PAGE_SIZE);
}

/* ---- doorbells ----------------------------------------------------------- */

/*
 * What the host did at once is there when the call returns.  With interrupts
 * on, its events are served before this does: one that the host had to raise
 * would bring them, with a second switch.
 */
static void ring_doorbell(u64 number)
{
	struct cvm_shared *s;
	unsigned long flags;
	bool looks;

	local_irq_save(flags);
	looks = !irqs_disabled_flags(flags);
	s = this_cpu_read(cvm_guest_this);
	s->arg[0] = number;
	s->arg[1] = looks ? CVM_DOORBELL_LOOKS : 0;
	__cvm_guest_hypercall(CVM_HC_DOORBELL);
	if (looks && cvm_guest_work_pending(s))
		cvm_guest_soft_interrupt();
	local_irq_restore(flags);
	/* The soft interrupt came with interrupts off: it did not preempt. */
	preempt_check_resched();
}

/* ---- commands ------------------------------------------------------------ */

static int run_command_locked(struct cvm_virtio_device *dev, u32 command,
			      u32 arg)
{
	struct cvm_virtio_slot *slot = dev->slot;

	WRITE_ONCE(slot->arg, arg);
	WRITE_ONCE(slot->command, command);
	ring_doorbell(CVM_VIRTIO_DOORBELL(dev->nr,
					  CVM_VIRTIO_DOORBELL_COMMAND));
	return READ_ONCE(slot->result) ? -EIO : 0;
}

static int run_command(struct cvm_virtio_device *dev, u32 command, u32 arg)
{
	unsigned long flags;
	int err;

	raw_spin_lock_irqsave(&dev->lock, flags);
	err = run_command_locked(dev, command, arg);
	raw_spin_unlock_irqrestore(&dev->lock, flags);
	return err;
}

/* ---- configuration space (2.5) ------------------------------------------- */

static void config_read(struct virtio_device *vdev, unsigned int offset,
			void *buf, unsigned int len)
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

static void config_write(struct virtio_device *vdev, unsigned int offset,
			 const void *buf, unsigned int len)
{
	struct cvm_virtio_device *dev = to_cvm(vdev);
	unsigned long flags;

	if (offset + len > CVM_VIRTIO_CONFIG_BYTES)
		return;
	raw_spin_lock_irqsave(&dev->lock, flags);
	memcpy(dev->slot->config_in, buf, len);
	run_command_locked(dev, CVM_VIRTIO_CONFIG_WRITE, offset << 16 | len);
	raw_spin_unlock_irqrestore(&dev->lock, flags);
}

/* The caller asks before and after it reads and compares (2.5.3). */
static u32 config_generation(struct virtio_device *vdev)
{
	return smp_load_acquire(&to_cvm(vdev)->slot->generation);
}

/* ---- status and features (2.1, 2.2, 2.4) --------------------------------- */

static u8 get_status(struct virtio_device *vdev)
{
	return READ_ONCE(to_cvm(vdev)->slot->status);
}

static void set_status(struct virtio_device *vdev, u8 status)
{
	run_command(to_cvm(vdev), CVM_VIRTIO_SET_STATUS, status);
}

static void reset_device(struct virtio_device *vdev)
{
	struct cvm_virtio_device *dev = to_cvm(vdev);

	run_command(dev, CVM_VIRTIO_RESET, 0);
	/* What was pending is gone; a handler still running is not. */
	synchronize_irq(dev->irq);
}

static u64 get_features(struct virtio_device *vdev)
{
	return READ_ONCE(to_cvm(vdev)->slot->device_features);
}

static bool has_feature(struct virtio_device *vdev, unsigned int bit)
{
	return CVM_MEMBER(vdev, virtio_device, features) & BIT_ULL(bit);
}

static int finalize_features(struct virtio_device *vdev)
{
	vring_transport_features(vdev);
	if (!has_feature(vdev, VIRTIO_F_VERSION_1)) {
		dev_err(&CVM_MEMBER(vdev, virtio_device, dev),
			"device does not offer virtio 1\n");
		return -EINVAL;
	}
	WRITE_ONCE(to_cvm(vdev)->slot->driver_features,
		   CVM_MEMBER(vdev, virtio_device, features));
	return 0;
}

/* ---- interrupts (2.3) ---------------------------------------------------- */

static void serve_queues(struct cvm_virtio_device *dev, u64 queues)
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
static irqreturn_t device_interrupt(int irq, void *data)
{
	struct cvm_virtio_device *dev = data;
	u64 queues = xchg(&dev->slot->queue_pending, 0);
	u32 config = xchg(&dev->slot->config_pending, 0);

	if (config)
		virtio_config_changed(&dev->vdev);
	serve_queues(dev, queues || config ? queues : ~0ULL);
	return IRQ_HANDLED;
}

static void mask_nothing(struct irq_data *data)
{
}

static struct irq_chip device_irq_chip = {
	.name = "cvm",
	.irq_mask = mask_nothing,
	.irq_unmask = mask_nothing,
};

/* ---- queues (2.6) -------------------------------------------------------- */

static bool notify_queue(struct virtqueue *vq)
{
	struct cvm_virtio_device *dev = to_cvm(vq->vdev);

	dev->slot->queue[vq->index].doorbells++;
	ring_doorbell(CVM_VIRTIO_DOORBELL(dev->nr, vq->index));
	return true;
}

static int queue_on(struct cvm_virtio_device *dev, struct virtqueue *vq)
{
	struct cvm_virtio_queue *queue = &dev->slot->queue[vq->index];

	queue->size = virtqueue_get_vring_size(vq);
	queue->desc = virtqueue_get_desc_addr(vq);
	queue->driver = virtqueue_get_avail_addr(vq);
	queue->device = virtqueue_get_used_addr(vq);
	return run_command(dev, CVM_VIRTIO_QUEUE_ON, vq->index);
}

static void del_queues(struct virtio_device *vdev)
{
	struct cvm_virtio_device *dev = to_cvm(vdev);
	struct list_head *vqs = &CVM_MEMBER(vdev, virtio_device, vqs);
	struct virtqueue *vq, *next;

	list_for_each_entry(vq, vqs, list)
		WRITE_ONCE(dev->vq[vq->index], NULL);
	synchronize_irq(dev->irq);
	list_for_each_entry_safe(vq, next, vqs, list)
		vring_del_virtqueue(vq);
}

static struct virtqueue *setup_queue(struct cvm_virtio_device *dev,
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
				    true, true, ctx, notify_queue, callback,
				    name);
	if (!vq)
		return ERR_PTR(-ENOMEM);
	vq->num_max = size;
	err = queue_on(dev, vq);
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
static int find_queues(struct virtio_device *vdev, unsigned int count,
		       struct virtqueue *vqs[], CVM_FIND_VQS_ARGS,
		       struct irq_affinity *affinity)
{
	struct cvm_virtio_device *dev = to_cvm(vdev);
	unsigned int i, index = 0;

	for (i = 0; i < count; i++) {
		vqs[i] = NULL;
		if (!CVM_VQ_NAME(i))
			continue;
		vqs[i] = setup_queue(dev, index++, CVM_VQ_CALLBACK(i),
				     CVM_VQ_NAME(i), CVM_VQ_CTX(i));
		if (IS_ERR(vqs[i])) {
			del_queues(vdev);
			return PTR_ERR(vqs[i]);
		}
	}
	return 0;
}

/* Virtqueue reset (2.6.1): a driver may resize a queue while others run. */
static int disable_queue_and_reset(struct virtqueue *vq)
{
	struct cvm_virtio_device *dev = to_cvm(vq->vdev);

	if (!has_feature(vq->vdev, VIRTIO_F_RING_RESET))
		return -ENOENT;
	WRITE_ONCE(dev->vq[vq->index], NULL);
	synchronize_irq(dev->irq);
	vq->reset = true;
	return run_command(dev, CVM_VIRTIO_QUEUE_OFF, vq->index);
}

static int enable_queue_after_reset(struct virtqueue *vq)
{
	struct cvm_virtio_device *dev = to_cvm(vq->vdev);
	int err;

	if (!vq->reset)
		return -EBUSY;
	err = queue_on(dev, vq);
	if (err)
		return err;
	vq->reset = false;
	WRITE_ONCE(dev->vq[vq->index], vq);
	return 0;
}

static void synchronize_callbacks(struct virtio_device *vdev)
{
	synchronize_irq(to_cvm(vdev)->irq);
}

static const char *bus_name(struct virtio_device *vdev)
{
	return dev_name(virtio_root);
}

static const struct virtio_config_ops config_ops = {
	.get = config_read,
	.set = config_write,
	.generation = config_generation,
	.get_status = get_status,
	.set_status = set_status,
	.reset = reset_device,
	.find_vqs = find_queues,
	.del_vqs = del_queues,
	.synchronize_cbs = synchronize_callbacks,
	.get_features = get_features,
	.finalize_features = finalize_features,
	.bus_name = bus_name,
	.disable_vq_and_reset = disable_queue_and_reset,
	.enable_vq_after_reset = enable_queue_after_reset,
};

/* ---- devices coming and going -------------------------------------------- */

static void release_device(struct device *device)
{
	kfree(to_cvm(CVM_HOLDER(device, virtio_device, dev)));
}

static int add_irq(struct cvm_virtio_device *dev)
{
	int irq, err;

	irq = irq_alloc_desc(NUMA_NO_NODE);
	if (irq < 0)
		return irq;
	irq_set_chip_and_handler(irq, &device_irq_chip, handle_simple_irq);
	err = request_irq(irq, device_interrupt, 0, dev->name, dev);
	if (err) {
		irq_free_desc(irq);
		return err;
	}
	dev->irq = irq;
	WRITE_ONCE(slot_irq[dev->nr], irq);
	return 0;
}

static void remove_irq(struct cvm_virtio_device *dev)
{
	WRITE_ONCE(slot_irq[dev->nr], 0);
	free_irq(dev->irq, dev);
	irq_free_desc(dev->irq);
}

static struct cvm_virtio_device *new_device(unsigned int nr)
{
	struct cvm_virtio_slot *slot = slot_of(nr);
	struct cvm_virtio_device *dev;
	struct virtio_device *vdev;

	dev = kzalloc(offsetof(struct cvm_virtio_device, vdev) +
		      CVM_SIZE(virtio_device), GFP_KERNEL);
	if (!dev)
		return NULL;
	vdev = &dev->vdev;
	dev->nr = nr;
	dev->slot = slot;
	dev->plug = READ_ONCE(slot->plug);
	raw_spin_lock_init(&dev->lock);
	CVM_MEMBER(vdev, virtio_device, id.device) =
		READ_ONCE(slot->device_id);
	CVM_MEMBER(vdev, virtio_device, id.vendor) = READ_ONCE(slot->vendor);
	CVM_MEMBER(vdev, virtio_device, config) = &config_ops;
	CVM_MEMBER(vdev, virtio_device, dev.parent) = virtio_root;
	CVM_MEMBER(vdev, virtio_device, dev.release) = release_device;
	snprintf(dev->name, sizeof(dev->name), "cvm-virtio%u", nr);
	return dev;
}

static struct device *device_of(struct cvm_virtio_device *dev)
{
	return &CVM_MEMBER(&dev->vdev, virtio_device, dev);
}

static int add_device(unsigned int nr)
{
	struct cvm_virtio_device *dev;
	int err;

	dev = new_device(nr);
	if (!dev)
		return -ENOMEM;
	err = add_irq(dev);
	if (err) {
		kfree(dev);
		return err;
	}
	err = register_virtio_device(&dev->vdev);
	if (err) {
		remove_irq(dev);
		put_device(device_of(dev));
		return err;
	}
	devices[nr] = dev;
	return 0;
}

/*
 * Ends with a reset, by which the host knows that the device is free.  One
 * that is gone already answers nothing any more: its driver must not wait.
 */
static void remove_device(unsigned int nr)
{
	struct cvm_virtio_device *dev = devices[nr];

	devices[nr] = NULL;
	if (!READ_ONCE(dev->slot->device_id) ||
	    READ_ONCE(dev->slot->plug) != dev->plug)
		virtio_break_device(&dev->vdev);
	get_device(device_of(dev));
	unregister_virtio_device(&dev->vdev);
	run_command(dev, CVM_VIRTIO_RESET, 0);
	remove_irq(dev);
	put_device(device_of(dev));
}

static void look_at_slot(unsigned int nr)
{
	struct cvm_virtio_device *dev = devices[nr];
	struct cvm_virtio_slot *slot = slot_of(nr);
	int err;

	if (dev && (READ_ONCE(slot->unplug) || !READ_ONCE(slot->device_id) ||
		    READ_ONCE(slot->plug) != dev->plug))
		remove_device(nr);
	if (devices[nr] || READ_ONCE(slot->unplug) ||
	    !smp_load_acquire(&slot->device_id))
		return;
	err = add_device(nr);
	if (err)
		pr_err("cvm: virtio slot %u: error %d\n", nr, err);
}

static void scan_slots(struct work_struct *work)
{
	u64 changed = xchg(&virtio_table->changed, 0);
	unsigned int nr;

	for_each_set_bit(nr, (unsigned long *)&changed, CVM_VIRTIO_SLOTS)
		look_at_slot(nr);
}

static DECLARE_WORK(scan_work, scan_slots);

/* From serve_events(): on the interrupt stack, with interrupts off. */
void cvm_guest_virtio_events(u64 events)
{
	u64 slots = events >> CVM_EVENT_DEVICE_BIT;
	unsigned int nr, irq;

	if (!virtio_table)
		return;
	if (events & BIT_ULL(CVM_EVENT_HOTPLUG_BIT))
		schedule_work(&scan_work);
	for_each_set_bit(nr, (unsigned long *)&slots, CVM_VIRTIO_SLOTS) {
		irq = READ_ONCE(slot_irq[nr]);
		if (irq)
			generic_handle_irq(irq);
	}
}

/* Of the host's terminal: columns << 16 | rows, 0: not known. */
u32 cvm_guest_console_size(void)
{
	return virtio_table ? READ_ONCE(virtio_table->console_size) : 0;
}

/* ---- finding the table --------------------------------------------------- */

/* Setup data stays in the direct map and is nobody's to allocate. */
static struct cvm_virtio_table *__init find_table(void)
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

static bool __init table_usable(const struct cvm_virtio_table *table)
{
	return table->magic == CVM_VIRTIO_MAGIC &&
	       table->version == CVM_VIRTIO_VERSION &&
	       table->slots == CVM_VIRTIO_SLOTS &&
	       table->setup_len >= CVM_VIRTIO_TABLE_BYTES -
				   sizeof(struct setup_data) &&
	       PAGE_ALIGNED(table);
}

static int __init transport_init(void)
{
	struct cvm_virtio_table *table;
	unsigned int nr;

	BUILD_BUG_ON(offsetof(struct cvm_virtio_table, magic) !=
		     sizeof(struct setup_data));
	if (!cvm_is_guest())
		return 0;
	table = find_table();
	if (!table)
		return 0;
	if (!table_usable(table)) {
		pr_err("cvm: virtio table of version %u not understood\n",
		       table->version);
		return -EINVAL;
	}
	virtio_root = root_device_register("cvm");
	if (IS_ERR(virtio_root))
		return PTR_ERR(virtio_root);
	virtio_table = table;
	for (nr = 0; nr < CVM_VIRTIO_SLOTS; nr++)
		look_at_slot(nr);
	return 0;
}
device_initcall(transport_init);
