/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interrupt controller, in the kernel: GICv3 with an ITS for messages, or GICv2 where the host
 * has nothing newer (Documentation/virt/kvm/devices/arm-vgic-v3.rst, arm-vgic-its.rst,
 * arm-vgic.rst). Main thread. GSIs are shared peripheral interrupts counted from 0.
 *
 * KVM has no messages for a GICv2. A GICv2m frame (Server Base System Architecture, DEN0029 §E)
 * turns a message into the edge of an SPI, so here is one: messages of devices go to their SPI by
 * the routing table (core/irq.h), those that a processor writes itself come to v2m_access().
 */
#include "board.h"

#include <base/bytes.h>
#include <base/error.h>
#include <base/fd.h>
#include <errno.h>
#include <host/call.h>
#include <host/kvm.h>
#include <stdlib.h>
#include <string.h>

#include "layout.h"

#define FIRST_SPI 32

static bool has_device(int vm, unsigned type)
{
	struct kvm_create_device arg = { .type = type, .flags = KVM_CREATE_DEVICE_TEST };

	return HOST_IOCTL(vm, KVM_CREATE_DEVICE, &arg) == 0;
}

static int set_address(int fd, uint64_t type, uint64_t address)
{
	return kvm_device_set(fd, KVM_DEV_ARM_VGIC_GRP_ADDR, type, &address);
}

static int control_init(int fd)
{
	return kvm_device_set(fd, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL);
}

static int create_v3(struct board *board)
{
	struct arch_board *arch = board->arch;
	int r;

	arch->gic_version = 3;
	arch->its = true;
	r = kvm_device_create(board->vm_fd, KVM_DEV_TYPE_ARM_VGIC_V3, &arch->gic_fd);
	if (!r)
		r = set_address(arch->gic_fd, KVM_VGIC_V3_ADDR_TYPE_DIST, LAYOUT_GICD);
	if (!r)
		r = set_address(arch->gic_fd, KVM_VGIC_V3_ADDR_TYPE_REDIST, LAYOUT_GICR);
	if (!r)
		r = kvm_device_create(board->vm_fd, KVM_DEV_TYPE_ARM_VGIC_ITS, &arch->its_fd);
	if (!r)
		r = set_address(arch->its_fd, KVM_VGIC_ITS_ADDR_TYPE, LAYOUT_ITS);
	return r;
}

/* DEN0029, table 20: MSI_TYPER, MSI_SETSPI_NS; the rest reads as zero. */
enum { V2M_TYPER = 0x8, V2M_SETSPI = 0x40 };
#define V2M_TYPER_VALUE ((FIRST_SPI + LAYOUT_V2M_FIRST) << 16 | LAYOUT_V2M_N)

static void v2m_message(struct board *board, uint32_t intid)
{
	uint32_t gsi = intid - FIRST_SPI;

	if (gsi - LAYOUT_V2M_FIRST >= LAYOUT_V2M_N)
		return;
	irq_line_set((struct irq_line){ &board->irq, gsi }, true);
	irq_line_set((struct irq_line){ &board->irq, gsi }, false);
}

/*
 * Registers of 32 bits, reached by the word; of a wider access each of its words reaches its own. A
 * message may also be 16 bits wide (DEN0029, table 20).
 */
static void v2m_access(void *ctx, uint64_t offset, void *data, unsigned len, bool is_write)
{
	struct board *board = ctx;
	uint8_t *bytes = data;
	unsigned n;

	for (; len; bytes += n, offset += n, len -= n) {
		n = MIN(4 - (unsigned)(offset & 3), len);
		if (!is_write)
			store_le(bytes, n, offset == V2M_TYPER ? V2M_TYPER_VALUE : 0);
		else if (offset == V2M_SETSPI && n >= 2)
			v2m_message(board, (uint32_t)load_le(bytes, n));
	}
}

static int add_v2m(struct board *board)
{
	struct bus_region *region = &board->arch->v2m_region;

	*region = (struct bus_region){
		.base = LAYOUT_GICV2M,
		.size = LAYOUT_GICV2M_SIZE,
		.handler = v2m_access,
		.ctx = board,
		.name = "gicv2m",
	};
	board->irq.spi_doorbell = LAYOUT_GICV2M + V2M_SETSPI;
	board->irq.spi_first = LAYOUT_V2M_FIRST;
	board->irq.spi_n = LAYOUT_V2M_N;
	return bus_add(&board->mmio, region);
}

static int create_v2(struct board *board)
{
	struct arch_board *arch = board->arch;
	int r;

	arch->gic_version = 2;
	r = kvm_device_create(board->vm_fd, KVM_DEV_TYPE_ARM_VGIC_V2, &arch->gic_fd);
	if (!r)
		r = set_address(arch->gic_fd, KVM_VGIC_V2_ADDR_TYPE_DIST, LAYOUT_GICD);
	if (!r)
		r = set_address(arch->gic_fd, KVM_VGIC_V2_ADDR_TYPE_CPU, LAYOUT_GICV2_CPU);
	return r ? r : add_v2m(board);
}

int arch_irqchip_init(struct board *board)
{
	struct arch_board *arch = calloc(1, sizeof(*arch));
	uint32_t interrupts = FIRST_SPI + LAYOUT_SPIS;
	int r;

	if (!arch)
		return fail(STATUS_FAILURE, ENOMEM, "board: out of memory");
	arch->gic_fd = arch->its_fd = -1;
	board->arch = arch;
	if (has_device(board->vm_fd, KVM_DEV_TYPE_ARM_VGIC_V3))
		r = create_v3(board);
	else if (has_device(board->vm_fd, KVM_DEV_TYPE_ARM_VGIC_V2))
		r = create_v2(board);
	else
		r = fail(STATUS_HOST, ENODEV,
			 "KVM: offers guests neither a GICv3 nor a GICv2; thru needs one");
	if (!r)
		r = kvm_device_set(arch->gic_fd, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &interrupts);
	for (unsigned gsi = 0; !r && gsi < LAYOUT_GSI_PINS; gsi++)
		r = irq_pin_route(&board->irq, gsi, 0, gsi);
	/* KVM_IRQ_LINE wants the kind of interrupt and its INTID (api.rst 4.25). */
	board->irq.line_base = (KVM_ARM_IRQ_TYPE_SPI << KVM_ARM_IRQ_TYPE_SHIFT) + FIRST_SPI;
	board->irq.msi_devid = arch->its;
	return r;
}

int arch_irqchip_ready(struct board *board)
{
	struct arch_board *arch = board->arch;
	int r = control_init(arch->gic_fd);

	if (!r && arch->its)
		r = control_init(arch->its_fd);
	if (r)
		return r;
	/* Initialisation replaced the routing table with KVM's default, which knows no messages. */
	board->irq.dirty = true;
	return irq_commit(&board->irq);
}
