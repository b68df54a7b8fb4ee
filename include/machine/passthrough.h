/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The devices a VM owns, from their files to DMA: one I/O address space, every device attached to it,
 * the guest's RAM mapped once per region. The open devices outlive a reboot of the guest; what belongs
 * to one KVM VM (kvm-vfio, the functions on its PCI root) is made anew for each.
 */
#pragma once

#include <arch/arch.h>
#include <devices/vfio.h>
#include <host/sysfs.h>
#include <host/way.h>

#define PASSTHROUGH_MAX 32

/* How a device is had. */
enum passthrough_by {
	PASSTHROUGH_BY_BDF,
	PASSTHROUGH_BY_PATH,   /* of its cdev */
	PASSTHROUGH_BY_FD,     /* a cdev that somebody else opened */
	PASSTHROUGH_BY_SOCKET, /* whoever listens at the path sends it */
	PASSTHROUGH_BY_MDEV,   /* a mediated device; its UUID is in `path` */
	PASSTHROUGH_BY_GROUP,  /* the one VFIO device of a group that somebody else opened */
};

/* One device to pass. Strings are the caller's and outlive the passthrough. */
struct passthrough_device {
	enum passthrough_by by;
	struct bdf bdf;
	const char *path;
	int fd;
	int group_fd, container_fd; /* handed over; -1: none */
	const char *name;           /* for messages; "": its PCI address */
	unsigned devfn;             /* where the guest sees it; 0: the next free place */
	bool no_reset;
	bool rom;
	const char *rom_path; /* "": the device's own */
	bool p2p;
	bool no_d3cold;
	const uint8_t *token; /* 16 bytes; NULL: none */
};

struct passthrough_config {
	struct passthrough_device devices[PASSTHROUGH_MAX];
	unsigned n;
	int iommufd;    /* handed over; -1: open one */
	int api;        /* an enum vfio_way, or HOSTWAY_ANY */
	unsigned allow; /* HOSTSAFE_* */
	uint64_t mem;   /* guest RAM, for the limit on locked memory */
};

struct passthrough {
	unsigned n;
	unsigned devfns[PASSTHROUGH_MAX]; /* where the guest sees each */
	struct passthrough_config config;
	int rom_fds[PASSTHROUGH_MAX];    /* a file for its ROM; -1: none */
	int config_fds[PASSTHROUGH_MAX]; /* as sysfs has it, for when the device is closed; -1 */
	struct vfio_device devices[PASSTHROUGH_MAX];
	struct vfio_events events[PASSTHROUGH_MAX];
	struct vfio_function *functions[PASSTHROUGH_MAX];
	struct vfio_watch watches[PASSTHROUGH_MAX]; /* what --stats and --trace tell of */
	unsigned n_functions;                       /* of this VM */
	struct vfio_space space;
	int kvm_vfio; /* of this VM */
	bool last;    /* no VM comes after it: what a close resets is closed when it ends */
};

/* Nothing is open; passthrough_close() is safe from here on. */
void passthrough_init(struct passthrough *pt);

/*
 * Find, check and open each device of `config`, which is copied; nothing is done to it yet. STATUS_HOST
 * when one, or the host, is not ready.
 */
int passthrough_open(struct passthrough *pt, const struct passthrough_config *config) _must_check_;
void passthrough_close(struct passthrough *pt);

/* KVM's word first (kvm-vfio), then bind, reset and attach. After the VM exists, before its layout. */
int passthrough_bind(struct passthrough *pt, int vm_fd, struct loop *loop) _must_check_;

/* What all of the devices can address, once they are bound: RAM has to lie there. */
int passthrough_reach(struct passthrough *pt, struct reach *ret) _must_check_;

/* Make the guest's RAM reachable by the devices, iova == guest physical. RAM is in its places. */
int passthrough_map(struct passthrough *pt, const struct board *board) _must_check_;

/* Put a function for each device on the board's PCI root. */
int passthrough_add(struct passthrough *pt, struct board *board) _must_check_;

/*
 * Undo bind's KVM part, map and add, and reset the devices, which stay open and bound unless this is the
 * `last` VM. No vcpu runs any more.
 */
void passthrough_release(struct passthrough *pt, const struct memory *memory);
