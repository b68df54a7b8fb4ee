/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fixed devices of the x86_64 board: COM1, the ACPI power block, a PC's two reset ports, pvpanic at
 * 00:01.0. Most other ports of a PC (RTC, VGA, DMA, the POST port) are claimed by nobody and read as
 * all-ones, which is how software that probes them in spite of the ACPI tables finds them absent. The
 * 8259s and the 8254 are KVM's (irqchip.c).
 */
#include "board.h"
#include "layout.h"

#include <base/error.h>
#include <base/fd.h>
#include <base/log.h>
#include <host/kvm.h>
#include <stdlib.h>
#include <string.h>

/*
 * APIC ids are vcpu numbers and 255 is the broadcast id: what the in-kernel IOAPIC and plain MSIs
 * can name ends at 254.
 */
#define CPUS_MAX 255

int arch_address_bits(int kvm_fd, unsigned *ret)
{
	struct kvm_cpuid2 *cpuid;
	int r = cpuid_supported(kvm_fd, &cpuid);

	if (r)
		return r;
	*ret = cpuid_address_bits(cpuid);
	free(cpuid);
	return 0;
}

/* The processors decide alone how wide the guest's addresses are: CPUID 8000_0008h. */
unsigned long arch_vm_type(int kvm_fd, const struct layout *layout, bool spare, unsigned *bits)
{
	return 0;
}

unsigned arch_cpus_max(int kvm_fd)
{
	int max = kvm_check(kvm_fd, KVM_CAP_MAX_VCPUS);

	return max > 0 ? MIN((unsigned)max, CPUS_MAX) : 1;
}

static int add_ports(struct board *board, struct bus_region *region)
{
	int r = bus_add(&board->pio, region);

	return r ? fail(STATUS_FAILURE, -r, "board: ports %#x of %s: %s", (unsigned)region->base,
			region->name, strerror(-r))
		 : 0;
}

/*
 * Linux writes an address to CF8 for each of 32 slots before it looks whether that works (early_quirks() in
 * arch/x86/kernel): KVM takes the dwords there, for an eventfd that nobody reads.
 */
static int swallow_cf8(struct board *board)
{
	int *fd = &board->arch->cf8_sink, r;

	if (!board->pci.config.no_cf8 || board->vm_fd < 0)
		return 0;
	r = fd_event(fd);
	return r ? r : kvm_ioeventfd_port(board->vm_fd, 0xcf8, 4, *fd);
}

/* A Linux with ECAM scans its bus right after it has probed (pci_check_type1()). */
static void tell_cf8(struct board *board)
{
	if (board->pci.cf8_probed && !board->pci.ecam_used)
		log_warn(
			"the guest looked for PCI devices by the ports CF8 and CFC only; if it found "
			"none, its kernel is without CONFIG_PCI_MMCONFIG: give --pci-cf8 on");
	fd_close(&board->arch->cf8_sink);
}

int arch_board_init(struct board *board)
{
	struct arch_board *arch = board->arch;
	struct irq_line serial_irq = { &board->irq, LAYOUT_SERIAL_GSI };
	struct irq_line button = { &board->irq, LAYOUT_BUTTON_GSI };
	int r;

	arch->serial_ports = (struct bus_region){
		.base = LAYOUT_SERIAL_PORT,
		.size = SERIAL_REGISTERS,
		.handler = serial_access,
		.ctx = &arch->serial,
		.name = "COM1",
	};
	arch->power_ports = (struct bus_region){
		.base = LAYOUT_POWER_PORT,
		.size = POWER_REGISTERS,
		.handler = power_access,
		.ctx = &arch->power,
		.name = "power",
	};
	power_init(&arch->power, board->loop, button);
	r = serial_init(&arch->serial, &board->config->serial, board->loop, serial_irq);
	if (r)
		return r;
	arch->has_serial = true;
	r = pvpanic_init(&arch->pvpanic, &board->pci, PCI_DEVFN(LAYOUT_PVPANIC_DEVICE, 0),
			 board->loop);
	if (r)
		return r;
	arch->has_pvpanic = true;
	pc_reset_init(&arch->reset, board->loop);
	board->pci.reset_control = &arch->reset.control_port;
	r = add_ports(board, &arch->serial_ports);
	if (!r)
		r = add_ports(board, &arch->power_ports);
	if (!r)
		r = add_ports(board, &arch->reset.keyboard);
	return r ? r : swallow_cf8(board);
}

void arch_board_deinit(struct board *board)
{
	struct arch_board *arch = board->arch;

	if (!arch)
		return;
	tell_cf8(board);
	board->pci.reset_control = NULL;
	bus_remove(&board->pio, &arch->reset.keyboard);
	bus_remove(&board->pio, &arch->power_ports);
	bus_remove(&board->pio, &arch->serial_ports);
	if (arch->has_pvpanic)
		pvpanic_deinit(&arch->pvpanic);
	if (arch->has_serial)
		serial_deinit(&arch->serial);
	free(arch->cpuid);
	free(arch);
	board->arch = NULL;
}

void arch_board_button(struct board *board)
{
	power_button_press(&board->arch->power);
}
