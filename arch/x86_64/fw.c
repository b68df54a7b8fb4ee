/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI tables of a hardware-reduced machine (ACPI 6.5 §4.1, §5.2), where firmware would leave them:
 * RSDP, XSDT, FADT, MADT, MCFG (PCI Firmware 3.3 §4.1.2) and a DSDT with the host bridge, the
 * serial port and the power button.
 *
 * Much of what they say is what this machine does not have: no PM timer, PIT, 8259, RTC, i8042 or VGA, each of
 * which an operating system would otherwise look and wait for. Left out on purpose: FACS (§5.2.10:
 * not for hardware-reduced machines), processor objects in the DSDT (MADT is enough and they would
 * be evaluated one by one), _OSC (with no root port there is nothing to hand over; without it Linux
 * leaves ASPM alone, which is the host's), SRAT and SLIT (one node).
 *
 * Runs on the main thread, before the guest.
 */
#include "aml.h"
#include "layout.h"

#include <arch/arch.h>
#include <base/bytes.h>
#include <base/error.h>
#include <devices/power.h>
#include <errno.h>
#include <string.h>

/* §5.2.6: the header that begins every table. */
enum { HEADER_LENGTH = 4, HEADER_CHECKSUM = 9, HEADER_SIZE = 36 };
enum { RSDP_CHECKSUM = 8, RSDP_EXT_CHECKSUM = 32, RSDP_V1_SIZE = 20, RSDP_SIZE = 36 };

static uint8_t sum(const uint8_t *bytes, size_t len)
{
	uint8_t s = 0;

	while (len--)
		s = (uint8_t)(s + *bytes++);
	return s;
}

/* Begin a table at the next multiple of 16; returns its offset in the area. */
static size_t table_begin(struct aml *out, const char *signature, uint8_t revision)
{
	size_t mark;

	while (out->len % 16)
		aml_raw(out, 0, 1);
	mark = out->len;
	aml_bytes(out, signature, 4);
	aml_raw(out, 0, 4); /* length */
	aml_raw(out, revision, 1);
	aml_raw(out, 0, 1); /* checksum */
	aml_bytes(out, "THRU  ", 6);
	aml_bytes(out, "THRUX86 ", 8);
	aml_raw(out, 1, 4); /* OEM revision */
	aml_bytes(out, "THRU", 4);
	aml_raw(out, 1, 4); /* creator revision */
	return mark;
}

static void table_end(struct aml *out, size_t mark)
{
	uint8_t *table = out->bytes + mark;

	if (!aml_fits(out))
		return;
	store_le32(table + HEADER_LENGTH, (uint32_t)(out->len - mark));
	table[HEADER_CHECKSUM] = (uint8_t)-sum(table, out->len - mark);
}

/* §5.2.9, table 5.9: the fields that are not zero. Offsets are the table's own. */
enum {
	FADT_SIZE = 276,
	FADT_RESET_SUPPORTED = BIT(10),
	FADT_FIXED_OFF = BIT(4) | BIT(5), /* no fixed power or sleep button */
	FADT_WBINVD = BIT(0),
	FADT_HW_REDUCED = BIT(20),
	/* IAPC_BOOT_ARCH §5.2.9.3: no VGA, leave ASPM alone, no CMOS RTC; 8042 and legacy clear. */
	FADT_BOOT_ARCH = BIT(2) | BIT(4) | BIT(5),
	FADT_PROFILE_SERVER = 4,
};

static const struct {
	unsigned offset, len;
	uint64_t value;
} fadt_fields[] = {
	{ 45, 1, FADT_PROFILE_SERVER },
	{ 109, 2, FADT_BOOT_ARCH },
	{ 112, 4, FADT_WBINVD | FADT_FIXED_OFF | FADT_RESET_SUPPORTED | FADT_HW_REDUCED },
	{ 128, 1, POWER_RESET_VALUE },
	{ 131, 1, 5 }, /* minor revision: 6.5 */
};

/* Registers are Generic Address Structures (§5.2.3.2): here bytes in I/O space. */
static const struct {
	unsigned offset, port;
} fadt_registers[] = {
	{ 116, LAYOUT_POWER_PORT + POWER_RESET },
	{ 244, LAYOUT_POWER_PORT + POWER_SLEEP_CONTROL },
	{ 256, LAYOUT_POWER_PORT + POWER_SLEEP_STATUS },
};

static void write_fadt(struct aml *out, gpa_t dsdt)
{
	uint8_t fadt[FADT_SIZE] = { 0 };
	size_t mark = table_begin(out, "FACP", 6);

	for (unsigned i = 0; i < ARRAY_SIZE(fadt_fields); i++)
		store_le(fadt + fadt_fields[i].offset, fadt_fields[i].len, fadt_fields[i].value);
	for (unsigned i = 0; i < ARRAY_SIZE(fadt_registers); i++) {
		uint8_t *gas = fadt + fadt_registers[i].offset;

		gas[0] = 1; /* system I/O */
		gas[1] = 8; /* bits */
		gas[3] = 1; /* byte access */
		store_le64(gas + 4, fadt_registers[i].port);
	}
	store_le64(fadt + 140, dsdt);      /* X_DSDT; the 32-bit field stays 0, §5.2.9 */
	memcpy(fadt + 268, "THRU    ", 8); /* hypervisor vendor identity */
	aml_bytes(out, fadt + HEADER_SIZE, sizeof(fadt) - HEADER_SIZE);
	table_end(out, mark);
}

/* §5.2.12. APIC ids are vcpu numbers, all below 255: see arch_cpus_max(). */
static void write_madt(struct aml *out, unsigned cpus)
{
	size_t mark = table_begin(out, "APIC", 5);

	aml_raw(out, LAYOUT_LAPIC, 4);
	aml_raw(out, 0, 4); /* PCAT_COMPAT clear: no 8259 */
	for (unsigned i = 0; i < cpus; i++) {
		aml_raw(out, 0, 1); /* local APIC, §5.2.12.2 */
		aml_raw(out, 8, 1);
		aml_raw(out, i, 1); /* processor uid */
		aml_raw(out, i, 1); /* APIC id */
		aml_raw(out, 1, 4); /* enabled */
	}
	aml_raw(out, 1, 1); /* I/O APIC, §5.2.12.3 */
	aml_raw(out, 12, 1);
	aml_raw(out, 0, 2); /* id 0, as KVM's has it; reserved */
	aml_raw(out, LAYOUT_IOAPIC, 4);
	aml_raw(out, 0, 4); /* first GSI */
	table_end(out, mark);
}

static void write_mcfg(struct aml *out, const struct pci_root_config *pci)
{
	size_t mark = table_begin(out, "MCFG", 1);

	aml_raw(out, 0, 8);
	aml_raw(out, pci->ecam.base, 8);
	aml_raw(out, 0, 2); /* segment */
	aml_raw(out, 0, 1); /* first and last bus */
	aml_raw(out, pci->ecam.size / MIB(1) - 1, 1);
	aml_raw(out, 0, 4);
	table_end(out, mark);
}

/* §6.2.13: each slot's four pins, wired straight to GSIs. */
static void dsdt_prt(struct aml *out, const struct pci_root_config *pci)
{
	size_t table, entry;

	aml_name(out, "_PRT");
	table = aml_package(out, 32 * 4);
	for (unsigned i = 0; i < 32 * 4; i++) {
		unsigned device = i / 4, pin = i % 4;

		entry = aml_package(out, 4);
		aml_integer(out, device << 16 | 0xffff);
		aml_integer(out, pin);
		aml_integer(out, 0);
		aml_integer(out, pci_intx_gsi(pci, PCI_DEVFN(device, 0), pin + 1));
		aml_close(out, entry);
	}
	aml_close(out, table);
}

static void dsdt_host_bridge(struct aml *out, const struct pci_root_config *pci)
{
	size_t device = aml_device(out, "PCI0"), crs;

	aml_name_eisaid(out, "_HID", "PNP0A08");
	aml_name_eisaid(out, "_CID", "PNP0A03");
	aml_name_integer(out, "_UID", 0);
	aml_name_integer(out, "_SEG", 0);
	aml_name_integer(out, "_BBN", 0);
	crs = aml_resources(out);
	aml_bus_window(out, 0, (uint16_t)(pci->ecam.size / MIB(1) - 1));
	if (!pci->no_cf8)
		aml_port(out, 0xcf8, 8);
	aml_port_window(out, (uint16_t)pci->io.base, (uint16_t)(pci->io.base + pci->io.size - 1));
	aml_memory_window(out, pci->mem32);
	if (pci->mem64.size)
		aml_memory_window(out, pci->mem64);
	aml_resources_end(out, crs);
	dsdt_prt(out, pci);
	aml_close(out, device);
}

/* PCI Firmware 3.3 §4.1.2: ECAM is to be found in a motherboard resource, or Linux distrusts it. */
static void dsdt_motherboard(struct aml *out, const struct pci_root_config *pci)
{
	size_t device = aml_device(out, "MB00"), crs;

	aml_name_eisaid(out, "_HID", "PNP0C02");
	aml_name_integer(out, "_UID", 0);
	crs = aml_resources(out);
	aml_memory32(out, (uint32_t)pci->ecam.base, (uint32_t)pci->ecam.size);
	aml_port(out, LAYOUT_POWER_PORT, POWER_REGISTERS);
	aml_resources_end(out, crs);
	aml_close(out, device);
}

static void dsdt_serial(struct aml *out)
{
	size_t device = aml_device(out, "COM1"), crs;

	aml_name_eisaid(out, "_HID", "PNP0501");
	aml_name_integer(out, "_UID", 1);
	crs = aml_resources(out);
	aml_port(out, LAYOUT_SERIAL_PORT, SERIAL_REGISTERS);
	aml_interrupt_edge(out, LAYOUT_SERIAL_GSI);
	aml_resources_end(out, crs);
	aml_close(out, device);
}

/* The button (§4.8.2.2.1.2) and the generic event device that tells of it (§5.6.9). */
static void dsdt_button(struct aml *out)
{
	size_t device = aml_device(out, "PWRB"), crs, method, branch;

	aml_name_eisaid(out, "_HID", "PNP0C0C");
	aml_name_integer(out, "_UID", 0);
	aml_close(out, device);

	device = aml_device(out, "GED0");
	aml_name_string(out, "_HID", "ACPI0013");
	aml_name_integer(out, "_UID", 0);
	crs = aml_resources(out);
	aml_interrupt_edge(out, LAYOUT_BUTTON_GSI);
	aml_resources_end(out, crs);
	method = aml_method(out, "_EVT", 1, true);
	branch = aml_if_arg0_equals(out, LAYOUT_BUTTON_GSI);
	aml_notify(out, "\\_SB_.PWRB", 0x80);
	aml_close(out, branch);
	aml_close(out, method);
	aml_close(out, device);
}

static gpa_t write_dsdt(struct aml *out, const struct pci_root_config *pci)
{
	size_t mark = table_begin(out, "DSDT", 2), scope, package;

	scope = aml_scope(out, "\\_SB_");
	dsdt_host_bridge(out, pci);
	dsdt_motherboard(out, pci);
	dsdt_serial(out);
	dsdt_button(out);
	aml_close(out, scope);
	aml_name(out, "\\_S5_"); /* §7.4.2: what to write to SLEEP_CONTROL for "off" */
	package = aml_package(out, 4);
	aml_integer(out, POWER_S5_TYPE);
	for (unsigned i = 0; i < 3; i++)
		aml_integer(out, 0);
	aml_close(out, package);
	table_end(out, mark);
	return LAYOUT_ACPI_BASE + mark;
}

/* Each table's address goes into the XSDT, which is written last and found by the RSDP. */
static gpa_t write_xsdt(struct aml *out, const gpa_t *tables, unsigned n)
{
	size_t mark = table_begin(out, "XSDT", 1);

	for (unsigned i = 0; i < n; i++)
		aml_raw(out, tables[i], 8);
	table_end(out, mark);
	return LAYOUT_ACPI_BASE + mark;
}

/* §5.2.5.3 */
static void write_rsdp(uint8_t *rsdp, gpa_t xsdt)
{
	memcpy(rsdp, "RSD PTR ", 8);
	memcpy(rsdp + 9, "THRU  ", 6);
	rsdp[15] = 2; /* revision */
	store_le32(rsdp + 20, RSDP_SIZE);
	store_le64(rsdp + 24, xsdt);
	rsdp[RSDP_CHECKSUM] = (uint8_t)-sum(rsdp, RSDP_V1_SIZE);
	rsdp[RSDP_EXT_CHECKSUM] = (uint8_t)-sum(rsdp, RSDP_SIZE);
}

/*
 * What stands where a PC's BIOS begins in real mode, F000:FFF0. Linux jumps there as its last but two
 * ways of rebooting (reboot=b): reset by the keyboard controller's port, and wait for that.
 */
static const uint8_t reset_vector[] = {
	0xb0, 0xfe, /* mov al, 0xfe */
	0xe6, 0x64, /* out 0x64, al */
	0xf4,       /* hlt */
	0xeb, 0xfd, /* jmp to the hlt */
};

static gpa_t next_table(const struct aml *out)
{
	return LAYOUT_ACPI_BASE + align_up(out->len, 16);
}

int arch_fw_write(struct board *board)
{
	const struct pci_root_config *pci = &board->pci.config;
	struct aml out = {
		.bytes = memory_at(&board->memory, LAYOUT_ACPI_BASE, LAYOUT_ACPI_SIZE),
		.size = LAYOUT_RESET_VECTOR - LAYOUT_ACPI_BASE,
		.len = RSDP_SIZE,
	};
	gpa_t tables[3], dsdt, xsdt;
	uint8_t *vector = memory_at(&board->memory, LAYOUT_RESET_VECTOR, sizeof(reset_vector));

	if (!out.bytes || !vector)
		return fail(STATUS_HOST, ENOMEM, "ACPI tables: no RAM at %#llx; give more (--mem)",
			    (unsigned long long)LAYOUT_ACPI_BASE);
	dsdt = write_dsdt(&out, pci);
	tables[0] = next_table(&out);
	write_fadt(&out, dsdt);
	tables[1] = next_table(&out);
	write_madt(&out, board->config->cpus);
	tables[2] = next_table(&out);
	write_mcfg(&out, pci);
	xsdt = write_xsdt(&out, tables, ARRAY_SIZE(tables));
	if (!aml_fits(&out))
		return fail(STATUS_FAILURE, ENOSPC,
			    "ACPI tables: %zu bytes, %zu have room; give fewer --cpus", out.len,
			    out.size);
	write_rsdp(out.bytes, xsdt);
	memcpy(vector, reset_vector, sizeof(reset_vector));
	board->boot.rsdp = LAYOUT_ACPI_BASE;
	return 0;
}
