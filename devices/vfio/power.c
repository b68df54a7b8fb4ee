/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Power states of a passed function (PCIe 6.0 §5.3, §7.5.2). The guest's D3hot is passed to the
 * device, and the host may then go further (runtime power management, D3cold) for as long as the
 * guest leaves it there. For every access of ours the host wakes the device, into D0; so meanwhile
 * the guest reads its power management control register from us: it must not find the device awake
 * that it put to sleep, and must not wake it by looking (Linux looks once a second, pci_pme_list_scan).
 *
 * Waking. A function that can signal PME is shown with PME from D3hot, the state in which VFIO can
 * tell of it: with PME_En set the host is given an eventfd, and when that fires, PME_Status is set.
 * There is no message to the guest: its functions have no root port, and PME's interrupt is a port's.
 *
 * Whatever wakes the device counts, also the host (power/control) or an access of the guest's own to
 * another register: while the device is up for that a wake-up could not be told, and one too many
 * costs the guest a look at its device. Afterwards the device stays up until the guest has taken
 * note: has put it into D0, or cleared PME_Status and so asked for the next. Going back to sleep by
 * ourselves would fight a host that wants it awake, and hide a device that waits for service.
 *
 * A guest may go up and down as fast as it likes; the host's share of that, saving and restoring the
 * device's state, is bounded. Beyond the bound D3hot is all there is, and a guest that waits for a
 * wake-up is woken: asleep for good would be the other choice.
 *
 * Main thread, or under the device lock.
 */
#include "function.h"

#include <base/bytes.h>
#include <base/fd.h>
#include <linux/pci_regs.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#define ENTRIES_MAX 16 /* into low power, in each span of */
#define ENTRIES_NS  10000000000ull

#define PME_BITS (PCI_PM_CTRL_PME_ENABLE | PCI_PM_CTRL_PME_STATUS)

static unsigned control_at(const struct vfio_function *fn)
{
	return fn->pm_cap + PCI_PM_CTRL;
}

static bool may_enter(struct vfio_power *power)
{
	struct timespec ts;
	uint64_t now;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
	if (!power->entries || now - power->since > ENTRIES_NS) {
		power->since = now;
		power->entries = 0;
	}
	return power->entries++ < ENTRIES_MAX;
}

/* Waking. */

/* The guest waits for a wake-up, and has not been told of one already. */
static bool waits(const struct vfio_function *fn)
{
	return fn->power.wake.fd >= 0 &&
	       (load_le16(fn->pci.config + control_at(fn)) & PME_BITS) == PCI_PM_CTRL_PME_ENABLE;
}

static void set_status(struct vfio_function *fn)
{
	fn->pci.config[control_at(fn) + 1] |= PCI_PM_CTRL_PME_STATUS >> 8;
}

static void on_wake(struct loop_source *source, uint32_t events)
{
	struct vfio_function *fn = container_of(source, struct vfio_function, power.wake);

	(void)events;
	/* The kernel has ended low power with it, and wants to be asked anew. */
	if (fd_event_take(source->fd) && fn->power.armed)
		set_status(fn);
	fn->power.armed = false;
}

void vfio_power_init(struct vfio_function *fn, unsigned cap)
{
	struct vfio_power *power = &fn->power;

	fn->pm_cap = cap;
	if (power->wake.fd >= 0 || !vfio_can_wake(fn->dev))
		return;
	power->wake.handler = on_wake;
	if (fd_event(&power->wake.fd))
		return;
	if (loop_add(fn->loop, &power->wake, EPOLLIN)) {
		fd_close(&power->wake.fd);
		return;
	}
	vfio_config_emulate(fn, cap + PCI_PM_PMC, 2, PCI_PM_CAP_PME_MASK, PCI_PM_CAP_PME_D3hot, 0);
	vfio_config_emulate(fn, cap + PCI_PM_CTRL, 2, PME_BITS, 0, PCI_PM_CTRL_PME_ENABLE);
	fn->pci.w1c[cap + PCI_PM_CTRL + 1] = PCI_PM_CTRL_PME_STATUS >> 8;
}

void vfio_power_deinit(struct vfio_function *fn)
{
	if (fn->power.wake.fd < 0)
		return;
	loop_remove(fn->loop, &fn->power.wake);
	fd_close(&fn->power.wake.fd);
}

/* Low power. */

/* With the wake-up when the guest waits for one, else without: a kernel or host may refuse either. */
static int enter(struct vfio_function *fn)
{
	struct vfio_power *power = &fn->power;

	power->armed = waits(fn) && !vfio_low_power_enter(fn->dev, power->wake.fd);
	return power->armed ? 0 : vfio_low_power_enter(fn->dev, -1);
}

/* The control register is ours until low power ends, but for what is ours anyway: PME. */
static void take_control(struct vfio_function *fn, uint32_t value)
{
	struct vfio_power *power = &fn->power;
	unsigned at = control_at(fn);

	memcpy(power->ours, fn->ours + at, 4);
	memcpy(power->passes, fn->passes + at, 4);
	vfio_config_emulate(fn, at, 4, ~(uint32_t)PME_BITS, value, PCI_PM_CTRL_STATE_MASK);
}

static void give_control(struct vfio_function *fn)
{
	struct vfio_power *power = &fn->power;
	unsigned at = control_at(fn);

	memcpy(fn->ours + at, power->ours, 4);
	memcpy(fn->passes + at, power->passes, 4);
	fn->pci.writable[at] = 0;
}

static void low_power_on(struct vfio_function *fn)
{
	uint32_t control = vfio_config_device_read(fn, control_at(fn), 4);

	if (!may_enter(&fn->power)) {
		if (waits(fn))
			set_status(fn);
		return;
	}
	if (enter(fn))
		return; /* a kernel or host without: D3hot it is */
	fn->power.low = true;
	take_control(fn, control);
}

static void low_power_off(struct vfio_function *fn)
{
	struct vfio_power *power = &fn->power;
	unsigned at = control_at(fn);
	uint8_t control;

	power->low = power->armed = false;
	give_control(fn);
	if (fn->lost)
		return;
	if (vfio_low_power_exit(fn->dev))
		vfio_function_trouble(fn, "power");
	if (power->wake.fd >= 0)
		fd_event_take(power->wake.fd); /* it was us */
	/* It may never have been taken further than D3hot. */
	control = (uint8_t)vfio_config_device_read(fn, at, 1);
	vfio_config_device_write(fn, at, 1, control & ~(uint32_t)PCI_PM_CTRL_STATE_MASK);
}

/* Asleep, and the guest wrote the register: does it wait for a wake-up now, or for another? */
static void wait_anew(struct vfio_function *fn)
{
	if (fn->power.armed || !waits(fn))
		return;
	if (!may_enter(&fn->power)) {
		set_status(fn);
		return;
	}
	if (vfio_low_power_exit(fn->dev) || enter(fn))
		vfio_function_trouble(fn, "power");
}

void vfio_power_up(struct vfio_function *fn)
{
	if (fn->power.low)
		low_power_off(fn);
}

/* D3hot and its like: no BAR answers (PCIe 6.0 §5.3.1.4). Ask the device which state it took. */
void vfio_power_changed(struct vfio_function *fn)
{
	unsigned at = control_at(fn);
	uint8_t state;

	if (fn->power.low) {
		if (fn->pci.config[at] & PCI_PM_CTRL_STATE_MASK) {
			/* From D3hot the only way is up (§5.3.1.4.1). */
			fn->pci.config[at] |= PCI_PM_CTRL_STATE_MASK;
			wait_anew(fn);
			return;
		}
		low_power_off(fn);
	}
	state = vfio_config_device_read(fn, at, 1) & PCI_PM_CTRL_STATE_MASK;
	if (fn->pci.asleep == (state != 0))
		return;
	fn->pci.asleep = state != 0;
	pci_function_refresh(&fn->pci);
	if (state == 3)
		low_power_on(fn);
	else if (!state)
		vfio_p2p_redo(fn);
}
