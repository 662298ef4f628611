// SPDX-License-Identifier: GPL-2.0-only
/*
 * hostile.c - a driver of the guest that breaks every rule: it takes the
 * virtio devices no other driver has and writes garbage into their slots,
 * rings and doorbells.
 *
 * What is done follows from `seed` alone, and a digest of it is printed.  The
 * device may write wherever it is told to; so that this is a test of the
 * device and not the end of the guest, an address is either inside an area of
 * our own, with room behind it, or no memory of the guest's at all.
 */
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>

#include <asm/fixmap.h>

#include <cvm/abi.h>
#include <cvm/virtio.h>

#define AREA		(256u << 10)
#define QUEUES		3u		/* of a device, that are used */
#define STRIDE		(16u << 10)	/* of the area: */
#define DRIVER		(4u << 10)	/* descriptors, these, */
#define DEVICE		(8u << 10)	/* these, and an indirect table */
#define INDIRECT	(12u << 10)
#define DATA		(QUEUES * STRIDE)
#define HUGE		(1u << 30)	/* longer than the guest has memory */

#define D_NEXT		1u
#define D_WRITE		2u
#define D_INDIRECT	4u

static ulong seed = 1;
module_param(seed, ulong, 0);
static uint rounds = 1000;
module_param(rounds, uint, 0);

/* The transport's own structure, of guest-patch/cvm/virtio.c. */
struct transport {
	struct cvm_virtio_slot *slot;
	unsigned int nr;
	unsigned int irq;
	u32 plug;
	char name[16];
	raw_spinlock_t lock;
	struct virtqueue *vq[CVM_VIRTIO_QUEUES];
	struct virtio_device vdev;
};

struct desc {
	u64 addr;
	u32 len;
	u16 flags;
	u16 next;
};

struct prey {
	struct cvm_virtio_slot *slot;
	unsigned int nr;
	u8 *area;
	u64 gpa;
	u16 avail[QUEUES];
	u16 size[QUEUES];
	unsigned int offered;
};

/* ---- dice ---------------------------------------------------------------- */

static u64 state, digest;

/* xorshift64* (Vigna 2016) */
static u64 dice64(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	digest = (digest ^ state) * 0x100000001b3ull;
	return state * 0x2545f4914f6cdd1dull;
}

static u32 dice(u32 sides)
{
	return (u32)(dice64() >> 32) % sides;
}

/* No memory of the guest's, whatever it was granted. */
static u64 outside(void)
{
	static const u64 list[] = {
		0, 16, 0x1000, 0xb8000, 0xfee00000, 1ull << 46, 1ull << 52,
		1ull << 63, ~0ull, ~15ull, ~0xfffull,
	};

	return dice(3) ? list[dice(ARRAY_SIZE(list))] :
	       dice64() | 1ull << 60;
}

/* ---- the device's side --------------------------------------------------- */

/* A passage call, as the platform makes it; it exports none. */
static void ring(struct prey *p, u32 queue)
{
	struct cvm_shared *s = (struct cvm_shared *)
		(__fix_to_virt(FIX_CVM_PASSAGE_END) + CVM_VCPU_SHARED_OFF(0));
	unsigned long flags;

	local_irq_save(flags);
	s->arg[0] = CVM_VIRTIO_DOORBELL(p->nr, queue);
	s->hypercall = CVM_HC_DOORBELL;
	s->hypercalls++;
	((void (*)(u64))s->passage_entry)(s->passage_priv);
	local_irq_restore(flags);
}

static int command(struct prey *p, u32 code, u32 arg)
{
	WRITE_ONCE(p->slot->arg, arg);
	WRITE_ONCE(p->slot->command, code);
	ring(p, CVM_VIRTIO_DOORBELL_COMMAND);
	return READ_ONCE(p->slot->result);
}

/* ---- doing it well, so that what follows gets far ------------------------ */

static void good_queue(struct prey *p, u32 index)
{
	struct cvm_virtio_queue *q = &p->slot->queue[index];
	u64 at = p->gpa + index * STRIDE;

	p->size[index] = 1u << dice(9);
	p->avail[index] = 0;
	memset(p->area + index * STRIDE, 0, STRIDE);
	q->size = p->size[index];
	q->desc = at;
	q->driver = at + DRIVER;
	q->device = at + DEVICE;
	q->vcpu = dice(4) ? 0 : (u16)dice64();
	command(p, CVM_VIRTIO_QUEUE_ON, index);
}

static void bring_up(struct prey *p)
{
	u64 wish = dice(2) ? ~0ull : dice64();
	u32 i;

	command(p, CVM_VIRTIO_RESET, 0);
	command(p, CVM_VIRTIO_SET_STATUS, 1);
	command(p, CVM_VIRTIO_SET_STATUS, 3);
	p->slot->driver_features = (p->slot->device_features & wish) |
				   1ull << 32;
	command(p, CVM_VIRTIO_SET_STATUS, 8);
	for (i = 0; i < QUEUES; i++)
		good_queue(p, i);
	command(p, CVM_VIRTIO_SET_STATUS, 4);
}

/* A block request's header, more or less; others take it for data. */
static void header(struct prey *p, u32 at)
{
	static const u32 types[] = { 0, 1, 4, 8, 11, 13, 14, 99 };
	u32 *word = (u32 *)(p->area + at);

	word[0] = types[dice(ARRAY_SIZE(types))];
	word[1] = dice(8) ? 0 : (u32)dice64();
	word[2] = dice(8) ? dice(64) : (u32)dice64();
	word[3] = dice(8) ? 0 : (u32)dice64();
}

static void good_desc(struct prey *p, struct desc *d, u32 bytes)
{
	u32 at = DATA + dice((AREA - DATA - bytes) / 16) * 16;

	d->addr = p->gpa + at;
	d->len = bytes;
	header(p, at);
}

/* ---- and badly ----------------------------------------------------------- */

static void bad_desc(struct prey *p, struct desc *d)
{
	u32 at;

	switch (dice(4)) {
	case 0:
		d->addr = outside();
		d->len = (u32)dice64();
		break;
	case 1:
		d->addr = p->gpa + dice(AREA);
		d->len = HUGE | (u32)dice64();
		break;
	case 2:			/* the rings themselves, or nothing */
		at = dice(AREA);
		d->addr = p->gpa + at;
		d->len = dice(AREA - at + 1);
		break;
	default:
		d->addr = p->gpa + DATA;
		d->len = 0;
		break;
	}
}

/* A chain of 1 to 4 in a table at `at`, that may lead anywhere. */
static void chain(struct prey *p, u32 at, u16 size, u16 head)
{
	static const u32 lens[] = { 16, 512, 4096, 1 };
	struct desc *table = (struct desc *)(p->area + at);
	u32 count = 1 + dice(4), i;

	for (i = 0; i < count; i++) {
		struct desc *d = &table[(head + i) % size];

		if (dice(10))
			good_desc(p, d, lens[i]);
		else
			bad_desc(p, d);
		d->flags = (i ? D_WRITE : 0) |
			   (i + 1 < count ? D_NEXT : 0);
		d->next = (head + i + 1) % size;
		if (!dice(12))
			d->flags = (u16)dice64();
		if (!dice(12))
			d->next = dice(2) ? head : (u16)dice64();
	}
}

static void indirect(struct prey *p, u32 index, u16 head)
{
	u32 base = index * STRIDE;
	struct desc *d = (struct desc *)(p->area + base) + head;

	chain(p, base + INDIRECT, 8, 0);
	d->addr = p->gpa + base + INDIRECT;
	d->len = dice(8) ? 16 * (1 + dice(8)) : HUGE | (u32)dice64();
	d->flags = D_INDIRECT | (dice(8) ? 0 : (u16)dice64());
}

/* Offer requests as a split ring has them; a packed one sees its flags. */
static void offer(struct prey *p)
{
	u32 index = dice(QUEUES), count = 1 + dice(3);
	u16 *avail = (u16 *)(p->area + index * STRIDE + DRIVER);
	u16 size = p->size[index], head;

	for (; count; count--) {
		head = dice(size);
		if (dice(4))
			chain(p, index * STRIDE, size, head);
		else
			indirect(p, index, head);
		/* Packed: available in the first lap (2.8.1). */
		if (!dice(3))
			((struct desc *)(p->area + index * STRIDE))
				[head].flags |= 1u << 7;
		avail[2 + p->avail[index]++ % size] =
			dice(16) ? head : (u16)dice64();
		p->offered++;
	}
	smp_store_release(&avail[1], p->avail[index]);
	ring(p, index);
}

/*
 * Words, aligned as descriptors are: a first half is an address, a second has
 * the length.
 */
static void scribble(u64 *words, u32 count)
{
	u32 at = dice(count), many = 1 + dice(16);

	for (; many && at < count; many--, at++)
		words[at] = at % 2 ? dice64() | HUGE : outside();
}

static void wild_index(struct prey *p)
{
	u32 index = dice(QUEUES);
	u16 *avail = (u16 *)(p->area + index * STRIDE + DRIVER);
	u16 *used = (u16 *)(p->area + index * STRIDE + DEVICE);

	avail[dice(2)] = (u16)dice64();
	used[dice(2)] = (u16)dice64();
	p->avail[index] = avail[1];
	ring(p, index);
}

/* ---- the whole ----------------------------------------------------------- */

static void step(struct prey *p)
{
	switch (dice(16)) {
	case 0:
		scribble((u64 *)p->slot, CVM_PAGE_SIZE / 8);
		break;
	case 1:
		scribble((u64 *)p->area, DATA / 8);
		break;
	case 2:
		command(p, dice(8), dice(16));
		break;
	case 3:
		command(p, (u32)dice64(), (u32)dice64());
		break;
	case 4:
		ring(p, dice(256));
		break;
	case 5:
	case 6:
		bring_up(p);
		break;
	case 7:
		wild_index(p);
		break;
	case 8:
		usleep_range(100, 200);
		break;
	default:
		offer(p);
		break;
	}
}

/* What the device shows of itself is there again afterwards. */
static int torment(struct prey *p)
{
	u8 *shown = kmemdup(p->slot, CVM_PAGE_SIZE, GFP_KERNEL);
	int result;
	u32 i;

	if (!shown)
		return -ENOMEM;
	state = seed * 0x9e3779b97f4a7c15ull + p->nr + 1;
	digest = 0xcbf29ce484222325ull;
	bring_up(p);
	for (i = 0; i < rounds; i++) {
		step(p);
		cond_resched();
	}
	memcpy(p->slot, shown, CVM_PAGE_SIZE);
	kfree(shown);
	result = command(p, CVM_VIRTIO_RESET, 0);
	pr_info("hostile: slot %u, %u requests, digest %016llx, reset %d, "
		"status %u\n", p->nr, p->offered, digest, result,
		p->slot->status);
	return result || p->slot->status ? -EIO : 0;
}

static int hostile_probe(struct virtio_device *vdev)
{
	struct transport *t = container_of(vdev, struct transport, vdev);
	struct prey p = { .slot = t->slot, .nr = t->nr };
	u32 i;
	int err;

	if (p.slot->magic != CVM_VIRTIO_MAGIC || num_online_cpus() != 1)
		return -ENODEV;
	p.area = alloc_pages_exact(AREA, GFP_KERNEL | __GFP_ZERO);
	if (!p.area)
		return -ENOMEM;
	p.gpa = virt_to_phys(p.area);
	for (i = 0; i < QUEUES; i++)
		p.size[i] = 1;
	err = torment(&p);
	free_pages_exact(p.area, AREA);
	return err;
}

static void hostile_remove(struct virtio_device *vdev)
{
	virtio_reset_device(vdev);
}

static const struct virtio_device_id any_device[] = {
	{ VIRTIO_DEV_ANY_ID, VIRTIO_DEV_ANY_ID },
	{ 0 },
};

static struct virtio_driver hostile_driver = {
	.driver.name = "hostile",
	.id_table = any_device,
	.probe = hostile_probe,
	.remove = hostile_remove,
};

module_virtio_driver(hostile_driver);

MODULE_DESCRIPTION("A driver that breaks every rule");
MODULE_LICENSE("GPL");
