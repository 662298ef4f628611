/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * io.c - devices, symbolic links, open files, IRPs.
 */
#include "bed.h"
#include "io.h"
#include "ke.h"

#define NAME_MAX	64
#define LINKS		4
#define METHOD(code)	((code) & 3)
#define IS_ERROR(s)	((s) >> 30 == 3)

struct name {
	uint16_t text[NAME_MAX];
	uint32_t bytes;
};

static struct {
	struct nt_device *device;
	struct name name;
} devices[LINKS];

static struct {
	int used;
	struct name from, to;
} links[LINKS];

static int same(const struct name *a, const struct name *b)
{
	return a->bytes == b->bytes && !memcmp(a->text, b->text, a->bytes);
}

static int starts(const uint16_t *text, const char *prefix)
{
	while (*prefix)
		if (*text++ != (uint16_t)*prefix++)
			return 0;
	return 1;
}

/* \DosDevices\X, \GLOBAL??\X and \??\X are one name. */
static void name_set(struct name *n, const struct nt_ustr *from)
{
	static const char *const same_as[] = { "\\DosDevices\\",
					       "\\GLOBAL??\\" };
	uint16_t text[NAME_MAX] = { 0 };
	uint32_t i, skip = 0;

	memset(n, 0, sizeof(*n));
	if (from->length >= sizeof(text) || from->length & 1)
		bare_panic("a name of %u bytes", from->length);
	memcpy(text, from->text, from->length);
	for (i = 0; i < 2; i++)
		if (starts(text, same_as[i]))
			skip = (uint32_t)strlen(same_as[i]) - 4;
	memcpy(n->text, text + skip, from->length - 2 * skip);
	n->bytes = from->length - 2 * skip;
	if (skip)
		memcpy(n->text, u"\\??\\", 8);
}

/* ---- devices --------------------------------------------------------- */

uint32_t NTAPI IoCreateDevice(struct nt_driver *driver, uint32_t extension,
	struct nt_ustr *name, uint32_t kind, uint32_t characteristics,
	uint8_t exclusive, struct nt_device **device)
{
	uint32_t i;
	struct nt_device *d;

	bed_watch(__func__, APC_LEVEL);
	(void)exclusive;
	for (i = 0; i < LINKS && devices[i].device; i++)
		;
	if (i == LINKS || bed_fails(__func__))
		return STATUS_INSUFFICIENT_RESOURCES;
	d = bed_pool_alloc(sizeof(*d) + extension);
	if (!d)
		return STATUS_INSUFFICIENT_RESOURCES;
	memset(d, 0, sizeof(*d) + extension);
	d->type = 3;
	d->size = (uint16_t)(sizeof(*d) + extension);
	d->driver = driver;
	d->next = driver->device;
	d->kind = kind;
	d->characteristics = characteristics;
	d->flags = DO_DEVICE_INITIALIZING;
	d->stack_size = 1;
	d->extension = extension ? d + 1 : NULL;
	driver->device = d;
	devices[i].device = d;
	name_set(&devices[i].name, name);
	bed_take(BED_COUNT_devices, 1);
	*device = d;
	return STATUS_SUCCESS;
}

void NTAPI IoDeleteDevice(struct nt_device *device)
{
	struct nt_device **at = &device->driver->device;
	uint32_t i;

	bed_watch(__func__, APC_LEVEL);
	while (*at && *at != device)
		at = &(*at)->next;
	if (!*at)
		bare_panic("IoDeleteDevice of an unknown device");
	*at = device->next;
	for (i = 0; i < LINKS; i++)
		if (devices[i].device == device)
			devices[i].device = NULL;
	if (device->references)
		bare_panic("a device is deleted under open files");
	bed_give(BED_COUNT_devices, 1);
	bed_pool_free(device);
}

uint32_t NTAPI IoCreateSymbolicLink(struct nt_ustr *from, struct nt_ustr *to)
{
	uint32_t i;

	bed_watch(__func__, PASSIVE_LEVEL);
	for (i = 0; i < LINKS && links[i].used; i++)
		;
	if (i == LINKS || bed_fails(__func__))
		return STATUS_INSUFFICIENT_RESOURCES;
	links[i].used = 1;
	name_set(&links[i].from, from);
	name_set(&links[i].to, to);
	bed_take(BED_COUNT_links, 1);
	return STATUS_SUCCESS;
}

uint32_t NTAPI IoDeleteSymbolicLink(struct nt_ustr *from)
{
	struct name name;
	uint32_t i;

	bed_watch(__func__, PASSIVE_LEVEL);
	name_set(&name, from);
	for (i = 0; i < LINKS; i++) {
		if (!links[i].used || !same(&links[i].from, &name))
			continue;
		links[i].used = 0;
		bed_give(BED_COUNT_links, 1);
		return STATUS_SUCCESS;
	}
	return STATUS_OBJECT_NAME_NOT_FOUND;
}

static struct nt_device *device_by_name(const char *text)
{
	uint16_t wide[NAME_MAX];
	struct nt_ustr u = { .text = wide };
	struct name name;
	uint32_t i;

	for (i = 0; text[i]; i++)
		wide[i] = (uint16_t)text[i];
	u.length = u.maximum = (uint16_t)(2 * i);
	name_set(&name, &u);
	for (i = 0; i < LINKS; i++)
		if (links[i].used && same(&links[i].from, &name))
			name = links[i].to;
	for (i = 0; i < LINKS; i++)
		if (devices[i].device && same(&devices[i].name, &name))
			return devices[i].device;
	return NULL;
}

/* ---- IRPs ------------------------------------------------------------ */

void NTAPI IofCompleteRequest(struct nt_irp *irp, int8_t boost)
{
	bed_watch(__func__, DISPATCH_LEVEL);
	(void)boost;
	if (irp->type != 6 || irp->alloc_flags)
		bed_bugcheck(0x44, (uint64_t)irp, 0, 0, 0);
	irp->alloc_flags = 1;	/* completed */
}

uint8_t NTAPI IoIs32bitProcess(struct nt_irp *irp)
{
	bed_watch(__func__, DISPATCH_LEVEL);
	(void)irp;
	return bed_current->process->used == BED_32BIT;
}

static struct nt_irp *irp_new(struct nt_file *file, uint8_t major)
{
	struct nt_irp *irp = bed_pool_alloc(sizeof(*irp) +
					    sizeof(struct nt_stack));

	if (!irp)
		bare_panic("no memory for an IRP");
	memset(irp, 0, sizeof(*irp) + sizeof(struct nt_stack));
	irp->type = 6;
	irp->size = sizeof(*irp) + sizeof(struct nt_stack);
	irp->stack_count = 1;
	irp->location = 1;
	irp->requestor_mode = 1;
	irp->thread = bed_current;
	irp->original_file = file;
	irp->stack = (struct nt_stack *)(irp + 1);
	irp->stack->major = major;
	irp->stack->device = file->device;
	irp->stack->file = file;
	bed_take(BED_COUNT_irps, 1);
	return irp;
}

/* Send it and free it; what the dispatch routine returned. */
static uint32_t irp_send(struct nt_irp *irp, struct nt_iosb *iosb)
{
	struct nt_device *device = irp->stack->device;
	uint32_t major = irp->stack->major;
	uint32_t status;

	bed_watch("a dispatch routine's begin", PASSIVE_LEVEL);
	status = device->driver->major[major](device, irp);
	bed_watch("a dispatch routine's end", PASSIVE_LEVEL);
	if (!irp->alloc_flags || status != (uint32_t)irp->iosb.status)
		bare_panic("IRP %u: returned %x, completed %u with %x", major,
			   status, irp->alloc_flags,
			   (uint32_t)irp->iosb.status);
	*iosb = irp->iosb;
	bed_pool_free(irp);
	bed_give(BED_COUNT_irps, 1);
	return status;
}

uint32_t bed_open(const char *name, int sync, struct nt_file **out)
{
	struct nt_device *device = device_by_name(name);
	struct nt_file *file;
	struct nt_iosb iosb;
	uint32_t status;

	if (!device)
		return STATUS_OBJECT_NAME_NOT_FOUND;
	file = bed_pool_alloc(sizeof(*file));
	if (!file)
		bare_panic("no memory for a file object");
	memset(file, 0, sizeof(*file));
	file->type = 5;
	file->size = sizeof(*file);
	file->device = device;
	file->read = file->write = 1;
	file->flags = sync ? FO_SYNCHRONOUS_IO : 0;
	status = irp_send(irp_new(file, IRP_MJ_CREATE), &iosb);
	if (IS_ERROR(status)) {
		bed_pool_free(file);
		return status;
	}
	device->references++;
	bed_take(BED_COUNT_files, 1);
	*out = file;
	return status;
}

void bed_cleanup(struct nt_file *file)
{
	struct nt_iosb iosb;

	irp_send(irp_new(file, IRP_MJ_CLEANUP), &iosb);
}

void bed_close(struct nt_file *file)
{
	struct nt_iosb iosb;

	irp_send(irp_new(file, IRP_MJ_CLOSE), &iosb);
	file->device->references--;
	bed_give(BED_COUNT_files, 1);
	bed_pool_free(file);
}

uint32_t bed_control(struct nt_file *file, uint32_t code, void *in,
		     uint32_t in_bytes, void *out, uint32_t out_bytes,
		     uint64_t *information)
{
	uint32_t most = in_bytes > out_bytes ? in_bytes : out_bytes, status;
	struct nt_irp *irp = irp_new(file, IRP_MJ_CONTROL);
	struct nt_iosb iosb;
	void *buffer = NULL;

	if (METHOD(code))
		bare_panic("control code %x is not buffered", code);
	if (most) {
		buffer = bed_pool_alloc(most);
		if (!buffer)
			bare_panic("no memory for a request");
		memcpy(buffer, in, in_bytes);
	}
	irp->system_buffer = buffer;
	irp->user_buffer = out;
	irp->stack->u.control.code = code;
	irp->stack->u.control.in_bytes = in_bytes;
	irp->stack->u.control.out_bytes = out_bytes;
	status = irp_send(irp, &iosb);
	if (!IS_ERROR(status) && iosb.information > out_bytes)
		bare_panic("control %x: %llu bytes of %u returned", code,
			   (unsigned long long)iosb.information, out_bytes);
	if (!IS_ERROR(status) && iosb.information)
		memcpy(out, buffer, iosb.information);
	if (information)
		*information = iosb.information;
	if (buffer)
		bed_pool_free(buffer);
	return status;
}
