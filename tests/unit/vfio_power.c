/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Power states of a passed function alone (devices/vfio/power.h), its expansion ROM (rom.h), and how fast
 * a guest may go (pace.h).
 */
#include "part.h"

#include <devices/vfio/pace.h>
#include <devices/vfio/power.h>
#include <devices/vfio/rom.h>

#define PM 0x40

static struct loop loop;
static struct vfio_power power;

static int start(bool never)
{
	int r = loop_init(&loop, NULL);

	if (!r)
		r = part_start();
	return r ? r : vfio_power_init(&power, &io, &config, &loop, never);
}

/* The guest writes the control register; returns whether the function sleeps. */
static bool write_control(uint16_t value)
{
	bool asleep = false;

	part_set(PM + PCI_PM_CTRL, 2, value);
	if (vfio_power_written(&power, &asleep))
		error_clear();
	if (asleep)
		vfio_power_sleep(&power);
	return asleep;
}

#define STOP()                             \
	do {                               \
		vfio_power_deinit(&power); \
		loop_deinit(&loop);        \
		PART_STOP();               \
	} while (0)

static void states(void)
{
	part_setup();
	fake_cap(PM, PCI_CAP_ID_PM);
	fake.has_low_power = true;
	CHECK_EQ(start(false), 0);
	/* Known beforehand: no BAR may decode by then. */
	CHECK(vfio_power_sleeps(&power, PM + 4, 1, 1));
	CHECK(vfio_power_sleeps(&power, PM + 4, 4, 0xff03));
	CHECK(!vfio_power_sleeps(&power, PM + 4, 4, 0xff00));
	CHECK(!vfio_power_sleeps(&power, PM + 5, 1, 0xff));
	for (uint16_t state = 1; state < 4; state++) {
		CHECK(write_control(state));
		CHECK(vfio_power_asleep(&power));
		CHECK_EQ(fake.low_power, state == 3);
		CHECK(!write_control(0));
		CHECK(!fake.low_power && !vfio_power_asleep(&power));
	}
	/* Written again while asleep: nothing more is asked of the host. */
	CHECK(write_control(3));
	CHECK(write_control(3));
	CHECK_EQ(fake.low_powers, 2);
	CHECK_EQ(vfio_power_up(&power), 0);
	CHECK(!fake.low_power && !vfio_power_asleep(&power));
	STOP();
	/* A function without. */
	part_setup();
	CHECK_EQ(start(false), 0);
	CHECK(!vfio_power_sleeps(&power, 4, 4, 0xffffffff));
	CHECK_EQ(vfio_power_up(&power), 0);
	STOP();
}

static void never_further(void)
{
	part_setup();
	fake_cap(PM, PCI_CAP_ID_PM);
	fake.has_low_power = fake.can_wake = true;
	CHECK_EQ(start(true), 0);
	CHECK(write_control(3 | PCI_PM_CTRL_PME_ENABLE));
	CHECK_EQ(fake.low_powers, 0);
	CHECK_EQ(part_get(PM + PCI_PM_CTRL, 2), 3);
	CHECK(power.wake.fd < 0);
	CHECK(!write_control(0));
	STOP();
}

static void stays_away(void)
{
	for (unsigned i = 0; i < 2; i++) {
		bool asleep;

		part_setup();
		fake_cap(PM, PCI_CAP_ID_PM);
		fake.has_low_power = true;
		if (i) /* the operator gave it a name */
			dev = (struct vfio_device){
				.name = "nic", .fd = -1, .devid = 5, .bdf = { 0, 0x41, 0, 1 }
			};
		CHECK_EQ(start(false), 0);
		CHECK(write_control(3));
		fake.gone = i;
		memset(fake.config, 0xff, sizeof(fake.config));
		pci.config[PM + PCI_PM_CTRL] = 0;
		CHECK_EQ(vfio_power_written(&power, &asleep), -EIO);
		CHECK(io.lost);
		CHECK(strstr(io.why, "d3cold=off"));
		CHECK(strstr(io.why, i ? "/sys/bus/pci/devices/0000:41:00.1/d3cold_allowed"
				       : "/sys/bus/pci/devices/0000:01:00.0/d3cold_allowed"));
		fake.gone = false;
		STOP();
	}
}

/* The ROM is trapped until somebody looks, then memory; what does not come is erased flash. */
static struct vfio_rom rom;

static void rom_trapped(void *ctx, uint64_t offset, void *data, unsigned len, bool is_write)
{
	vfio_rom_access(ctx, offset, data, len, is_write);
}

static void rom_comes(void)
{
	struct fake_region *region = &fake.regions[VFIO_PCI_ROM_REGION_INDEX];
	unsigned page = (unsigned)sysconf(_SC_PAGESIZE);
	const struct range ram = { 0, MIB(2) };
	static struct memory memory;
	static struct bus mmio;
	uint8_t data[4];

	part_setup();
	memset(&mmio, 0, sizeof(mmio));
	*region = (struct fake_region){ .size = page * 2, .data = calloc(1, FAKE_BAR_DATA) };
	store_le32(region->data + 4, 0x12345678);
	fake.rom_stop = page;
	fake.rom_piece = page / 2;
	CHECK_EQ(memory_init(&memory, -1, &ram, 1), 0);
	CHECK_EQ(part_start(), 0);
	fake.config[PCI_COMMAND] = PCI_COMMAND_MEMORY;
	rom = (struct vfio_rom){
		.io = &io, .memory = &memory, .mmio = &mmio, .handler = rom_trapped
	};
	CHECK_EQ(vfio_rom_init(&rom, &pci, -1), 0);
	CHECK_EQ(pci.bars[PCI_BAR_ROM].size, page * 2);
	CHECK_EQ(vfio_rom_map(&rom, 0xc0000000), 0);
	CHECK(rom.on_bus && !rom.in_slot);
	CHECK_EQ(region->reads, 0);
	CHECK(bus_access(&mmio, 0xc0000004, data, 4, true)); /* a write looks at nothing */
	CHECK_EQ(region->reads, 0);
	CHECK(bus_access(&mmio, 0xc0000004, data, 4, false));
	CHECK_EQ(load_le32(data), 0x12345678);
	CHECK(rom.in_slot && !rom.on_bus);
	CHECK_EQ(region->reads, 3);
	CHECK_EQ(rom.data[page], 0xff);
	vfio_rom_unmap(&rom);
	CHECK_EQ(memory.slots[0], 1);
	CHECK_EQ(vfio_rom_map(&rom, 0xc0100000), 0);
	CHECK(rom.in_slot);
	CHECK_EQ(region->reads, 3);
	vfio_rom_unmap(&rom);
	vfio_rom_deinit(&rom);
	memory_deinit(&memory);
	PART_STOP();
}

static void pace(void)
{
	const uint64_t cost = VFIO_COST_RESET, second = 1000000000ull;
	struct vfio_pace p = { 0 };
	uint64_t now = 100 * second;

	/* What is in hand is free; then each waits for what it costs. */
	for (uint64_t spent = 0; spent + cost <= VFIO_PACE_HAND; spent += cost) {
		CHECK(vfio_pace_due(&p) <= now);
		vfio_pace_pay(&p, cost, now);
	}
	CHECK(vfio_pace_due(&p) <= now);
	vfio_pace_pay(&p, cost, now);
	CHECK_EQ(vfio_pace_due(&p), now + cost);
	vfio_pace_pay(&p, cost, now + cost);
	CHECK_EQ(vfio_pace_due(&p), now + 2 * cost);
	/* Never more in hand than that, however long it was quiet. */
	now += 1000 * second;
	vfio_pace_pay(&p, 0, now);
	CHECK_EQ(vfio_pace_due(&p), now - VFIO_PACE_HAND);
	/* A clock that has only begun. */
	p.paid_until = 0;
	vfio_pace_pay(&p, cost, 5);
	CHECK_EQ(vfio_pace_due(&p), cost);
}

static const struct test tests[] = {
	TEST(states), TEST(never_further), TEST(stays_away), TEST(rom_comes), TEST(pace),
};
TEST_MAIN(tests)
