/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Vectors of MSI and MSI-X between an eventfd and KVM (include/devices/msi.h; Documentation/virt/kvm/
 * api.rst, KVM_IRQFD, KVM_SET_GSI_ROUTING). The order is KVM's: a route first, then who listens, and
 * the other way round on the way down.
 *
 * KVM takes all routes at once, or none. A message that it refuses must not stand in the way of the
 * others, so the vectors of a refused change are tried again by halves, up to a bound: a guest that
 * writes many such messages loses good ones with them.
 *
 * Under the device lock.
 */
#include <devices/msi.h>

#include <base/fd.h>

#define HALVINGS_MAX 64

void msi_vector_init(struct msi_vector *vector)
{
	*vector = (struct msi_vector){ .fd = -1, .gsi = -1 };
}

int msi_vector_open(struct msi_vector *vector)
{
	return vector->fd >= 0 ? 0 : fd_event(&vector->fd);
}

static void disconnect(struct irq_router *irq, struct msi_vector *vector)
{
	if (vector->connected)
		irq_fd_remove(irq, (unsigned)vector->gsi, vector->fd);
	vector->connected = false;
}

static void forget_route(struct irq_router *irq, struct msi_vector *vector)
{
	disconnect(irq, vector);
	if (vector->gsi >= 0)
		irq_msi_free(irq, (unsigned)vector->gsi);
	vector->gsi = -1;
}

void msi_vector_close(struct irq_router *irq, struct msi_vector *vector)
{
	forget_route(irq, vector);
	fd_close(&vector->fd);
	msi_vector_init(vector);
}

bool msi_vector_pending(struct msi_vector *vector)
{
	if (vector->fd < 0 || vector->connected)
		return false;
	if (fd_event_take(vector->fd))
		vector->pending = true;
	return vector->pending;
}

static int route(struct irq_router *irq, uint32_t devid, struct msi_vector *vector)
{
	unsigned gsi = (unsigned)vector->gsi;
	int r = msi_vector_open(vector);

	if (!r && vector->gsi < 0)
		r = irq_msi_alloc(irq, &gsi);
	if (r)
		return r;
	vector->gsi = (int)gsi;
	return irq_msi_set(irq, gsi, vector->address, vector->data, devid);
}

static int listen(struct irq_router *irq, struct msi_vector *vector)
{
	int r;

	if (vector->connected || vector->gsi < 0)
		return 0;
	r = irq_fd_add(irq, (unsigned)vector->gsi, vector->fd, -1);
	if (r)
		return r;
	vector->connected = true;
	/* KVM looks at the eventfd's count as it connects; what we took out of it goes in again. */
	if (vector->pending)
		fd_event_signal(vector->fd);
	vector->pending = false;
	return 0;
}

/* Connect those of `vectors` that are wanted. `halvings`: how often they may be parted yet. */
static int connect(struct irq_router *irq, uint32_t devid, struct msi_vector *vectors, unsigned n,
		   unsigned *halvings)
{
	int first = 0, r;

	for (unsigned i = 0; i < n; i++) {
		r = vectors[i].wanted ? route(irq, devid, &vectors[i]) : 0;
		first = first ? first : r;
	}
	r = irq_commit(irq);
	for (unsigned i = 0; i < n; i++) {
		int err = 0;

		if (r)
			forget_route(irq, &vectors[i]);
		else if (vectors[i].wanted)
			err = listen(irq, &vectors[i]);
		first = first ? first : err;
	}
	if (!r)
		return first;
	if (n == 1 || !*halvings)
		return r;
	--*halvings;
	r = connect(irq, devid, vectors, n / 2, halvings);
	first = connect(irq, devid, vectors + n / 2, n - n / 2, halvings);
	return r ? r : first;
}

int msi_vectors_apply(struct irq_router *irq, uint32_t devid, struct msi_vector *vectors,
		      unsigned n)
{
	unsigned halvings = HALVINGS_MAX;

	for (unsigned i = 0; i < n; i++)
		if (!vectors[i].wanted)
			disconnect(irq, &vectors[i]);
	return connect(irq, devid, vectors, n, &halvings);
}
