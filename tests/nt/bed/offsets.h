/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * offsets.h - where the fields of NT's structures lie on x64: true of the
 * bed's own (nt.h) and, compiled into probe.c, of the public headers'.
 * (Those make DEVICE_OBJECT's size another; no driver uses it.)
 */
#ifndef BED_OFFSETS_H
#define BED_OFFSETS_H

/* STRUCT, FIELD, Microsoft's name of both, offset. */
#define BED_OFFSETS(X) \
	X(nt_irp, mdl, IRP, MdlAddress, 0x08) \
	X(nt_irp, system_buffer, IRP, AssociatedIrp, 0x18) \
	X(nt_irp, iosb, IRP, IoStatus, 0x30) \
	X(nt_irp, requestor_mode, IRP, RequestorMode, 0x40) \
	X(nt_irp, user_buffer, IRP, UserBuffer, 0x70) \
	X(nt_irp, driver_context, IRP, Tail, 0x78) \
	X(nt_irp, thread, IRP, Tail.Overlay.Thread, 0x98) \
	X(nt_irp, stack, IRP, Tail.Overlay.CurrentStackLocation, 0xb8) \
	X(nt_stack, u, IO_STACK_LOCATION, Parameters, 0x08) \
	X(nt_stack, u.control.in_bytes, IO_STACK_LOCATION, \
	  Parameters.DeviceIoControl.InputBufferLength, 0x10) \
	X(nt_stack, u.control.code, IO_STACK_LOCATION, \
	  Parameters.DeviceIoControl.IoControlCode, 0x18) \
	X(nt_stack, device, IO_STACK_LOCATION, DeviceObject, 0x28) \
	X(nt_stack, file, IO_STACK_LOCATION, FileObject, 0x30) \
	X(nt_driver, device, DRIVER_OBJECT, DeviceObject, 0x08) \
	X(nt_driver, start, DRIVER_OBJECT, DriverStart, 0x18) \
	X(nt_driver, bytes, DRIVER_OBJECT, DriverSize, 0x20) \
	X(nt_driver, unload, DRIVER_OBJECT, DriverUnload, 0x68) \
	X(nt_driver, major, DRIVER_OBJECT, MajorFunction, 0x70) \
	X(nt_device, driver, DEVICE_OBJECT, DriverObject, 0x08) \
	X(nt_device, flags, DEVICE_OBJECT, Flags, 0x30) \
	X(nt_device, extension, DEVICE_OBJECT, DeviceExtension, 0x40) \
	X(nt_device, stack_size, DEVICE_OBJECT, StackSize, 0x4c) \
	X(nt_file, context, FILE_OBJECT, FsContext, 0x18) \
	X(nt_file, context2, FILE_OBJECT, FsContext2, 0x20) \
	X(nt_file, flags, FILE_OBJECT, Flags, 0x50) \
	X(nt_mdl, flags, MDL, MdlFlags, 0x0a) \
	X(nt_mdl, mapped_va, MDL, MappedSystemVa, 0x18) \
	X(nt_mdl, bytes, MDL, ByteCount, 0x28) \
	X(nt_event, header, KEVENT, Header, 0x00) \
	X(nt_timer, dpc, KTIMER, Dpc, 0x30) \
	X(nt_dpc, routine, KDPC, DeferredRoutine, 0x18) \
	X(nt_dpc, queued, KDPC, DpcData, 0x38) \
	X(nt_mutant, owner, KMUTANT, OwnerThread, 0x28)

#define BED_SIZES(X) \
	X(nt_irp, IRP, 0xd0) \
	X(nt_stack, IO_STACK_LOCATION, 0x48) \
	X(nt_driver, DRIVER_OBJECT, 0x150) \
	X(nt_file, FILE_OBJECT, 0xd8) \
	X(nt_mdl, MDL, 0x30) \
	X(nt_event, KEVENT, 0x18) \
	X(nt_timer, KTIMER, 0x40) \
	X(nt_dpc, KDPC, 0x40) \
	X(nt_mutant, KMUTANT, 0x38)

#endif /* BED_OFFSETS_H */
