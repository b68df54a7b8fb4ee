/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What of a passed function's configuration space is whose: the tables of config_table.h, laid over
 * the capabilities that the device has, become the masks by which config.c answers. A device's list
 * of capabilities is followed with bounds, and the guest gets one of its own without what is hidden.
 *
 * Main thread.
 */
#include "config_table.h"
#include "function.h"

#include <base/bytes.h>
#include <base/error.h>
#include <errno.h>
#include <string.h>

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
		APPLY(fn, cap, end, pm_fields);
		vfio_power_init(fn, cap);
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
