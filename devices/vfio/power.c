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
 * Whatever wakes the device counts, also the host (power/control) or an access of the guest's own to another
 * register. While the device is up for that, VFIO cannot tell us of a wake-up, so the guest might miss one;
 * one that was none costs it only a look at its device. Afterwards the device stays up until the guest has
 * taken note: has put it into D0, or cleared PME_Status and so asked for the next. Going back to sleep by
 * ourselves would fight a host that wants it awake, and hide a device that waits for service.
 *
 * D3cold takes a working path back to D0 in firmware and board; where it has none the device is gone
 * for good. What keeps a guest from putting it there is `never` (d3cold=off).
 *
 * A guest may go up and down as fast as it likes; the host's share of that, saving and restoring the
 * device's state, is bounded. Beyond the bound D3hot is all there is, and a guest that waits for a
 * wake-up is woken, as it could not be told of one later.
 *
 * Main thread, or a vcpu that is alone with the function; on_wake() on the device loop.
 */
#include "power.h"

#include <base/bytes.h>
#include <base/clock.h>
#include <base/fd.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#define ENTRIES_MAX 16 /* into low power, in each span of */
#define ENTRIES_NS  (10 * NS_PER_S)

#define PME_BITS (PCI_PM_CTRL_PME_ENABLE | PCI_PM_CTRL_PME_STATUS)

static unsigned control_at(const struct vfio_power *power)
{
	return power->cap + PCI_PM_CTRL;
}

static uint8_t *control_of(const struct vfio_power *power)
{
	return power->config->pci->config + control_at(power);
}

static bool may_enter(struct vfio_power *power)
{
	uint64_t now = clock_ns();

	if (!power->entries || now - power->since > ENTRIES_NS) {
		power->since = now;
		power->entries = 0;
	}
	return power->entries++ < ENTRIES_MAX;
}

/* Waking. */

/* The guest waits for a wake-up, and has not been told of one already. */
static bool waits(const struct vfio_power *power)
{
	return power->wake.fd >= 0 &&
	       (load_le16(control_of(power)) & PME_BITS) == PCI_PM_CTRL_PME_ENABLE;
}

static void set_status(struct vfio_power *power)
{
	control_of(power)[1] |= PCI_PM_CTRL_PME_STATUS >> 8;
}

static void on_wake(struct loop_source *source, uint32_t events)
{
	struct vfio_power *power = container_of(source, struct vfio_power, wake);

	(void)events;
	/* The kernel has ended low power with it, and wants to be asked anew. */
	if (fd_event_take(source->fd) && power->armed)
		set_status(power);
	power->armed = false;
}

int vfio_power_init(struct vfio_power *power, struct vfio_io *io, struct vfio_config *config,
		    struct loop *loop, bool never)
{
	unsigned cap = config->pm_cap;
	int r;

	*power = (struct vfio_power){
		.io = io, .config = config, .loop = loop, .cap = cap, .never = never, .wake.fd = -1
	};
	if (!cap || never || !vfio_can_wake(io->dev))
		return 0;
	power->wake.handler = on_wake;
	r = fd_event(&power->wake.fd);
	if (r)
		return r;
	if (loop_add(loop, &power->wake, EPOLLIN)) {
		fd_close(&power->wake.fd);
		return 0;
	}
	vfio_config_emulate(config, cap + PCI_PM_PMC, 2, PCI_PM_CAP_PME_MASK, PCI_PM_CAP_PME_D3hot,
			    0);
	vfio_config_emulate(config, cap + PCI_PM_CTRL, 2, PME_BITS, 0, PCI_PM_CTRL_PME_ENABLE);
	config->pci->w1c[cap + PCI_PM_CTRL + 1] = PCI_PM_CTRL_PME_STATUS >> 8;
	return 0;
}

void vfio_power_deinit(struct vfio_power *power)
{
	if (!power->cap || power->wake.fd < 0)
		return;
	loop_remove(power->loop, &power->wake);
	fd_close(&power->wake.fd);
}

/* Low power. */

/* With the wake-up when the guest waits for one, else without: a kernel or host may refuse either. */
static int enter(struct vfio_power *power)
{
	bool wanted = waits(power);
	int r = -ENOTTY;

	vfio_io_begin(power->io);
	if (wanted)
		r = vfio_low_power_enter(power->io->dev, power->wake.fd);
	if (r)
		r = vfio_low_power_enter(power->io->dev, -1);
	else
		power->armed = true;
	vfio_io_end(power->io);
	return r;
}

static int leave(struct vfio_power *power)
{
	int r;

	vfio_io_begin(power->io);
	r = vfio_low_power_exit(power->io->dev);
	vfio_io_end(power->io);
	return r;
}

/* The control register is ours until low power ends, but for what is ours anyway: PME. */
static void take_control(struct vfio_power *power, uint32_t value)
{
	struct vfio_config *config = power->config;
	unsigned at = control_at(power);

	memcpy(power->ours, config->ours + at, 4);
	memcpy(power->passes, config->passes + at, 4);
	vfio_config_emulate(config, at, 4, ~(uint32_t)PME_BITS, value, PCI_PM_CTRL_STATE_MASK);
}

static void give_control(struct vfio_power *power)
{
	unsigned at = control_at(power);

	memcpy(power->config->ours + at, power->ours, 4);
	memcpy(power->config->passes + at, power->passes, 4);
	power->config->pci->writable[at] = 0;
}

/* It was put where the host may take its power, and does not answer any more. */
static int stays_away(struct vfio_power *power)
{
	struct vfio_io *io = power->io;
	char address[BDF_TEXT];

	io->lost = true;
	snprintf(
		io->why, sizeof(io->why),
		"the guest let the host take its power (D3cold), and it did not come back; keep both "
		"from that: add ,d3cold=off to its --vfio, and echo 0 > "
		"/sys/bus/pci/devices/%s/d3cold_allowed",
		vfio_device_address(io->dev, address));
	return -EIO;
}

static int low_power_off(struct vfio_power *power)
{
	unsigned at = control_at(power);
	uint16_t control;
	int r;

	power->low = power->armed = false;
	power->state = 0;
	give_control(power);
	if (power->io->lost)
		return 0;
	r = leave(power);
	if (power->wake.fd >= 0)
		fd_event_take(power->wake.fd); /* it was us */
	control = (uint16_t)vfio_io_config_read(power->io, at, 2);
	if (power->io->lost || control == UINT16_MAX)
		return stays_away(power);
	/* It may never have been taken further than D3hot. */
	vfio_io_config_write(power->io, at, 1, control & 0xffu & ~(uint32_t)PCI_PM_CTRL_STATE_MASK);
	return r;
}

/* Asleep, and the guest wrote the register: does it wait for a wake-up now, or for another? */
static int wait_anew(struct vfio_power *power)
{
	int r;

	if (power->armed || !waits(power))
		return 0;
	if (!may_enter(power)) {
		set_status(power);
		return 0;
	}
	r = leave(power);
	return r ? r : enter(power);
}

int vfio_power_up(struct vfio_power *power)
{
	power->tried = false;
	return power->low ? low_power_off(power) : 0;
}

bool vfio_power_sleeps(const struct vfio_power *power, unsigned offset, unsigned len,
		       uint32_t value)
{
	unsigned at = control_at(power);

	return power->cap && !power->low && offset <= at && at < offset + len &&
	       value >> (8 * (at - offset)) & PCI_PM_CTRL_STATE_MASK;
}

/* Ask the device which state it took. */
int vfio_power_written(struct vfio_power *power, bool *ret_asleep)
{
	uint8_t *control = control_of(power);
	int r = 0;

	if (power->low && *control & PCI_PM_CTRL_STATE_MASK) {
		/* From D3hot the only way is up (§5.3.1.4.1). */
		*control |= PCI_PM_CTRL_STATE_MASK;
		*ret_asleep = true;
		return wait_anew(power);
	}
	if (power->low)
		r = low_power_off(power);
	power->state = vfio_io_config_read(power->io, control_at(power), 1) &
		       PCI_PM_CTRL_STATE_MASK;
	if (!power->state)
		power->tried = false;
	*ret_asleep = power->state != 0;
	return r;
}

void vfio_power_sleep(struct vfio_power *power)
{
	uint32_t control;

	if (power->never || power->low || power->tried || power->state != 3 || power->io->lost)
		return;
	power->tried = true;
	control = vfio_io_config_read(power->io, control_at(power), 4);
	if (!may_enter(power)) {
		if (waits(power))
			set_status(power);
		return;
	}
	if (enter(power))
		return; /* a kernel or host without: D3hot it is */
	power->low = true;
	take_control(power, control);
}

void vfio_power_reset(struct vfio_power *power)
{
	power->state = 0;
	power->tried = false;
}

bool vfio_power_asleep(const struct vfio_power *power)
{
	return power->state != 0;
}
