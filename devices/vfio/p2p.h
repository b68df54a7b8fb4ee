/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Peer-to-peer: parts of a function's BARs within reach of the guest's other devices.
 */
#pragma once

#include "io.h"

#include <host/way.h>

#define VFIO_PEERS_MAX 64

/* A part of a BAR that other devices find at its guest physical address. */
struct vfio_peer {
	uint64_t address, size; /* size 0: free */
};

struct vfio_p2p {
	bool on;
	struct vfio_io *io;
	struct vfio_space *space;
	bool told; /* of a refusal that may pass */
	struct vfio_peer peers[VFIO_PEERS_MAX];
};

/* The part, mapped here at `hva`, answers at `address` from now on; no longer. Never fatal: a line says what is missing. */
void vfio_p2p_add(struct vfio_p2p *p2p, unsigned bar, struct range part, void *hva,
		  uint64_t address);
void vfio_p2p_remove(struct vfio_p2p *p2p, uint64_t address);
