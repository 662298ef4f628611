// SPDX-License-Identifier: GPL-2.0-only
/*
 * sysfs.c - /sys/hypervisor/type and /sys/hypervisor/cvm/.
 */
#include <linux/init.h>
#include <linux/kobject.h>
#include <linux/sysfs.h>

#include "cvm.h"

static const char *host_name(u32 host)
{
	switch (host) {
	case CVM_HOST_LINUX:
		return "linux";
	case CVM_HOST_NT:
		return "nt";
	case CVM_HOST_BARE:
		return "bare";
	case CVM_HOST_FAKE:
		return "fake";
	default:
		return "unknown";
	}
}

/* The sum of one field over all vCPUs' pages. */
static u64 sum_of(size_t offset)
{
	u64 sum = 0;
	int cpu;

	for_each_online_cpu(cpu)
		sum += *(u64 *)((char *)per_cpu(cvm_guest_this, cpu) + offset);
	return sum;
}

#define CVM_ATTR(_name)							\
	static struct kobj_attribute _name##_attr = {		\
		.attr = { .name = #_name, .mode = 0444 },		\
		.show = _name##_show,				\
	}

#define CVM_SUM_ATTR(name, field)					\
	static ssize_t name##_show(struct kobject *kobj,		\
					 struct kobj_attribute *attr,	\
					 char *buf)			\
	{								\
		return sysfs_emit(buf, "%llu\n",			\
			sum_of(offsetof(struct cvm_shared, field)));	\
	}								\
	CVM_ATTR(name)

CVM_SUM_ATTR(switches, hypercalls);
CVM_SUM_ATTR(forwarded, forwarded);
CVM_SUM_ATTR(events, events_run);
CVM_SUM_ATTR(nmis, nmi_seen);
CVM_SUM_ATTR(refused, refused);

static ssize_t type_show(struct kobject *kobj, struct kobj_attribute *attr,
			 char *buf)
{
	return sysfs_emit(buf, "cvm\n");
}
CVM_ATTR(type);

static ssize_t host_show(struct kobject *kobj, struct kobj_attribute *attr,
			 char *buf)
{
	return sysfs_emit(buf, "%s\n", host_name(cvm_guest_vm->host));
}
CVM_ATTR(host);

static ssize_t abi_show(struct kobject *kobj, struct kobj_attribute *attr,
			char *buf)
{
	return sysfs_emit(buf, "%u\n", cvm_guest_vm->abi);
}
CVM_ATTR(abi);

static ssize_t irqoff_max_show(struct kobject *kobj,
			       struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n", cvm_guest_vm->irqoff_max);
}
CVM_ATTR(irqoff_max);

/* Vector and count, for those that came. */
static ssize_t vectors_show(struct kobject *kobj,
			    struct kobj_attribute *attr, char *buf)
{
	int len = 0, cpu;
	unsigned int v;
	u64 count;

	for (v = 0; v < ARRAY_SIZE(cvm_guest_vm->vector_count); v++) {
		count = 0;
		for_each_online_cpu(cpu)
			count += per_cpu(cvm_guest_this, cpu)->vector_count[v];
		if (count)
			len += sysfs_emit_at(buf, len, "0x%02x %llu\n", v,
					     count);
	}
	return len;
}
CVM_ATTR(vectors);

#ifdef CONFIG_CVM_RECORDER
static ssize_t recorder_show(struct kobject *kobj,
			     struct kobj_attribute *attr, char *buf)
{
	return cvm_guest_recorder_show(buf, PAGE_SIZE);
}

static struct kobj_attribute recorder_attr = {
	.attr = { .name = "recorder", .mode = 0400 },
	.show = recorder_show,
};
#endif

static const struct attribute *attrs[] = {
	&host_attr.attr,
	&abi_attr.attr,
	&switches_attr.attr,
	&forwarded_attr.attr,
	&vectors_attr.attr,
	&events_attr.attr,
	&nmis_attr.attr,
	&refused_attr.attr,
	&irqoff_max_attr.attr,
#ifdef CONFIG_CVM_RECORDER
	&recorder_attr.attr,
#endif
	NULL
};

/* /sys/hypervisor, also where the kernel has no hypervisor to show there. */
static struct kobject * __init hypervisor_dir(void)
{
#ifdef CONFIG_SYS_HYPERVISOR
	return hypervisor_kobj;
#else
	return kobject_create_and_add("hypervisor", NULL);
#endif
}

static int __init hypervisor_dir_init(void)
{
	struct kobject *top, *dir;
	int err;

	if (!cvm_is_guest())
		return 0;
	top = hypervisor_dir();
	if (!top)
		return -ENOMEM;
	err = sysfs_create_file(top, &type_attr.attr);
	if (err)
		return err;
	dir = kobject_create_and_add("cvm", top);
	if (!dir)
		return -ENOMEM;
	err = sysfs_create_files(dir, attrs);
	if (err)
		kobject_put(dir);
	return err;
}
device_initcall(hypervisor_dir_init);
