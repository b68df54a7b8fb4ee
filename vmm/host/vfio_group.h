/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files of VFIO groups (Documentation/driver-api/vfio.rst), for the ways that lead through one. All
 * return 0 or -errno with the reason recorded.
 */
#pragma once

#include <host/way.h>

/* The file of the device's group: opened, or that of another device of the space in the same group. */
int group_open_device(struct vfio_space *space, const struct host_function *fn,
		      struct vfio_device *dev) _must_check_;

/* VFIO_GROUP_SET_CONTAINER: the group's devices are behind the space from now on. */
int group_join(struct vfio_space *space, struct vfio_device *dev) _must_check_;

/*
 * VFIO_GROUP_GET_DEVICE_FD: takes ownership where joining has not, resets the device, and gives its file.
 * Here the kernel says whether the host still has one of the group.
 */
int group_get_device(struct vfio_space *space, struct vfio_device *dev) _must_check_;

/*
 * What the kernel does by itself, as it gives the device and as the last of the group's files is closed:
 * both are noted only.
 */
int group_attach(struct vfio_space *space, struct vfio_device *dev) _must_check_;
int group_detach(struct vfio_space *space, struct vfio_device *dev);

/* Whether the space has that group; the devid of a function that a group gave, 0: none. */
bool group_is_ours(const struct vfio_space *space, int number);
uint32_t group_devid(const struct vfio_space *space, struct bdf bdf);

/* Handed over inside a container that is not the one that was handed over with it; recorded. */
int group_is_elsewhere(const struct vfio_device *dev);

/* What a group shows by a refusal of ownership, recorded; returns `err`. */
int group_refused(const struct vfio_device *dev, const char *name, int err);
