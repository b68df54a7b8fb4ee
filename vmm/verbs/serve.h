/* SPDX-License-Identifier: BSD-2-Clause */
/* Devices handed over through a socket. */
#pragma once

#include <host/vfio.h>

/*
 * Listen at `path`, and send one device to each connection until all `n` are gone. The caller is the
 * user already, whose name is `user`. -errno with the reason recorded; a signal that asks for the end
 * is a status without words.
 */
int serve_devices(const char *path, const char *user, struct vfio_device *devices, unsigned n,
		  int iommufd) _must_check_;
