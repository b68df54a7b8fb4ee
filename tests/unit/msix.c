/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MSI-X table as a guest sees it (include/devices/msi.h) over a fake KVM: what is written comes
 * back, what is unmasked is heard, what is masked is pending.
 */
#include "test.h"

#include "fake-kvm.h"

#include <base/bytes.h>
#include <base/fd.h>
#include <devices/msi.h>
#include <devices/pci.h>
#include <errno.h>
#include <linux/pci_regs.h>

#define PINS 24
#define ON   PCI_MSIX_FLAGS_ENABLE
#define ALL  (PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL)

static struct irq_router irq;
static struct msix msix;

static void setup(unsigned n)
{
	fake_kvm_init();
	if (irq_router_init(&irq, FAKE_KVM_FD, PINS) || msix_init(&msix, n, &irq, 0x10))
		abort();
}

/* Nothing was refused, nothing is left. */
#define STOP()                                                         \
	do {                                                           \
		msix_deinit(&msix);                                    \
		CHECK_EQ(fake_kvm.n_irqfds, 0);                        \
		for (unsigned i_ = 0; i_ < ARRAY_SIZE(irq.gsis); i_++) \
			CHECK_EQ(irq.gsis[i_], 0);                     \
		CHECK_EQ(irq_commit(&irq), 0);                         \
		CHECK_EQ(fake_kvm.n_routes, 0);                        \
		CHECK_EQ(fake_kvm.wrongs ? fake_kvm.why[0] : 0, 0);    \
		CHECK_EQ(*error_message(), 0);                         \
		irq_router_deinit(&irq);                               \
	} while (0)

static uint64_t get(uint64_t offset, unsigned len)
{
	uint8_t data[8] = { 0 };

	msix_table_access(&msix, offset, data, len, false);
	return load_le(data, len);
}

static void set(uint64_t offset, unsigned len, uint64_t value)
{
	uint8_t data[8];

	store_le(data, len, value);
	msix_table_access(&msix, offset, data, len, true);
}

static uint64_t pba(uint64_t offset, unsigned len)
{
	uint8_t data[8];

	msix_pba_read(&msix, offset, data, len);
	return load_le(data, len);
}

static void entry(unsigned i, uint64_t address, uint32_t data, bool masked)
{
	set(i * 16, 8, address);
	set(i * 16 + 8, 8, data | (uint64_t)masked << 32);
}

static void control(uint16_t flags)
{
	msix_control(&msix, flags);
}

/* The vector reaches the guest with this message, by its own eventfd. */
static bool heard(unsigned i, uint64_t address, uint32_t data)
{
	const struct msi_vector *vector = &msix.vectors[i];
	const struct kvm_irq_routing_entry *route;
	const struct fake_kvm_irqfd *irqfd;

	if (vector->gsi < PINS)
		return false;
	route = fake_kvm_route((unsigned)vector->gsi);
	irqfd = fake_kvm_irqfd((unsigned)vector->gsi);
	return route && irqfd && irqfd->fd == vector->fd && irqfd->resample == -1 &&
	       route->u.msi.address_lo == (uint32_t)address &&
	       route->u.msi.address_hi == (uint32_t)(address >> 32) && route->u.msi.data == data;
}

static void registers(void)
{
	setup(8);
	CHECK_EQ(msix_table_size(&msix), 128);
	CHECK_EQ(msix_pba_size(&msix), 8);
	for (unsigned i = 0; i < 8; i++) {
		CHECK_EQ(get(i * 16, 8), 0);
		CHECK_EQ(get(i * 16 + 8, 8), 0x100000000);
	}
	set(16, 8, 0x11fee01000);
	set(24, 8, 0xffffffff00000041); /* of Vector Control only the mask bit exists */
	CHECK_EQ(get(16, 8), 0x11fee01000);
	CHECK_EQ(get(24, 8), 0x100000041);
	set(28, 4, 0xfffffffe);
	CHECK_EQ(get(28, 4), 0);
	/* Bytes, words, and what spans two entries. */
	set(17, 1, 0x22);
	CHECK_EQ(get(16, 2), 0x2200);
	set(26, 2, 0x3344);
	CHECK_EQ(get(24, 4), 0x33440041);
	set(29, 1, 0xff);
	CHECK_EQ(get(28, 4), 0);
	set(28, 8, 0xcafef00d00000001);
	CHECK_EQ(get(28, 8), 0xcafef00d00000001);
	CHECK_EQ(get(30, 4), 0xf00d0000);
	CHECK_EQ(get(32, 4), 0xcafef00d);
	/* Nothing of it is anybody's affair while MSI-X is off. */
	CHECK_EQ(msix_apply(&msix), 0);
	CHECK_EQ(fake_kvm.route_calls, 0);
	msix_reset(&msix);
	CHECK_EQ(get(16, 8), 0);
	CHECK_EQ(get(24, 8), 0x100000000);
	STOP();
}

static void capability(void)
{
	struct pci_function fn;

	setup(5);
	pci_function_init(&fn, "x", NULL, 0x1234, 0x5678, 0);
	msix_capability(&msix, &fn, 0xa0, 4, 0x800, 0xc00);
	CHECK_EQ(pci_config_read(&fn, 0xa0, 4), 0x00040011);
	CHECK_EQ(pci_config_read(&fn, 0xa4, 4), 0x804);
	CHECK_EQ(pci_config_read(&fn, 0xa8, 4), 0xc04);
	pci_config_write(&fn, 0xa0, 4, 0xffffffff);
	pci_config_write(&fn, 0xa4, 4, 0xffffffff);
	CHECK_EQ(pci_config_read(&fn, 0xa0, 4), 0xc0040011);
	CHECK_EQ(pci_config_read(&fn, 0xa4, 4), 0x804);
	STOP();
}

static void masks(void)
{
	unsigned calls;

	setup(64);
	/* As Linux does: enabled with all masked, then one by one. */
	control(ALL);
	entry(3, 0xfee01003, 0x41, false); /* the low bits are no address */
	CHECK_EQ(msix_apply(&msix), 0);
	CHECK_EQ(fake_kvm.n_irqfds, 0);
	CHECK_EQ(msix.vectors[3].fd, -1);
	control(ON);
	CHECK_EQ(msix_apply(&msix), 0);
	CHECK(heard(3, 0xfee01000, 0x41));
	CHECK_EQ(fake_kvm.n_irqfds, 1);
	/* The same again costs nothing. Another message is another route, and nothing more. */
	calls = fake_kvm.route_calls;
	entry(3, 0xfee01003, 0x41, false);
	control(ON);
	CHECK_EQ(msix.from, msix.to);
	CHECK_EQ(msix_apply(&msix), 0);
	CHECK_EQ(fake_kvm.route_calls, calls);
	entry(3, 0x5fee02000, 0x42, false);
	CHECK_EQ(msix_apply(&msix), 0);
	CHECK(heard(3, 0x5fee02000, 0x42));
	CHECK_EQ(fake_kvm.n_routes, 1);
	CHECK_EQ(fake_kvm.route_calls, calls + 1);
	/* Masked: an interrupt waits in the pending bit, and reading does not clear it. */
	set(3 * 16 + 12, 4, 1);
	CHECK_EQ(msix_apply(&msix), 0);
	CHECK_EQ(fake_kvm.n_irqfds, 0);
	CHECK_EQ(pba(0, 8), 0);
	fd_event_signal(msix.vectors[3].fd);
	CHECK_EQ(pba(0, 8), 8);
	CHECK_EQ(pba(0, 1), 8);
	CHECK_EQ(pba(4, 4), 0);
	/* Unmasked: it goes out, to KVM, who looks at the count as it connects. */
	set(3 * 16 + 12, 4, 0);
	CHECK_EQ(msix_apply(&msix), 0);
	CHECK_EQ(pba(0, 8), 0);
	CHECK_EQ(fd_event_take(msix.vectors[3].fd), 1);
	CHECK_EQ(fake_kvm.route_calls, calls + 1);
	/* The function's mask does the same to all. */
	control(ALL);
	CHECK_EQ(msix_apply(&msix), 0);
	CHECK_EQ(fake_kvm.n_irqfds, 0);
	fd_event_signal(msix.vectors[3].fd);
	CHECK_EQ(pba(0, 8), 8);
	control(ON);
	CHECK_EQ(msix_apply(&msix), 0);
	CHECK(heard(3, 0x5fee02000, 0x42));
	CHECK_EQ(fd_event_take(msix.vectors[3].fd), 1);
	/* Off: nobody listens, nothing is pending, the table is what it was. */
	control(0);
	CHECK_EQ(msix_apply(&msix), 0);
	CHECK_EQ(fake_kvm.n_irqfds, 0);
	fd_event_signal(msix.vectors[3].fd);
	CHECK_EQ(pba(0, 8), 0);
	CHECK_EQ(get(3 * 16, 8), 0x5fee02000);
	STOP();
}

/* An emulated function's own interrupts. */
static void signals(void)
{
	setup(4);
	msix_signal(&msix, 1);
	CHECK_EQ(msix.vectors[1].fd, -1); /* off */
	control(ON);
	CHECK_EQ(msix_apply(&msix), 0);
	msix_signal(&msix, 1);
	msix_signal(&msix, 4); /* no vector */
	msix_signal(&msix, UINT32_MAX);
	CHECK_EQ(pba(0, 8), 2);
	entry(1, 0xfee00000, 0x31, false);
	CHECK_EQ(msix_apply(&msix), 0);
	CHECK_EQ(pba(0, 8), 0);
	CHECK(heard(1, 0xfee00000, 0x31));
	CHECK_EQ(fd_event_take(msix.vectors[1].fd), 1);
	msix_signal(&msix, 1);
	CHECK_EQ(fd_event_take(msix.vectors[1].fd), 1);
	STOP();
}

/* All vectors that there can be, at once: one change of the routes on the way up. */
static void all_at_once(void)
{
	setup(MSIX_MAX);
	CHECK_EQ(msix_pba_size(&msix), 256);
	control(ALL);
	for (unsigned i = 0; i < MSIX_MAX; i++)
		entry(i, 0xfee00000 + ((uint64_t)i << 12), i & 0xff, false);
	CHECK_EQ(msix_apply(&msix), 0);
	CHECK_EQ(fake_kvm.route_calls, 0);
	control(ON);
	CHECK_EQ(msix_apply(&msix), 0);
	CHECK_EQ(fake_kvm.route_calls, 1);
	CHECK_EQ(fake_kvm.n_irqfds, MSIX_MAX);
	for (unsigned i = 0; i < MSIX_MAX; i++)
		CHECK(heard(i, 0xfee00000 + ((uint64_t)i << 12), i & 0xff));
	/* Masked and unmasked: no route changes. */
	control(ALL);
	CHECK_EQ(msix_apply(&msix), 0);
	CHECK_EQ(fake_kvm.n_irqfds, 0);
	fd_event_signal(msix.vectors[MSIX_MAX - 1].fd);
	CHECK_EQ(pba(248, 8), 1ull << 63);
	CHECK_EQ(pba(255, 1), 0x80);
	control(ON);
	CHECK_EQ(msix_apply(&msix), 0);
	CHECK_EQ(fake_kvm.n_irqfds, MSIX_MAX);
	CHECK_EQ(fake_kvm.route_calls, 1);
	STOP();
}

/* Messages that KVM refuses do not stand in the way of the others. */
static void refused_messages(void)
{
	static const unsigned bad[] = { 0, 17, 18, 63 };

	setup(64);
	fake_kvm.refused_hi = 0x99;
	for (unsigned i = 0; i < 64; i++)
		entry(i, 0xfee00000, i, false);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		set(bad[i] * 16 + 4, 4, 0x99);
	control(ON);
	CHECK_EQ(msix_apply(&msix), -EINVAL);
	CHECK_ERROR("KVM");
	CHECK_EQ(fake_kvm.n_irqfds, 60);
	for (unsigned i = 0; i < 64; i++) {
		bool is_bad = i == 0 || i == 17 || i == 18 || i == 63;

		CHECK_EQ(heard(i, 0xfee00000, i), !is_bad);
		CHECK_EQ(msix.vectors[i].connected, !is_bad);
	}
	/* Nor for good. */
	set(17 * 16 + 4, 4, 0);
	CHECK_EQ(msix_apply(&msix), 0);
	CHECK(heard(17, 0xfee00000, 17));
	/* A good one made bad is heard no more. */
	set(5 * 16 + 4, 4, 0x99);
	CHECK_EQ(msix_apply(&msix), -EINVAL);
	CHECK_ERROR("KVM");
	CHECK(!msix.vectors[5].connected);
	CHECK(heard(4, 0xfee00000, 4));
	STOP();
	/* A guest that writes nothing but such: bounded. */
	setup(MSIX_MAX);
	fake_kvm.refused_hi = 0x99;
	for (unsigned i = 0; i < MSIX_MAX; i++)
		entry(i, 0x99fee00000, i, false);
	control(ON);
	CHECK(msix_apply(&msix) < 0);
	CHECK_ERROR("KVM");
	CHECK(fake_kvm.route_calls < 200);
	CHECK_EQ(fake_kvm.n_irqfds, 0);
	STOP();
}

/* More vectors than KVM has routes: those that it has work. */
static void routes_run_out(void)
{
	setup(16);
	irq.gsi_limit = PINS + 10;
	for (unsigned i = 0; i < 16; i++)
		entry(i, 0xfee00000, i, false);
	control(ON);
	CHECK_EQ(msix_apply(&msix), -ENOSPC);
	CHECK_ERROR("interrupts: all 34");
	CHECK_EQ(fake_kvm.n_irqfds, 10);
	CHECK(heard(9, 0xfee00000, 9));
	msix_reset(&msix);
	CHECK_EQ(fake_kvm.n_irqfds, 0);
	control(ON);
	entry(15, 0xfee00000, 15, false);
	CHECK_EQ(msix_apply(&msix), 0);
	CHECK(heard(15, 0xfee00000, 15));
	STOP();
}

/* Whatever a guest writes: KVM has nothing to refuse, and what is connected is what is unmasked. */
static void any_guest(void)
{
	static const unsigned lens[] = { 1, 2, 4, 8 };
	uint64_t x = 88172645463325252ull;

	setup(40);
	for (unsigned i = 0; i < 50000; i++) {
		unsigned len, connected = 0;

		test_random(&x);
		len = lens[x & 3];
		if (x >> 60 < 2)
			control((uint16_t)(x >> 16));
		else if (x >> 60 < 4)
			msix_signal(&msix, (unsigned)(x >> 16) % 48);
		else if (x >> 60 < 5)
			pba((x >> 16) % (msix_pba_size(&msix) - len + 1), len);
		else
			set((x >> 16) % (msix_table_size(&msix) - len + 1), len, x >> 24);
		if (x >> 8 & 3)
			CHECK_EQ(msix_apply(&msix), 0);
		for (unsigned k = 0; k < 40 && msix.from == msix.to; k++) {
			bool unmasked = !(get(k * 16 + 12, 4) & 1);

			CHECK_EQ(msix.vectors[k].connected,
				 unmasked && msix.enabled && !msix.masked);
			connected += msix.vectors[k].connected;
		}
		if (msix.from == msix.to)
			CHECK_EQ(fake_kvm.n_irqfds, connected);
		CHECK_EQ(fake_kvm.wrongs ? fake_kvm.why[0] : 0, 0);
	}
	STOP();
}

static const struct test tests[] = {
	TEST(registers),   TEST(capability),       TEST(masks),          TEST(signals),
	TEST(all_at_once), TEST(refused_messages), TEST(routes_run_out), TEST(any_guest),
};
TEST_MAIN(tests)
