/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device whose back end somebody else started: --vhost-user. On the machine's thread.
 */
#pragma once

#include <cli/vhost_user_option.h>
#include <core/loop.h>
#include <devices/virtio_vhost_user.h>

struct back_end {
	char name[VHOST_USER_SOCKET + 32]; /* for messages */
	struct virtio_vhost_user *device;
	struct loop *loop; /* is told when it is lost */
};

/* `option` and `loop` outlive it. */
int back_end_open(struct back_end *back_end, const struct vhost_user_option *option,
		  struct loop *loop) _must_check_;
void back_end_close(struct back_end *back_end);
