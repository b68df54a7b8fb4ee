/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The three kinds of interrupt of a passed function, each part alone (devices/vfio/intx.h, msi.h, msix.h)
 * over a fake device below and a fake KVM above.
 */
#include "part.h"

#include "fake-kvm.h"

#include <devices/vfio/intx.h>
#include <devices/vfio/msi.h>
#include <devices/vfio/msix.h>

static struct irq_router irq;
static struct vfio_intx intx;
static struct vfio_msi msi;
static struct vfio_msix msix;

static void setup(void)
{
	part_setup();
	fake_kvm_init();
	if (irq_router_init(&irq, FAKE_KVM_FD, 24))
		abort();
}

#define STOP()                                                         \
	do {                                                           \
		CHECK_EQ(fake_kvm.n_irqfds, 0);                        \
		CHECK_EQ(fake_kvm.wrongs ? fake_kvm.why[0] : 0, 0);    \
		for (unsigned i_ = 0; i_ < ARRAY_SIZE(irq.gsis); i_++) \
			CHECK_EQ(irq.gsis[i_], 0);                     \
		irq_router_deinit(&irq);                               \
		PART_STOP();                                           \
	} while (0)

static void line(void)
{
	setup();
	CHECK_EQ(part_start(), 0);
	CHECK_EQ(vfio_intx_init(&intx, &io, &irq, NULL, 1), 0);
	intx.gsi = 17;
	CHECK_EQ(vfio_intx_enable(&intx), 0);
	CHECK(intx.on);
	CHECK_EQ(fake_kvm_irqfd(17)->fd, fake.irqs[VFIO_PCI_INTX_IRQ_INDEX].fds[0]);
	CHECK_EQ(fake_kvm_irqfd(17)->resample, fake.unmask_fd);
	CHECK_EQ(vfio_intx_disable(&intx), 0);
	CHECK(!intx.on && !fake.irqs[VFIO_PCI_INTX_IRQ_INDEX].on);
	CHECK_EQ(vfio_intx_disable(&intx), 0);
	/* Refused: nothing is left of it. */
	fake.irq_limit = 0;
	CHECK_EQ(vfio_intx_enable(&intx), -ENOSPC);
	CHECK_ERROR("no vectors");
	CHECK(!intx.on && intx.fd < 0 && intx.unmask_fd < 0);
	/* A pin that nobody knows, or that VFIO cannot hand on. */
	CHECK_EQ(vfio_intx_init(&intx, &io, &irq, NULL, 5), 0);
	CHECK_EQ(intx.pin, 0);
	fake.irqs[VFIO_PCI_INTX_IRQ_INDEX].count = 0;
	CHECK_EQ(vfio_intx_init(&intx, &io, &irq, NULL, 1), 0);
	CHECK_EQ(vfio_intx_enable(&intx), 0);
	CHECK(!intx.on);
	STOP();
}

/* Of a driver without an unmask eventfd: by the loop, and before the guest's next access. */
static void line_by_hand(void)
{
	struct loop loop;
	int value;

	setup();
	CHECK_EQ(part_start(), 0);
	CHECK_EQ(loop_init(&loop, NULL), 0);
	fake.no_unmask_fd = true;
	CHECK_EQ(vfio_intx_init(&intx, &io, &irq, &loop, 1), 0);
	intx.gsi = 17;
	CHECK_EQ(vfio_intx_enable(&intx), 0);
	CHECK(intx.on && intx.by_hand);
	CHECK_EQ(fake_kvm_irqfd(17)->resample, intx.unmask_fd);
	vfio_intx_settle(&intx);
	CHECK_EQ(fake.unmasked, 0);
	fd_event_signal(intx.unmask_fd); /* as KVM does at the end of interrupt */
	vfio_intx_settle(&intx);
	CHECK_EQ(fake.unmasked, 1);
	fd_event_signal(intx.unmask_fd);
	fake.loop = &loop;
	CHECK_EQ(loop_run(&loop, &value), VM_EVENT_POWEROFF);
	CHECK_EQ(fake.unmasked, 2);
	CHECK_EQ(vfio_intx_disable(&intx), 0);
	CHECK(!intx.by_hand && intx.unmask_fd < 0);
	loop_deinit(&loop);
	STOP();
}

static int start_msi(unsigned log2)
{
	int r;

	fake_msi(0x50, log2, true, true);
	r = part_start();
	return r ? r : vfio_msi_init(&msi, &io, &config, &irq, 0x10);
}

/* The host has fewer vectors than the guest enables: those that it has work. */
static void msi_of_fewer(void)
{
	static const struct {
		unsigned limit, live;
	} cases[] = { { 8, 8 }, { 7, 4 }, { 4, 4 }, { 3, 2 }, { 1, 1 } };

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		int r = cases[i].live == 8 ? 0 : -ENOSPC;

		setup();
		CHECK_EQ(start_msi(3), 0);
		fake.irq_limit = cases[i].limit;
		part_set(0x54, 4, 0xfee01000);
		part_set(0x5c, 2, 0x4140);
		part_set(0x52, 2, PCI_MSI_FLAGS_ENABLE | 3 << 4);
		CHECK_EQ(vfio_msi_wanted(&msi), 8);
		CHECK_EQ(vfio_msi_enable(&msi), r);
		if (r)
			CHECK_ERROR("no vectors left");
		CHECK(msi.on);
		CHECK_EQ(msi.live, cases[i].live);
		CHECK_EQ(fake.irqs[VFIO_PCI_MSI_IRQ_INDEX].allocated, cases[i].live);
		CHECK_EQ(fake_kvm.n_irqfds, cases[i].live);
		for (unsigned k = 0; k < cases[i].live; k++)
			CHECK_EQ(fake_kvm_route((unsigned)msi.vectors[k].gsi)->u.msi.data,
				 0x4140 + k);
		CHECK_EQ(vfio_msi_disable(&msi), 0);
		STOP();
	}
	/* None: not on, said once, and not disabled twice. */
	setup();
	CHECK_EQ(start_msi(3), 0);
	fake.irq_limit = 0;
	part_set(0x52, 2, PCI_MSI_FLAGS_ENABLE);
	CHECK_EQ(vfio_msi_enable(&msi), -ENOSPC);
	CHECK_ERROR("no vectors left");
	CHECK(!msi.on && !msi.live);
	CHECK_EQ(vfio_msi_disable(&msi), 0);
	STOP();
}

static void msi_of_none(void)
{
	setup();
	fake_msi(0x50, 2, true, false);
	fake.irqs[VFIO_PCI_MSI_IRQ_INDEX].count = 0;
	CHECK_EQ(part_start(), 0);
	CHECK_EQ(vfio_msi_init(&msi, &io, &config, &irq, 0x10), 0);
	CHECK_EQ(msi.cap, 0); /* of no use */
	CHECK_EQ(vfio_msi_wanted(&msi), 0);
	vfio_config_hide(&config, config.msi_cap, msi.len);
	CHECK_EQ(part_get(PCI_CAPABILITY_LIST, 1), 0);
	CHECK_EQ(part_get(0x50, 4), 0);
	CHECK_EQ(part_get(0x5c, 2), 0);
	STOP();
	/* No more is offered than VFIO can hand on. */
	setup();
	fake_msi(0x50, 5, true, false);
	fake.irqs[VFIO_PCI_MSI_IRQ_INDEX].count = 5;
	CHECK_EQ(part_start(), 0);
	CHECK_EQ(vfio_msi_init(&msi, &io, &config, &irq, 0x10), 0);
	CHECK_EQ(part_get(0x52, 2), PCI_MSI_FLAGS_64BIT | 2 << 1);
	STOP();
}

static int start_msix(unsigned n)
{
	int r;

	fake_bar(0, 0, KIB(128), false);
	fake_msix(0xa0, n, 0, 0, 0, KIB(64));
	r = part_start();
	return r ? r : vfio_msix_init(&msix, &io, &config, &irq, 0x10);
}

static void table_set(unsigned i, uint32_t address, uint32_t data)
{
	uint8_t entry[16] = { 0 };

	store_le32(entry, address);
	store_le32(entry + 8, data);
	vfio_msix_table(&msix, i * 16, entry, 8, true);
	vfio_msix_table(&msix, i * 16 + 8, entry + 8, 8, true);
}

/* All vectors at once: two calls of VFIO (on, and all of them), one change of KVM's routes. */
static void msix_at_once(void)
{
	struct fake_irq_kind *kind = &fake.irqs[VFIO_PCI_MSIX_IRQ_INDEX];

	setup();
	CHECK_EQ(start_msix(2048), 0);
	for (unsigned i = 0; i < 2048; i++)
		table_set(i, 0xfee00000, i);
	part_set(0xa2, 2, PCI_MSIX_FLAGS_ENABLE);
	CHECK_EQ(vfio_msix_enable(&msix), 0);
	CHECK_EQ(kind->calls, 2);
	CHECK_EQ(fake_kvm.route_calls, 1);
	CHECK_EQ(msix.started, 2048);
	for (unsigned i = 0; i < 2048; i++)
		CHECK(kind->fds[i] >= 0 && kind->fds[i] == msix.guest.vectors[i].fd);
	/* Masked and unmasked: the host is not asked. */
	part_set(0xa2, 2, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	CHECK_EQ(vfio_msix_update(&msix), 0);
	part_set(0xa2, 2, PCI_MSIX_FLAGS_ENABLE);
	CHECK_EQ(vfio_msix_update(&msix), 0);
	CHECK_EQ(kind->calls, 2);
	CHECK_EQ(fake_kvm.route_calls, 1);
	CHECK_EQ(vfio_msix_disable(&msix), 0);
	CHECK(!kind->on);
	vfio_msix_deinit(&msix);
	STOP();
}

/* A host with fewer vectors: those that it has, however they lie; the others do not work. */
static void msix_of_fewer(void)
{
	struct fake_irq_kind *kind = &fake.irqs[VFIO_PCI_MSIX_IRQ_INDEX];

	setup();
	CHECK_EQ(start_msix(64), 0);
	fake.irq_limit = 37;
	for (unsigned i = 0; i < 64; i++)
		if (i != 5)
			table_set(i, 0xfee00000, i);
	part_set(0xa2, 2, PCI_MSIX_FLAGS_ENABLE);
	CHECK_EQ(vfio_msix_enable(&msix), -ENOSPC);
	CHECK_ERROR("no vectors left");
	CHECK(msix.on);
	for (unsigned i = 0; i < 64; i++) {
		bool has = i != 5 && i < 37;

		CHECK_EQ(kind->fds[i] >= 0, has);
		CHECK_EQ(msix.guest.vectors[i].connected, has);
	}
	CHECK(kind->calls < 64);
	CHECK_EQ(vfio_msix_disable(&msix), 0);
	vfio_msix_deinit(&msix);
	STOP();
}

static const struct test tests[] = {
	TEST(line),        TEST(line_by_hand), TEST(msi_of_fewer),
	TEST(msi_of_none), TEST(msix_at_once), TEST(msix_of_fewer),
};
TEST_MAIN(tests)
