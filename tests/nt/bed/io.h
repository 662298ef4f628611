/* SPDX-License-Identifier: GPL-2.0-only */
/* io.h - the exports of io.c. */
#ifndef BED_IO_H
#define BED_IO_H

#include "bed.h"

uint32_t NTAPI IoCreateDevice(struct nt_driver *driver, uint32_t extension,
	struct nt_ustr *name, uint32_t kind, uint32_t characteristics,
	uint8_t exclusive, struct nt_device **device);
void NTAPI IoDeleteDevice(struct nt_device *device);
uint32_t NTAPI IoCreateSymbolicLink(struct nt_ustr *from, struct nt_ustr *to);
uint32_t NTAPI IoDeleteSymbolicLink(struct nt_ustr *from);
void NTAPI IofCompleteRequest(struct nt_irp *irp, int8_t boost);
uint8_t NTAPI IoIs32bitProcess(struct nt_irp *irp);

#endif /* BED_IO_H */
