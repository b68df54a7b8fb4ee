/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fixed devices of the aarch64 board: 16550A serial, PL031 clock, pvpanic at 00:01.0. Power-off
 * and reset are PSCI calls that KVM answers (vcpu.c), so there is no device for them. The power
 * button is an interrupt and a key of the device tree (fw.c): nothing that the guest could touch.
 */
#include "board.h"

#include <base/fd.h>
#include <host/kvm.h>
#include <stdlib.h>

#include "layout.h"

/*
 * KVM wants the width when the VM is made, and only a VM's devices tell what they reach, around which
 * RAM and the window above it may have to move up. One bit more, when the host has it, doubles the
 * space: room for windows as large as all that was laid out. Up to 43 bits it costs no level of
 * KVM's page tables (16 concatenated tables of three levels: Arm ARM, D8.2.2).
 */
unsigned long arch_vm_type(int kvm_fd, const struct layout *layout, bool spare, unsigned *bits)
{
	unsigned need = layout_address_bits(layout);

	*bits = MIN(need + (spare ? 1 : 0), *bits);
	/* Kernels before 4.20 know only the default of 40 bits, asked for as 0. */
	return kvm_check(kvm_fd, KVM_CAP_ARM_VM_IPA_SIZE) ? KVM_VM_TYPE_ARM_IPA_SIZE(*bits) : 0;
}

int arch_address_bits(int kvm_fd, unsigned *ret)
{
	int bits = kvm_check(kvm_fd, KVM_CAP_ARM_VM_IPA_SIZE);

	/* 52 bits (FEAT_LPA2) would cost each TLB miss a level of tables that no layout here uses. */
	*ret = bits ? MIN((unsigned)bits, 48u) : 40;
	return 0;
}

unsigned arch_cpus_max(int kvm_fd)
{
	int max = kvm_check(kvm_fd, KVM_CAP_MAX_VCPUS);

	return max < 1 ? 1 : MIN((unsigned)max, (unsigned)ARCH_CPUS_MAX);
}

static int add_serial(struct board *board)
{
	struct arch_board *arch = board->arch;
	struct irq_line irq = { &board->irq, LAYOUT_GSI_SERIAL };
	int r = serial_init(&arch->serial, &board->config->serial, board->loop, irq);

	if (r)
		return r;
	arch->serial_region = (struct bus_region){
		.base = LAYOUT_SERIAL,
		.size = (uint64_t)SERIAL_REGISTERS << board->config->serial.stride_shift,
		.handler = serial_access,
		.ctx = &arch->serial,
		.name = "serial",
	};
	return bus_add(&board->mmio, &arch->serial_region);
}

static int add_rtc(struct board *board)
{
	struct arch_board *arch = board->arch;

	pl031_init(&arch->rtc);
	arch->rtc_region = (struct bus_region){
		.base = LAYOUT_RTC,
		.size = PL031_SIZE,
		.handler = pl031_access,
		.ctx = &arch->rtc,
		.name = "rtc",
	};
	return bus_add(&board->mmio, &arch->rtc_region);
}

int arch_board_init(struct board *board)
{
	int r = add_serial(board);

	if (!r)
		r = add_rtc(board);
	if (!r)
		r = pvpanic_init(&board->arch->pvpanic, &board->pci, PCI_DEVFN(1, 0), board->loop);
	return r;
}

void arch_board_deinit(struct board *board)
{
	struct arch_board *arch = board->arch;

	if (!arch)
		return;
	if (arch->pvpanic.loop)
		pvpanic_deinit(&arch->pvpanic);
	bus_remove(&board->mmio, &arch->v2m_region);
	bus_remove(&board->mmio, &arch->rtc_region);
	bus_remove(&board->mmio, &arch->serial_region);
	if (arch->serial.host.loop)
		serial_deinit(&arch->serial);
	fd_close(&arch->its_fd);
	fd_close(&arch->gic_fd);
	free(arch);
	board->arch = NULL;
}

void arch_board_button(struct board *board)
{
	struct irq_line button = { &board->irq, LAYOUT_GSI_BUTTON };

	irq_line_set(button, true);
	irq_line_set(button, false);
}
