/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The common configuration of a virtio device on PCI (VIRTIO 1.3 §4.1.4.3, § below are its sections).
 *
 * Registers take any size and alignment: what the guest writes is laid over the register's value, and the
 * register is written whole. §4.1.3.1 asks drivers for the natural width. Those of a queue are of the one
 * that queue_select names; where there is none they read as zero and drop writes.
 *
 * Under the device lock, on a vcpu's thread; the vectors are read by the device's thread, too.
 */
#include "pci_common.h"

#include <base/bytes.h>
#include <linux/virtio_pci.h>
#include <string.h>

static struct virtio_queue *selected(struct pci_common *common)
{
	return common->queue_select < common->dev->n_queues
		       ? &common->dev->queues[common->queue_select]
		       : NULL;
}

/* The selected queue when its registers may change. */
static struct virtio_queue *changeable(struct pci_common *common)
{
	struct virtio_queue *q = selected(common);

	return q && virtio_device_queue_open(common->dev, q) ? q : NULL;
}

static uint64_t get_features_select(struct pci_common *common)
{
	return common->features_select;
}

static void set_features_select(struct pci_common *common, uint64_t v)
{
	common->features_select = (uint32_t)v;
}

static uint64_t get_features(struct pci_common *common)
{
	return virtio_device_offered(common->dev, common->features_select);
}

static uint64_t get_driver_select(struct pci_common *common)
{
	return common->driver_select;
}

static void set_driver_select(struct pci_common *common, uint64_t v)
{
	common->driver_select = (uint32_t)v;
}

static uint64_t get_driver_features(struct pci_common *common)
{
	return virtio_device_accepted(common->dev, common->driver_select);
}

static void set_driver_features(struct pci_common *common, uint64_t v)
{
	virtio_device_accept(common->dev, common->driver_select, (uint32_t)v);
}

/* §4.1.5.1.2: a vector that does not exist reads back as none. */
static void set_vector(struct pci_common *common, uint16_t *vector, uint64_t v)
{
	__atomic_store_n(vector, v < common->n_vectors ? (uint16_t)v : VIRTIO_MSI_NO_VECTOR,
			 __ATOMIC_RELEASE);
}

static uint64_t get_config_vector(struct pci_common *common)
{
	return common->config_vector;
}

static void set_config_vector(struct pci_common *common, uint64_t v)
{
	set_vector(common, &common->config_vector, v);
}

static uint64_t get_num_queues(struct pci_common *common)
{
	return common->dev->n_queues;
}

static uint64_t get_status(struct pci_common *common)
{
	return virtio_device_status(common->dev);
}

void pci_common_reset(struct pci_common *common)
{
	common->features_select = common->driver_select = 0;
	common->queue_select = 0;
	__atomic_store_n(&common->isr, 0, __ATOMIC_RELEASE);
	set_vector(common, &common->config_vector, VIRTIO_MSI_NO_VECTOR);
	for (unsigned i = 0; i < common->dev->n_queues; i++)
		set_vector(common, &common->vectors[i], VIRTIO_MSI_NO_VECTOR);
}

static void set_status(struct pci_common *common, uint64_t v)
{
	virtio_device_write_status(common->dev, (uint8_t)v);
	if (!v)
		pci_common_reset(common);
}

static uint64_t get_generation(struct pci_common *common)
{
	return virtio_device_generation(common->dev);
}

static uint64_t get_queue_select(struct pci_common *common)
{
	return common->queue_select;
}

static void set_queue_select(struct pci_common *common, uint64_t v)
{
	common->queue_select = (uint16_t)v;
}

/* §4.1.4.3.1: 0 is a queue that there is not. */
static uint64_t get_queue_size(struct pci_common *common)
{
	return selected(common) ? selected(common)->size : 0;
}

static void set_queue_size(struct pci_common *common, uint64_t v)
{
	struct virtio_queue *q = changeable(common);

	if (q)
		virtio_device_queue_size(common->dev, q, (uint16_t)v);
}

static uint64_t get_queue_vector(struct pci_common *common)
{
	return selected(common) ? common->vectors[common->queue_select] : VIRTIO_MSI_NO_VECTOR;
}

/* Drivers choose it before DRIVER_OK (§4.1.5.1.2). Who serves a queue elsewhere has its eventfd then. */
static void set_queue_vector(struct pci_common *common, uint64_t v)
{
	struct virtio_device *dev = common->dev;

	if (selected(common) && dev->elsewhere && dev->started)
		log_guest(&dev->rl, "%s: a vector changed while its queue is in use", dev->name);
	else if (selected(common))
		set_vector(common, &common->vectors[common->queue_select], v);
}

static uint64_t get_queue_enable(struct pci_common *common)
{
	return selected(common) && selected(common)->enabled;
}

/* §4.1.4.3.2: a driver does not write 0; it resets. */
static void set_queue_enable(struct pci_common *common, uint64_t v)
{
	struct virtio_queue *q = v == 1 ? changeable(common) : NULL;

	if (q)
		q->enabled = true;
}

static uint64_t get_notify_off(struct pci_common *common)
{
	return selected(common) ? common->queue_select : 0;
}

static uint64_t get_desc(struct pci_common *common)
{
	return selected(common) ? selected(common)->desc_at : 0;
}

static void set_desc(struct pci_common *common, uint64_t v)
{
	struct virtio_queue *q = changeable(common);

	if (q)
		q->desc_at = v;
}

static uint64_t get_driver(struct pci_common *common)
{
	return selected(common) ? selected(common)->driver_at : 0;
}

static void set_driver(struct pci_common *common, uint64_t v)
{
	struct virtio_queue *q = changeable(common);

	if (q)
		q->driver_at = v;
}

static uint64_t get_device(struct pci_common *common)
{
	return selected(common) ? selected(common)->device_at : 0;
}

static void set_device(struct pci_common *common, uint64_t v)
{
	struct virtio_queue *q = changeable(common);

	if (q)
		q->device_at = v;
}

static const struct common_register {
	uint8_t at, width;
	uint64_t (*get)(struct pci_common *common);
	void (*set)(struct pci_common *common, uint64_t value); /* NULL: read-only */
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

bool pci_common_access(struct pci_common *common, unsigned offset, uint8_t *data, unsigned len,
		       bool is_write)
{
	bool queues = false;

	for (unsigned i = 0; i < ARRAY_SIZE(registers); i++) {
		const struct common_register *reg = &registers[i];
		unsigned from = MAX(offset, reg->at);
		unsigned to = MIN(offset + len, (unsigned)reg->at + reg->width);
		uint8_t value[8];

		if (from >= to || (is_write && !reg->set))
			continue;
		store_le(value, reg->width, reg->get(common));
		if (is_write) {
			memcpy(value + (from - reg->at), data + (from - offset), to - from);
			reg->set(common, load_le(value, reg->width));
			queues |= reg->set == set_status || reg->set == set_queue_enable;
		} else {
			memcpy(data + (from - offset), value + (from - reg->at), to - from);
		}
	}
	return queues;
}
