/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes the masks by which config.c answers: which bits of a passed function's configuration space are the
 * device's, and which are ours. They come from the tables of config_table.h and the capabilities that the
 * device has. The guest gets a list of capabilities of its own, without what is hidden.
 *
 * Main thread.
 */
#include "config.h"
#include "config_table.h"

#include <base/bytes.h>
#include <base/capability.h>
#include <base/error.h>
#include <errno.h>
#include <string.h>

static void read_only(struct vfio_config *config, unsigned offset, unsigned len, uint32_t bits)
{
	for (unsigned i = 0; i < len; i++)
		config->passes[offset + i] &= (uint8_t) ~(bits >> (8 * i));
}

/* Fields at or beyond `end` belong to somebody else: capabilities come in several lengths. */
static void apply(struct vfio_config *config, unsigned base, unsigned end,
		  const struct field *fields, unsigned n)
{
	for (const struct field *f = fields; f < fields + n; f++) {
		uint32_t value = 0;

		if (base + f->at + f->len > end)
			continue;
		if (f->keep)
			value = vfio_io_config_read(config->io, base + f->at, f->len) & f->keep;
		vfio_config_emulate(config, base + f->at, f->len, f->keep | f->zero, value,
				    f->writable);
		read_only(config, base + f->at, f->len, f->read_only);
	}
}
#define APPLY(config, base, end, fields) apply(config, base, end, fields, ARRAY_SIZE(fields))

static void hide(struct vfio_config *config, unsigned from, unsigned to)
{
	for (unsigned at = from; at < to; at++)
		vfio_config_emulate(config, at, 1, 0xff, 0, 0);
}

static void reset_init(struct vfio_config *config, unsigned i, unsigned at, uint8_t bit, bool does)
{
	config->resets[i].at = at;
	config->resets[i].bit = bit;
	config->resets[i].does = does;
	vfio_config_mark(config, at, 1, VFIO_TOUCH_RESET);
}

static void express_init(struct vfio_config *config, unsigned cap, unsigned end)
{
	uint16_t flags = (uint16_t)vfio_io_config_read(config->io, cap + PCI_EXP_FLAGS, 2);
	unsigned type = (flags & PCI_EXP_FLAGS_TYPE) >> 4;

	APPLY(config, cap, end, express_fields);
	reset_init(config, 0, cap + PCI_EXP_DEVCTL + 1, PCI_EXP_DEVCTL_BCR_FLR >> 8,
		   load_le32(config->pci->config + cap + PCI_EXP_DEVCAP) & PCI_EXP_DEVCAP_FLR);
	if (type == PCI_EXP_TYPE_ENDPOINT || type == PCI_EXP_TYPE_LEG_END) {
		type = PCI_EXP_TYPE_RC_END;
		APPLY(config, cap, end, express_link_fields);
	}
	vfio_config_emulate(config, cap + PCI_EXP_FLAGS, 2, PCI_EXP_FLAGS_TYPE, type << 4, 0);
	/* Version 1 ends with the link registers; what follows is another capability's. */
	if ((flags & PCI_EXP_FLAGS_VERS) >= 2)
		APPLY(config, cap, end, express_v2_fields);
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

static void af_init(struct vfio_config *config, unsigned cap)
{
	const uint8_t both = PCI_AF_CAP_TP | PCI_AF_CAP_FLR;

	reset_init(config, 1, cap + PCI_AF_CTRL, PCI_AF_CTRL_FLR,
		   (vfio_io_config_read(config->io, cap + PCI_AF_CAP, 1) & both) == both);
	vfio_config_emulate(config, cap + PCI_AF_CTRL, 1, PCI_AF_CTRL_FLR, 0, 0);
}

/* All but the header, which is ours. */
static void read_only_init(struct vfio_config *config, unsigned cap, unsigned header, unsigned end)
{
	for (unsigned at = cap + header; at < end; at++)
		read_only(config, at, 1, 0xff);
}

/* MSI and MSI-X are left to their own parts. */
static void capability_init(struct vfio_config *config, unsigned cap, enum rule rule, unsigned end)
{
	switch (rule) {
	case PM:
		config->pm_cap = cap;
		APPLY(config, cap, end, pm_fields);
		vfio_config_mark(config, cap + PCI_PM_CTRL, 2, VFIO_TOUCH_POWER);
		break;
	case MSI:
		config->msi_cap = cap;
		config->msi_end = end;
		break;
	case MSIX:
		config->msix_cap = cap;
		break;
	case EXPRESS:
		express_init(config, cap, end);
		break;
	case AF:
		af_init(config, cap);
		break;
	case READ_ONLY:
		read_only_init(config, cap, 2, end);
		break;
	case PASS:
	case HIDE:
		break;
	}
}

/* There can be one of the kind, and the kernel uses the first (pci_find_capability()). */
static bool is_single(enum rule rule)
{
	return rule != PASS && rule != READ_ONLY && rule != HIDE;
}

static const struct kind *kind_of(const struct kind *kinds, unsigned id)
{
	while (kinds->id && kinds->id != id)
		kinds++;
	return kinds;
}

/* Capabilities are dword aligned, so there are no more than this in 4 KiB. */
#define CHAIN_MAX (PCI_CONFIG_SIZE / 4)

struct chain {
	uint16_t at[CHAIN_MAX], id[CHAIN_MAX];
	uint32_t header[CHAIN_MAX];
	unsigned n;
};

/* PCIe 6.0 §7.9.1: port registers, VC resources, then an arbitration table of 4 bits a phase, aligned to 16 bytes. */
static unsigned vc_len(const struct vfio_config *config, unsigned at)
{
	uint32_t more = vfio_io_config_read(config->io, at + PCI_VC_PORT_CAP1, 4);
	uint32_t arbitration = vfio_io_config_read(config->io, at + PCI_VC_PORT_CAP2, 4);
	unsigned len = PCI_CAP_VC_BASE_SIZEOF;
	unsigned phases = arbitration & PCI_VC_CAP2_128_PHASE  ? 128
			  : arbitration & PCI_VC_CAP2_64_PHASE ? 64
			  : arbitration & PCI_VC_CAP2_32_PHASE ? 32
							       : 0;

	len += (1 + (more & PCI_VC_CAP1_EVCC)) * PCI_CAP_VC_PER_VC_SIZEOF;
	return phases ? align_up(len, 16) + phases / 2 : len;
}

/* The bytes of an extended capability as it says itself, as VFIO counts them (vfio_ext_cap_len()); 0: it does not. */
static unsigned said_len(const struct vfio_config *config, unsigned id, unsigned at)
{
	uint32_t caps;
	unsigned n;

	if (at + 12 > config->io->config_size)
		return 0;
	caps = vfio_io_config_read(config->io, at + 4, 4);
	switch (id) {
	case 0: /* VFIO's place holder for one at 100h that it hides: a link, and what follows is passed */
		return 4;
	case PCI_EXT_CAP_ID_VC:
	case PCI_EXT_CAP_ID_VC9:
		return vc_len(config, at);
	case PCI_EXT_CAP_ID_ACS: /* §7.7.11: an egress control vector, of 0 for 256 bits */
		n = caps >> 8 & 0xff;
		return caps & PCI_ACS_EC ? 8 + align_up(n ? n : 256, 32) / 8 : 8;
	case PCI_EXT_CAP_ID_REBAR: /* §7.8.6: a pair of registers for each BAR */
		n = vfio_io_config_read(config->io, at + PCI_REBAR_CTRL, 4) &
		    PCI_REBAR_CTRL_NBAR_MASK;
		return 4 + 8 * (n >> PCI_REBAR_CTRL_NBAR_SHIFT);
	case PCI_EXT_CAP_ID_TPH: /* §7.9.13: its table is here, or with the MSI-X table */
		n = (caps & PCI_TPH_CAP_ST_MASK) >> PCI_TPH_CAP_ST_SHIFT;
		return PCI_TPH_BASE_SIZEOF +
		       ((caps & PCI_TPH_CAP_LOC_MASK) == PCI_TPH_LOC_CAP ? 2 * (n + 1) : 0);
	default:
		return 0;
	}
}

/* How far a capability reaches that is hidden or read-only: not over registers that are nobody's. */
static unsigned own_end(unsigned at, unsigned len, unsigned end)
{
	return len ? MIN(at + len, end) : end;
}

/* Where the capability at `at` ends at the latest: at the next one, or at the space's end. */
static unsigned chain_end(const struct chain *chain, unsigned at, unsigned end)
{
	for (unsigned i = 0; i < chain->n; i++)
		if (chain->at[i] > at && chain->at[i] < end)
			end = chain->at[i];
	return end;
}

static uint32_t read_device(void *ctx, unsigned offset, unsigned len)
{
	return vfio_io_config_read(ctx, offset, len);
}

static void chain_walk(struct vfio_config *config, struct chain *chain, bool ext)
{
	struct capabilities list;

	chain->n = 0;
	capabilities_init(&list, ext, config->io->config_size, read_device, config->io);
	while (capabilities_next(&list)) {
		chain->at[chain->n] = (uint16_t)list.at;
		chain->id[chain->n] = (uint16_t)list.id;
		chain->header[chain->n++] = list.header;
	}
}

static void plain_init(struct vfio_config *config)
{
	struct chain chain;
	unsigned link = PCI_CAPABILITY_LIST; /* the pointer to write next */
	unsigned seen = 0;

	chain_walk(config, &chain, false);
	for (unsigned i = 0; i < chain.n; i++) {
		unsigned at = chain.at[i], end = chain_end(&chain, at, PCI_CFG_SPACE_SIZE);
		const struct kind *kind = kind_of(capabilities, chain.id[i]);

		if (kind->rule == HIDE) {
			hide(config, at, own_end(at, kind->len, end));
			continue;
		}
		if (at + rule_len(kind->rule) > end ||
		    (is_single(kind->rule) && seen & BIT(kind->rule))) {
			hide(config, at, end);
			continue;
		}
		seen |= BIT(kind->rule);
		/* Its id is the device's, its link ours. */
		vfio_config_emulate(config, at, 2, 0xffff, chain.id[i], 0);
		capability_init(config, at, kind->rule, own_end(at, kind->len, end));
		config->pci->config[link] = (uint8_t)at;
		link = at + PCI_CAP_LIST_NEXT;
	}
}

static void extended_init(struct vfio_config *config)
{
	struct chain chain;
	unsigned link = 0; /* the header whose link is to write; 0: none yet */

	if (config->io->config_size <= PCI_CFG_SPACE_SIZE)
		return;
	chain_walk(config, &chain, true);
	/* The list starts at 100h whatever is there: without an id when that is hidden. */
	vfio_config_emulate(config, PCI_CFG_SPACE_SIZE, 4, ALL, 0, 0);
	for (unsigned i = 0; i < chain.n; i++) {
		unsigned at = chain.at[i], end = chain_end(&chain, at, config->io->config_size);
		const struct kind *kind = kind_of(extended, chain.id[i]);
		uint32_t head;

		end = own_end(at, kind->len ? kind->len : said_len(config, chain.id[i], at), end);
		if (kind->rule == HIDE) {
			hide(config, at, end);
			continue;
		}
		/* Id and version as they are, the link to follow (§7.6.3). */
		vfio_config_emulate(config, at, 4, ALL, chain.header[i] & 0xfffff, 0);
		if (kind->rule == READ_ONLY)
			read_only_init(config, at, 4, end);
		if (at != PCI_CFG_SPACE_SIZE) {
			link = link ? link : PCI_CFG_SPACE_SIZE;
			head = load_le32(config->pci->config + link) & 0xfffff;
			store_le32(config->pci->config + link, head | at << 20);
		}
		link = at;
	}
}

int vfio_config_init(struct vfio_config *config, struct vfio_io *io, struct pci_function *pci)
{
	uint32_t ids = vfio_io_config_read(io, PCI_VENDOR_ID, 4);
	uint8_t type = (uint8_t)vfio_io_config_read(io, PCI_HEADER_TYPE, 1);

	*config = (struct vfio_config){ .io = io, .pci = pci };
	if (io->lost || ids == ALL)
		return fail(
			STATUS_HOST, EIO,
			"%s: its configuration space cannot be read; it is powered down or gone",
			io->dev->name);
	if ((type & 0x7f) != PCI_HEADER_TYPE_NORMAL)
		return fail(STATUS_HOST, ENODEV, "%s: a bridge; only endpoints can be passed",
			    io->dev->name);
	memset(config->passes, 0xff, io->config_size);
	hide(config, io->config_size, PCI_CONFIG_SIZE);
	memset(pci->writable, 0, sizeof(pci->writable));
	APPLY(config, 0, PCI_STD_HEADER_SIZEOF, header_fields);
	vfio_config_mark(config, PCI_COMMAND, 2, VFIO_TOUCH_COMMAND);
	plain_init(config);
	extended_init(config);
	if (io->lost)
		return fail(STATUS_HOST, EIO, "%s: the device does not answer any more: %s",
			    io->dev->name, io->why);
	return 0;
}
