// SPDX-License-Identifier: GPL-2.0-only
/*
 * sysfs.c - /sys/hypervisor/type and /sys/hypervisor/cvm/.
 */
#include <linux/init.h>
#include <linux/kobject.h>
#include <linux/sysfs.h>

#include "cvm.h"

static const char *cvm_host_name(u32 host)
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
static u64 cvm_sum(size_t offset)
{
	u64 sum = 0;
	int cpu;

	for_each_online_cpu(cpu)
		sum += *(u64 *)((char *)per_cpu(cvm_this, cpu) + offset);
	return sum;
}

#define CVM_ATTR(_name)							\
	static struct kobj_attribute cvm_##_name##_attr = {		\
		.attr = { .name = #_name, .mode = 0444 },		\
		.show = cvm_##_name##_show,				\
	}

#define CVM_SUM_ATTR(name, field)					\
	static ssize_t cvm_##name##_show(struct kobject *kobj,		\
					 struct kobj_attribute *attr,	\
					 char *buf)			\
	{								\
		return sysfs_emit(buf, "%llu\n",			\
			cvm_sum(offsetof(struct cvm_shared, field)));	\
	}								\
	CVM_ATTR(name)

CVM_SUM_ATTR(switches, hypercalls);
CVM_SUM_ATTR(forwarded, forwarded);
CVM_SUM_ATTR(events, events_run);
CVM_SUM_ATTR(nmis, nmi_seen);
CVM_SUM_ATTR(refused, refused);

static ssize_t cvm_type_show(struct kobject *kobj, struct kobj_attribute *attr,
			     char *buf)
{
	return sysfs_emit(buf, "cvm\n");
}
CVM_ATTR(type);

static ssize_t cvm_host_show(struct kobject *kobj, struct kobj_attribute *attr,
			     char *buf)
{
	return sysfs_emit(buf, "%s\n", cvm_host_name(cvm_vm->host));
}
CVM_ATTR(host);

static ssize_t cvm_abi_show(struct kobject *kobj, struct kobj_attribute *attr,
			    char *buf)
{
	return sysfs_emit(buf, "%u\n", cvm_vm->abi);
}
CVM_ATTR(abi);

static ssize_t cvm_irqoff_max_show(struct kobject *kobj,
				   struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n", cvm_vm->irqoff_max);
}
CVM_ATTR(irqoff_max);

/* Vector and count, for those that came. */
static ssize_t cvm_vectors_show(struct kobject *kobj,
				struct kobj_attribute *attr, char *buf)
{
	int len = 0, cpu;
	unsigned int v;
	u64 count;

	for (v = 0; v < ARRAY_SIZE(cvm_vm->vector_count); v++) {
		count = 0;
		for_each_online_cpu(cpu)
			count += per_cpu(cvm_this, cpu)->vector_count[v];
		if (count)
			len += sysfs_emit_at(buf, len, "0x%02x %llu\n", v,
					     count);
	}
	return len;
}
CVM_ATTR(vectors);

#ifdef CONFIG_CVM_RECORDER
static ssize_t cvm_recorder_attr_show(struct kobject *kobj,
				      struct kobj_attribute *attr, char *buf)
{
	return cvm_recorder_show(buf, PAGE_SIZE);
}

static struct kobj_attribute cvm_recorder_attr = {
	.attr = { .name = "recorder", .mode = 0400 },
	.show = cvm_recorder_attr_show,
};
#endif

static const struct attribute *cvm_attrs[] = {
	&cvm_host_attr.attr,
	&cvm_abi_attr.attr,
	&cvm_switches_attr.attr,
	&cvm_forwarded_attr.attr,
	&cvm_vectors_attr.attr,
	&cvm_events_attr.attr,
	&cvm_nmis_attr.attr,
	&cvm_refused_attr.attr,
	&cvm_irqoff_max_attr.attr,
#ifdef CONFIG_CVM_RECORDER
	&cvm_recorder_attr.attr,
#endif
	NULL
};

static int __init cvm_sysfs_init(void)
{
	struct kobject *dir;
	int err;

	if (!cvm_is_guest())
		return 0;
	err = sysfs_create_file(hypervisor_kobj, &cvm_type_attr.attr);
	if (err)
		return err;
	dir = kobject_create_and_add("cvm", hypervisor_kobj);
	if (!dir)
		return -ENOMEM;
	err = sysfs_create_files(dir, cvm_attrs);
	if (err)
		kobject_put(dir);
	return err;
}
device_initcall(cvm_sysfs_init);
