/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A folder for the guest: virtiofsd as a process beside us, and the device whose queues it serves. Made
 * and ended on the machine's thread, which it dies with.
 */
#pragma once

#include <cli/share_option.h>
#include <core/loop.h>
#include <devices/virtio_vhost_user.h>
#include <pthread.h>
#include <sys/types.h>

struct file_server {
	const struct share_option *share;
	char name[SHARE_PATH + 16]; /* for messages */
	struct virtio_vhost_user *device;
	struct loop *loop;
	pid_t pid;                /* 0: none */
	pthread_mutex_t lock;     /* of the two below */
	struct loop_source words; /* what it says on standard error */
	char last[256];           /* the last line of that */
	bool made;
};

/* A path of virtiofsd: `given`, or where it is on this host. -ENOENT, recorded: there is none. */
int file_server_find(const char *name, const char *given, char *ret, size_t size) _must_check_;

/* `share` and `loop` outlive it. On failure file_server_stop() cleans up. */
int file_server_start(struct file_server *server, const struct share_option *share,
		      const char *virtiofsd, struct loop *loop) _must_check_;
void file_server_stop(struct file_server *server);
