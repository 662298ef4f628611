/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * main.c - the smallest application of the bare host: attach, ask whether
 * this machine could run a guest, say what was found, detach.  Before, the
 * conformance suite; or in between, the guest that the loader brought along.
 */
#include <cvm/libcvm.h>

#include "bare.h"

static int call(struct cvm_monitor *mon, uint32_t number, void *arg,
		size_t size)
{
	return cvm_ioctl_call(cvm_ioctl_find(number), mon, NULL, arg, size);
}

void bare_main(const char *cmdline)
{
	static struct cvm_user_version version;
	static struct cvm_user_check check;
	struct cvm_monitor *mon;
	uint32_t i;
	int ret;

	(void)cmdline;
	if (!bare_modules)
		bare_selftest();
	ret = cvm_attach(&bare_host_ops, NULL, 1, &mon);
	bare_report(!ret, "attach");
	if (ret)
		return;
	ret = call(mon, CVM_USER_VERSION, &version, sizeof(version));
	bare_report(!ret && version.host == CVM_HOST_BARE,
		    "libcvm %s, guest ABI %u, user ABI %u", version.version,
		    version.guest_abi, version.user_abi);
	ret = call(mon, CVM_USER_CHECK, &check, sizeof(check));
	bare_report(!ret && check.rows, "%u conditions checked", check.rows);
	for (i = 0; i < check.rows; i++)
		bare_printf("  %s: %s: %s\n", check.row[i].name,
			    check.row[i].status == CVM_CHECK_OK ? "ok" :
			    check.row[i].status == CVM_CHECK_NOTE ? "note" :
			    "refused", check.row[i].text);
	if (bare_modules)
		bare_guest(mon);
	bare_report(!cvm_detach(mon), "detach");
	bare_report(!bare_lent_mem && !bare_lent_pages, "all pages came back");
}
