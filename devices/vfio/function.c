/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a passed function: a bound VFIO device becomes a function on the guest's bus, and is
 * left reset. Also: which of its three kinds of interrupt is on, a guest's function level reset, and
 * what happens when the device does not answer any more.
 *
 * Resets. A function is made of a clean device and leaves a used one, quiet: whoever owns the
 * devices resets them together (reset.c) when no function exists any more. Whether a reset keeps
 * interrupts and the command register alive depends on method and kernel; so interrupts are off and
 * bus mastering is off before, and set anew after.
 *
 * Main thread, or under the device lock.
 */
#include "function.h"

#include <base/error.h>
#include <base/log.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>

void vfio_function_lost(struct vfio_function *fn, const char *why)
{
	if (fn->lost)
		return;
	fn->lost = fn->dev->gone = true;
	loop_post_why(fn->loop, VM_EVENT_DEVICE_LOST, STATUS_DEVICE_LOST,
		      "%s: the device does not answer any more: %s", fn->dev->name, why);
}

void vfio_function_trouble(struct vfio_function *fn, const char *what)
{
	static struct ratelimit rl;

	if (fn->lost || fn->ending)
		return;
	log_guest(&rl, "%s: %s: %s", fn->dev->name, what, error_message());
	error_clear();
}

/* Interrupts: at most one kind is on (PCI 3.0 §6.8.2; both enabled is undefined: MSI-X wins). */

static void irqs_off(struct vfio_function *fn)
{
	if (fn->watch && fn->watch->irqs && fn->irq_mode != VFIO_IRQ_NONE)
		fn->watch->irqs(fn->watch, false);
	vfio_msix_disable(fn);
	vfio_msi_disable(fn);
	vfio_intx_disable(fn);
	fn->irq_mode = VFIO_IRQ_NONE;
}

static enum vfio_irq_mode irqs_wanted(const struct vfio_function *fn)
{
	if (vfio_msix_wanted(fn))
		return VFIO_IRQ_MSIX;
	if (vfio_msi_wanted(fn))
		return VFIO_IRQ_MSI;
	return fn->intx.pin ? VFIO_IRQ_INTX : VFIO_IRQ_NONE;
}

void vfio_function_irqs(struct vfio_function *fn)
{
	enum vfio_irq_mode wanted = irqs_wanted(fn);
	int r = 0;

	if (wanted == fn->irq_mode) {
		vfio_msix_update(fn);
		vfio_msi_update(fn);
		return;
	}
	irqs_off(fn);
	switch (wanted) {
	case VFIO_IRQ_INTX:
		r = vfio_intx_enable(fn);
		break;
	case VFIO_IRQ_MSI:
		r = vfio_msi_enable(fn);
		break;
	case VFIO_IRQ_MSIX:
		r = vfio_msix_enable(fn);
		break;
	case VFIO_IRQ_NONE:
		break;
	}
	fn->irq_mode = r ? VFIO_IRQ_NONE : wanted;
	if (r)
		vfio_function_trouble(fn, "interrupts");
	else if (fn->watch && fn->watch->irqs && wanted != VFIO_IRQ_NONE)
		fn->watch->irqs(fn->watch, true);
}

/* Reset. */

static void quiet(struct vfio_function *fn)
{
	irqs_off(fn);
	vfio_power_up(fn);
	/* VFIO restores the command register after a reset: no bus mastering with it. */
	vfio_config_set_command(fn, 0);
}

void vfio_function_guest_reset(struct vfio_function *fn)
{
	quiet(fn);
	if (vfio_reset_alone(fn->dev))
		vfio_function_trouble(fn, "reset");
	memcpy(fn->pci.config, fn->initial, sizeof(fn->pci.config));
	vfio_msix_reset(fn);
	fn->pci.asleep = false;
	pci_function_refresh(&fn->pci);
	vfio_function_irqs(fn);
}

/* The account that is kept of the guest's accesses. */

void vfio_function_accessed(struct vfio_function *fn, unsigned region, uint64_t offset,
			    uint64_t value, unsigned len, bool is_write)
{
	const struct vfio_access access = { region, len, offset, value, is_write };
	struct vfio_watch *watch = fn->watch;

	if (!watch)
		return;
	if (is_write)
		watch->writes[region]++;
	else
		watch->reads[region]++;
	if (watch->access)
		watch->access(watch, &access);
}

static uint32_t config_read(struct pci_function *pci, unsigned offset, unsigned len)
{
	uint32_t value = vfio_config_read(pci, offset, len);

	vfio_function_accessed(vfio_function_of(pci), VFIO_PCI_CONFIG_REGION_INDEX, offset, value,
			       len, false);
	return value;
}

static void config_write(struct pci_function *pci, unsigned offset, unsigned len, uint32_t value)
{
	vfio_config_write(pci, offset, len, value);
	vfio_function_accessed(vfio_function_of(pci), VFIO_PCI_CONFIG_REGION_INDEX, offset, value,
			       len, true);
}

uint32_t vfio_function_config(struct vfio_function *fn, unsigned offset, unsigned len)
{
	return vfio_config_read(&fn->pci, offset, len);
}

/* Life. */

static const struct pci_function_ops ops = {
	.config_read = config_read,
	.config_write = config_write,
	.bar_map = vfio_bar_map,
	.bar_unmap = vfio_bar_unmap,
	.command_changed = vfio_config_command,
};

static int device_init(struct vfio_function *fn)
{
	struct vfio_region_info config;
	struct vfio_device_info info;
	unsigned no_mmaps = 0;
	int r = vfio_device_info(fn->dev, &info);

	if (!r)
		r = vfio_region_info(fn->dev, VFIO_PCI_CONFIG_REGION_INDEX, &config, NULL,
				     &no_mmaps);
	if (r)
		return r;
	fn->config_at = config.offset;
	fn->config_size = (unsigned)MIN(config.size, (uint64_t)PCI_CONFIG_SIZE) & ~3u;
	if (fn->config_size < PCI_STD_HEADER_SIZEOF)
		return fail(STATUS_HOST, EIO, "%s: it has no configuration space", fn->dev->name);
	fn->dev->state = VFIO_DEVICE_USED;
	/* Whatever the host left there; the guest's own view starts at 0. */
	fn->device_command = 0xffff;
	vfio_config_set_command(fn, 0);
	return r;
}

static int init(struct vfio_function *fn, const struct vfio_function_config *config)
{
	int r = device_init(fn);

	if (!r)
		r = vfio_config_init(fn);
	if (!r)
		r = vfio_intx_init(fn);
	if (!r)
		r = vfio_bars_init(fn);
	if (!r && config->rom)
		r = vfio_rom_init(fn, config->rom_fd);
	if (r)
		return r;
	fn->pci.config[PCI_INTERRUPT_PIN] = fn->intx.pin;
	if (config->multifunction)
		fn->pci.config[PCI_HEADER_TYPE] |= PCI_HEADER_TYPE_MFD;
	memcpy(fn->initial, fn->pci.config, sizeof(fn->initial));
	r = pci_root_add(fn->root, &fn->pci, config->devfn);
	if (!r)
		vfio_function_irqs(fn);
	return r;
}

int vfio_function_create(const struct vfio_function_config *config, struct vfio_function **ret)
{
	struct vfio_function *fn = calloc(1, sizeof(*fn));
	int r;

	if (!fn)
		return fail(STATUS_FAILURE, ENOMEM, "%s: out of memory", config->dev->name);
	pci_function_init(&fn->pci, config->dev->name, &ops, 0xffff, 0xffff, 0);
	fn->pci.lazy_unmap = true;
	fn->dev = config->dev;
	fn->root = config->root;
	fn->memory = config->memory;
	fn->irq = config->irq;
	fn->loop = config->loop;
	fn->watch = config->watch;
	fn->p2p = config->p2p;
	fn->space = config->space;
	fn->intx.fd = fn->intx.unmask_fd = -1;
	fn->power.wake.fd = -1;
	r = init(fn, config);
	if (r) {
		vfio_function_destroy(fn);
		return r;
	}
	*ret = fn;
	return 0;
}

void vfio_function_destroy(struct vfio_function *fn)
{
	if (!fn)
		return;
	fn->ending = true;
	pci_root_remove(fn->root, &fn->pci);
	quiet(fn);
	vfio_power_deinit(fn);
	vfio_bars_deinit(fn);
	vfio_rom_deinit(fn);
	vfio_msix_deinit(fn);
	free(fn);
}
