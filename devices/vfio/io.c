/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Access to the device by region, and what tells that it is lost (io.h; drivers/vfio/pci/
 * vfio_pci_config.c and vfio_pci_rdwr.c for what each errno means).
 *
 * Main thread, or a vcpu that is alone with the function; the device lock is given back around calls.
 */
#include "io.h"

#include <base/bytes.h>
#include <base/clock.h>
#include <base/error.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>

int vfio_io_init(struct vfio_io *io, struct vfio_device *dev)
{
	struct vfio_region_info config;
	unsigned no_mmaps = 0;
	int r;

	*io = (struct vfio_io){ .dev = dev, .patience = VFIO_IO_PATIENCE };
	r = vfio_region_info(dev, VFIO_PCI_CONFIG_REGION_INDEX, &config, NULL, &no_mmaps);
	if (r)
		return r;
	io->config_at = config.offset;
	io->config_size = (unsigned)MIN(config.size, 4096ull) & ~3u;
	if (io->config_size < PCI_STD_HEADER_SIZEOF)
		return fail(STATUS_HOST, EIO,
			    "%s: it has no configuration space; see the host's kernel log (dmesg)",
			    dev->name);
	return 0;
}

/* Unchecked: where io->lock is NULL there is nothing to give back. */
_unchecked_ void vfio_io_begin(struct vfio_io *io)
{
	if (io->lock)
		lock_drop(io->lock);
}

_unchecked_ void vfio_io_end(struct vfio_io *io)
{
	if (io->lock)
		lock_take(io->lock);
}

static void lose(struct vfio_io *io, const char *why)
{
	io->lost = true;
	snprintf(io->why, sizeof(io->why), "%s", why);
}

/* Configuration space is refused for a moment (EAGAIN, EINTR, ENOMEM), or because nobody is there. */
static void refused(struct vfio_io *io, int err)
{
	if (err == -EIO || err == -ENODEV || err == -ENXIO)
		lose(io, strerror(-err));
}

/* Reserved bits of Status read 0 (PCIe 6.0 §7.5.1.1.4): all-ones is nobody's answer. */
static void listen(struct vfio_io *io, bool silent)
{
	if (!silent) {
		io->silent_since = 0;
	} else if (!io->silent_since) {
		io->silent_since = clock_ns();
	} else if (clock_ns() - io->silent_since >= io->patience) {
		lose(io, "its configuration space reads all-ones");
	}
}

uint32_t vfio_io_config_read(struct vfio_io *io, unsigned offset, unsigned len)
{
	uint8_t buf[4] = { 0xff, 0xff, 0xff, 0xff };
	uint32_t mask = len < 4 ? BIT(8 * len) - 1 : UINT32_MAX, value;
	int r;

	if (io->lost || offset + len > io->config_size)
		return UINT32_MAX;
	vfio_io_begin(io);
	r = vfio_region_read(io->dev, io->config_at + offset, buf, len);
	vfio_io_end(io);
	if (r) {
		refused(io, r);
		return UINT32_MAX;
	}
	value = load_le32(buf) & mask;
	if (offset <= PCI_STATUS && offset + len >= PCI_STATUS + 2)
		listen(io, load_le16(buf + (PCI_STATUS - offset)) == 0xffff);
	else if (value != mask)
		io->silent_since = 0;
	return value;
}

void vfio_io_config_write(struct vfio_io *io, unsigned offset, unsigned len, uint32_t value)
{
	uint8_t buf[4];
	int r;

	if (io->lost || offset + len > io->config_size)
		return;
	store_le32(buf, value);
	vfio_io_begin(io);
	r = vfio_region_write(io->dev, io->config_at + offset, buf, len);
	vfio_io_end(io);
	if (r)
		refused(io, r);
}

static int bar_piece(struct vfio_io *io, uint64_t at, uint8_t *data, unsigned len, bool is_write)
{
	int r;

	vfio_io_begin(io);
	r = is_write ? vfio_region_write(io->dev, at, data, len)
		     : vfio_region_read(io->dev, at, data, len);
	vfio_io_end(io);
	return r;
}

int vfio_io_bar(struct vfio_io *io, uint64_t at, void *data, unsigned len, bool is_write)
{
	uint8_t *p = data;
	int r = io->lost ? -ENODEV : 0;

	while (len) {
		unsigned n = 8;

		while (n > len || !is_aligned(at, n))
			n /= 2;
		if (!r)
			r = bar_piece(io, at, p, n, is_write);
		if (r && !is_write)
			memset(p, 0xff, n);
		at += n;
		p += n;
		len -= n;
	}
	/* Refused although decode is on: a device that is gone, as its configuration space shows. */
	if (r == -EIO && !io->lost)
		vfio_io_config_read(io, PCI_COMMAND, 4);
	return r;
}
