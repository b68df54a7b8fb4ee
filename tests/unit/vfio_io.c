/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Access to a device by region (devices/vfio/io.h): what the device sees, and when it counts as lost.
 */
#include "part.h"

static void widths(void)
{
	const uint64_t at = 2ull << 40; /* BAR 2 */
	uint8_t data[16];

	part_setup();
	fake_bar(2, 0, 256, false);
	CHECK_EQ(part_start(), 0);
	fake.config[PCI_COMMAND] = PCI_COMMAND_MEMORY;
	for (unsigned i = 0; i < 16; i++)
		data[i] = (uint8_t)(0x10 + i);
	/* Seven bytes at an odd place: 1, 2, 4, each aligned. */
	CHECK_EQ(vfio_io_bar(&io, at + 1, data, 7, true), 0);
	CHECK_EQ(fake.regions[2].writes, 3);
	CHECK_EQ(fake.regions[2].last_offset, 4);
	CHECK_EQ(fake.regions[2].last_len, 4);
	CHECK_EQ(fake.regions[2].last_value, 0x16151413);
	CHECK_EQ(vfio_io_bar(&io, at, data, 8, false), 0);
	CHECK_EQ(fake.regions[2].last_len, 8);
	CHECK_EQ(load_le64(data), 0x1615141312111000);
	PART_STOP();
}

static void refusals(void)
{
	static const struct {
		int r;
		bool lost;
	} cases[] = { { -EAGAIN, false }, { -ENOMEM, false }, { -EINTR, false },
		      { -EIO, true },     { -ENODEV, true },  { -ENXIO, true } };
	const uint64_t at = 0;
	uint8_t data[4];

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		part_setup();
		fake_bar(0, 0, 256, false);
		CHECK_EQ(part_start(), 0);
		fake.config_error = cases[i].r;
		CHECK_EQ(vfio_io_config_read(&io, PCI_VENDOR_ID, 2), UINT32_MAX);
		CHECK_EQ(io.lost, cases[i].lost);
		fake.config_error = 0;
		fake.config_reads = 0;
		/* Nothing is asked of one that is lost. */
		CHECK_EQ(vfio_io_config_read(&io, PCI_VENDOR_ID, 2),
			 cases[i].lost ? UINT32_MAX : 0x8086);
		CHECK_EQ(fake.config_reads, !cases[i].lost);
		PART_STOP();
	}
	part_setup();
	fake_bar(0, 0, 256, false);
	fake.bar_busy[0] = true;
	CHECK_EQ(part_start(), 0);
	CHECK_EQ(vfio_io_bar(&io, at, data, 4, false), -EBUSY);
	CHECK_EQ(load_le32(data), 0xffffffff);
	CHECK(!io.lost);
	/* Past the end of a short configuration space nobody is asked. */
	io.config_size = 256;
	CHECK_EQ(vfio_io_config_read(&io, 0x100, 4), UINT32_MAX);
	CHECK(!io.lost);
	PART_STOP();
}

static void silence(void)
{
	part_setup();
	CHECK_EQ(part_start(), 0);
	fake.silent = 3;
	for (unsigned i = 0; i < 3; i++)
		CHECK_EQ(vfio_io_config_read(&io, PCI_STATUS, 2), 0xffff);
	CHECK(io.silent_since && !io.lost);
	CHECK_EQ(vfio_io_config_read(&io, PCI_STATUS, 2), 0x10);
	CHECK(!io.silent_since);
	/* All-ones of another register say nothing; another register that answers says that it is there. */
	memset(fake.config + 0x60, 0xff, 4);
	io.patience = 1;
	for (unsigned i = 0; i < 3; i++)
		CHECK_EQ(vfio_io_config_read(&io, 0x60, 4), UINT32_MAX);
	CHECK(!io.lost);
	fake.silent = 1;
	CHECK_EQ(vfio_io_config_read(&io, PCI_COMMAND, 4), UINT32_MAX);
	CHECK(io.silent_since);
	CHECK_EQ(vfio_io_config_read(&io, PCI_VENDOR_ID, 4), 0x15ab8086);
	CHECK(!io.silent_since);
	/* It lasts. */
	fake.silent = 2;
	CHECK_EQ(vfio_io_config_read(&io, PCI_STATUS, 2), 0xffff);
	CHECK(!io.lost);
	CHECK_EQ(vfio_io_config_read(&io, PCI_STATUS, 2), 0xffff);
	CHECK(io.lost);
	CHECK(strstr(io.why, "all-ones"));
	PART_STOP();
}

static const struct test tests[] = { TEST(widths), TEST(refusals), TEST(silence) };
TEST_MAIN(tests)
