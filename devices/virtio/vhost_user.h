/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The front end of vhost-user (QEMU, docs/interop/vhost-user.rst): messages over a UNIX socket by which a
 * process beside us, the back end, is given a virtio device's queues. It knows nothing of that device.
 *
 * The back end may be hostile. Each answer is checked for its type, flags, size and descriptors (none is
 * wanted: what comes is closed), and waited for until `until`. After the first answer that is wrong or
 * missing nothing more is said: every call returns -errno, and `why` says what it was.
 *
 * One thread at a time. Another may end a wait by shutdown(2) of the socket.
 */
#pragma once

#include "queue.h"

#define VHOST_USER_CONFIG_MAX 256

struct vhost_user {
	int fd;
	uint64_t until;    /* clock_ns(): no answer is waited for any longer */
	uint64_t offered;  /* features, as the back end has them */
	uint64_t protocol; /* protocol features that both sides have */
	unsigned queues;   /* as many as it has; 0: it does not say */
	struct ram_region added[MEMORY_RAM_MAX]; /* memory that was given to it one by one */
	unsigned n_added;
	char why[160]; /* "": all is well */
};

/* What both sides can do. */
int vhost_user_begin(struct vhost_user *u) _must_check_;

/* The device's configuration from its beginning. -EOPNOTSUPP, with `why` empty: it has none to give. */
int vhost_user_config(struct vhost_user *u, void *config, unsigned size) _must_check_;

/* The driver is ready: its features, the guest's memory, then each queue with its eventfds. */
int vhost_user_features(struct vhost_user *u, uint64_t features) _must_check_;
int vhost_user_memory(struct vhost_user *u, const struct memory *memory) _must_check_;
int vhost_user_queue_start(struct vhost_user *u, unsigned index, const struct virtio_queue *q,
			   int call_fd, int error_fd) _must_check_;

/* When it returns 0, the back end uses the queue no more. */
int vhost_user_queue_stop(struct vhost_user *u, unsigned index) _must_check_;
