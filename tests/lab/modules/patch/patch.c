// SPDX-License-Identifier: GPL-2.0-only
/*
 * patch.c - a live patch of /proc/version.  It is complete when each task has
 * been found outside of the old function, by unwinding its stack; some sleep
 * in the platform.
 */
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/seq_file.h>

static int patched(struct seq_file *m, void *v)
{
	seq_puts(m, "patched\n");
	return 0;
}

static struct klp_func funcs[] = {
	{ .old_name = "version_proc_show", .new_func = patched },
	{ }
};

static struct klp_object objects[] = {
	{ .funcs = funcs },
	{ }
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objects,
};

static int __init patch_start(void)
{
	return klp_enable_patch(&patch);
}
module_init(patch_start);

static void __exit patch_end(void)
{
}
module_exit(patch_end);

MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
MODULE_DESCRIPTION("A live patch of /proc/version");
