/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The common configuration of a virtio device on PCI (VIRTIO 1.3 §4.1.4.3, § below are its sections).
 *
 * Registers take any size and alignment: what the guest writes is laid over the register's value, and the
 * register is written whole. §4.1.3.1 asks drivers for the natural width. Those of a queue are of the one
 * that queue_select names; where there is none they read as zero and drop writes.
 *
 * Under the device lock, on a vcpu's thread.
 */
#include "pci.h"

#include <base/bytes.h>
#include <linux/virtio_pci.h>
#include <string.h>

static struct virtio_queue *selected(struct virtio_pci *pci)
{
	return pci->queue_select < pci->dev->n_queues ? &pci->dev->queues[pci->queue_select] : NULL;
}

/* The selected queue when its registers may change. */
static struct virtio_queue *changeable(struct virtio_pci *pci)
{
	struct virtio_queue *q = selected(pci);

	return q && virtio_device_queue_open(pci->dev, q) ? q : NULL;
}

static uint64_t get_features_select(struct virtio_pci *pci)
{
	return pci->features_select;
}

static void set_features_select(struct virtio_pci *pci, uint64_t v)
{
	pci->features_select = (uint32_t)v;
}

static uint64_t get_features(struct virtio_pci *pci)
{
	return virtio_device_offered(pci->dev, pci->features_select);
}

static uint64_t get_driver_select(struct virtio_pci *pci)
{
	return pci->driver_select;
}

static void set_driver_select(struct virtio_pci *pci, uint64_t v)
{
	pci->driver_select = (uint32_t)v;
}

static uint64_t get_driver_features(struct virtio_pci *pci)
{
	return virtio_device_accepted(pci->dev, pci->driver_select);
}

static void set_driver_features(struct virtio_pci *pci, uint64_t v)
{
	virtio_device_accept(pci->dev, pci->driver_select, (uint32_t)v);
}

/* §4.1.5.1.2: a vector that does not exist reads back as none. */
static void set_vector(struct virtio_pci *pci, uint16_t *vector, uint64_t v)
{
	__atomic_store_n(vector, v < pci->msix.n ? (uint16_t)v : VIRTIO_MSI_NO_VECTOR,
			 __ATOMIC_RELEASE);
}

static uint64_t get_config_vector(struct virtio_pci *pci)
{
	return pci->config_vector;
}

static void set_config_vector(struct virtio_pci *pci, uint64_t v)
{
	set_vector(pci, &pci->config_vector, v);
}

static uint64_t get_num_queues(struct virtio_pci *pci)
{
	return pci->dev->n_queues;
}

static uint64_t get_status(struct virtio_pci *pci)
{
	return virtio_device_status(pci->dev);
}

void virtio_pci_forget(struct virtio_pci *pci)
{
	pci->features_select = pci->driver_select = 0;
	pci->queue_select = 0;
	__atomic_store_n(&pci->isr, 0, __ATOMIC_RELEASE);
	set_vector(pci, &pci->config_vector, VIRTIO_MSI_NO_VECTOR);
	for (unsigned i = 0; i < pci->dev->n_queues; i++)
		set_vector(pci, &pci->vectors[i], VIRTIO_MSI_NO_VECTOR);
	virtio_pci_doorbells(pci);
}

static void set_status(struct virtio_pci *pci, uint64_t v)
{
	virtio_device_write_status(pci->dev, (uint8_t)v);
	if (!v)
		virtio_pci_forget(pci);
}

static uint64_t get_generation(struct virtio_pci *pci)
{
	return virtio_device_generation(pci->dev);
}

static uint64_t get_queue_select(struct virtio_pci *pci)
{
	return pci->queue_select;
}

static void set_queue_select(struct virtio_pci *pci, uint64_t v)
{
	pci->queue_select = (uint16_t)v;
}

/* §4.1.4.3.1: 0 is a queue that there is not. */
static uint64_t get_queue_size(struct virtio_pci *pci)
{
	return selected(pci) ? selected(pci)->size : 0;
}

static void set_queue_size(struct virtio_pci *pci, uint64_t v)
{
	struct virtio_queue *q = changeable(pci);

	if (q)
		virtio_device_queue_size(pci->dev, q, (uint16_t)v);
}

static uint64_t get_queue_vector(struct virtio_pci *pci)
{
	return selected(pci) ? pci->vectors[pci->queue_select] : VIRTIO_MSI_NO_VECTOR;
}

static void set_queue_vector(struct virtio_pci *pci, uint64_t v)
{
	if (selected(pci))
		set_vector(pci, &pci->vectors[pci->queue_select], v);
}

static uint64_t get_queue_enable(struct virtio_pci *pci)
{
	return selected(pci) && selected(pci)->enabled;
}

/* §4.1.4.3.2: a driver does not write 0; it resets. */
static void set_queue_enable(struct virtio_pci *pci, uint64_t v)
{
	struct virtio_queue *q = v == 1 ? changeable(pci) : NULL;

	if (!q)
		return;
	q->enabled = true;
	virtio_pci_doorbells(pci);
}

static uint64_t get_notify_off(struct virtio_pci *pci)
{
	return selected(pci) ? pci->queue_select : 0;
}

static uint64_t get_desc(struct virtio_pci *pci)
{
	return selected(pci) ? selected(pci)->desc_at : 0;
}

static void set_desc(struct virtio_pci *pci, uint64_t v)
{
	struct virtio_queue *q = changeable(pci);

	if (q)
		q->desc_at = v;
}

static uint64_t get_driver(struct virtio_pci *pci)
{
	return selected(pci) ? selected(pci)->driver_at : 0;
}

static void set_driver(struct virtio_pci *pci, uint64_t v)
{
	struct virtio_queue *q = changeable(pci);

	if (q)
		q->driver_at = v;
}

static uint64_t get_device(struct virtio_pci *pci)
{
	return selected(pci) ? selected(pci)->device_at : 0;
}

static void set_device(struct virtio_pci *pci, uint64_t v)
{
	struct virtio_queue *q = changeable(pci);

	if (q)
		q->device_at = v;
}

static const struct common_register {
	uint8_t at, width;
	uint64_t (*get)(struct virtio_pci *pci);
	void (*set)(struct virtio_pci *pci, uint64_t value); /* NULL: read-only */
} registers[] = {
	{ VIRTIO_PCI_COMMON_DFSELECT, 4, get_features_select, set_features_select },
	{ VIRTIO_PCI_COMMON_DF, 4, get_features, NULL },
	{ VIRTIO_PCI_COMMON_GFSELECT, 4, get_driver_select, set_driver_select },
	{ VIRTIO_PCI_COMMON_GF, 4, get_driver_features, set_driver_features },
	{ VIRTIO_PCI_COMMON_MSIX, 2, get_config_vector, set_config_vector },
	{ VIRTIO_PCI_COMMON_NUMQ, 2, get_num_queues, NULL },
	{ VIRTIO_PCI_COMMON_STATUS, 1, get_status, set_status },
	{ VIRTIO_PCI_COMMON_CFGGENERATION, 1, get_generation, NULL },
	{ VIRTIO_PCI_COMMON_Q_SELECT, 2, get_queue_select, set_queue_select },
	{ VIRTIO_PCI_COMMON_Q_SIZE, 2, get_queue_size, set_queue_size },
	{ VIRTIO_PCI_COMMON_Q_MSIX, 2, get_queue_vector, set_queue_vector },
	{ VIRTIO_PCI_COMMON_Q_ENABLE, 2, get_queue_enable, set_queue_enable },
	{ VIRTIO_PCI_COMMON_Q_NOFF, 2, get_notify_off, NULL },
	{ VIRTIO_PCI_COMMON_Q_DESCLO, 8, get_desc, set_desc },
	{ VIRTIO_PCI_COMMON_Q_AVAILLO, 8, get_driver, set_driver },
	{ VIRTIO_PCI_COMMON_Q_USEDLO, 8, get_device, set_device },
};

void virtio_pci_common(struct virtio_pci *pci, unsigned offset, uint8_t *data, unsigned len,
		       bool is_write)
{
	for (unsigned i = 0; i < ARRAY_SIZE(registers); i++) {
		const struct common_register *reg = &registers[i];
		unsigned from = MAX(offset, reg->at);
		unsigned to = MIN(offset + len, (unsigned)reg->at + reg->width);
		uint8_t value[8];

		if (from >= to || (is_write && !reg->set))
			continue;
		store_le(value, reg->width, reg->get(pci));
		if (is_write) {
			memcpy(value + (from - reg->at), data + (from - offset), to - from);
			reg->set(pci, load_le(value, reg->width));
		} else {
			memcpy(data + (from - offset), value + (from - reg->at), to - from);
		}
	}
}
