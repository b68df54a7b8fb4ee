/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registers of configuration space by name: the header of an endpoint (PCIe 6.0 §7.5.1), and the
 * capabilities by where a device has them. Pure.
 */
#include <watch/trace.h>

#include <linux/pci_regs.h>
#include <stdarg.h>
#include <string.h>

struct reg {
	uint16_t at, len;
	const char *name;
};

/* PCIe 6.0 §7.5.1.1, §7.5.1.2 */
static const struct reg header[] = {
	{ PCI_VENDOR_ID, 2, "Vendor ID" },
	{ PCI_DEVICE_ID, 2, "Device ID" },
	{ PCI_COMMAND, 2, "Command" },
	{ PCI_STATUS, 2, "Status" },
	{ PCI_REVISION_ID, 1, "Revision ID" },
	{ PCI_CLASS_PROG, 3, "Class Code" },
	{ PCI_CACHE_LINE_SIZE, 1, "Cache Line Size" },
	{ PCI_LATENCY_TIMER, 1, "Latency Timer" },
	{ PCI_HEADER_TYPE, 1, "Header Type" },
	{ PCI_BIST, 1, "BIST" },
	{ PCI_BASE_ADDRESS_0, 4, "BAR 0" },
	{ PCI_BASE_ADDRESS_1, 4, "BAR 1" },
	{ PCI_BASE_ADDRESS_2, 4, "BAR 2" },
	{ PCI_BASE_ADDRESS_3, 4, "BAR 3" },
	{ PCI_BASE_ADDRESS_4, 4, "BAR 4" },
	{ PCI_BASE_ADDRESS_5, 4, "BAR 5" },
	{ PCI_CARDBUS_CIS, 4, "Cardbus CIS Pointer" },
	{ PCI_SUBSYSTEM_VENDOR_ID, 2, "Subsystem Vendor ID" },
	{ PCI_SUBSYSTEM_ID, 2, "Subsystem ID" },
	{ PCI_ROM_ADDRESS, 4, "Expansion ROM" },
	{ PCI_CAPABILITY_LIST, 1, "Capabilities Pointer" },
	{ PCI_INTERRUPT_LINE, 1, "Interrupt Line" },
	{ PCI_INTERRUPT_PIN, 1, "Interrupt Pin" },
	{ PCI_MIN_GNT, 1, "Min Gnt" },
	{ PCI_MAX_LAT, 1, "Max Lat" },
	{ 0 },
};

/* §7.5.2 */
static const struct reg pm[] = { { PCI_PM_PMC, 2, "Capabilities" },
				 { PCI_PM_CTRL, 2, "Control/Status" },
				 { PCI_PM_PPB_EXTENSIONS, 1, "Bridge Extensions" },
				 { PCI_PM_DATA_REGISTER, 1, "Data" },
				 { 0 } };

/* §7.7.1. What follows the address depends on its width, which the guest reads in Control. */
static const struct reg msi[] = { { PCI_MSI_FLAGS, 2, "Message Control" },
				  { PCI_MSI_ADDRESS_LO, 4, "Message Address" },
				  { PCI_MSI_ADDRESS_HI, 4, "Upper Address or Data" },
				  { 0 } };

/* §7.7.2 */
static const struct reg msix[] = { { PCI_MSIX_FLAGS, 2, "Message Control" },
				   { PCI_MSIX_TABLE, 4, "Table" },
				   { PCI_MSIX_PBA, 4, "PBA" },
				   { 0 } };

/* §7.5.3 */
static const struct reg express[] = { { PCI_EXP_FLAGS, 2, "Capabilities" },
				      { PCI_EXP_DEVCAP, 4, "Device Capabilities" },
				      { PCI_EXP_DEVCTL, 2, "Device Control" },
				      { PCI_EXP_DEVSTA, 2, "Device Status" },
				      { PCI_EXP_LNKCAP, 4, "Link Capabilities" },
				      { PCI_EXP_LNKCTL, 2, "Link Control" },
				      { PCI_EXP_LNKSTA, 2, "Link Status" },
				      { PCI_EXP_SLTCAP, 4, "Slot Capabilities" },
				      { PCI_EXP_SLTCTL, 2, "Slot Control" },
				      { PCI_EXP_SLTSTA, 2, "Slot Status" },
				      { PCI_EXP_RTCTL, 2, "Root Control" },
				      { PCI_EXP_RTCAP, 2, "Root Capabilities" },
				      { PCI_EXP_RTSTA, 4, "Root Status" },
				      { PCI_EXP_DEVCAP2, 4, "Device Capabilities 2" },
				      { PCI_EXP_DEVCTL2, 2, "Device Control 2" },
				      { PCI_EXP_DEVSTA2, 2, "Device Status 2" },
				      { PCI_EXP_LNKCAP2, 4, "Link Capabilities 2" },
				      { PCI_EXP_LNKCTL2, 2, "Link Control 2" },
				      { PCI_EXP_LNKSTA2, 2, "Link Status 2" },
				      { 0 } };

/* §7.8.4 */
static const struct reg aer[] = { { PCI_ERR_UNCOR_STATUS, 4, "Uncorrectable Status" },
				  { PCI_ERR_UNCOR_MASK, 4, "Uncorrectable Mask" },
				  { PCI_ERR_UNCOR_SEVER, 4, "Uncorrectable Severity" },
				  { PCI_ERR_COR_STATUS, 4, "Correctable Status" },
				  { PCI_ERR_COR_MASK, 4, "Correctable Mask" },
				  { PCI_ERR_CAP, 4, "Capabilities and Control" },
				  { PCI_ERR_HEADER_LOG, 16, "Header Log" },
				  { 0 } };

static const struct reg dsn[] = { { 4, 4, "Serial Number (low)" },
				  { 8, 4, "Serial Number (high)" },
				  { 0 } };

/* PCI Code and ID Assignment 1.11 §2, §3 */
static const struct {
	uint16_t id;
	bool extended;
	const char *name;
	const struct reg *regs;
} capabilities[] = {
	{ PCI_CAP_ID_PM, false, "Power Management", pm },
	{ PCI_CAP_ID_AGP, false, "AGP", NULL },
	{ PCI_CAP_ID_VPD, false, "Vital Product Data", NULL },
	{ PCI_CAP_ID_MSI, false, "MSI", msi },
	{ PCI_CAP_ID_PCIX, false, "PCI-X", NULL },
	{ PCI_CAP_ID_VNDR, false, "Vendor Specific", NULL },
	{ PCI_CAP_ID_EXP, false, "PCI Express", express },
	{ PCI_CAP_ID_MSIX, false, "MSI-X", msix },
	{ PCI_CAP_ID_SATA, false, "SATA", NULL },
	{ PCI_CAP_ID_AF, false, "Advanced Features", NULL },
	{ PCI_EXT_CAP_ID_ERR, true, "Advanced Error Reporting", aer },
	{ PCI_EXT_CAP_ID_DSN, true, "Device Serial Number", dsn },
	{ PCI_EXT_CAP_ID_PWR, true, "Power Budgeting", NULL },
	{ PCI_EXT_CAP_ID_VNDR, true, "Vendor Specific", NULL },
	{ PCI_EXT_CAP_ID_DVSEC, true, "Designated Vendor Specific", NULL },
	{ PCI_EXT_CAP_ID_DPA, true, "Dynamic Power Allocation", NULL },
	{ PCI_EXT_CAP_ID_TPH, true, "TPH Requester", NULL },
};

struct words {
	char *text;
	size_t size, n;
};

static _printf_(2, 3) void add(struct words *w, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(w->text + w->n, w->size - w->n, fmt, ap);
	va_end(ap);
	if (n > 0)
		w->n = MIN(w->n + (size_t)n, w->size - 1);
}

/* Every register that [offset, offset + len) touches, relative to `base`. Their number. */
static unsigned add_regs(struct words *w, const struct reg *regs, unsigned base, unsigned offset,
			 unsigned len)
{
	unsigned found = 0;

	for (; regs && regs->name; regs++)
		if (offset < base + regs->at + regs->len && base + regs->at < offset + len)
			add(w, "%s%s", found++ ? ", " : "", regs->name);
	return found;
}

void trace_config_name(const struct trace_capability *caps, unsigned n, unsigned offset,
		       unsigned len, char *text, size_t size)
{
	const struct trace_capability *cap = NULL;
	struct words w = { text, size, 0 };

	text[0] = 0;
	if (offset < PCI_STD_HEADER_SIZEOF) {
		add_regs(&w, header, 0, offset, len);
		return;
	}
	/* The nearest below, in the same half of the space. */
	for (unsigned i = 0; i < n; i++)
		if (caps[i].at <= offset && (!cap || caps[i].at > cap->at) &&
		    caps[i].extended == (offset >= PCI_CFG_SPACE_SIZE))
			cap = &caps[i];
	for (unsigned i = 0; cap && i < ARRAY_SIZE(capabilities); i++) {
		if (capabilities[i].id != cap->id || capabilities[i].extended != cap->extended)
			continue;
		add(&w, "%s: ", capabilities[i].name);
		if (offset < cap->at + (cap->extended ? 4u : 2u))
			add(&w, "id, next");
		else if (!add_regs(&w, capabilities[i].regs, cap->at, offset, len))
			add(&w, "+%#x", offset - cap->at);
		return;
	}
	if (cap)
		add(&w, "capability %#x: +%#x", cap->id, offset - cap->at);
}
