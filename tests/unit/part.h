/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One part of a passed function (devices/vfio/function.h) alone, over a fake device: no function, no root,
 * no lock.
 */
#pragma once

#include "test.h"

#include "fake-vfio.h"

#include <base/bytes.h>
#include <base/fd.h>
#include <devices/vfio/config.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <unistd.h>

static struct vfio_device dev;
static struct vfio_io io;
static struct pci_function pci;
static struct vfio_config config;

/* A device as fake_init() makes it; describe it, then part_start(). */
static inline void part_setup(void)
{
	fake_init();
	dev = (struct vfio_device){ .name = "0000:01:00.0", .fd = -1, .devid = 5 };
}

static inline int part_start(void)
{
	int r = vfio_io_init(&io, &dev);

	pci_function_init(&pci, dev.name, NULL, 0xffff, 0xffff, 0);
	return r ? r : vfio_config_init(&config, &io, &pci);
}

/* What the guest reads and writes, as far as the configuration space knows. */
static inline uint32_t part_get(unsigned offset, unsigned len)
{
	return vfio_config_read(&config, offset, len);
}

static inline void part_set(unsigned offset, unsigned len, uint32_t value)
{
	pci_config_write(&pci, offset, len, value);
	vfio_config_pass(&config, offset, len, value);
}

#define PART_STOP()                                         \
	do {                                                \
		CHECK_EQ(fake.wrongs ? fake.why[0] : 0, 0); \
		CHECK_EQ(*error_message(), 0);              \
		fake_free();                                \
	} while (0)
