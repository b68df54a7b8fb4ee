/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The devices a VM owns, from cdev to DMA: one iommufd, one IOAS, every device attached to it, the
 * guest's RAM mapped once per region. The open devices outlive a reboot of the guest; what belongs
 * to one KVM VM (kvm-vfio, the functions on its PCI root) is made anew for each.
 */
#pragma once

#include <cli/options.h>

#include <arch/arch.h>
#include <devices/vfio.h>
#include <host/sysfs.h>

#define PASSTHROUGH_MAX 32

struct passthrough {
	unsigned n;
	unsigned devfns[PASSTHROUGH_MAX]; /* where the guest sees each */
	const struct device_option *options;
	int rom_fds[PASSTHROUGH_MAX]; /* a file for its ROM; -1: none */
	struct vfio_device devices[PASSTHROUGH_MAX];
	struct vfio_events events[PASSTHROUGH_MAX];
	struct vfio_function *functions[PASSTHROUGH_MAX];
	struct vfio_watch watches[PASSTHROUGH_MAX]; /* what --stats and --trace tell of */
	unsigned n_functions;                       /* of this VM */
	int iommufd;
	uint32_t ioas;
	bool has_ioas;
	int kvm_vfio; /* of this VM */
};

/*
 * Find, check and open each device that the options name; nothing is done to it yet. STATUS_HOST
 * when one, or the host, is not ready.
 */
int passthrough_open(struct passthrough *pt, const struct run_options *options) _must_check_;
void passthrough_close(struct passthrough *pt);

/* KVM's word first (kvm-vfio), then bind, reset and attach. After the VM exists, before its layout. */
int passthrough_bind(struct passthrough *pt, int vm_fd, struct loop *loop) _must_check_;

/* What all of the devices can address, once they are bound: RAM has to lie there. */
int passthrough_reach(const struct passthrough *pt, struct reach *ret) _must_check_;

/* Make the guest's RAM reachable by the devices, iova == guest physical. RAM is in its places. */
int passthrough_map(struct passthrough *pt, const struct board *board) _must_check_;

/* Put a function for each device on the board's PCI root. */
int passthrough_add(struct passthrough *pt, struct board *board) _must_check_;

/*
 * Undo bind's KVM part, map and add, and reset the devices, which stay open and bound. No vcpu runs
 * any more.
 */
void passthrough_release(struct passthrough *pt, const struct memory *memory);
