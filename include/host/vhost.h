/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vhost: queues of virtio devices that the kernel serves (include/uapi/linux/vhost.h, drivers/vhost).
 * It reads guest memory at the addresses of this process, waits for doorbells at the eventfds that KVM
 * signals, and signals those that KVM listens to. One request, one function; all return 0 or -errno with
 * the reason recorded. One thread at a time for one vhost.
 */
#pragma once

#include <base/types.h>

struct vhost {
	int fd; /* -1: none */
	const char *path;
	uint64_t features; /* what this kernel's vhost can do */
};

/* A part of guest RAM, and where it is in this process. */
struct vhost_ram {
	gpa_t base;
	uint64_t size;
	void *hva;
};

#define VHOST_RAM_MAX 16

/* A queue's size and where its rings are in this process, and the two eventfds. */
struct vhost_ring {
	uint16_t size;
	const void *desc, *driver, *device;
	int kick_fd;
	int call_fd; /* -1: nobody wants to be told */
};

/*
 * Open /dev/vhost-net or /dev/vhost-vsock and own it (VHOST_SET_OWNER), which starts the kernel's thread for
 * it: before the seal. Says which module is missing, or who may not open it.
 */
int vhost_open(struct vhost *vhost, const char *path) _must_check_;
void vhost_close(struct vhost *vhost);

/* Features that driver and device agreed on, and RAM, in up to VHOST_RAM_MAX parts. While no ring runs. */
int vhost_set(struct vhost *vhost, uint64_t features, const struct vhost_ram *ram,
	      unsigned n) _must_check_;

/* A ring from its beginning. It runs from vhost_net_run() or vhost_vsock_run() on. */
int vhost_set_ring(struct vhost *vhost, unsigned index, const struct vhost_ring *ring) _must_check_;

/* VHOST_NET_SET_BACKEND: the ring's packets are those of this tap. -1: stop; when it returns no memory is touched. */
int vhost_net_run(struct vhost *vhost, unsigned index, int tap_fd) _must_check_;

/* The guest's address; -EADDRINUSE: another guest has it. Later: begin or stop, as above. */
int vhost_vsock_cid(struct vhost *vhost, uint64_t cid) _must_check_;
int vhost_vsock_run(struct vhost *vhost, bool on) _must_check_;
