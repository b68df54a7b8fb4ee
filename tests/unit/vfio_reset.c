/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Resets of devices that no function uses (devices/vfio.h, vfio_reset_all()): who is asked, and what is
 * told afterwards. The ladder itself is in vfio.c.
 */
#include "part.h"

#include <devices/vfio.h>
#include <devices/vfio/reset.h>

static void setup(void)
{
	part_setup();
	store_le16(fake.config + PCI_COMMAND, 0);
}

/* A neighbour that was told not to be reset is not, on nobody's behalf. */
static void neighbour_without_reset(void)
{
	struct vfio_device devs[2] = { { .name = "a", .devid = 5 },
				       { .name = "b", .devid = 6, .no_reset = true } };

	setup();
	fake.has_reset = false;
	fake.n_bus = 2;
	fake.bus[0].devid = 5;
	fake.bus[1] = (struct vfio_pci_dependent_device){ .devid = 6, .bus = 0x41, .devfn = 0x08 };
	CHECK_EQ(vfio_reset_all(devs, 2), -EBUSY);
	CHECK_ERROR("a: cannot be reset: it has no reset of its own, and one of its bus would hit "
		    "0000:41:01.0, which is not to be reset (reset=none)");
	CHECK_EQ(fake.hot_resets, 0);
	CHECK_EQ(devs[0].state, VFIO_DEVICE_USED);
	/* Both of one mind: neither is. */
	devs[0].no_reset = true;
	CHECK_EQ(vfio_reset_all(devs, 2), 0);
	CHECK_EQ(fake.hot_resets, 0);
	devs[0].no_reset = devs[1].no_reset = false;
	CHECK_EQ(vfio_reset_all(devs, 2), 0);
	CHECK_EQ(fake.hot_resets, 1);
	CHECK_EQ(devs[1].state, VFIO_DEVICE_CLEAN);
	PART_STOP();
}

/* One that is dead after it is not handed back in silence. */
static void dead_by_reset(void)
{
	setup();
	fake.dead_by_reset = true;
	CHECK_EQ(vfio_reset_all(&dev, 1), -EIO);
	CHECK_ERROR("0000:01:00.0: does not answer after its reset; bring it back");
	CHECK_EQ(dev.state, VFIO_DEVICE_USED);
	/* What messages call it is no path. */
	error_clear();
	dev = (struct vfio_device){ .name = "nic", .fd = -1, .bdf = { 0x10000, 0xe1, 0, 0 } };
	CHECK_EQ(vfio_dead_after_reset(&dev), -EIO);
	CHECK_ERROR(
		"nic: does not answer after its reset; bring it back before it is used again: echo 1 > "
		"/sys/bus/pci/devices/10000:e1:00.0/remove");
	PART_STOP();
}

static void held_by_the_host(void)
{
	setup();
	fake.reset_again = 1;
	CHECK_EQ(vfio_reset_all(&dev, 1), -EAGAIN);
	CHECK_EQ(*error_message(), 0);
	CHECK_EQ(dev.state, VFIO_DEVICE_USED);
	/* A reset for the guest leaves the device in use, whatever it hits. */
	CHECK_EQ(vfio_reset_alone(&dev, NULL), 0);
	CHECK_EQ(dev.state, VFIO_DEVICE_USED);
	fake.has_reset = false;
	fake.n_bus = 1;
	fake.bus[0].devid = dev.devid;
	CHECK_EQ(vfio_reset_alone(&dev, NULL), 0);
	CHECK_EQ(fake.hot_resets, 1);
	CHECK_EQ(dev.state, VFIO_DEVICE_USED);
	PART_STOP();
}

static const struct test tests[] = { TEST(neighbour_without_reset), TEST(dead_by_reset),
				     TEST(held_by_the_host) };
TEST_MAIN(tests)
