/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A passed function under a guest that does anything, beside a model of what the specification says it must then
 * read, and what KVM must then hold: registers (PCI 3.0 §6.2, PCIe 6.0 §7.5.1), memory where a BAR decodes and nowhere
 * else, and one irqfd with the guest's message for each vector that may interrupt, none for one that is masked.
 * Bytes: a device (make_device()), then what the guest and the device do, an operation each.
 *
 * The device is well-behaved: what one does that is not, hostile.c tries. Its configuration space is memory, VFIO's
 * own emulation left out (fake-vfio.h).
 *
 * Fuzzes: devices/vfio/function.c devices/vfio/config.c devices/vfio/config_shape.c devices/vfio/command.c devices/vfio/bar.c devices/vfio/irqs.c devices/vfio/intx.c devices/vfio/msi.c devices/vfio/msix.c devices/vfio/power.c devices/pci/msix.c devices/pci/msi.c devices/pci/bar.c devices/pci/function.c devices/pci/root.c vmm/core/bus.c vmm/core/irq.c
 */
#include "fuzz.h"

#include "fake-kvm.h"
#define PASSED_VM FAKE_KVM_FD
#include "passed.h"

#define MSI      0x50
#define PM       0x70
#define EXPRESS  0x80
#define MSIX     0xc0
#define PRIVATE  0xd0
#define ROM_SIZE (page * 2)
#define INTX_GSI 18 /* of device 2, pin A */
#define RESET    BIT(15)

/* What the guest reads: of the bits that are `known`, these; what it writes of those that are `writable`. */
static struct model {
	uint8_t value[256], known[256], writable[256], initial[256];
	uint64_t size[7]; /* of BARs and the ROM; 0: none */
	bool wide[6], io[6];
	unsigned n_msix, msi_log2;
	bool has_msi, msi_wide, msi_masks, has_pm, has_flr;
	unsigned table_bar, pba_bar;
	struct range table, pba;
	uint8_t entries[128 * 16];
	bool pending[128]; /* the device signalled it while it was masked */
} m;

/* --- the device, and what is known of it --- */

static void know(unsigned at, unsigned len, uint64_t value, uint64_t writable)
{
	for (unsigned i = 0; i < len; i++) {
		m.known[at + i] = 0xff;
		m.value[at + i] = i < 8 ? (uint8_t)(value >> (8 * i)) : 0;
		m.writable[at + i] = i < 8 ? (uint8_t)(writable >> (8 * i)) : 0;
	}
}

static void make_bar(unsigned *i, struct input *in)
{
	uint8_t kind = take8(in), log2 = take8(in);
	uint64_t size = kind & 1 ? 4ull << log2 % 7 : 16ull << log2 % 17;
	unsigned at = BAR(*i), index = *i;
	uint32_t flags = 0;

	if (!(kind & 0x70))
		return;
	m.size[index] = size;
	m.io[index] = kind & 1;
	m.wide[index] = !m.io[index] && kind & 2 && index < 5;
	flags = m.io[index] ? 1 : m.wide[index] ? 4u | (kind & 8) : kind & 8;
	fake_bar(index, flags, size, kind & 4 && !m.io[index] && size >= page);
	know(at, m.wide[index] ? 8 : 4, flags, ~(size - 1));
	*i += m.wide[index];
}

static bool in_bar(unsigned bar, struct range at)
{
	return m.size[bar] && !m.io[bar] &&
	       range_holds((struct range){ 0, m.size[bar] }, at.base, at.size);
}

static void make_msix(struct input *in)
{
	unsigned n = take8(in) % 128, bars = take8(in);
	uint32_t table = take16(in) & ~7u, pba = take16(in) & ~7u;

	m.table_bar = bars & 7;
	m.pba_bar = bars >> 4 & 7;
	m.table = (struct range){ table, 16 * n };
	m.pba = (struct range){ pba, (n + 63) / 64 * 8 };
	if (!n || m.table_bar > 5 || m.pba_bar > 5 || !in_bar(m.table_bar, m.table) ||
	    !in_bar(m.pba_bar, m.pba) ||
	    (m.table_bar == m.pba_bar && range_overlaps(m.table, m.pba)))
		return;
	m.n_msix = n;
	fake_msix(MSIX, n, m.table_bar, table, m.pba_bar, pba);
	know(MSIX + 2, 2, n - 1, MSIX_ALL);
	know(MSIX + 4, 8, (table | m.table_bar) | (uint64_t)(pba | m.pba_bar) << 32, 0);
	for (unsigned i = 0; i < n; i++)
		store_le32(m.entries + 16 * i + 12, 1);
}

static void make_msi(void)
{
	unsigned at = MSI + 8;

	fake_msi(MSI, m.msi_log2, m.msi_wide, m.msi_masks);
	know(MSI + 2, 2, m.msi_log2 << 1 | (m.msi_wide ? 0x80u : 0) | (m.msi_masks ? 0x100u : 0),
	     0x71);
	know(MSI + 4, 4, 0, ~3u);
	if (m.msi_wide) {
		know(at, 4, 0, ~0u);
		at += 4;
	}
	know(at, 2, 0, 0xffff);
	if (m.msi_masks) {
		know(at + 2, 2, 0, 0);
		know(at + 4, 4, 0, m.msi_log2 == 5 ? ~0u : BIT(BIT(m.msi_log2)) - 1);
	}
}

static void make_device(struct input *in)
{
	uint8_t how = take8(in), more = take8(in);

	memset(&m, 0, sizeof(m));
	know(PCI_VENDOR_ID, 4, 0x15ab8086, 0);
	know(PCI_COMMAND, 2, 0, 0x547);
	know(PCI_STATUS, 1, 0x10, 0);
	know(PCI_CLASS_REVISION, 4, 0x02000003, 0);
	know(PCI_HEADER_TYPE, 2, 0, 0);
	know(PCI_BASE_ADDRESS_0, 24, 0, 0);
	know(PCI_CARDBUS_CIS, 4, 0, 0);
	know(PCI_SUBSYSTEM_VENDOR_ID, 4, 0x00018086, 0);
	know(PCI_ROM_ADDRESS, 4, 0, 0);
	know(PCI_CAPABILITY_LIST + 1, 7, 0, 0);
	know(PCI_INTERRUPT_LINE, 4, 0x100, 0xff);
	know(PRIVATE, 256 - PRIVATE, 0, 0);
	memset(m.writable + PRIVATE, 0xff, 256 - PRIVATE); /* nobody's: the device's */
	with_rom = how & 1;
	m.has_msi = how & 2;
	m.msi_wide = how & 4;
	m.msi_masks = how & 8;
	m.has_pm = how & 16;
	m.has_flr = how & 32;
	m.msi_log2 = more % 6;
	if (more & 0x40)
		fake.irqs[VFIO_PCI_MSIX_IRQ_INDEX].flags |= VFIO_IRQ_INFO_NORESIZE;
	if (with_rom) {
		m.size[6] = ROM_SIZE;
		fake.regions[VFIO_PCI_ROM_REGION_INDEX].size = ROM_SIZE;
		fake.regions[VFIO_PCI_ROM_REGION_INDEX].data = calloc(1, FAKE_BAR_DATA);
		know(PCI_ROM_ADDRESS, 4, 0, (uint32_t) ~(ROM_SIZE - 1) | PCI_ROM_ADDRESS_ENABLE);
	}
	for (unsigned i = 0; i < 6; i++)
		make_bar(&i, in);
	if (m.has_msi)
		make_msi();
	if (m.has_pm)
		fake_cap(PM, PCI_CAP_ID_PM);
	if (m.has_flr)
		fake_express(EXPRESS, true);
	make_msix(in);
	if (more & 0x40)
		fake.irqs[VFIO_PCI_MSIX_IRQ_INDEX].flags |= VFIO_IRQ_INFO_NORESIZE;
	memcpy(m.initial, m.value, sizeof(m.initial));
}

/* --- what follows from registers --- */

static uint32_t reg(unsigned at, unsigned len)
{
	return (uint32_t)load_le(m.value + at, len);
}

static bool asleep(void)
{
	return m.has_pm && get(AT + PM + PCI_PM_CTRL, 1) & PCI_PM_CTRL_STATE_MASK;
}

static uint64_t address_of(unsigned i)
{
	if (i == 6)
		return reg(PCI_ROM_ADDRESS, 4) & ~0x7ffu;
	if (m.io[i])
		return reg(BAR(i), 4) & ~3u;
	return m.wide[i] ? load_le64(m.value + BAR(i)) & ~15ull : reg(BAR(i), 4) & ~15u;
}

static bool is_enabled(unsigned i)
{
	uint16_t command = (uint16_t)reg(PCI_COMMAND, 2);

	if (!m.size[i] || asleep())
		return false;
	if (i == 6)
		return command & PCI_COMMAND_MEMORY && reg(PCI_ROM_ADDRESS, 4) & 1;
	return command & (m.io[i] ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY);
}

/* In a window, and no other BAR in the way that wants to be there too. */
static bool has_its_place(unsigned i)
{
	const struct pci_root_config *c = &root.config;
	struct range at = { address_of(i), m.size[i] };
	bool io = i < 6 && m.io[i];

	if (io ? !range_holds(c->io, at.base, at.size)
	       : (!range_holds(c->mem32, at.base, at.size) &&
		  !range_holds(c->mem64, at.base, at.size)) ||
			    range_overlaps(c->ecam, at))
		return false;
	for (unsigned k = 0; k < 7; k++)
		if (k != i && is_enabled(k) && (k < 6 && m.io[k]) == io &&
		    range_overlaps(at, (struct range){ address_of(k), m.size[k] }))
			return false;
	return true;
}

static void reset(void)
{
	for (unsigned i = 0; i < 256; i++)
		if (i < PRIVATE && m.known[i])
			m.value[i] = m.initial[i];
	memset(m.pending, 0, sizeof(m.pending));
	memset(m.entries, 0, sizeof(m.entries));
	for (unsigned i = 0; i < m.n_msix; i++)
		store_le32(m.entries + 16 * i + 12, 1);
}

/* --- the guest's accesses, and the model's --- */

static void model_write(unsigned at, unsigned len, uint64_t value)
{
	for (unsigned n, done = 0; done < len; done += n) {
		unsigned from = at + done;

		/* In pieces that are aligned, as a root complex may do it. */
		for (n = from & 1 ? 1 : from & 2 ? 2 : 4; n > len - done;)
			n /= 2;
		for (unsigned i = from; i < from + n; i++) {
			uint8_t v = (uint8_t)(value >> (8 * (i - at)));

			m.value[i] = (uint8_t)((m.value[i] & ~m.writable[i]) | (v & m.writable[i]));
			if (m.has_flr && i == EXPRESS + PCI_EXP_DEVCTL + 1 && v & RESET >> 8)
				reset();
		}
		if (!(reg(MSIX + 2, 2) & MSIX_ON))
			memset(m.pending, 0, sizeof(m.pending));
	}
}

static void config_set(unsigned at, unsigned len, uint64_t value, bool by_cf8)
{
	if (at + len > 256)
		return;
	if (by_cf8 && len <= 4 && (at & 3) + len <= 4) {
		port_set(0xcf8, 4, 0x80000000 | PCI_DEVFN(2, 0) << 8 | (at & 0xfc));
		port_set(0xcfc + (at & 3), len, value);
	} else {
		set(AT + at, len, value);
	}
	model_write(at, len, value);
}

static void config_check(unsigned at, unsigned len)
{
	uint64_t got = at + len <= 256 ? get(AT + at, len) : 0;

	for (unsigned i = 0; at + len <= 256 && i < len; i++)
		MUST(!(((got >> (8 * i)) ^ m.value[at + i]) & m.known[at + i]));
}

static bool table_there(void)
{
	return m.n_msix && fn->pci.bars[m.table_bar].mapped;
}

static void table_check(unsigned at, unsigned len)
{
	uint64_t got;

	if (!table_there() || at + len > m.table.size)
		return;
	got = get(address_of(m.table_bar) + m.table.base + at, len);
	MUST(!memcmp(&got, m.entries + at, len));
}

static void table_set(unsigned at, unsigned len, uint64_t value)
{
	if (!table_there() || at + len > m.table.size)
		return;
	set(address_of(m.table_bar) + m.table.base + at, len, value);
	for (unsigned i = at; i < at + len; i++) {
		uint8_t v = (uint8_t)(value >> (8 * (i - at)));

		m.entries[i] = i % 16 < 12 ? v : i % 16 == 12 ? v & 1 : 0;
	}
	table_check(at, len);
}

/* --- interrupts --- */

static bool msix_on(void)
{
	return m.n_msix && reg(MSIX + 2, 2) & MSIX_ON;
}

static bool may_interrupt(unsigned vector)
{
	return msix_on() && !(reg(MSIX + 2, 2) & PCI_MSIX_FLAGS_MASKALL) &&
	       !(m.entries[16 * vector + 12] & 1);
}

static void has_route(int gsi, uint64_t address, uint32_t data)
{
	const struct fake_kvm_irqfd *irqfd = gsi < 0 ? NULL : fake_kvm_irqfd((unsigned)gsi);
	const struct kvm_irq_routing_entry *route = gsi < 0 ? NULL : fake_kvm_route((unsigned)gsi);

	MUST(irqfd && irqfd->resample < 0);
	MUST(route && route->type == KVM_IRQ_ROUTING_MSI);
	MUST(route->u.msi.address_lo == (uint32_t)address &&
	     route->u.msi.address_hi == address >> 32 && route->u.msi.data == data);
}

static unsigned check_msix(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < m.n_msix; i++) {
		struct msi_vector *vector = &fn->irqs.msix.guest.vectors[i];

		if (!may_interrupt(i))
			continue;
		n++;
		has_route(vector->gsi, load_le64(m.entries + 16 * i) & ~3ull,
			  load_le32(m.entries + 16 * i + 8));
		/* What came while it was masked has come now. */
		MUST(!m.pending[i] || fd_event_take(vector->fd));
		m.pending[i] = false;
	}
	return n;
}

static unsigned check_msi(void)
{
	unsigned control = reg(MSI + 2, 2), at = MSI + (m.msi_wide ? 12 : 8), n = 0;
	unsigned log2 = MIN(control >> 4 & 7, m.msi_log2);
	uint64_t address = reg(MSI + 4, 4) | (m.msi_wide ? (uint64_t)reg(MSI + 8, 4) << 32 : 0);

	for (unsigned i = 0; i < BIT(log2); i++) {
		if (m.msi_masks && reg(at + 4, 4) >> i & 1)
			continue;
		n++;
		has_route(fn->irqs.msi.vectors[i].gsi, address,
			  (reg(at, 2) & ~(BIT(log2) - 1)) | i);
	}
	return n;
}

/* One kind at a time, and of that nothing that the guest has not let through. */
static void check_irqs(void)
{
	unsigned n;

	if (msix_on()) {
		n = check_msix();
	} else if (m.has_msi && reg(MSI + 2, 2) & 1) {
		n = check_msi();
	} else {
		MUST(fake_kvm_irqfd(INTX_GSI) && fake_kvm_irqfd(INTX_GSI)->resample >= 0);
		n = 1;
	}
	MUST(fake_kvm.n_irqfds == n);
}

/* The device interrupts. KVM takes what is connected at once, and looks at the PBA else. */
static void raise_msix(unsigned vector)
{
	unsigned at = vector / 8;

	if (!msix_on() || vector >= m.n_msix || !fake_raise(VFIO_PCI_MSIX_IRQ_INDEX, vector))
		return;
	if (may_interrupt(vector)) {
		MUST(fd_event_take(fn->irqs.msix.guest.vectors[vector].fd));
		return;
	}
	m.pending[vector] = true;
	if (fn->pci.bars[m.pba_bar].mapped)
		MUST(get(address_of(m.pba_bar) + m.pba.base + at, 1) >> vector % 8 & 1);
}

/* --- memory --- */

/* Is the slot a piece of this BAR, without a page of the MSI-X table or the PBA? */
static bool is_piece(const struct kvm_userspace_memory_region *slot, unsigned i)
{
	struct range bar = { address_of(i), m.size[i] }, at;

	at = (struct range){ slot->guest_phys_addr - bar.base, slot->memory_size };
	if (!is_enabled(i) || m.io[i] || !range_holds(bar, slot->guest_phys_addr, at.size))
		return false;
	if (m.n_msix && ((m.table_bar == i && range_overlaps(m.table, at)) ||
			 (m.pba_bar == i && range_overlaps(m.pba, at))))
		return false;
	for (unsigned k = 0; k < fn->bars.bar[i].n_spans; k++)
		if (fn->bars.bar[i].spans[k].offset == at.base)
			return slot->userspace_addr == (uintptr_t)fn->bars.bar[i].spans[k].hva;
	return false;
}

static bool is_known(const struct kvm_userspace_memory_region *slot)
{
	if (!slot->guest_phys_addr)
		return slot->userspace_addr == (uintptr_t)memory.hva;
	if (slot->flags & KVM_MEM_READONLY)
		return is_enabled(6) && slot->guest_phys_addr == address_of(6) &&
		       slot->memory_size <= m.size[6];
	for (unsigned i = 0; i < 6; i++)
		if (is_piece(slot, i))
			return true;
	return false;
}

static void check_memory(void)
{
	for (unsigned i = 0; i < FAKE_KVM_SLOTS; i++)
		MUST(!fake_kvm.slots[i].memory_size || is_known(&fake_kvm.slots[i]));
	for (unsigned i = 0; i < 7; i++) {
		MUST(!fn->pci.bars[i].mapped || is_enabled(i));
		MUST(!is_enabled(i) || !has_its_place(i) || fn->pci.bars[i].mapped);
	}
	for (unsigned i = 0; i < 6; i++)
		for (unsigned k = 0; k < fn->bars.bar[i].n_spans; k++) {
			const struct vfio_span *span = &fn->bars.bar[i].spans[k];

			MUST((span->in_slot || span->on_bus) == fn->pci.bars[i].mapped);
			MUST(!span->in_slot || fake_kvm_slot(address_of(i) + span->offset));
		}
}

static void check_all(void)
{
	MUST(!fake.wrongs);
	MUST(!fake_kvm.wrongs);
	for (unsigned at = 0; at < PCI_STD_HEADER_SIZEOF; at += 4)
		config_check(at, 4);
	check_memory();
	check_irqs();
}

/* --- operations --- */

static uint64_t take_place(struct input *in)
{
	static const uint64_t places[] = {
		0,          MEM32,         MEM32 + MIB(1), MEM64, MEM64 + GIB(4),
		ECAM,       ECAM + MIB(1), MEM32 + 0x3000, IO,    IO + 0x40,
		UINT32_MAX, UINT64_MAX
	};
	uint8_t which = take8(in);

	return which < ARRAY_SIZE(places) ? places[which] + (take8(in) << 4) : take64(in);
}

static void operate(struct input *in)
{
	uint8_t op = take8(in), arg = take8(in);
	unsigned len = 1u << (arg & 3);

	switch (op % 12) {
	case 0:
		config_set(BAR(arg >> 2) % 0x40, len, take_place(in), op & 0x80);
		break;
	case 1:
		config_set(PCI_COMMAND, 2, take16(in), op & 0x80);
		break;
	case 2:
		config_set(take8(in), len, take64(in), op & 0x80);
		break;
	case 3:
		config_check(take8(in), len);
		break;
	case 4:
		config_set(MSIX + 2, 2, (uint64_t)(arg & 0xc0) << 8, op & 0x80);
		break;
	case 5:
		config_set(MSI + 2, 2, arg & 0x71, op & 0x80);
		break;
	case 6:
		table_set(take16(in) % 2048, len, take64(in));
		break;
	case 7:
		table_check(take16(in) % 2048, len);
		break;
	case 8:
		raise_msix(take8(in));
		break;
	case 9:
		if (m.has_pm)
			config_set(PM + PCI_PM_CTRL, 1, arg & 3, op & 0x80);
		break;
	case 10:
		if (m.has_flr)
			config_set(EXPRESS + PCI_EXP_DEVCTL, 2, RESET, op & 0x80);
		break;
	default:
		config_set(PCI_ROM_ADDRESS, 4, take_place(in) | (arg & 1), op & 0x80);
	}
}

/* A reset puts the device into D0. */
static void asked(const char *what, uint64_t offset, uint32_t value)
{
	if (!strcmp(what, "reset") && m.has_pm)
		fake.config[PM + PCI_PM_CTRL] = 0;
}

static void begin(struct input *in)
{
	fake_kvm_init();
	setup();
	lock.stopping = true;            /* nobody waits, whatever it costs the host */
	root.config.mem32.size = GIB(1); /* with ECAM inside, as no board's has */
	make_device(in);
	fake.asked = asked;
	if (start())
		abort();
	for (unsigned i = 0; i < 6; i++)
		if (m.size[i])
			store_le(m.value + BAR(i), m.wide[i] ? 8 : 4,
				 get(AT + BAR(i), m.wide[i] ? 8 : 4));
	store_le32(m.value + PCI_ROM_ADDRESS, (uint32_t)get(AT + PCI_ROM_ADDRESS, 4));
	for (unsigned i = 0; i < 7; i++)
		MUST(!m.size[i] || (is_aligned(address_of(i), m.size[i]) && has_its_place(i)));
}

static void fuzz(struct input *in)
{
	begin(in);
	check_all();
	while (in->n) {
		operate(in);
		check_all();
	}
	destroy();
	MUST(fake_kvm_slots() == 1 && !fake_kvm.n_irqfds);
	MUST(fake.mmaps == fake.munmaps && !fake.wrongs && !fake_kvm.wrongs);
	MUST(mmio.n == 1 && pio.n == 1);
	stop();
}
