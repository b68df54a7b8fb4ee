/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the parts of a passed function reach their device: configuration space and BARs by region, with
 * the device lock given back around each call, because any of them may wait: for a device that wakes
 * up, a power state, VPD, a kernel that resets it. Whoever uses this is alone with the function
 * meanwhile (function.c); what it shares with others it must look at again.
 *
 * Whether the device is lost, is found out here. The kernel says so by EIO or ENODEV on configuration
 * space. All-ones say so only when they last: a device reads so for a while when its firmware resets
 * it, and its driver polls through that.
 */
#pragma once

#include <core/lock.h>
#include <host/vfio.h>

struct vfio_io {
	struct vfio_device *dev;
	uint64_t config_at; /* in the cdev */
	unsigned config_size;
	struct lock *lock;     /* given back around calls; NULL: this thread does not hold it */
	bool lost;             /* nothing more is asked of the device */
	char why[256];         /* it is lost */
	uint64_t silent_since; /* nothing but all-ones since then; 0: it answers */
	uint64_t patience;     /* ns of silence that are no loss yet */
};

#define VFIO_IO_PATIENCE 10000000000ull

int vfio_io_init(struct vfio_io *io, struct vfio_device *dev) _must_check_;

/* Around a call that may wait and that is none of those below. */
void vfio_io_begin(struct vfio_io *io);
void vfio_io_end(struct vfio_io *io);

/* The device's own configuration space, 1 to 4 bytes. All-ones when it does not answer. */
uint32_t vfio_io_config_read(struct vfio_io *io, unsigned offset, unsigned len);
void vfio_io_config_write(struct vfio_io *io, unsigned offset, unsigned len, uint32_t value);

/*
 * A part of the BAR that lies at `at` in the cdev, any size and alignment: the device sees accesses that
 * are aligned. All-ones when it does not answer; the first -errno that the kernel gave.
 */
int vfio_io_bar(struct vfio_io *io, uint64_t at, void *data, unsigned len, bool is_write);
