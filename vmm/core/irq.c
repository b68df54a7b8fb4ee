/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The GSI routing table and what feeds it. KVM takes the whole table at each change
 * (KVM_SET_GSI_ROUTING), so changes gather here until irq_commit().
 */
#include <core/irq.h>

#include <base/error.h>
#include <errno.h>
#include <host/kvm.h>
#include <stdlib.h>
#include <string.h>

int irq_router_init(struct irq_router *router, int vm_fd, unsigned n_pins)
{
	int limit = vm_fd >= 0 ? kvm_check(vm_fd, KVM_CAP_IRQ_ROUTING) : IRQ_GSI_MAX;

	memset(router, 0, sizeof(*router));
	router->vm_fd = vm_fd;
	router->msi_first = n_pins;
	router->gsi_limit = MIN((unsigned)limit, (unsigned)IRQ_GSI_MAX);
	if (router->gsi_limit < n_pins)
		return fail(
			STATUS_HOST, ENOTSUP,
			"KVM: %u interrupt routes, the board needs %u; this kernel's KVM cannot "
			"run thru",
			router->gsi_limit, n_pins);
	/* A pin of x86 has two routes, PIC and IOAPIC: leave room for both. */
	router->table = calloc(1, sizeof(*router->table) +
					  (IRQ_GSI_MAX + 64) * sizeof(router->table->entries[0]));
	if (!router->table)
		return fail(STATUS_FAILURE, ENOMEM, "interrupt routing table: out of memory");
	return 0;
}

void irq_router_deinit(struct irq_router *router)
{
	free(router->table);
	router->table = NULL;
}

int irq_pin_route(struct irq_router *router, unsigned gsi, unsigned irqchip, unsigned pin)
{
	struct kvm_irq_routing *table = router->table;

	if (gsi >= router->msi_first || table->nr >= router->gsi_limit)
		return fail(
			STATUS_FAILURE, EINVAL,
			"interrupt route: GSI %u is not a pin; this is a fault of thru: report it",
			gsi);
	table->entries[table->nr++] = (struct kvm_irq_routing_entry){
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { .irqchip = irqchip, .pin = pin },
	};
	router->dirty = true;
	return 0;
}

static struct kvm_irq_routing_entry *msi_entry(struct irq_router *router, unsigned gsi)
{
	return router->places[gsi] ? &router->table->entries[router->places[gsi] - 1] : NULL;
}

int irq_msi_alloc(struct irq_router *router, unsigned *ret_gsi)
{
	for (unsigned gsi = router->msi_first; gsi < router->gsi_limit; gsi++) {
		uint64_t taken = router->gsis[gsi / 64] >> (gsi % 64);

		/* Over those that are taken in a row, up to the word's end. */
		if (taken & 1) {
			gsi += ~taken ? (unsigned)__builtin_ctzll(~taken) - 1 : 63;
			continue;
		}
		router->gsis[gsi / 64] |= BIT64(gsi % 64);
		*ret_gsi = gsi;
		return 0;
	}
	return fail(
		STATUS_HOST, ENOSPC,
		"interrupts: all %u KVM interrupt routes are in use; give the guest fewer devices",
		router->gsi_limit);
}

void irq_msi_free(struct irq_router *router, unsigned gsi)
{
	struct kvm_irq_routing_entry *entry = msi_entry(router, gsi);

	if (entry) {
		/* The last one takes its place. */
		*entry = router->table->entries[--router->table->nr];
		router->places[entry->gsi] = router->places[gsi];
		router->places[gsi] = 0;
		router->dirty = true;
	}
	router->gsis[gsi / 64] &= ~BIT64(gsi % 64);
}

#define FIRST_SPI 32

/* An irqfd on a pin raises and lowers it: the edge that a message is. */
static void spi_entry(const struct irq_router *router, uint32_t intid,
		      struct kvm_irq_routing_entry *entry)
{
	uint32_t pin = intid - FIRST_SPI;

	/* Out of range: a message to nobody, as the frame would ignore it. */
	if (pin - router->spi_first >= router->spi_n)
		return;
	*entry = (struct kvm_irq_routing_entry){
		.gsi = entry->gsi,
		.type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { .irqchip = 0, .pin = pin },
	};
}

/* Member by member: the rest of the union is whatever the compiler leaves there. */
static bool same_route(const struct kvm_irq_routing_entry *a, const struct kvm_irq_routing_entry *b)
{
	if (a->type != b->type)
		return false;
	return a->type == KVM_IRQ_ROUTING_MSI
		       ? !memcmp(&a->u.msi, &b->u.msi, sizeof(a->u.msi))
		       : !memcmp(&a->u.irqchip, &b->u.irqchip, sizeof(a->u.irqchip));
}

int irq_msi_set(struct irq_router *router, unsigned gsi, uint64_t address, uint32_t data,
		uint32_t devid)
{
	struct kvm_irq_routing_entry new = {
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_MSI,
		.flags = router->msi_devid ? KVM_MSI_VALID_DEVID : 0,
		.u.msi = {
			.address_lo = (uint32_t)address,
			.address_hi = (uint32_t)(address >> 32),
			.data = data,
			.devid = router->msi_devid ? devid : 0,
		},
	};
	struct kvm_irq_routing_entry *entry = msi_entry(router, gsi);

	if (router->spi_doorbell && address == router->spi_doorbell)
		spi_entry(router, data, &new);
	if (entry && same_route(entry, &new))
		return 0;
	if (!entry) {
		entry = &router->table->entries[router->table->nr++];
		router->places[gsi] = (uint16_t)router->table->nr;
	}
	*entry = new;
	router->dirty = true;
	return 0;
}

int irq_commit(struct irq_router *router)
{
	int r;

	if (!router->dirty)
		return 0;
	if (router->vm_fd >= 0) {
		r = kvm_set_gsi_routing(router->vm_fd, router->table);
		if (r)
			return r;
	}
	router->dirty = false;
	return 0;
}

int irq_fd_add(struct irq_router *router, unsigned gsi, int fd, int resample_fd)
{
	return router->vm_fd < 0 ? 0 : kvm_irqfd(router->vm_fd, gsi, fd, resample_fd);
}

void irq_fd_remove(struct irq_router *router, unsigned gsi, int fd)
{
	if (router->vm_fd >= 0)
		kvm_irqfd_remove(router->vm_fd, gsi, fd);
}

void irq_line_set(struct irq_line line, bool level)
{
	int r;

	if (!line.router || line.router->vm_fd < 0)
		return;
	/* The pin exists for the VM's life. A guest whose interrupt is lost waits for ever: end it. */
	r = kvm_irq_line(line.router->vm_fd, line.gsi + line.router->line_base, level);
	if (!r)
		return;
	error_clear();
	if (line.router->loop)
		loop_post_why(
			line.router->loop, VM_EVENT_FAILED, STATUS_FAILURE,
			"KVM: interrupt line %u cannot be driven: %s; this is a fault of the host's "
			"KVM, or of thru: report it with the host's kernel log (dmesg)",
			line.gsi, strerror(-r));
}
