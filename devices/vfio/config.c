/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configuration space of a passed function, bit by bit in one of these ways:
 *
 *   passed    reads and writes are the device's (VFIO protects the host where it must:
 *             drivers/vfio/pci/vfio_pci_config.c)
 *   read-only reads are the device's, writes are dropped
 *   ours      answered from pci.config[], written by its masks: emulated registers, and constants
 *   hidden    ours, 0, not writable
 *
 * The tables below say which and why. Everything in 40h-FFh that belongs to no capability is passed:
 * drivers know private registers there. What VFIO itself virtualises (identifiers of a VF, VPD,
 * payload size, interrupt pin) is passed and so inherits its care.
 *
 * The function sits on bus 0 without a port above it, so a PCI Express endpoint is shown as a Root
 * Complex Integrated Endpoint (PCIe 6.0 §1.3.2.3): it has no link, no slot, and none of the
 * capabilities that belong to them.
 *
 * The expansion ROM's BAR reads 0, none, unless the guest is given one (rom.c).
 *
 * Left out: BIST, cardbus pointer, PME, and so waking the guest from D3hot: none would come.
 *
 * Main thread, or under the loop's lock.
 */
#include "function.h"

#include <base/bytes.h>
#include <base/error.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>

/* A field of 1, 2 or 4 bytes. Bits in none of the three are passed. */
struct field {
	uint16_t at;
	uint8_t len;
	uint32_t read_only; /* reads are the device's, writes are dropped */
	uint32_t keep;      /* ours: the value that the device had at the start */
	uint32_t zero;      /* ours: 0 */
	uint32_t writable;  /* of ours: what the guest may change */
};

#define ALL UINT32_MAX

static const struct field header_fields[] = {
	/* PCIe 6.0 §7.5.1.1: identification is the device's. */
	{ PCI_VENDOR_ID, 4, .read_only = ALL },
	/* The guest's own view, which config_command() hands on: BAR decode must come first. */
	{ PCI_COMMAND, 2, .zero = ALL,
	  .writable = PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
		      PCI_COMMAND_PARITY | PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE },
	/* Low byte: interrupt status and features. High byte: errors, cleared by writing 1. */
	{ PCI_STATUS, 1, .read_only = ALL },
	{ PCI_CLASS_REVISION, 4, .read_only = ALL },
	/* The multi-function bit is the guest's own (§7.5.1.1.9, function.c), not the host's. */
	{ PCI_HEADER_TYPE, 1, .keep = 0x7f, .zero = 0x80 },
	/* A self test takes the device off the bus for two seconds without telling anybody. */
	{ PCI_BIST, 1, .zero = ALL },
	/* BARs: see bar.c, which puts in what the regions are. */
	{ PCI_BASE_ADDRESS_0, 4, .zero = ALL },
	{ PCI_BASE_ADDRESS_1, 4, .zero = ALL },
	{ PCI_BASE_ADDRESS_2, 4, .zero = ALL },
	{ PCI_BASE_ADDRESS_3, 4, .zero = ALL },
	{ PCI_BASE_ADDRESS_4, 4, .zero = ALL },
	{ PCI_BASE_ADDRESS_5, 4, .zero = ALL },
	{ PCI_CARDBUS_CIS, 4, .zero = ALL },
	{ PCI_SUBSYSTEM_VENDOR_ID, 4, .read_only = ALL },
	{ PCI_ROM_ADDRESS, 4, .zero = ALL },
	{ PCI_CAPABILITY_LIST, 4, .zero = ALL },
	{ 0x38, 4, .zero = ALL },
	/* A scratch register of the guest's firmware (§7.5.1.1.12); the host's line is its own. */
	{ PCI_INTERRUPT_LINE, 1, .zero = ALL, .writable = 0xff },
	{ PCI_INTERRUPT_PIN, 1, .keep = 0xff },
	{ PCI_MIN_GNT, 2, .read_only = ALL },
};

/* PM (§7.5.2). State changes are passed, VFIO carries them out; PME has nobody to go to. */
static const struct field pm_fields[] = {
	{ PCI_PM_PMC, 2, .read_only = 0xffff & ~PCI_PM_CAP_PME_MASK, .zero = PCI_PM_CAP_PME_MASK },
	{ PCI_PM_CTRL + 1, 1, .zero = (PCI_PM_CTRL_PME_ENABLE | PCI_PM_CTRL_PME_STATUS) >> 8 },
};

/* PCI Express (§7.5.3), every version. */
static const struct field express_fields[] = {
	/* Type: set below. No slot, and its interrupt number is a port's. */
	{ PCI_EXP_FLAGS, 2, .keep = PCI_EXP_FLAGS_VERS, .zero = 0xffff & ~PCI_EXP_FLAGS_VERS },
	/*
	 * Slot power is captured from a port's message; there is none. Extended tags need the whole
	 * path's consent, phantom functions the IOMMU's: both stay as the host has them.
	 */
	{ PCI_EXP_DEVCAP, 4,
	  .keep = ~(PCI_EXP_DEVCAP_PWR_VAL | PCI_EXP_DEVCAP_PWR_SCL | PCI_EXP_DEVCAP_EXT_TAG |
		    PCI_EXP_DEVCAP_PHANTOM),
	  .zero = PCI_EXP_DEVCAP_PWR_VAL | PCI_EXP_DEVCAP_PWR_SCL | PCI_EXP_DEVCAP_EXT_TAG |
		  PCI_EXP_DEVCAP_PHANTOM },
	{ PCI_EXP_DEVCTL + 1, 1, .zero = (PCI_EXP_DEVCTL_EXT_TAG | PCI_EXP_DEVCTL_PHANTOM) >> 8 },
};

/* An endpoint shown as a root complex integrated one: it has no link (§7.5.3.6 to §7.5.3.8). */
static const struct field express_link_fields[] = {
	{ PCI_EXP_LNKCAP, 4, .zero = ALL },
	{ PCI_EXP_LNKCTL, 4, .zero = ALL },
};

/* Version 2: the registers exist whatever the type is. */
static const struct field express_v2_fields[] = {
	{ PCI_EXP_SLTCAP, 4, .zero = ALL },
	{ PCI_EXP_SLTCTL, 4, .zero = ALL },
	{ PCI_EXP_RTCTL, 4, .zero = ALL },
	{ PCI_EXP_RTSTA, 4, .zero = ALL },
	/*
	 * What needs the whole path's consent: ARI, LTR, OBFF, 10-bit tags, TLP prefixes.
	 * Completion timeouts and atomics are between the device and the host's root complex.
	 */
	{ PCI_EXP_DEVCAP2, 4,
	  .keep = PCI_EXP_DEVCAP2_COMP_TMOUT_DIS | 0xf | PCI_EXP_DEVCAP2_ATOMIC_COMP32 |
		  PCI_EXP_DEVCAP2_ATOMIC_COMP64 | PCI_EXP_DEVCAP2_ATOMIC_COMP128,
	  .zero = ~(PCI_EXP_DEVCAP2_COMP_TMOUT_DIS | 0xf | PCI_EXP_DEVCAP2_ATOMIC_COMP32 |
		    PCI_EXP_DEVCAP2_ATOMIC_COMP64 | PCI_EXP_DEVCAP2_ATOMIC_COMP128) },
	/* Low byte: completion timeout and atomics; ARI forwarding no. High byte: LTR, OBFF, tags. */
	{ PCI_EXP_DEVCTL2, 1, .zero = PCI_EXP_DEVCTL2_ARI },
	{ PCI_EXP_DEVCTL2 + 1, 1, .zero = ALL },
	{ PCI_EXP_LNKCAP2, 4, .zero = ALL },
	{ PCI_EXP_LNKCTL2, 4, .zero = ALL },
	{ PCI_EXP_SLTCAP2, 4, .zero = ALL },
	{ PCI_EXP_SLTCTL2, 4, .zero = ALL },
};

enum rule { HIDE, PASS, READ_ONLY, PM, MSI, MSIX, EXPRESS, AF };

/*
 * Capabilities (§7.5.3). What is not here is hidden: VFIO hides what it does not know, too. On
 * purpose: HyperTransport (not its bus), Enhanced Allocation (fixed addresses are the host's), FPB,
 * slot and hot-plug (bridges), debug port.
 */
static const struct {
	uint8_t id;
	enum rule rule;
} capabilities[] = {
	{ PCI_CAP_ID_PM, PM },
	{ PCI_CAP_ID_AGP, READ_ONLY }, /* rates are set with a bridge that is not here */
	{ PCI_CAP_ID_VPD, PASS },      /* VFIO performs the access */
	{ PCI_CAP_ID_MSI, MSI },
	{ PCI_CAP_ID_PCIX, PASS }, /* relaxed ordering, read sizes */
	{ PCI_CAP_ID_VNDR, PASS }, /* virtio's registers, among others */
	{ PCI_CAP_ID_EXP, EXPRESS },
	{ PCI_CAP_ID_MSIX, MSIX },
	{ PCI_CAP_ID_SATA, PASS }, /* index and data of AHCI */
	{ PCI_CAP_ID_AF, AF },     /* function reset of conventional functions */
};

/*
 * Extended capabilities (§7.6.3). Hidden on purpose: SR-IOV and ARI (VFs are the host's), Resizable
 * BAR (would move under the kernel's feet), ATS, PRI and PASID (the guest has no IOMMU), ACS
 * (isolation is the host's), VC, MFVC, LTR, L1 PM, PTM, link and lane capabilities (no link), DOE,
 * multicast.
 */
static const struct {
	uint16_t id;
	enum rule rule;
} extended[] = {
	{ PCI_EXT_CAP_ID_ERR, READ_ONLY }, /* masks decide what the host learns of errors */
	{ PCI_EXT_CAP_ID_DSN, READ_ONLY },
	{ PCI_EXT_CAP_ID_PWR, PASS }, /* a selector and what it selects */
	{ PCI_EXT_CAP_ID_VNDR, PASS },
	{ PCI_EXT_CAP_ID_DVSEC, PASS },
	{ PCI_EXT_CAP_ID_DPA, READ_ONLY },
	{ PCI_EXT_CAP_ID_TPH, READ_ONLY }, /* steering tags name processors of the host */
};

/* Access to the device. */

uint32_t vfio_config_device_read(struct vfio_function *fn, unsigned offset, unsigned len)
{
	uint8_t buf[4] = { 0xff, 0xff, 0xff, 0xff };
	uint32_t value;
	int r;

	if (fn->lost || offset + len > fn->config_size)
		return ALL;
	r = vfio_region_read(fn->dev, fn->config_at + offset, buf, len);
	if (r) {
		vfio_function_lost(fn, strerror(-r));
		return ALL;
	}
	value = load_le32(buf);
	/* Reserved bits of Status read 0 (§7.5.1.1.4): all-ones is nobody's answer. */
	if (offset <= PCI_STATUS && offset + len >= PCI_STATUS + 2 &&
	    load_le16(buf + (PCI_STATUS - offset)) == 0xffff)
		vfio_function_lost(fn, "its configuration space reads all-ones");
	return len < 4 ? value & (BIT(8 * len) - 1) : value;
}

void vfio_config_device_write(struct vfio_function *fn, unsigned offset, unsigned len,
			      uint32_t value)
{
	uint8_t buf[4];
	int r;

	if (fn->lost || offset + len > fn->config_size)
		return;
	store_le32(buf, value);
	r = vfio_region_write(fn->dev, fn->config_at + offset, buf, len);
	if (r)
		vfio_function_lost(fn, strerror(-r));
}

/* Hand on the passed bits of a write, in the largest accesses that touch no others. */
static void pass_write(struct vfio_function *fn, unsigned offset, unsigned len, uint32_t value)
{
	uint32_t mask = (uint32_t)load_le(fn->passes + offset, len);
	uint32_t full = len < 4 ? BIT(8 * len) - 1 : ALL;

	if (mask == full) {
		vfio_config_device_write(fn, offset, len, value);
	} else if (mask && len == 1) {
		value = (vfio_config_device_read(fn, offset, 1) & ~mask) | (value & mask);
		vfio_config_device_write(fn, offset, 1, value);
	} else if (mask) {
		pass_write(fn, offset, len / 2, value & (BIT(4 * len) - 1));
		pass_write(fn, offset + len / 2, len / 2, value >> (4 * len));
	}
}

/* Setting up the masks. */

void vfio_config_emulate(struct vfio_function *fn, unsigned offset, unsigned len, uint32_t bits,
			 uint32_t value, uint32_t writable)
{
	for (unsigned i = 0; i < len; i++) {
		uint8_t mask = (uint8_t)(bits >> (8 * i));
		unsigned at = offset + i;

		fn->ours[at] |= mask;
		fn->passes[at] &= (uint8_t)~mask;
		fn->pci.config[at] = (uint8_t)((fn->pci.config[at] & ~mask) |
					       ((value >> (8 * i)) & mask));
		fn->pci.writable[at] = (uint8_t)((fn->pci.writable[at] & ~mask) |
						 ((writable >> (8 * i)) & mask));
	}
}

static void read_only(struct vfio_function *fn, unsigned offset, unsigned len, uint32_t bits)
{
	for (unsigned i = 0; i < len; i++)
		fn->passes[offset + i] &= (uint8_t) ~(bits >> (8 * i));
}

/* Fields at or beyond `end` belong to somebody else: capabilities come in several lengths. */
static void apply(struct vfio_function *fn, unsigned base, unsigned end, const struct field *fields,
		  unsigned n)
{
	for (const struct field *f = fields; f < fields + n; f++) {
		uint32_t value = 0;

		if (base + f->at + f->len > end)
			continue;
		if (f->keep)
			value = vfio_config_device_read(fn, base + f->at, f->len) & f->keep;
		vfio_config_emulate(fn, base + f->at, f->len, f->keep | f->zero, value,
				    f->writable);
		read_only(fn, base + f->at, f->len, f->read_only);
	}
}
#define APPLY(fn, base, end, fields) apply(fn, base, end, fields, ARRAY_SIZE(fields))

static void hide(struct vfio_function *fn, unsigned from, unsigned to)
{
	for (unsigned at = from; at < to; at++)
		vfio_config_emulate(fn, at, 1, 0xff, 0, 0);
}

static void express_init(struct vfio_function *fn, unsigned cap, unsigned end)
{
	uint16_t flags = (uint16_t)vfio_config_device_read(fn, cap + PCI_EXP_FLAGS, 2);
	unsigned type = (flags & PCI_EXP_FLAGS_TYPE) >> 4;

	fn->express_cap = cap;
	APPLY(fn, cap, end, express_fields);
	fn->express_flr = load_le32(fn->pci.config + cap + PCI_EXP_DEVCAP) & PCI_EXP_DEVCAP_FLR;
	if (type == PCI_EXP_TYPE_ENDPOINT || type == PCI_EXP_TYPE_LEG_END) {
		type = PCI_EXP_TYPE_RC_END;
		APPLY(fn, cap, end, express_link_fields);
	}
	vfio_config_emulate(fn, cap + PCI_EXP_FLAGS, 2, PCI_EXP_FLAGS_TYPE, type << 4, 0);
	/* Version 1 ends with the link registers; what follows is another capability's. */
	if ((flags & PCI_EXP_FLAGS_VERS) >= 2)
		APPLY(fn, cap, end, express_v2_fields);
}

/* Bytes of a capability that the rule touches: a chain that ends short of that hides it. */
static unsigned rule_len(enum rule rule)
{
	switch (rule) {
	case PM:
		return PCI_PM_SIZEOF;
	case MSI:
		return 10;
	case MSIX:
		return PCI_CAP_MSIX_SIZEOF;
	case EXPRESS:
		return PCI_EXP_LNKCAP;
	case AF:
		return PCI_CAP_AF_SIZEOF;
	default:
		return 2;
	}
}

static int capability_init(struct vfio_function *fn, unsigned cap, enum rule rule, unsigned end)
{
	switch (rule) {
	case PM:
		fn->pm_cap = cap;
		APPLY(fn, cap, end, pm_fields);
		return 0;
	case MSI:
		return vfio_msi_init(fn, cap);
	case MSIX:
		return vfio_msix_init(fn, cap);
	case EXPRESS:
		express_init(fn, cap, end);
		return 0;
	case AF:
		fn->af_cap = cap;
		fn->af_flr = (vfio_config_device_read(fn, cap + PCI_AF_CAP, 1) &
			      (PCI_AF_CAP_TP | PCI_AF_CAP_FLR)) == (PCI_AF_CAP_TP | PCI_AF_CAP_FLR);
		vfio_config_emulate(fn, cap + PCI_AF_CTRL, 1, PCI_AF_CTRL_FLR, 0, 0);
		return 0;
	case READ_ONLY:
		for (unsigned at = cap + 2; at < end; at++)
			read_only(fn, at, 1, 0xff);
		return 0;
	case PASS:
	case HIDE:
		break;
	}
	return 0;
}

static enum rule capability_rule(unsigned id)
{
	for (unsigned i = 0; i < ARRAY_SIZE(capabilities); i++)
		if (capabilities[i].id == id)
			return capabilities[i].rule;
	return HIDE;
}

static enum rule extended_rule(unsigned id)
{
	for (unsigned i = 0; i < ARRAY_SIZE(extended); i++)
		if (extended[i].id == id)
			return extended[i].rule;
	return HIDE;
}

/* Capabilities are dword aligned, so there are no more than this in 4 KiB. */
#define CHAIN_MAX (PCI_CONFIG_SIZE / 4)

struct chain {
	uint16_t at[CHAIN_MAX], id[CHAIN_MAX];
	uint32_t header[CHAIN_MAX];
	unsigned n;
	uint8_t seen[CHAIN_MAX];
};

/* Where the capability at `at` ends at the latest: at the next one, or at the space's end. */
static unsigned chain_end(const struct chain *chain, unsigned at, unsigned end)
{
	for (unsigned i = 0; i < chain->n; i++)
		if (chain->at[i] > at && chain->at[i] < end)
			end = chain->at[i];
	return end;
}

/* Follow the device's list; a pointer out of range or to a place seen before ends it. */
static void chain_walk(struct vfio_function *fn, struct chain *chain, unsigned at, bool ext)
{
	unsigned from = ext ? PCI_CFG_SPACE_SIZE : PCI_STD_HEADER_SIZEOF;
	unsigned end = ext ? fn->config_size : PCI_CFG_SPACE_SIZE;

	memset(chain, 0, sizeof(*chain));
	while (at >= from && at + 4 <= end && !chain->seen[at / 4]) {
		uint32_t header = vfio_config_device_read(fn, at, 4);

		if (header == ALL || (ext && !header))
			break;
		chain->seen[at / 4] = 1;
		chain->at[chain->n] = (uint16_t)at;
		chain->header[chain->n] = header;
		chain->id[chain->n++] = ext ? PCI_EXT_CAP_ID(header) : header & 0xff;
		at = (ext ? PCI_EXT_CAP_NEXT(header) : header >> 8) & 0xffc;
		if (!ext)
			at &= 0xfc;
	}
}

static int capabilities_init(struct vfio_function *fn)
{
	struct chain chain = { 0 };
	unsigned link = PCI_CAPABILITY_LIST; /* the pointer to write next */
	uint8_t head;
	int r;

	if (!(vfio_config_device_read(fn, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST))
		return 0;
	head = (uint8_t)vfio_config_device_read(fn, PCI_CAPABILITY_LIST, 1);
	chain_walk(fn, &chain, head & ~3u, false);
	for (unsigned i = 0; i < chain.n; i++) {
		unsigned at = chain.at[i], end = chain_end(&chain, at, PCI_CFG_SPACE_SIZE);
		enum rule rule = capability_rule(chain.id[i]);

		if (rule != HIDE && at + rule_len(rule) > end)
			rule = HIDE;
		if (rule == HIDE) {
			hide(fn, at, end);
			continue;
		}
		/* Its id is the device's, its link ours. */
		vfio_config_emulate(fn, at, 2, 0xffff, chain.id[i], 0);
		r = capability_init(fn, at, rule, end);
		if (r)
			return r;
		/* One that turned out unusable, or a second of a kind. */
		if ((rule == MSI && fn->msi.cap != at) || (rule == MSIX && fn->msix.cap != at)) {
			hide(fn, at, end);
			continue;
		}
		fn->pci.config[link] = (uint8_t)at;
		link = at + PCI_CAP_LIST_NEXT;
	}
	return 0;
}

static void extended_init(struct vfio_function *fn)
{
	struct chain chain;
	unsigned link = 0; /* the header whose link is to write; 0: none yet */

	if (fn->config_size <= PCI_CFG_SPACE_SIZE)
		return;
	chain_walk(fn, &chain, PCI_CFG_SPACE_SIZE, true);
	/* The list starts at 100h whatever is there: without an id when that is hidden. */
	vfio_config_emulate(fn, PCI_CFG_SPACE_SIZE, 4, ALL, 0, 0);
	for (unsigned i = 0; i < chain.n; i++) {
		unsigned at = chain.at[i], end = chain_end(&chain, at, fn->config_size);
		enum rule rule = extended_rule(chain.id[i]);
		uint32_t head;

		if (rule == HIDE) {
			hide(fn, at, end);
			continue;
		}
		/* Id and version as they are, the link to follow (§7.6.3). */
		vfio_config_emulate(fn, at, 4, ALL, chain.header[i] & 0xfffff, 0);
		if (rule == READ_ONLY)
			for (unsigned b = at + 4; b < end; b++)
				read_only(fn, b, 1, 0xff);
		if (at != PCI_CFG_SPACE_SIZE) {
			link = link ? link : PCI_CFG_SPACE_SIZE;
			head = load_le32(fn->pci.config + link) & 0xfffff;
			store_le32(fn->pci.config + link, head | at << 20);
		}
		link = at;
	}
}

/* Take a capability out of the list again. */
void vfio_config_hide(struct vfio_function *fn, unsigned cap)
{
	uint8_t *config = fn->pci.config;
	unsigned link = PCI_CAPABILITY_LIST;

	for (unsigned i = 0; i < CHAIN_MAX && config[link] && config[link] != cap; i++)
		link = config[link] + PCI_CAP_LIST_NEXT;
	if (config[link] == cap)
		config[link] = config[cap + PCI_CAP_LIST_NEXT];
	hide(fn, cap, cap + PCI_CAP_MSIX_SIZEOF);
}

int vfio_config_init(struct vfio_function *fn)
{
	uint32_t ids = vfio_config_device_read(fn, PCI_VENDOR_ID, 4);
	uint8_t type = (uint8_t)vfio_config_device_read(fn, PCI_HEADER_TYPE, 1);
	int r;

	if (fn->lost || ids == ALL)
		return fail(
			STATUS_HOST, EIO,
			"%s: its configuration space cannot be read; it is powered down or gone",
			fn->dev->name);
	if ((type & 0x7f) != PCI_HEADER_TYPE_NORMAL)
		return fail(STATUS_HOST, ENODEV, "%s: a bridge; only endpoints can be passed",
			    fn->dev->name);
	memset(fn->passes, 0xff, fn->config_size);
	hide(fn, fn->config_size, PCI_CONFIG_SIZE);
	memset(fn->pci.writable, 0, sizeof(fn->pci.writable));
	APPLY(fn, 0, PCI_STD_HEADER_SIZEOF, header_fields);
	fn->intx.pin = fn->pci.config[PCI_INTERRUPT_PIN];
	r = capabilities_init(fn);
	if (r)
		return r;
	extended_init(fn);
	return fn->lost ? -EIO : 0;
}

/* The guest's accesses. */

static bool touches(unsigned offset, unsigned len, unsigned from, unsigned n)
{
	return offset < from + n && from < offset + len;
}

uint32_t vfio_config_read(struct pci_function *pci, unsigned offset, unsigned len)
{
	struct vfio_function *fn = vfio_function_of(pci);
	uint32_t full = len < 4 ? BIT(8 * len) - 1 : ALL, mask, value = 0;

	if (fn->lost)
		return full;
	if (fn->msi.mask_at && touches(offset, len, fn->msi.mask_at + 4, 4))
		vfio_msi_refresh_pending(fn);
	mask = (uint32_t)load_le(fn->ours + offset, len);
	if (mask != full)
		value = vfio_config_device_read(fn, offset, len) & ~mask;
	if (fn->lost)
		return full;
	return value | (pci_config_read(pci, offset, len) & mask);
}

void vfio_config_set_command(struct vfio_function *fn, uint16_t command)
{
	bool on;

	if (command == fn->device_command)
		return;
	on = command & ~fn->device_command & PCI_COMMAND_MEMORY;
	fn->device_command = command;
	vfio_config_device_write(fn, PCI_COMMAND, 2, command);
	if (on)
		vfio_p2p_redo(fn);
}

/* After the BARs (pci.h): decode that goes off, goes off in the device last. */
void vfio_config_command(struct pci_function *pci, uint16_t before, uint16_t now)
{
	(void)before;
	vfio_config_set_command(vfio_function_of(pci), now);
}

/* Decode that goes on, goes on in the device first: a BAR in KVM's map must answer. */
static void command_ahead(struct vfio_function *fn, unsigned offset, unsigned len, uint32_t value)
{
	if (offset <= PCI_COMMAND && PCI_COMMAND < offset + len)
		vfio_config_set_command(fn, fn->device_command |
						    ((value >> (8 * (PCI_COMMAND - offset))) &
						     (PCI_COMMAND_IO | PCI_COMMAND_MEMORY)));
}

/*
 * Low power. In D3hot the host may go further (runtime power management, D3cold) and wakes the device
 * for every access, into D0 and back. What the guest reads as its state is then ours, until it asks
 * for D0: it must not find the device awake that it put to sleep.
 */
static void low_power_on(struct vfio_function *fn)
{
	unsigned at = fn->pm_cap + PCI_PM_CTRL;

	if (vfio_low_power(fn->dev, true))
		return; /* a kernel or host without: D3hot it is */
	fn->low_power = true;
	vfio_config_emulate(fn, at, 1, PCI_PM_CTRL_STATE_MASK, 3, PCI_PM_CTRL_STATE_MASK);
}

static void low_power_off(struct vfio_function *fn)
{
	unsigned at = fn->pm_cap + PCI_PM_CTRL;
	uint8_t control;

	fn->low_power = false;
	fn->ours[at] &= (uint8_t)~PCI_PM_CTRL_STATE_MASK;
	fn->passes[at] |= PCI_PM_CTRL_STATE_MASK;
	fn->pci.writable[at] &= (uint8_t)~PCI_PM_CTRL_STATE_MASK;
	if (fn->lost)
		return;
	if (vfio_low_power(fn->dev, false))
		vfio_function_trouble(fn, "power");
	/* It may never have been taken further than D3hot. */
	control = (uint8_t)vfio_config_device_read(fn, at, 1);
	vfio_config_device_write(fn, at, 1, control & ~(uint32_t)PCI_PM_CTRL_STATE_MASK);
}

void vfio_config_power_up(struct vfio_function *fn)
{
	if (fn->low_power)
		low_power_off(fn);
}

/* D3hot and its like: no BAR answers (PCIe 6.0 §5.3.1.4). Ask the device which state it took. */
static void power_changed(struct vfio_function *fn)
{
	unsigned at = fn->pm_cap + PCI_PM_CTRL;
	uint8_t state;

	if (fn->low_power) {
		if (fn->pci.config[at] & PCI_PM_CTRL_STATE_MASK)
			return; /* from D3hot the only way is up (§5.3.1.4.1) */
		low_power_off(fn);
	}
	state = vfio_config_device_read(fn, at, 1) & PCI_PM_CTRL_STATE_MASK;
	if (fn->pci.asleep == (state != 0))
		return;
	fn->pci.asleep = state != 0;
	pci_function_refresh(&fn->pci);
	if (state == 3)
		low_power_on(fn);
	else if (!state)
		vfio_p2p_redo(fn);
}

/* A function level reset is ours to perform; the bit reads 0 (§7.5.3.4). */
static bool take_reset(struct vfio_function *fn, unsigned offset, unsigned len, uint32_t *value)
{
	const struct {
		unsigned cap, at;
		uint8_t bit;
		bool does;
	} resets[] = {
		{ fn->express_cap, PCI_EXP_DEVCTL + 1, PCI_EXP_DEVCTL_BCR_FLR >> 8,
		  fn->express_flr },
		{ fn->af_cap, PCI_AF_CTRL, PCI_AF_CTRL_FLR, fn->af_flr },
	};
	bool reset = false;

	for (unsigned i = 0; i < ARRAY_SIZE(resets); i++) {
		unsigned at = resets[i].cap + resets[i].at;
		uint32_t bit;

		if (!resets[i].cap || !touches(offset, len, at, 1))
			continue;
		bit = (uint32_t)resets[i].bit << (8 * (at - offset));
		reset |= *value & bit && resets[i].does;
		*value &= ~bit;
	}
	return reset;
}

void vfio_config_write(struct pci_function *pci, unsigned offset, unsigned len, uint32_t value)
{
	struct vfio_function *fn = vfio_function_of(pci);
	bool reset;

	if (fn->lost)
		return;
	reset = take_reset(fn, offset, len, &value);
	command_ahead(fn, offset, len, value);
	pci_config_write(pci, offset, len, value);
	pass_write(fn, offset, len, value);
	if (fn->pm_cap && touches(offset, len, fn->pm_cap + PCI_PM_CTRL, 1))
		power_changed(fn);
	if ((fn->msi.cap && touches(offset, len, fn->msi.cap, vfio_msi_len(fn))) ||
	    (fn->msix.cap && touches(offset, len, fn->msix.cap, PCI_CAP_MSIX_SIZEOF)))
		vfio_function_irqs(fn);
	if (reset)
		vfio_function_guest_reset(fn);
}
