/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The value of one --vhost-user: TYPE,socket=PATH[,queues=N][,tag=TEXT][,config=BYTES]. Pure, as options.h.
 */
#pragma once

#include <cli/share_option.h>

#define VHOST_USER_QUEUES 64
#define VHOST_USER_CONFIG 64 /* bytes */
#define VHOST_USER_SOCKET 108

struct vhost_user_option {
	unsigned type; /* VIRTIO_ID_* */
	char socket[VHOST_USER_SOCKET];
	char tag[SHARE_TAG + 1]; /* of a file system; "": the back end's own */
	unsigned queues;         /* 0: not said */
	unsigned config;         /* bytes of a type that is not known here; 0: none */
};

/* -EINVAL with the reason recorded. */
int vhost_user_option_parse(const char *text, struct vhost_user_option *ret) _must_check_;
