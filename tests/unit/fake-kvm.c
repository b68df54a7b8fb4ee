/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake-kvm.h. Implements include/host/call.h in place of vmm/host/call.c. */
#include "fake-kvm.h"

#include <base/fd.h>
#include <errno.h>
#include <host/call.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct fake_kvm fake_kvm;

static int _printf_(2, 3) wrong(int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(fake_kvm.why, sizeof(fake_kvm.why), fmt, ap);
	va_end(ap);
	fake_kvm.wrongs++;
	return err;
}

void fake_kvm_init(void)
{
	memset(&fake_kvm, 0, sizeof(fake_kvm));
}

static struct range range_of(const struct kvm_userspace_memory_region *slot)
{
	return (struct range){ slot->guest_phys_addr, slot->memory_size };
}

/* KVM_SET_USER_MEMORY_REGION; changing one that exists is nothing that this program does. */
static int set_memory(const struct kvm_userspace_memory_region *new)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct kvm_userspace_memory_region *slot;

	fake_kvm.slot_calls++;
	if (new->slot >= FAKE_KVM_SLOTS)
		return wrong(-EINVAL, "slot %u", new->slot);
	slot = &fake_kvm.slots[new->slot];
	if (!new->memory_size == !slot->memory_size)
		return wrong(-EINVAL, "slot %u is %s", new->slot,
			     slot->memory_size ? "in use" : "not there");
	if ((new->guest_phys_addr | new->memory_size | new->userspace_addr) & (page - 1))
		return wrong(-EINVAL, "slot %u is not of whole pages", new->slot);
	for (unsigned i = 0; i < FAKE_KVM_SLOTS && new->memory_size; i++)
		if (fake_kvm.slots[i].memory_size &&
		    range_overlaps(range_of(&fake_kvm.slots[i]), range_of(new)))
			return wrong(-EEXIST, "slot %u overlaps slot %u at %#llx", new->slot, i,
				     (unsigned long long)new->guest_phys_addr);
	*slot = *new;
	return 0;
}

static int set_irqfd(const struct kvm_irqfd *irqfd)
{
	struct fake_kvm_irqfd *all = fake_kvm.irqfds;
	bool resample = irqfd->flags & KVM_IRQFD_FLAG_RESAMPLE;

	for (unsigned i = 0; i < fake_kvm.n_irqfds; i++) {
		if (all[i].fd != (int)irqfd->fd)
			continue;
		if (!(irqfd->flags & KVM_IRQFD_FLAG_DEASSIGN) || all[i].gsi != irqfd->gsi)
			return wrong(-EBUSY, "irqfd %u has GSI %u already", irqfd->fd, all[i].gsi);
		all[i] = all[--fake_kvm.n_irqfds];
		return 0;
	}
	if (irqfd->flags & KVM_IRQFD_FLAG_DEASSIGN)
		return wrong(-EINVAL, "irqfd %u is not there", irqfd->fd);
	if (fake_kvm.n_irqfds == FAKE_KVM_IRQFDS)
		return wrong(-ENOMEM, "too many irqfds");
	all[fake_kvm.n_irqfds++] = (struct fake_kvm_irqfd){
		.fd = (int)irqfd->fd,
		.resample = resample ? (int)irqfd->resamplefd : -1,
		.gsi = irqfd->gsi,
	};
	return 0;
}

static int set_doorbell(const struct kvm_ioeventfd *bell)
{
	struct fake_kvm_doorbell *all = fake_kvm.doorbells;

	for (unsigned i = 0; i < fake_kvm.n_doorbells; i++) {
		if (all[i].address != bell->addr)
			continue;
		if (!(bell->flags & KVM_IOEVENTFD_FLAG_DEASSIGN) || all[i].fd != bell->fd)
			return wrong(-EEXIST, "a doorbell at %#llx is there already",
				     (unsigned long long)bell->addr);
		all[i] = all[--fake_kvm.n_doorbells];
		return 0;
	}
	if (bell->flags & KVM_IOEVENTFD_FLAG_DEASSIGN)
		return wrong(-ENOENT, "no doorbell at %#llx", (unsigned long long)bell->addr);
	if (fake_kvm.n_doorbells == FAKE_KVM_DOORBELLS)
		return wrong(-ENOSPC, "too many doorbells");
	all[fake_kvm.n_doorbells++] = (struct fake_kvm_doorbell){ bell->addr, bell->fd };
	return 0;
}

bool fake_kvm_ring(uint64_t address)
{
	for (unsigned i = 0; i < fake_kvm.n_doorbells; i++) {
		if (fake_kvm.doorbells[i].address != address)
			continue;
		fd_event_signal(fake_kvm.doorbells[i].fd);
		return true;
	}
	return false;
}

static int set_routes(const struct kvm_irq_routing *table)
{
	fake_kvm.route_calls++;
	if (table->nr > FAKE_KVM_ROUTES)
		return wrong(-EINVAL, "%u routes", table->nr);
	/* As x86 does in one of its modes (kvm_msi_route_invalid()): all or none. */
	for (unsigned i = 0; i < table->nr; i++)
		if (fake_kvm.refused_hi && table->entries[i].type == KVM_IRQ_ROUTING_MSI &&
		    table->entries[i].u.msi.address_hi == fake_kvm.refused_hi)
			return -EINVAL;
	memcpy(fake_kvm.routes, table->entries, table->nr * sizeof(table->entries[0]));
	fake_kvm.n_routes = table->nr;
	return 0;
}

int host_ioctl(int fd, unsigned long request, void *arg, const char *name)
{
	if (fd != FAKE_KVM_FD)
		return wrong(-EBADF, "%s on another file", name);
	switch (request) {
	case KVM_CHECK_EXTENSION:
		if ((uintptr_t)arg == KVM_CAP_NR_MEMSLOTS)
			return FAKE_KVM_SLOTS;
		return (uintptr_t)arg == KVM_CAP_IRQ_ROUTING ? FAKE_KVM_ROUTES : 0;
	case KVM_SET_USER_MEMORY_REGION:
		return set_memory(arg);
	case KVM_IRQFD:
		return set_irqfd(arg);
	case KVM_IOEVENTFD:
		return set_doorbell(arg);
	case KVM_SET_GSI_ROUTING:
		return set_routes(arg);
	}
	return wrong(-ENOTTY, "%s is not known here", name);
}

int host_open(const char *path)
{
	return wrong(-ENOENT, "%s is opened", path);
}

const struct kvm_userspace_memory_region *fake_kvm_slot(uint64_t address)
{
	for (unsigned i = 0; i < FAKE_KVM_SLOTS; i++)
		if (range_holds(range_of(&fake_kvm.slots[i]), address, 1))
			return &fake_kvm.slots[i];
	return NULL;
}

unsigned fake_kvm_slots(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < FAKE_KVM_SLOTS; i++)
		n += fake_kvm.slots[i].memory_size != 0;
	return n;
}

const struct fake_kvm_irqfd *fake_kvm_irqfd(unsigned gsi)
{
	for (unsigned i = 0; i < fake_kvm.n_irqfds; i++)
		if (fake_kvm.irqfds[i].gsi == gsi)
			return &fake_kvm.irqfds[i];
	return NULL;
}

const struct kvm_irq_routing_entry *fake_kvm_route(unsigned gsi)
{
	for (unsigned i = 0; i < fake_kvm.n_routes; i++)
		if (fake_kvm.routes[i].gsi == gsi)
			return &fake_kvm.routes[i];
	return NULL;
}
