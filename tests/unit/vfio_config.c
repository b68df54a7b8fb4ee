/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configuration space of a passed function (devices/vfio/config.h): whose each byte is, and what a write
 * touches.
 */
#include "part.h"

/* The kernel uses the first capability of a kind (pci_find_capability()); the second is nobody's. */
static void second_of_a_kind(void)
{
	part_setup();
	fake_msix(0x40, 4, 0, 0, 0, 0x800);
	fake_msix(0x50, 8, 1, 0, 1, 0x800);
	fake_msi(0x60, 0, true, false);
	fake_msi(0x70, 1, true, false);
	fake_cap(0x80, PCI_CAP_ID_PM);
	fake_cap(0x88, PCI_CAP_ID_PM);
	fake_cap(0x90, PCI_CAP_ID_VNDR);
	fake_cap(0x98, PCI_CAP_ID_VNDR);
	CHECK_EQ(part_start(), 0);
	CHECK_EQ(config.msix_cap, 0x40);
	CHECK_EQ(config.msi_cap, 0x60);
	CHECK_EQ(config.pm_cap, 0x80);
	CHECK_EQ(part_get(PCI_CAPABILITY_LIST, 1), 0x40);
	CHECK_EQ(part_get(0x41, 1), 0x60);
	CHECK_EQ(part_get(0x61, 1), 0x80);
	CHECK_EQ(part_get(0x81, 1), 0x90);
	CHECK_EQ(part_get(0x91, 1), 0x98); /* of these there may be many */
	CHECK_EQ(part_get(0x99, 1), 0);
	/* Wholly hidden, and a write does not reach the device. */
	CHECK_EQ(part_get(0x50, 4), 0);
	CHECK_EQ(part_get(0x54, 4), 0);
	part_set(0x8c, 2, 3);
	CHECK_EQ(load_le16(fake.config + 0x8c), 0);
	PART_STOP();
}

/* A hidden capability hides its own bytes; the registers behind them belong to the device's driver. */
static void hidden_bytes(void)
{
	part_setup();
	fake_cap(0x58,
		 PCI_CAP_ID_DBG); /* an EHCI: four bytes, and at 60h registers that it needs */
	store_le32(fake.config + 0x58, load_le32(fake.config + 0x58) | 0x20a00000);
	store_le32(fake.config + 0x60, 0x00002030);
	fake_cap(0x80, PCI_CAP_ID_SSVID);
	store_le32(fake.config + 0x84, 0x11112222);
	store_le32(fake.config + 0x88, 0x33334444);
	fake_cap(0x90, PCI_CAP_ID_HT); /* of no fixed length: up to the next one */
	store_le32(fake.config + 0x9c, 0x55556666);
	fake_cap(0xa0, 0x7e); /* nobody's */
	store_le32(fake.config + 0xa4, 0x77778888);
	fake_ext_cap(0x100, PCI_EXT_CAP_ID_ATS);
	store_le32(fake.config + 0x104, 0x12345678);
	store_le32(fake.config + 0x108, 0x9abcdef0);
	fake_ext_cap(0x140, PCI_EXT_CAP_ID_DSN);
	store_le32(fake.config + 0xac,
		   0x9999aaaa); /* behind the 28 bytes of one of HyperTransport's */
	CHECK_EQ(part_start(), 0);
	CHECK_EQ(part_get(0xac, 4), 0x9999aaaa);
	CHECK_EQ(part_get(PCI_CAPABILITY_LIST, 1), 0);
	CHECK_EQ(part_get(0x58, 4), 0);
	CHECK_EQ(part_get(0x60, 4), 0x2030);
	part_set(0x60, 1, 0x20);
	CHECK_EQ(fake.config[0x60], 0x20);
	CHECK_EQ(part_get(0x84, 4), 0);
	CHECK_EQ(part_get(0x88, 4), 0x33334444);
	CHECK_EQ(part_get(0x9c, 4), 0);
	CHECK_EQ(part_get(0xa0, 4), 0);
	CHECK_EQ(part_get(0xa4, 4), 0x77778888);
	CHECK_EQ(part_get(0x104, 4), 0);
	CHECK_EQ(part_get(0x108, 4), 0x9abcdef0);
	PART_STOP();
}

/* One extended capability at 140h, the last, with two dwords: its bytes are `len`, and what is behind them is passed. */
static void reaches(unsigned id, uint32_t caps, uint32_t more, unsigned len)
{
	part_setup();
	fake_ext_cap(0x100, PCI_EXT_CAP_ID_DSN);
	fake_ext_cap(0x140, id);
	store_le32(fake.config + 0x144, caps);
	store_le32(fake.config + 0x148, more);
	fake.config[0x140 + len - 1] |= 0x5a;
	fake.config[0x140 + len] = 0x5a;
	fake.config[0x70f] = 0x11;
	CHECK_EQ(part_start(), 0);
	part_set(0x140 + len - 1, 1, 0);
	CHECK_EQ(fake.config[0x140 + len - 1] & 0x5a, 0x5a);
	CHECK_EQ(part_get(0x140 + len, 1), 0x5a);
	part_set(0x140 + len, 1, 0x77);
	CHECK_EQ(fake.config[0x140 + len], 0x77);
	/* A Realtek card's latency of L1: its driver writes it, and asks no other way when that went well. */
	part_set(0x70f, 1, 0x27);
	CHECK_EQ(fake.config[0x70f], 0x27);
	PART_STOP();
}

static void own_bytes(void)
{
	reaches(PCI_EXT_CAP_ID_ERR, 0, 0, 0x48);
	reaches(PCI_EXT_CAP_ID_DSN, 0, 0, 12);
	reaches(PCI_EXT_CAP_ID_DPA, 0x1f, 0, 48);
	reaches(PCI_EXT_CAP_ID_LTR, 0, 0, 8);
	reaches(PCI_EXT_CAP_ID_ACS, 0, 0, 8);
	reaches(PCI_EXT_CAP_ID_ACS, 0x0820, 0, 12);
	reaches(PCI_EXT_CAP_ID_ACS, 0x2120, 0, 16);
	reaches(PCI_EXT_CAP_ID_ACS, 0x0020, 0, 40);
	reaches(PCI_EXT_CAP_ID_REBAR, 0xfff0, 1 << 5, 12);
	reaches(PCI_EXT_CAP_ID_REBAR, 0xfff0, 6 << 5, 52);
	reaches(PCI_EXT_CAP_ID_VC, 0, 0, 28);
	reaches(PCI_EXT_CAP_ID_VC9, 7, 0, 112);
	reaches(PCI_EXT_CAP_ID_VC, 1, PCI_VC_CAP2_32_PHASE, 64);
	reaches(PCI_EXT_CAP_ID_VC, 0, PCI_VC_CAP2_128_PHASE, 96);
	reaches(PCI_EXT_CAP_ID_TPH, 0, 0, 12);
	reaches(PCI_EXT_CAP_ID_TPH, PCI_TPH_LOC_CAP | 7 << 16, 0, 28);
	/* Nobody knows how long. */
	part_setup();
	fake_ext_cap(0x100, PCI_EXT_CAP_ID_DSN);
	fake_ext_cap(0x140, 0x3ff);
	fake.config[0x70f] = 0x11;
	CHECK_EQ(part_start(), 0);
	CHECK_EQ(part_get(0x70f, 1), 0);
	PART_STOP();
	/* The place of one at 100h that VFIO hides: a link without an id, and registers that it passes. */
	part_setup();
	store_le32(fake.config + 0x100, 0x14000000);
	fake.config[0x104] = 0x11;
	store_le32(fake.config + 0x140, 0x00010003);
	CHECK_EQ(part_start(), 0);
	CHECK_EQ(part_get(0x100, 4), 0x14000000);
	CHECK_EQ(part_get(0x104, 1), 0x11);
	PART_STOP();
	/* One whose registers would lie outside of the space. */
	part_setup();
	fake_ext_cap(0x100, PCI_EXT_CAP_ID_DSN);
	fake_ext_cap(0xffc, PCI_EXT_CAP_ID_VC);
	CHECK_EQ(part_start(), 0);
	CHECK_EQ(part_get(0xffc, 4), 0);
	PART_STOP();
}

/* Capabilities that overlap: of one that runs into the next nothing is shown, and the next one is whole. */
static void overlapping(void)
{
	part_setup();
	fake_msi(0x50, 2, true, true); /* 24 bytes */
	fake_cap(0x60, PCI_CAP_ID_VNDR);
	fake_cap(0x70, PCI_CAP_ID_PM);
	store_le32(fake.config + 0x64, 0x11223344);
	fake_cap(0x74, PCI_CAP_ID_VNDR); /* inside of it */
	CHECK_EQ(part_start(), 0);
	CHECK_EQ(config.pm_cap, 0);
	CHECK_EQ(config.msi_end, 0x60);
	CHECK_EQ(part_get(0x60, 2), 0x7409);
	CHECK_EQ(part_get(0x64, 4), 0x11223344);
	CHECK_EQ(part_get(0x70, 4), 0);
	CHECK_EQ(part_get(0x74, 2), 0x0009);
	PART_STOP();
}

static void touches(void)
{
	uint32_t value = 0xffffffff;

	part_setup();
	fake_cap(0x40, PCI_CAP_ID_PM);
	fake_express(0x70, true);
	fake_cap(0xb0, PCI_CAP_ID_AF); /* without FLR */
	CHECK_EQ(part_start(), 0);
	CHECK_EQ(vfio_config_touched(&config, PCI_VENDOR_ID, 4), 0);
	CHECK_EQ(vfio_config_touched(&config, PCI_COMMAND + 1, 1), VFIO_TOUCH_COMMAND);
	CHECK_EQ(vfio_config_touched(&config, PCI_COMMAND, 4), VFIO_TOUCH_COMMAND);
	CHECK_EQ(vfio_config_touched(&config, PCI_STATUS, 2), 0);
	CHECK_EQ(vfio_config_touched(&config, 0x44, 1), VFIO_TOUCH_POWER);
	CHECK_EQ(vfio_config_touched(&config, 0x40, 4), 0);
	CHECK_EQ(vfio_config_touched(&config, 0x78, 4), VFIO_TOUCH_RESET);
	CHECK_EQ(vfio_config_touched(&config, 0x78, 1), 0);
	/* The bit goes out of the write, and says whether there is such a reset. */
	CHECK(vfio_config_take_reset(&config, 0x78, 4, &value));
	CHECK_EQ(value, ~(uint32_t)PCI_EXP_DEVCTL_BCR_FLR);
	CHECK(!vfio_config_take_reset(&config, 0x78, 4, &value));
	value = PCI_AF_CTRL_FLR;
	CHECK(!vfio_config_take_reset(&config, 0xb4, 1, &value));
	CHECK_EQ(value, 0);
	PART_STOP();
}

/* A write is handed on in the largest accesses that touch no other bits. */
static void passing(void)
{
	part_setup();
	store_le32(fake.config + 0x60, 0xaabbccdd);
	CHECK_EQ(part_start(), 0);
	part_set(0x60, 4, 0x11223344);
	CHECK_EQ(fake.config_writes, 1);
	vfio_config_emulate(&config, 0x62, 1, 0x0f, 0x05, 0x03);
	CHECK_EQ(part_get(0x60, 4), 0x11253344);
	part_set(0x60, 4, 0x99887766);
	CHECK_EQ(fake.config_writes, 1 + 3); /* two bytes, a nibble, a byte */
	CHECK_EQ(load_le32(fake.config + 0x60), 0x99827766);
	CHECK_EQ(part_get(0x62, 1), 0x84);
	/* What we answer becomes again what it was. */
	memcpy(config.initial, pci.config, sizeof(config.initial));
	part_set(0x62, 1, 0x03);
	CHECK_EQ(part_get(0x62, 1), 0x07);
	vfio_config_reset(&config);
	CHECK_EQ(part_get(0x62, 1), 0x04);
	PART_STOP();
}

static const struct test tests[] = {
	TEST(second_of_a_kind), TEST(hidden_bytes), TEST(own_bytes),
	TEST(overlapping),      TEST(touches),      TEST(passing),
};
TEST_MAIN(tests)
