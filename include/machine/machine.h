/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One VM, assembled and taken down. A guest reboot is a whole machine taken down and another one
 * assembled on the same open devices: no part has a reset of its own that could forget something.
 */
#pragma once

#include <machine/passthrough.h>
#include <machine/vcpu.h>

#define MACHINE_VIRTIO_MAX 28

struct machine {
	struct board board;
	struct vcpu_set vcpus;
	struct passthrough *passthrough;
	struct loop *control; /* what the host says of devices is heard there */
	struct virtio_pci *virtio[MACHINE_VIRTIO_MAX];
	unsigned virtio_devfns[MACHINE_VIRTIO_MAX];
	unsigned n_virtio;
	struct memory_prefault prefault;
	unsigned address_bits;      /* width of the guest's physical addresses */
	bool has_irqchip, has_root; /* how far the assembly came */
};

/*
 * Assemble up to the first instruction; nothing runs yet. On failure what was made stays for
 * machine_deinit(). -ECANCELED, unrecorded, when the loop was told meanwhile to end (loop_ending()).
 * All that is handed in outlives the machine.
 */
int machine_init(struct machine *m, int kvm_fd, struct loop *loop, struct loop *control,
		 const struct board_config *config, struct passthrough *pt) _must_check_;

/* Start the vcpus. */
int machine_run(struct machine *m) _must_check_;

/* The assembly backwards, from wherever it stopped. */
void machine_deinit(struct machine *m);
