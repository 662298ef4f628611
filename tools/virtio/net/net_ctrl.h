/* SPDX-License-Identifier: GPL-2.0-only */
/* net_ctrl.h - the control queue of a network card. */
#ifndef CVM_VIRTIO_NET_NET_CTRL_H
#define CVM_VIRTIO_NET_NET_CTRL_H

#include "virtio/core/worker.h"

/* net_ctrl_serve - one command: as vq_pop(). */
int net_ctrl_serve(struct virtio_queue *queue);

#endif /* CVM_VIRTIO_NET_NET_CTRL_H */
