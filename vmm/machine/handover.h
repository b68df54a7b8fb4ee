/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptors of devices and of /dev/iommu: opened, inherited, or received through a socket. */
#pragma once

#include <machine/passthrough.h>

/* A descriptor that is given as a device's may be its group's, as thru open hands it over. */
void handover_recognise(struct passthrough_device *device);

/*
 * By which way all of the devices are had (space->way): that of the descriptors given, or the best that
 * the host has for those that are named by their addresses. STATUS_HOST when one of these is not ready.
 */
int handover_choose(const struct passthrough_config *config, struct vfio_space *space) _must_check_;

/* Whether that is the way that was insisted on. A socket tells of its own when it is asked. */
int handover_check_api(const struct passthrough_config *config, enum vfio_way given) _must_check_;

/*
 * Open or receive the device, and the file for its ROM where one is named. *dev and *rom_fd (-1: none)
 * are valid whatever is returned and are the caller's to close. With a socket an iommufd may come
 * along: the space's becomes that when it has none. The first of a guest may choose the way (socket).
 * STATUS_HOST when the device, or the host, is not ready.
 */
int handover_device(const struct passthrough_device *which, struct vfio_space *space,
		    struct vfio_device *dev, int *rom_fd, bool first) _must_check_;

/* Is `fd`, which somebody else opened, one that can be /dev/iommu? It is then not inherited further. */
int handover_iommufd(int fd) _must_check_;
