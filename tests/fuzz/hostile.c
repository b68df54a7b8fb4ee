/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VFIO device that says anything: sizes of regions, sparse lists, counts of interrupts, capability chains, registers
 * that change between two reads, calls that fail; and a guest that does anything with it. No memory of anybody else's
 * is touched, KVM is asked for nothing that it would refuse, and nothing of the device is left. Bytes: the device,
 * then operations; what registers change to is taken from the end.
 *
 * Fuzzes: devices/vfio/function.c devices/vfio/config.c devices/vfio/config_shape.c devices/vfio/bar.c devices/vfio/irqs.c devices/vfio/intx.c devices/vfio/msi.c devices/vfio/msix.c devices/vfio/rom.c devices/vfio/power.c devices/vfio/io.c devices/vfio/reset.c devices/vfio/p2p.c
 */
#include "fuzz.h"

#include "fake-kvm.h"
#define PASSED_VM FAKE_KVM_FD
#include "passed.h"

#define OPERATIONS 128

static struct input changes;
static unsigned n_changes;

/* A size or an address: one that a device may have, or any. */
static uint64_t take_size(struct input *in, unsigned max)
{
	uint8_t how = take8(in);

	if (how < 0xc0)
		return how % 64 < max ? BIT64(how % 64) : 0;
	return how < 0xe0 ? (uint64_t)take8(in) * page : take64(in) & (BIT64(max) - 1);
}

static void make_region(unsigned i, struct input *in)
{
	struct fake_region *r = &fake.regions[i];
	uint8_t how = take8(in);

	if (!(how & 0xf0))
		return;
	r->size = take_size(in, i == VFIO_PCI_ROM_REGION_INDEX ? 19 : 40);
	r->mappable = how & 1;
	r->n_mmaps = how & 2 ? take8(in) % (ARRAY_SIZE(r->mmaps) + 1) : 0;
	for (unsigned k = 0; k < r->n_mmaps; k++)
		r->mmaps[k] = (struct range){ take_size(in, 41) & ~BIT64(40), take_size(in, 40) };
	if (i < 6)
		store_le32(fake.config + BAR(i), how >> 2 & 0xf);
	if (i == VFIO_PCI_ROM_REGION_INDEX)
		r->data = calloc(1, FAKE_BAR_DATA);
}

static void make_capability(struct input *in)
{
	static const uint8_t ids[] = { PCI_CAP_ID_PM,  PCI_CAP_ID_VPD,  PCI_CAP_ID_MSI,
				       PCI_CAP_ID_EXP, PCI_CAP_ID_MSIX, PCI_CAP_ID_AF,
				       PCI_CAP_ID_EA,  PCI_CAP_ID_VNDR };
	uint8_t how = take8(in), at = take8(in), next = take8(in);

	if (how & 0x80) {
		unsigned ext = (PCI_CFG_SPACE_SIZE + 16u * at) & 0xfff;

		store_le32(fake.config + ext, (uint32_t)(how & 0x3f) | 1 << 16 |
						      ((PCI_CFG_SPACE_SIZE + 16u * next) & 0xfff)
							      << 20);
		return;
	}
	fake.config[at] = ids[how % ARRAY_SIZE(ids)];
	fake.config[(at + 1u) & 0xff] = next;
	for (unsigned i = 2; i < (how >> 3) * 2u && at + i < 256; i++)
		fake.config[at + i] = take8(in);
}

static void make_device(struct input *in)
{
	uint16_t how = take16(in);

	if (how & 1)
		fake.config_size = take16(in);
	with_rom = how & 2;
	with_p2p = how & 4;
	no_d3cold = how & 8;
	fake.has_reset = how & 16;
	fake.has_low_power = how & 32;
	fake.can_wake = how & 64;
	fake.has_dmabuf = how & 128;
	fake.no_unmask_fd = how & 256;
	fake.no_memory_enable = how & 512;
	fake.irq_limit = how & 1024 ? take8(in) : FAKE_VECTORS;
	fake.rom_piece = how & 2048 ? take8(in) : 0;
	fake.rom_stop = how & 4096 ? take16(in) : 0;
	fake.rom_error = how & 8192 ? -EIO : 0;
	for (unsigned i = 0; i < FAKE_REGIONS; i++)
		if (i != VFIO_PCI_CONFIG_REGION_INDEX)
			make_region(i, in);
	fake.config[PCI_CAPABILITY_LIST] = take8(in);
	for (unsigned n = take8(in) % 16; n; n--)
		make_capability(in);
	for (unsigned n = take8(in) % 16; n; n--) {
		unsigned at = take16(in) % sizeof(fake.config);

		fake.config[at] = take8(in);
	}
	for (unsigned i = 0; i < VFIO_PCI_NUM_IRQS; i++) {
		uint8_t kind = take8(in);

		fake.irqs[i].count = kind & 0x80 ? take32(in) : kind;
		fake.irqs[i].flags = take8(in);
	}
}

/* Before each read: another value, or a failure. */
static void asked(const char *what, uint64_t offset, uint32_t value)
{
	uint8_t how;

	if (!changes.n || n_changes++ > 4096)
		return;
	how = changes.at[--changes.n];
	fake.config_error = how == 0xff ? -EIO : how == 0xfe ? -EAGAIN : 0;
	if (how & 1 && changes.n)
		fake.config[(offset + (how >> 1 & 3)) % sizeof(fake.config)] ^=
			changes.at[--changes.n];
	fake.reset_again = how == 0xfd;
}

static void operate(struct input *in)
{
	uint8_t op = take8(in), arg = take8(in);
	unsigned len = 1u << (op >> 6), bar = arg % 6;

	switch (op % 8) {
	case 0:
		set(AT + (take16(in) & 0xfff), len, take64(in));
		break;
	case 1:
		get(AT + (take16(in) & 0xfff), len);
		break;
	case 2:
		set(AT + PCI_COMMAND, 2, arg);
		break;
	case 3:
		if (fn->pci.bars[bar].mapped)
			set(fn->pci.bars[bar].address + take32(in) % fn->pci.bars[bar].size, len,
			    take64(in));
		break;
	case 4:
		if (fn->pci.bars[bar].mapped)
			get(fn->pci.bars[bar].address + take32(in) % fn->pci.bars[bar].size, len);
		break;
	case 5:
		fake_raise(arg % VFIO_PCI_NUM_IRQS, take16(in) % FAKE_VECTORS);
		break;
	case 6:
		set(AT + BAR(arg % 7), 4, MEM32 + ((uint64_t)take16(in) << 12) + (arg >> 7));
		break;
	default:
		if (fn->pci.bars[PCI_BAR_ROM].mapped)
			get(fn->pci.bars[PCI_BAR_ROM].address + take16(in), len);
	}
}

static void fuzz(struct input *in)
{
	int r;

	fake_kvm_init();
	setup();
	lock.stopping = true;
	changes = *in;
	n_changes = 0;
	make_device(in);
	fake.asked = asked;
	r = start();
	MUST(fuzz_told(r));
	for (unsigned i = 0; i < OPERATIONS && in->n && !r; i++) {
		operate(in);
		MUST(!*error_message());
		MUST(!fake_kvm.wrongs);
	}
	destroy();
	MUST(fake_kvm_slots() == 1 && !fake_kvm.n_irqfds && !fake_kvm.wrongs);
	MUST(fake.mmaps == fake.munmaps);
	MUST(mmio.n == 1 && pio.n == 1);
	stop();
}
