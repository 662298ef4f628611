// SPDX-License-Identifier: GPL-2.0-only
/*
 * main.c - load, unload, the device and the table of the host API: what NT
 * calls first, and what calls all others.
 */
#include "shim.h"

#define BUG_CODE	0x0043564du
#define DEVICE_SDDL_ALL	0x001f01ffu	/* FILE_ALL_ACCESS */
#define DACL_INFO	4u		/* DACL_SECURITY_INFORMATION */

/* ---- the host API ---------------------------------------------------- */

static void host_log(void *ctx, int level, const char *line)
{
	(void)ctx;
	if (level != CVM_LOG_DEBUG)
		DbgPrint("cvm: %s\n", line);
}

static void __attribute__((noreturn)) host_fatal(void *ctx, const char *line)
{
	(void)ctx;
	DbgPrint("cvm: fatal: %s\n", line);
	for (;;)
		KeBugCheckEx(BUG_CODE, (uintptr_t)line, 0, 0, 0);
}

/*
 * Not CVM_HOST_F_SCHED_NOTIFY: NT tells nobody when it switches threads, so
 * libcvm reads the host's registers again before each slice.
 */
const struct cvm_host_ops cvm_nt_ops = {
	.api = CVM_HOST_API,
	.size = sizeof(struct cvm_host_ops),
	.kind = CVM_HOST_NT,
	.flags = CVM_HOST_F_IRQ80,
	.mem_alloc = cvm_nt_mem_alloc,
	.mem_free = cvm_nt_mem_free,
	.page_alloc = cvm_nt_page_alloc,
	.page_free = cvm_nt_page_free,
	.hva_to_hpa = cvm_nt_hva_to_hpa,
	.cpu_call = cvm_nt_cpu_call,
	.irq_forward = cvm_nt_irq_forward,
	.machine_check = cvm_nt_machine_check,
	.irq_self = cvm_nt_irq_self,
	.wait = cvm_nt_wait,
	.wake = cvm_nt_wake,
	.timer = cvm_nt_timer,
	.time = cvm_nt_time,
	.poll = cvm_nt_poll,
	.log = host_log,
	.fatal = host_fatal,
};

/* ---- device ---------------------------------------------------------- */

/*
 * O: nobody's business, D:P(A;;FA;;;SY)(A;;FA;;;BA): all rights for SYSTEM
 * and Administrators, protected from inheritance.  Whoever may open the
 * device may run code in ring 0.
 */
static const struct {
	uint8_t revision, pad;
	uint16_t control;	/* self-relative, protected, has a DACL */
	uint32_t owner, group, sacl, dacl;
	uint8_t acl_revision, acl_pad;
	uint16_t acl_size, aces, aces_pad;
	struct {
		uint8_t type, flags;
		uint16_t size;
		uint32_t mask;
		uint8_t revision, count, authority[6];
		uint32_t sub[1];
	} system;
	struct {
		uint8_t type, flags;
		uint16_t size;
		uint32_t mask;
		uint8_t revision, count, authority[6];
		uint32_t sub[2];
	} administrators;
} device_security = {
	.revision = 1, .control = 0x9004, .dacl = 20,
	.acl_revision = 2, .acl_size = 8 + 20 + 24, .aces = 2,
	.system = {
		.size = 20, .mask = DEVICE_SDDL_ALL,
		.revision = 1, .count = 1, .authority = { [5] = 5 },
		.sub = { 18 },
	},
	.administrators = {
		.size = 24, .mask = DEVICE_SDDL_ALL,
		.revision = 1, .count = 2, .authority = { [5] = 5 },
		.sub = { 32, 544 },
	},
};

_Static_assert(sizeof(device_security) == 20 + 8 + 20 + 24,
	       "a self-relative security descriptor");

/*
 * The device cannot be opened before DriverEntry() returns, so there is no
 * moment without protection.  If it cannot be protected, there is no device.
 */
static NTSTATUS device_protect(PDEVICE_OBJECT device)
{
	NTSTATUS status;
	HANDLE handle;

	status = ObOpenObjectByPointer(device, OBJ_KERNEL_HANDLE, NULL,
				       WRITE_DAC, NULL, KernelMode, &handle);
	if (status < 0)
		return status;
	status = ZwSetSecurityObject(handle, DACL_INFO,
				     (void *)(uintptr_t)&device_security);
	ZwClose(handle);
	return status;
}

static UNICODE_STRING device_name = {
	sizeof(L"\\Device\\cvm") - sizeof(WCHAR),
	sizeof(L"\\Device\\cvm"), (WCHAR *)L"\\Device\\cvm"
};

static UNICODE_STRING link_name = {
	sizeof(L"\\DosDevices\\cvm") - sizeof(WCHAR),
	sizeof(L"\\DosDevices\\cvm"), (WCHAR *)L"\\DosDevices\\cvm"
};

static NTSTATUS device_create(PDRIVER_OBJECT driver)
{
	NTSTATUS status;

	status = IoCreateDevice(driver, 0, &device_name, FILE_DEVICE_UNKNOWN,
				FILE_DEVICE_SECURE_OPEN, FALSE,
				&cvm_nt.device);
	if (status < 0)
		return status;
	status = device_protect(cvm_nt.device);
	if (status < 0)
		DbgPrint("cvm: the device cannot be protected: 0x%x\n",
			 (unsigned int)status);
	/* In a process (Wine) there is nothing to protect. */
	if (status >= 0 || !cvm_nt.ring0)
		status = IoCreateSymbolicLink(&link_name, &device_name);
	if (status < 0)
		IoDeleteDevice(cvm_nt.device);
	return status;
}

/* ---- load and unload ------------------------------------------------- */

static NTSTATUS monitor_attach(void)
{
	int err = cvm_attach(&cvm_nt_ops, NULL, cvm_nt.cpus, &cvm_nt.monitor);

	if (!err) {
		/* A refusal that does not fit in is not to be forgotten. */
		err = cvm_nt_refuse_init();
		if (err)
			cvm_detach(cvm_nt.monitor);
	}
	if (!err)
		return STATUS_SUCCESS;
	DbgPrint("cvm: attach failed: %d\n", err);
	return (NTSTATUS)CVM_NT_STATUS((uint32_t)-err);
}

/* NT calls this when no handle is left, so there is no VM. */
static void NTAPI driver_unload(PDRIVER_OBJECT driver)
{
	(void)driver;
	IoDeleteSymbolicLink(&link_name);
	IoDeleteDevice(cvm_nt.device);
	cvm_nt_power_exit();
	if (cvm_detach(cvm_nt.monitor))
		host_fatal(NULL, "driver unloaded under a VM");
	cvm_nt_irq_exit();
	DbgPrint("cvm: unloaded\n");
}

static NTSTATUS driver_start(PDRIVER_OBJECT driver)
{
	NTSTATUS status = monitor_attach();

	if (status < 0)
		goto err_irq;
	status = cvm_nt_power_init();
	if (status < 0)
		goto err_detach;
	status = device_create(driver);
	if (status < 0)
		goto err_power;
	return STATUS_SUCCESS;

err_power:
	cvm_nt_power_exit();
err_detach:
	cvm_detach(cvm_nt.monitor);
err_irq:
	cvm_nt_irq_exit();
	return status;
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry);
NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry)
{
	NTSTATUS status;

	(void)registry;
	cvm_nt_look_around();
	KeInitializeMutex(&cvm_nt.monitor_lock, 0);
	KeInitializeEvent(&cvm_nt.never, NotificationEvent, FALSE);
	KeInitializeEvent(&cvm_nt.awake, NotificationEvent, TRUE);
	InitializeListHead(&cvm_nt.handles);
	driver->DriverUnload = driver_unload;
	driver->MajorFunction[IRP_MJ_CREATE] = cvm_nt_dispatch_create;
	driver->MajorFunction[IRP_MJ_CLEANUP] = cvm_nt_dispatch_cleanup;
	driver->MajorFunction[IRP_MJ_CLOSE] = cvm_nt_dispatch_close;
	driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = cvm_nt_dispatch_control;
	cvm_nt_cpu_init();
	cvm_nt_irq_init();
	cvm_nt_clock_init();
	status = driver_start(driver);
	DbgPrint("cvm: %u CPUs, TSC %u kHz, status 0x%x\n",
		 (unsigned int)cvm_nt.cpus, cvm_nt_clock_khz(),
		 (unsigned int)status);
	return status;
}
