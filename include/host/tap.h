/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A tap: a network interface of the host whose other end is a descriptor (Documentation/networking/
 * tuntap.rst). Frames come with a header of 12 bytes, struct virtio_net_hdr_mrg_rxbuf, so that checksums and
 * segmentation are left to whoever can do them cheaply. All return 0 or -errno with the reason recorded.
 */
#pragma once

#include <base/types.h>

#define TAP_HEADER 12

/*
 * Attach to the interface `name`, which exists (`ip tap add`) or is made, for CAP_NET_ADMIN, until the
 * descriptor closes. Says who may, and what to do.
 */
int tap_open(const char *name, int *ret_fd) _must_check_;

/* A descriptor that somebody handed over: is it a tap, with that header? `what` names it in messages. */
bool tap_is(int fd);
int tap_take(int fd, const char *what) _must_check_;

/* What the guest can do with what it receives: TUN_F_* (linux/if_tun.h). 0: whole, checked frames only. */
int tap_set_offload(int fd, unsigned flags) _must_check_;

/* The interface's MTU in bytes; 0: it cannot be asked. */
unsigned tap_mtu(int fd);
