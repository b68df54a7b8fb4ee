/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a guest's write sets off in a passed function, and in which order: decode against BARs, resets
 * and power states that block, a device that resets itself, falls silent, is held by the host or gone.
 */
#include "passed.h"

#include <base/clock.h>
#include <pthread.h>
#include <semaphore.h>
#include <time.h>

#define FLR(cap) (AT + (cap) + PCI_EXP_DEVCTL)

/* Order. */

static unsigned checks, wrong_orders;

/* A BAR is in the guest only while the device is told to answer and is awake. */
static void look(const char *what, uint64_t offset, uint32_t value)
{
	uint16_t command = load_le16(fake.config + PCI_COMMAND);
	bool off, mapped = fn && slot_bytes(0);

	if (!fn)
		return;
	off = !(command & PCI_COMMAND_MEMORY) || fake.config[0x44] & 3;
	if (!strcmp(what, "config write") && offset == PCI_COMMAND)
		off |= !(value & PCI_COMMAND_MEMORY);
	if (!strcmp(what, "config write") && offset == 0x44)
		off |= value & 3;
	off |= !strcmp(what, "reset") || !strcmp(what, "low power");
	checks++;
	wrong_orders += off && mapped;
}

static void decode_in_step(void)
{
	setup();
	fake_bar(0, 0, KIB(128), true);
	fake_cap(0x40, PCI_CAP_ID_PM);
	fake_express(0x70, true);
	fake.no_memory_enable = fake.has_low_power = true;
	CHECK_EQ(start(), 0);
	fake.asked = look;
	checks = wrong_orders = 0;
	for (unsigned i = 0; i < 3; i++) {
		set(AT + PCI_COMMAND, 2, ON);
		CHECK_EQ(slot_bytes(0), KIB(128));
		set(AT + PCI_COMMAND, 2, PCI_COMMAND_IO);
		CHECK_EQ(slot_bytes(0), 0);
		set(AT + PCI_COMMAND, 2, PCI_COMMAND_MEMORY);  /* one off, one on */
		for (unsigned state = 1; state < 4; state++) { /* D1 and D2 take no mapping away */
			set(AT + 0x44, 2, state);
			CHECK_EQ(slot_bytes(0), 0);
			set(AT + 0x44, 2, 0);
			CHECK_EQ(slot_bytes(0), KIB(128));
		}
		set(FLR(0x70), 2, PCI_EXP_DEVCTL_BCR_FLR);
		CHECK_EQ(slot_bytes(0), 0);
		set(AT + BAR(0), 4, MEM32);
	}
	CHECK_EQ(wrong_orders, 0);
	CHECK(checks > 50);
	fake.asked = NULL;
	STOP();
}

/* Every write of the command register is handed on: VFIO's recovery hangs on one that changes nothing. */
static void same_command_again(void)
{
	unsigned writes;

	setup();
	fake_bar(0, 0, KIB(128), true);
	CHECK_EQ(start(), 0);
	set(AT + PCI_COMMAND, 2, ON);
	fake.reset_itself = true;
	writes = fake.config_writes;
	set(AT + PCI_COMMAND, 2, ON);
	CHECK_EQ(fake.restored, 1);
	CHECK_EQ(fake.config_writes, writes + 1);
	fake.reset_itself = true;
	set(AT + PCI_COMMAND, 4, ON); /* with status */
	CHECK_EQ(fake.restored, 2);
	CHECK_EQ(slot_bytes(0), KIB(128));
	/* And at the end the device has 0, whatever it was thought to have. */
	store_le16(fake.config + PCI_COMMAND, PCI_COMMAND_MASTER);
	set(AT + PCI_COMMAND, 2, 0);
	store_le16(fake.config + PCI_COMMAND, PCI_COMMAND_MASTER);
	vfio_function_destroy(fn);
	fn = NULL;
	CHECK_EQ(load_le16(fake.config + PCI_COMMAND), 0);
	STOP();
}

/* Peers lose a BAR with the guest, and have it again with the guest, whichever way it went. */
static void peers_follow(void)
{
	setup();
	with_p2p = true;
	fake.has_dmabuf = true;
	fake_bar(0, 0, page * 8, true);
	fake_cap(0x40, PCI_CAP_ID_PM);
	CHECK_EQ(start(), 0);
	set(AT + PCI_COMMAND, 2, ON);
	CHECK_EQ(fake.n_ioas, 1);
	set(AT + PCI_COMMAND, 2, 0);
	CHECK_EQ(fake.n_ioas, 0);
	set(AT + 0x44, 2, 3);
	set(AT + 0x44, 2, 0);
	CHECK_EQ(fake.n_ioas, 0); /* awake, and not decoding */
	set(AT + 0x44, 2, 3);
	set(AT + PCI_COMMAND, 2, ON);
	CHECK_EQ(fake.n_ioas, 0); /* decoding, and asleep */
	set(AT + 0x44, 2, 0);
	CHECK_EQ(fake.n_ioas, 1);
	CHECK(fn->p2p.on);
	STOP();
}

/* Resets that do not happen. */

static void reset_that_is_refused(void)
{
	uint64_t bar = start_with_msix();

	CHECK(bar);
	/* Held for a moment. */
	fake.reset_again = 2;
	set(FLR(0x70), 2, PCI_EXP_DEVCTL_BCR_FLR);
	CHECK_EQ(fake.resets, 1);
	CHECK_EQ(get(AT + PCI_COMMAND, 2), 0);
	/* Held for good: not done, and not shown as done. A line says why. */
	set(AT + BAR(0), 4, bar);
	set(AT + PCI_COMMAND, 2, ON);
	set(AT + 0xa2, 2, MSIX_ON);
	fake.reset_again = 10000;
	set(FLR(0x70), 2, PCI_EXP_DEVCTL_BCR_FLR);
	CHECK_EQ(fake.resets, 1);
	CHECK_EQ(get(AT + PCI_COMMAND, 2), ON);
	CHECK_EQ(load_le16(fake.config + PCI_COMMAND), ON);
	CHECK_EQ(bar_at(0), bar);
	CHECK_EQ(slot_bytes(0), page * 2);
	CHECK(fake.irqs[VFIO_PCI_MSIX_IRQ_INDEX].on);
	CHECK_EQ(*error_message(), 0);
	STOP();
}

/* A hot reset for the guest is none for the owner: the device is used on. */
static void reset_for_the_guest(void)
{
	setup();
	fake_express(0x70, true);
	fake.has_reset = false;
	fake.n_bus = 1;
	fake.bus[0].devid = dev.devid;
	CHECK_EQ(start(), 0);
	set(FLR(0x70), 2, PCI_EXP_DEVCTL_BCR_FLR);
	CHECK_EQ(fake.hot_resets, 1);
	CHECK_EQ(dev.state, VFIO_DEVICE_USED);
	STOP();
}

/* Loss. */

static void silent_for_a_while(void)
{
	int value = 0;

	setup();
	CHECK_EQ(start(), 0);
	fake.silent = 100;
	for (unsigned i = 0; i < 100; i++)
		CHECK_EQ(get(AT + PCI_COMMAND, 4) >> 16, 0xffff);
	CHECK_EQ(get(AT + PCI_STATUS, 2), 0x0010);
	CHECK(!fn->io.lost && !fn->io.silent_since);
	/* Refused for a moment is not lost either. */
	fake.config_error = -EAGAIN;
	CHECK_EQ(get(AT, 4), 0xffffffff);
	fake.config_error = 0;
	CHECK_EQ(get(AT, 4), 0x15ab8086);
	/* The kernel's word counts at once. */
	fake.config_error = -ENODEV;
	CHECK_EQ(get(AT, 4), 0xffffffff);
	CHECK_EQ(loop_run(&loop, &value), VM_EVENT_DEVICE_LOST);
	CHECK_ERROR("0000:01:00.0: the device does not answer any more");
	CHECK(dev.gone);
	fake.gone = true;
	stop();
}

static void no_way_back_from_d3cold(void)
{
	int value = 0;

	setup();
	fake_cap(0x40, PCI_CAP_ID_PM);
	fake.has_low_power = true;
	CHECK_EQ(start(), 0);
	set(AT + 0x44, 2, 3);
	CHECK(fake.low_power);
	memset(fake.config, 0xff, sizeof(fake.config));
	set(AT + 0x44, 2, 0);
	CHECK_EQ(loop_run(&loop, &value), VM_EVENT_DEVICE_LOST);
	CHECK_ERROR("d3cold=off");
	stop();
	/* Kept from it. */
	setup();
	fake_cap(0x40, PCI_CAP_ID_PM);
	fake.has_low_power = fake.can_wake = no_d3cold = true;
	CHECK_EQ(start(), 0);
	CHECK_EQ(get(AT + 0x42, 2) & PCI_PM_CAP_PME_MASK, 0);
	set(AT + 0x44, 2, 3);
	CHECK(fn->pci.asleep && !fake.low_power);
	set(AT + 0x44, 2, 0);
	CHECK(!fn->pci.asleep);
	STOP();
}

static void bar_that_the_host_has(void)
{
	setup();
	fake_bar(0, 0, 256, false);
	fake.bar_busy[0] = true;
	CHECK_EQ(start(), 0);
	set(AT + PCI_COMMAND, 2, ON);
	CHECK_EQ(get(bar_at(0), 4), 0xffffffff);
	CHECK(fn->bars.bar[0].busy_told && !fn->io.lost);
	STOP();
	setup();
	fake_bar(0, 0, KIB(128), true);
	fake.bar_busy[0] = true;
	CHECK_EQ(start(), -EBUSY);
	CHECK_ERROR("0000:01:00.0: BAR 0 is in use by the host (");
	CHECK_EQ(fake.mmaps, fake.munmaps);
	stop();
}

/* Operations that block. */

static sem_t at_it, go_on;
static const char *block_on;
static uint64_t block_at;

static void block(const char *what, uint64_t offset, uint32_t value)
{
	(void)value;
	if (strcmp(what, block_on) || (block_at && offset != block_at))
		return;
	sem_post(&at_it);
	sem_wait(&go_on);
}

#define READ UINT64_MAX /* in place of a value */

static struct {
	uint64_t at;
	unsigned len;
	uint64_t value;
	bool is_write;
} job;

static void *vcpu(void *arg)
{
	(void)arg;
	lock_take(&lock);
	if (job.is_write)
		set(job.at, job.len, job.value);
	else
		job.value = get(job.at, job.len);
	lock_drop(&lock);
	return NULL;
}

/* A vcpu that blocks in the kernel in `what`, with the lock given back. */
static pthread_t begin(const char *what, uint64_t device_at, uint64_t at, unsigned len,
		       uint64_t value)
{
	pthread_t thread;

	sem_init(&at_it, 0, 0);
	sem_init(&go_on, 0, 0);
	block_on = what;
	block_at = device_at;
	fake.asked = block;
	job.at = at;
	job.len = len;
	job.value = value;
	job.is_write = value != READ;
	lock_drop(&lock);
	pthread_create(&thread, NULL, vcpu, NULL);
	sem_wait(&at_it);
	lock_take(&lock);
	return thread;
}

static void finish(pthread_t thread)
{
	fake.asked = NULL;
	lock_drop(&lock);
	sem_post(&go_on);
	pthread_join(thread, NULL);
	lock_take(&lock);
}

/* While the function is reset it reads all-ones, nothing of it decodes, and nobody waits. */
static void reset_blocks_nobody(void)
{
	static struct pci_function other;
	pthread_t thread;
	uint64_t bar;

	setup();
	fake_bar(0, 0, KIB(128), true);
	fake_bar(1, 0, 256, false);
	fake_express(0x70, true);
	pci_function_init(&other, "other", NULL, 0x1234, 0x5678, 0);
	pci_function_bar(&other, 0, PCI_BAR_MEM32, false, KIB(4));
	CHECK_EQ(start(), 0);
	CHECK_EQ(pci_root_add(&root, &other, PCI_DEVFN(3, 0)), 0);
	set(AT + PCI_COMMAND, 2, ON);
	bar = bar_at(1);
	thread = begin("reset", 0, FLR(0x70), 2, PCI_EXP_DEVCTL_BCR_FLR);
	/* This thread has the lock: the other one gave it back. */
	CHECK_EQ(get(AT, 4), 0xffffffff);
	CHECK_EQ(get(AT + PCI_COMMAND, 2), 0xffff);
	set(AT + PCI_COMMAND, 2, ON);
	CHECK_EQ(get(bar, 4), 0xffffffff);
	CHECK_EQ(slot_bytes(0), 0);
	CHECK_EQ(get(ECAM + (PCI_DEVFN(3, 0) << 12), 4), 0x56781234);
	/* Another function's change lets no BAR of this one in. */
	set(ECAM + (PCI_DEVFN(3, 0) << 12) + PCI_COMMAND, 2, ON);
	CHECK_EQ(slot_bytes(0), 0);
	finish(thread);
	CHECK_EQ(get(AT, 4), 0x15ab8086);
	CHECK_EQ(get(AT + PCI_COMMAND, 2), 0); /* what was written meanwhile was dropped */
	pci_root_remove(&root, &other);
	STOP();
}

/* Others of the same function wait for what is short; who has to do with another does not. */
static void others_wait_their_turn(void)
{
	pthread_t first, second;
	struct timespec soon;

	setup();
	fake_cap(0x40, PCI_CAP_ID_PM);
	fake_cap(0x60, PCI_CAP_ID_VPD);
	CHECK_EQ(start(), 0);
	CHECK_EQ(get(AT + 0x44, 2), 0);
	first = begin("config write", 0x44, AT + 0x44, 2, 1);
	/* The second one asks the same function. */
	job.at = AT;
	job.len = 4;
	job.is_write = false;
	job.value = 0;
	lock_drop(&lock);
	pthread_create(&second, NULL, vcpu, NULL);
	clock_gettime(CLOCK_REALTIME, &soon);
	soon.tv_nsec += 50000000;
	soon.tv_sec += soon.tv_nsec / 1000000000;
	soon.tv_nsec %= 1000000000;
	CHECK_EQ(pthread_timedjoin_np(second, NULL, &soon), ETIMEDOUT);
	lock_take(&lock);
	CHECK(fn->busy);
	CHECK_EQ(get(ECAM, 4), 0x00081b36); /* the host bridge */
	finish(first);
	lock_drop(&lock);
	pthread_join(second, NULL);
	lock_take(&lock);
	CHECK_EQ(job.value, 0x15ab8086);
	/* And a machine that is being stopped waits for nothing. */
	first = begin("config write", 0x44, AT + 0x44, 2, 0);
	lock_drop(&lock);
	lock_stop(&lock);
	lock_take(&lock);
	CHECK_EQ(get(AT, 4), 0xffffffff);
	finish(first);
	lock_restart(&lock);
	STOP();
}

/* The ROM is loaded, VPD read and vectors set up without the lock. */
static void what_is_done_without_the_lock(void)
{
	pthread_t thread;

	setup();
	fake_bar(0, 0, page * 4, true);
	fake_cap(0x60, PCI_CAP_ID_VPD);
	fake_msix(0xa0, 64, 0, 0, 0, page * 2);
	fake.regions[VFIO_PCI_ROM_REGION_INDEX] =
		(struct fake_region){ .size = page, .data = calloc(1, FAKE_BAR_DATA) };
	with_rom = true;
	CHECK_EQ(start(), 0);
	set(AT + PCI_COMMAND, 2, ON);
	thread = begin("config write", 0x62, AT + 0x62, 2, 0);
	finish(thread);
	thread = begin("irqs", VFIO_PCI_MSIX_IRQ_INDEX, AT + 0xa2, 2, MSIX_ON);
	finish(thread);
	CHECK(fn->irqs.msix.on);
	set(AT + PCI_ROM_ADDRESS, 4, get(AT + PCI_ROM_ADDRESS, 4) | 1);
	thread = begin("rom", 0, get(AT + PCI_ROM_ADDRESS, 4) & ~1ull, 4, READ);
	finish(thread);
	CHECK(fn->rom.in_slot);
	STOP();
}

/* A guest that resets its device without end is slowed down, not the others. */
static void resets_are_paced(void)
{
	uint64_t began;
	unsigned n = 0;

	setup();
	fake_express(0x70, true);
	CHECK_EQ(start(), 0);
	began = clock_ns();
	/* What it has in hand is free. */
	for (; n < VFIO_PACE_HAND / VFIO_COST_RESET; n++)
		set(FLR(0x70), 2, PCI_EXP_DEVCTL_BCR_FLR);
	CHECK(clock_ns() - began < VFIO_COST_RESET);
	for (unsigned i = 0; i < 3; i++)
		set(FLR(0x70), 2, PCI_EXP_DEVCTL_BCR_FLR);
	CHECK(clock_ns() - began > 2 * VFIO_COST_RESET);
	CHECK_EQ(fake.resets, n + 3);
	/* A machine that is being stopped is not held up by it. */
	fn->pace.paid_until = clock_ns() + 3600 * NS_PER_S;
	lock_drop(&lock);
	lock_stop(&lock);
	lock_take(&lock);
	set(FLR(0x70), 2, PCI_EXP_DEVCTL_BCR_FLR);
	lock_restart(&lock);
	STOP();
}

static const struct test tests[] = {
	TEST(decode_in_step),
	TEST(same_command_again),
	TEST(peers_follow),
	TEST(reset_that_is_refused),
	TEST(reset_for_the_guest),
	TEST(silent_for_a_while),
	TEST(no_way_back_from_d3cold),
	TEST(bar_that_the_host_has),
	TEST(reset_blocks_nobody),
	TEST(others_wait_their_turn),
	TEST(what_is_done_without_the_lock),
	TEST(resets_are_paced),
};
TEST_MAIN(tests)
