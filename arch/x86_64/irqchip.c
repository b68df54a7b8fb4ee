/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * KVM's own interrupt controllers (api.rst 4.24 KVM_CREATE_IRQCHIP): local APICs, one IOAPIC of 24
 * inputs whose GSIs are its pins, and the pair of 8259 that comes with them; and its 8254 timer.
 *
 * A kernel with ACPI and kvm-clock uses neither 8259 nor 8254: MADT denies the former. They are for
 * others. Linux before 5.10 (boot_room.h) without kvm-clock has no other way on an AMD processor to learn
 * the frequency of its TSC than the 8254's channel 2 (quick_pit_calibrate() in arch/x86/kernel/tsc.c; leaf 15h
 * counts on Intel's only), before it has looked at ACPI. Without ACPI it takes ticks from channel 0 and
 * interrupts from the 8259s, so that these are wired to the two lines that a guest without tables knows
 * by number, the timer's and COM1's. Both wait silently: all inputs of the 8259s are masked at first,
 * which a BIOS would have done, as a processor's LINT0 takes their interrupts from reset on.
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
#include <host/kvm.h>
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

static const unsigned legacy_lines[] = { 0, LAYOUT_SERIAL_GSI };

/* The 8254, with the bits of port 61h that gate its channel 2, and the 8259s masked. */
static int create_legacy(int vm_fd)
{
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	int r = HOST_IOCTL(vm_fd, KVM_CREATE_PIT2, &pit);

	if (r < 0)
		return fail(STATUS_HOST, -r, "KVM: KVM_CREATE_PIT2: %s", strerror(-r));
	for (unsigned i = KVM_IRQCHIP_PIC_MASTER; i <= KVM_IRQCHIP_PIC_SLAVE; i++) {
		struct kvm_irqchip chip = { .chip_id = i };

		r = HOST_IOCTL(vm_fd, KVM_GET_IRQCHIP, &chip);
		chip.chip.pic.imr = 0xff;
		if (r >= 0)
			r = HOST_IOCTL(vm_fd, KVM_SET_IRQCHIP, &chip);
		if (r < 0)
			return fail(STATUS_HOST, -r, "KVM: the 8259s cannot be masked: %s",
				    strerror(-r));
	}
	return 0;
}

/* What is not asked for is not there at all: without CPUID's word for them, counters still count on AMD. */
static int limit_processors(struct board *board)
{
	if (board->config->nested && !cpuid_has_nested(board->arch->cpuid))
		return fail(
			STATUS_HOST, ENODEV,
			"--cpu-nested: this host's KVM does not offer it; load kvm_intel or kvm_amd "
			"with nested=1, or leave it out");
	if (board->config->pmu ||
	    !(kvm_check(board->vm_fd, KVM_CAP_PMU_CAPABILITY) & KVM_PMU_CAP_DISABLE))
		return 0;
	return kvm_enable_cap(board->vm_fd, KVM_CAP_PMU_CAPABILITY, KVM_PMU_CAP_DISABLE);
}

int arch_irqchip_init(struct board *board)
{
	int r;

	board->arch = calloc(1, sizeof(*board->arch));
	if (!board->arch)
		return fail(STATUS_FAILURE, ENOMEM, "board: out of memory");
	board->arch->cf8_sink = -1;
	r = cpuid_supported(board->kvm_fd, &board->arch->cpuid);
	if (!r)
		r = limit_processors(board);
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
	for (unsigned i = 0; i < ARRAY_SIZE(legacy_lines); i++) {
		r = irq_pin_route(&board->irq, legacy_lines[i], KVM_IRQCHIP_PIC_MASTER,
				  legacy_lines[i]);
		if (r)
			return r;
	}
	r = create_legacy(board->vm_fd);
	return r ? r : irq_commit(&board->irq);
}

int arch_irqchip_ready(struct board *board)
{
	return 0;
}
