/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * KVM's own interrupt controllers (api.rst 4.24 KVM_CREATE_IRQCHIP): local APICs, one IOAPIC of 24
 * inputs whose GSIs are its pins, and a pair of 8259 that comes with them and stays unwired: MADT
 * denies it, and one route per pin is one less to walk at each interrupt. No PIT.
 *
 * KVM_CAP_X2APIC_API stays off. It would let MSIs name APIC ids above 254, but this IOAPIC cannot,
 * so arch_cpus_max() ends there; and with it KVM refuses the whole routing table when a guest
 * writes a message whose upper address is not a well-formed id.
 */
#include "board.h"
#include "layout.h"

#include <base/error.h>
#include <errno.h>
#include <host/call.h>
#include <stdlib.h>
#include <string.h>

/* Pages that KVM needs on Intel processors without "unrestricted guest", before any vcpu. */
static int reserve_pages(int vm_fd)
{
	uint64_t identity = LAYOUT_KVM_IDENTITY;
	int r;

	r = HOST_IOCTL(vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity);
	if (r < 0)
		return fail(STATUS_HOST, -r, "KVM: KVM_SET_IDENTITY_MAP_ADDR: %s", strerror(-r));
	r = HOST_IOCTL(vm_fd, KVM_SET_TSS_ADDR, (uintptr_t)LAYOUT_KVM_TSS);
	if (r < 0)
		return fail(STATUS_HOST, -r, "KVM: KVM_SET_TSS_ADDR: %s", strerror(-r));
	return 0;
}

int arch_irqchip_init(struct board *board)
{
	int r;

	board->arch = calloc(1, sizeof(*board->arch));
	if (!board->arch)
		return fail(STATUS_FAILURE, ENOMEM, "board: out of memory");
	r = cpuid_supported(board->kvm_fd, &board->arch->cpuid);
	if (!r)
		r = reserve_pages(board->vm_fd);
	if (r)
		return r;
	r = HOST_IOCTL(board->vm_fd, KVM_CREATE_IRQCHIP, NULL);
	if (r < 0)
		return fail(STATUS_HOST, -r, "KVM: KVM_CREATE_IRQCHIP: %s", strerror(-r));
	for (unsigned pin = 0; pin < LAYOUT_PINS; pin++) {
		r = irq_pin_route(&board->irq, pin, KVM_IRQCHIP_IOAPIC, pin);
		if (r)
			return r;
	}
	return irq_commit(&board->irq);
}

int arch_irqchip_ready(struct board *board)
{
	return 0;
}
