/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a passed function: a bound VFIO device becomes a function on the guest's bus, and is left
 * quiet. Here alone all of its parts are known (function.h), and what a guest's write sets off is acted
 * on in one order, write_config().
 *
 * A vcpu is alone with the function for the time of its access: the device lock is given back whenever
 * the device is asked (io.h), others that come meanwhile wait, and read all-ones while it is reset
 * (PCIe 6.0 §6.6.2). An access to another device never waits for this one.
 *
 * Power. While the device sleeps no BAR of it is in the guest, also in D1 and D2, where the kernel takes no
 * mapping away: it comes out before the device is told, and back when the device is awake.
 *
 * Resets. A function is made of a clean device and leaves a used one: whoever owns the devices resets
 * them together (reset.c) when no function exists any more.
 *
 * Main thread where no vcpu runs, else a vcpu under the device lock.
 */
#include "function.h"

#include "command.h"
#include "reset.h"

#include <base/bytes.h>
#include <base/clock.h>
#include <base/error.h>
#include <base/log.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>

static struct vfio_function *function_of(struct pci_function *pci)
{
	return container_of(pci, struct vfio_function, pci);
}

/* Alone with it. Unchecked: there is no lock where there is one thread. */

/* False: answer all-ones, drop a write. It is being reset, or the machine is being stopped. */
_unchecked_ static bool enter(struct vfio_function *fn)
{
	while (fn->busy)
		if (fn->resetting || !fn->lock || !lock_wait(fn->lock))
			return false;
	fn->busy = true;
	fn->io.lock = fn->lock;
	return true;
}

/* The device did not answer, though it should have: end the VM, once. */
static void notice_loss(struct vfio_function *fn)
{
	if (!fn->io.lost || fn->told_lost)
		return;
	fn->told_lost = fn->dev->gone = true;
	loop_post_why(fn->loop, VM_EVENT_DEVICE_LOST, STATUS_DEVICE_LOST,
		      "%s: the device does not answer any more: %s", fn->dev->name, fn->io.why);
}

_unchecked_ static void leave(struct vfio_function *fn)
{
	notice_loss(fn);
	fn->io.lock = NULL;
	fn->busy = false;
	if (fn->lock)
		lock_wake(fn->lock);
}

/* Something that costs the host: a guest that does much of it waits (pace.h). */
_unchecked_ static void pay(struct vfio_function *fn, uint64_t cost)
{
	uint64_t due = vfio_pace_due(&fn->pace);

	while (fn->io.lock && clock_ns() < due)
		if (!lock_wait_until(fn->lock, due))
			break;
	vfio_pace_pay(&fn->pace, cost, clock_ns());
}

/* Something that the guest asked for could not be done; the recorded reason becomes a line. */
static void trouble(struct vfio_function *fn, const char *what, int r)
{
	static struct ratelimit rl;

	if (!r)
		return;
	if (!fn->io.lost && !fn->ending)
		log_guest(&rl, "%s: %s: %s", fn->dev->name, what,
			  *error_message() ? error_message() : strerror(-r));
	if (!fn->ending)
		error_clear();
}

/* The account that is kept of the guest's accesses. */
static void accessed(struct vfio_function *fn, unsigned region, uint64_t offset, uint64_t value,
		     unsigned len, bool is_write)
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

/* Interrupts. */

static void irqs_off(struct vfio_function *fn)
{
	if (fn->watch && fn->watch->irqs && fn->irqs.on != VFIO_IRQ_NONE)
		fn->watch->irqs(fn->watch, false);
	trouble(fn, "interrupts off", vfio_irqs_off(&fn->irqs));
}

static void irqs_on(struct vfio_function *fn)
{
	trouble(fn, "interrupts", vfio_irqs_on(&fn->irqs));
	if (fn->irqs.on != VFIO_IRQ_NONE && fn->watch && fn->watch->irqs)
		fn->watch->irqs(fn->watch, true);
}

/* The guest wrote MSI-X's table, or registers of the kind that is on. */
static void vectors_update(struct vfio_function *fn)
{
	unsigned started = fn->irqs.msix.started;

	pay(fn, VFIO_COST_ROUTE);
	trouble(fn, "interrupts", vfio_irqs_update(&fn->irqs));
	vfio_pace_pay(&fn->pace, (fn->irqs.msix.started - started) * VFIO_COST_VECTOR, clock_ns());
}

/* Make the kind of interrupt that the guest's registers ask for the one that is on. */
static void irqs_update(struct vfio_function *fn)
{
	if (vfio_irqs_differ(&fn->irqs)) {
		pay(fn, VFIO_COST_IRQS);
		irqs_off(fn);
		irqs_on(fn);
	} else if (fn->irqs.on == VFIO_IRQ_MSI || fn->irqs.on == VFIO_IRQ_MSIX) {
		vectors_update(fn);
	}
}

/* Power. */

static void set_asleep(struct vfio_function *fn, bool asleep)
{
	if (fn->pci.asleep == asleep)
		return;
	fn->pci.asleep = asleep;
	pci_function_refresh(&fn->pci);
}

static void power_written(struct vfio_function *fn)
{
	bool asleep;

	pay(fn, VFIO_COST_POWER);
	trouble(fn, "power", vfio_power_written(&fn->power, &asleep));
	set_asleep(fn, asleep);
	if (asleep)
		vfio_power_sleep(&fn->power);
}

/* Reset. */

static void quiet(struct vfio_function *fn)
{
	irqs_off(fn);
	trouble(fn, "power", vfio_power_up(&fn->power));
	vfio_command_force(&fn->io, 0);
}

/*
 * The guest wrote a function level reset bit (PCIe 6.0 §6.6.2). One that could not be done leaves the
 * guest's registers as they were: that is how it can see it.
 */
static void guest_reset(struct vfio_function *fn)
{
	int r;

	pay(fn, VFIO_COST_RESET);
	fn->resetting = true;
	set_asleep(fn, true);
	quiet(fn);
	vfio_io_begin(&fn->io);
	r = vfio_reset_alone(fn->dev, fn->lock);
	vfio_io_end(&fn->io);
	if (!r) {
		vfio_config_reset(&fn->config);
		vfio_msix_reset(&fn->irqs.msix);
		vfio_power_reset(&fn->power);
	} else {
		trouble(fn, "it was not reset", r);
		vfio_command_force(&fn->io, vfio_command_of(&fn->pci));
	}
	fn->resetting = false;
	set_asleep(fn, vfio_power_asleep(&fn->power));
	irqs_on(fn);
}

/* The guest's accesses. */

static void write_config(struct vfio_function *fn, unsigned offset, unsigned len, uint32_t value)
{
	unsigned touched = vfio_config_touched(&fn->config, offset, len);
	bool reset = touched & VFIO_TOUCH_RESET &&
		     vfio_config_take_reset(&fn->config, offset, len, &value);

	if (touched & VFIO_TOUCH_POWER && vfio_power_sleeps(&fn->power, offset, len, value))
		set_asleep(fn, true);
	if (touched & VFIO_TOUCH_COMMAND)
		vfio_command_write(&fn->io, &fn->pci, offset, len, value);
	else
		pci_config_write(&fn->pci, offset, len, value);
	vfio_config_pass(&fn->config, offset, len, value);
	if (touched & VFIO_TOUCH_POWER)
		power_written(fn);
	if (touched & (VFIO_TOUCH_MSI | VFIO_TOUCH_MSIX))
		irqs_update(fn);
	if (reset)
		guest_reset(fn);
}

static uint32_t config_read(struct pci_function *pci, unsigned offset, unsigned len)
{
	uint32_t value = len < 4 ? BIT(8 * len) - 1 : UINT32_MAX;
	struct vfio_function *fn = function_of(pci);

	if (enter(fn)) {
		if (vfio_config_touched(&fn->config, offset, len) & VFIO_TOUCH_PENDING)
			vfio_msi_refresh_pending(&fn->irqs.msi);
		value = vfio_config_read(&fn->config, offset, len);
		leave(fn);
	}
	accessed(fn, VFIO_PCI_CONFIG_REGION_INDEX, offset, value, len, false);
	return value;
}

static void config_write(struct pci_function *pci, unsigned offset, unsigned len, uint32_t value)
{
	struct vfio_function *fn = function_of(pci);

	if (enter(fn)) {
		if (!fn->io.lost)
			write_config(fn, offset, len, value);
		leave(fn);
	}
	accessed(fn, VFIO_PCI_CONFIG_REGION_INDEX, offset, value, len, true);
}

uint32_t vfio_function_config(struct vfio_function *fn, unsigned offset, unsigned len)
{
	return vfio_config_read(&fn->config, offset, len);
}

static void bar_access(void *ctx, uint64_t offset, void *data, unsigned len, bool is_write)
{
	struct vfio_span *span = ctx;
	struct vfio_function *fn = container_of(span->bars, struct vfio_function, bars);

	if (enter(fn)) {
		vfio_intx_settle(&fn->irqs.intx);
		vfio_bars_access(span, offset, data, len, is_write);
		if (vfio_irqs_table_written(&fn->irqs))
			vectors_update(fn);
		leave(fn);
	} else if (!is_write) {
		memset(data, 0xff, len);
	}
	accessed(fn, VFIO_PCI_BAR0_REGION_INDEX + span->bar, span->offset + offset,
		 load_le(data, len), len, is_write);
}

static void rom_access(void *ctx, uint64_t offset, void *data, unsigned len, bool is_write)
{
	struct vfio_function *fn = container_of(ctx, struct vfio_function, rom);

	if (enter(fn)) {
		vfio_rom_access(&fn->rom, offset, data, len, is_write);
		leave(fn);
	} else if (!is_write) {
		memset(data, 0xff, len);
	}
}

static int bar_map(struct pci_function *pci, unsigned index, uint64_t address)
{
	struct vfio_function *fn = function_of(pci);

	return index == PCI_BAR_ROM ? vfio_rom_map(&fn->rom, address)
				    : vfio_bars_map(&fn->bars, index, address);
}

static void bar_unmap(struct pci_function *pci, unsigned index)
{
	struct vfio_function *fn = function_of(pci);

	if (index == PCI_BAR_ROM)
		vfio_rom_unmap(&fn->rom);
	else
		vfio_bars_unmap(&fn->bars, index);
}

/* Life. */

static const struct pci_function_ops ops = {
	.config_read = config_read,
	.config_write = config_write,
	.bar_map = bar_map,
	.bar_unmap = bar_unmap,
};

static int init(struct vfio_function *fn, const struct vfio_function_config *config)
{
	int r = vfio_io_init(&fn->io, fn->dev);

	if (r)
		return r;
	fn->dev->state = VFIO_DEVICE_USED;
	/* Whatever the host left there; the guest's own view starts at 0. */
	vfio_command_force(&fn->io, 0);
	r = vfio_config_init(&fn->config, &fn->io, &fn->pci);
	if (!r)
		r = vfio_power_init(&fn->power, &fn->io, &fn->config, fn->loop, config->no_d3cold);
	if (!r)
		r = vfio_irqs_init(&fn->irqs, &fn->io, &fn->config, config->irq, fn->loop,
				   &fn->root->config, config->devfn);
	if (!r)
		r = vfio_bars_find(&fn->bars);
	if (!r)
		vfio_irqs_place(&fn->irqs, &fn->bars);
	if (!r)
		r = vfio_bars_tile(&fn->bars);
	if (!r && config->rom)
		r = vfio_rom_init(&fn->rom, &fn->pci, config->rom_fd);
	if (!r && fn->io.lost)
		r = fail(STATUS_HOST, EIO, "%s: the device does not answer any more: %s",
			 fn->dev->name, fn->io.why);
	if (r)
		return r;
	if (config->multifunction)
		fn->pci.config[PCI_HEADER_TYPE] |= PCI_HEADER_TYPE_MFD;
	memcpy(fn->config.initial, fn->pci.config, sizeof(fn->config.initial));
	r = pci_root_add(fn->root, &fn->pci, config->devfn);
	if (!r)
		irqs_on(fn);
	return r;
}

int vfio_function_create(const struct vfio_function_config *config, struct vfio_function **ret)
{
	struct vfio_function *fn = calloc(1, sizeof(*fn));
	struct bus *mmio = config->root->config.mmio;
	int r;

	if (!fn)
		return fail(STATUS_FAILURE, ENOMEM, "%s: out of memory", config->dev->name);
	pci_function_init(&fn->pci, config->dev->name, &ops, 0xffff, 0xffff, 0);
	fn->dev = config->dev;
	fn->root = config->root;
	fn->loop = config->loop;
	fn->lock = config->loop->lock;
	fn->watch = config->watch;
	fn->p2p = (struct vfio_p2p){ .on = config->p2p, .io = &fn->io, .space = config->space };
	fn->bars = (struct vfio_bars){
		.io = &fn->io,
		.pci = &fn->pci,
		.memory = config->memory,
		.mmio = mmio,
		.pio = config->root->config.pio,
		.p2p = &fn->p2p,
		.handler = bar_access,
	};
	fn->rom = (struct vfio_rom){
		.io = &fn->io, .memory = config->memory, .mmio = mmio, .handler = rom_access
	};
	fn->irqs.intx.fd = fn->irqs.intx.unmask_fd = -1; /* safe to turn off */
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
	if (fn->io.dev)
		quiet(fn);
	vfio_power_deinit(&fn->power);
	vfio_bars_deinit(&fn->bars);
	vfio_rom_deinit(&fn->rom);
	vfio_irqs_deinit(&fn->irqs);
	free(fn);
}
