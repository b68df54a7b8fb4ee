/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of a VFIO device share: one line for a call that has no better one. */
#pragma once

#include <host/vfio.h>

/* Records "NAME: CALL failed: ..."; returns `err`. */
int vfio_refused(const struct vfio_device *dev, const char *name, int err);

/* The same of a call that takes the device, by its cdev or its group: what both say of -EPERM, -EACCES, -EAGAIN. */
int vfio_owning_refused(const struct vfio_device *dev, const char *name, int err);
