/* SPDX-License-Identifier: BSD-2-Clause */
#include "test.h"

#include <base/bytes.h>
#include <base/fd.h>
#include <core/bus.h>
#include <core/irq.h>
#include <core/loop.h>
#include <core/memory.h>
#include <errno.h>
#include <sys/mman.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

static uint64_t seen_offset;
static unsigned seen_len, seen_n;

static void record(void *ctx, uint64_t offset, void *data, unsigned len, bool is_write)
{
	seen_offset = offset;
	seen_len = len;
	seen_n++;
	if (!is_write)
		store_le(data, len, (uintptr_t)ctx);
}

static struct bus_region region(uint64_t base, uint64_t size, uintptr_t id)
{
	return (struct bus_region){
		.base = base, .size = size, .handler = record, .ctx = (void *)id
	};
}

static void bus_routes(void)
{
	struct bus bus = { 0 };
	struct bus_region a = region(0x1000, 0x100, 0xa), b = region(0x1100, 0x100, 0xb);
	uint8_t data[8];

	CHECK_EQ(bus_add(&bus, &b), 0);
	CHECK_EQ(bus_add(&bus, &a), 0);
	CHECK(bus_access(&bus, 0x10fc, data, 4, false));
	CHECK_EQ(load_le32(data), 0xa);
	CHECK_EQ(seen_offset, 0xfc);
	CHECK(bus_access(&bus, 0x1100, data, 1, false));
	CHECK_EQ(data[0], 0xb);
}

static void bus_unclaimed_is_all_ones(void)
{
	struct bus bus = { 0 };
	struct bus_region a = region(0x1000, 0x100, 0xa);
	uint8_t data[8] = { 0 };

	CHECK_EQ(bus_add(&bus, &a), 0);
	seen_n = 0;
	CHECK(!bus_access(&bus, 0xfff, data, 1, false));
	CHECK_EQ(data[0], 0xff);
	CHECK(!bus_access(&bus, 0x10fd, data, 4, false)); /* half in, half out */
	CHECK_EQ(load_le32(data), 0xffffffff);
	CHECK(!bus_access(&bus, 0xffc, data, 8, false));
	CHECK(!bus_access(&bus, UINT64_MAX, data, 8, true));
	CHECK_EQ(seen_n, 0);
}

static void bus_refuses_overlap(void)
{
	struct bus bus = { 0 };
	struct bus_region a = region(0x1000, 0x100, 0), b = region(0x10ff, 1, 0),
			  c = region(0xf00, 0x101, 0), top = region(UINT64_MAX, 1, 0);

	CHECK_EQ(bus_add(&bus, &a), 0);
	CHECK_EQ(bus_add(&bus, &b), -EEXIST);
	CHECK_EQ(bus_add(&bus, &c), -EEXIST);
	CHECK_EQ(bus_add(&bus, &top), 0);
	bus_remove(&bus, &a);
	bus_remove(&bus, &a);
	CHECK_EQ(bus_add(&bus, &b), 0);
	CHECK_EQ(bus.n, 2);
}

static void bus_is_bounded(void)
{
	static struct bus bus;
	static struct bus_region many[BUS_REGION_MAX + 1];

	for (unsigned i = 0; i < BUS_REGION_MAX; i++) {
		many[i] = region(i * 16, 16, i);
		CHECK_EQ(bus_add(&bus, &many[i]), 0);
	}
	many[BUS_REGION_MAX] = region(1 << 20, 16, 0);
	CHECK_EQ(bus_add(&bus, &many[BUS_REGION_MAX]), -ENOSPC);
}

static void memory_finds_ram(void)
{
	struct range ranges[] = { { 0, MIB(2) }, { GIB(4), MIB(1) } };
	struct memory mem;

	CHECK_EQ(memory_init(&mem, -1, ranges, 2), 0);
	CHECK(memory_at(&mem, 0, MIB(2)) == mem.hva);
	CHECK(memory_at(&mem, GIB(4), 1) == mem.hva + MIB(2));
	CHECK(!memory_at(&mem, MIB(2), 1));
	CHECK(!memory_at(&mem, MIB(2) - 1, 2));
	CHECK(!memory_at(&mem, GIB(4) + MIB(1) - 1, UINT64_MAX));
	CHECK(!memory_at(&mem, UINT64_MAX, 2));
	memory_deinit(&mem);
}

static void memory_is_sealed(void)
{
	struct range ranges[] = { { 0, MIB(2) } };
	struct memory mem;

	CHECK_EQ(memory_init(&mem, -1, ranges, 1), 0);
	CHECK(ftruncate(mem.memfd, 0) < 0);
	CHECK(ftruncate(mem.memfd, (off_t)MIB(4)) < 0);
	memory_deinit(&mem);
	CHECK_EQ(mem.memfd, -1);
}

/* Every byte, and none beside them, wherever they begin; what cannot be spliced is left to the caller. */
static void memory_copies_files(void)
{
	struct range ranges[] = { { 0, MIB(2) }, { GIB(4), MIB(2) } };
	uint8_t bytes[20000];
	struct memory mem;
	int fd = memfd_create("file", 0), pipes[2];

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + i / 256 + 1);
	CHECK_EQ(write(fd, bytes, sizeof(bytes)), (ssize_t)sizeof(bytes));
	CHECK_EQ(memory_init(&mem, -1, ranges, 2), 0);
	for (unsigned at = 0; at < 2; at++) {
		uint8_t *hva = memory_at(&mem, GIB(4) + 4096 - at, sizeof(bytes));

		memset(mem.hva, 0xee, MIB(4));
		CHECK_EQ(memory_copy_file(&mem, hva, fd, 5, 9000), 9000);
		CHECK(!memcmp(hva, bytes + 5, 9000));
		CHECK_EQ(hva[-1], 0xee);
		CHECK_EQ(hva[9000], 0xee);
	}
	CHECK_EQ(memory_copy_file(&mem, mem.hva, fd, 19000, 5000), 1000);
	CHECK_EQ(pipe(pipes), 0);
	CHECK_EQ(memory_copy_file(&mem, mem.hva, pipes[0], 0, 100), 0);
	mem.populated = true;
	CHECK_EQ(memory_copy_file(&mem, mem.hva, fd, 0, 100), 0);
	memory_deinit(&mem);
	close(pipes[0]);
	close(pipes[1]);
	close(fd);
}

static void memory_slots_are_reused(void)
{
	struct range ranges[] = { { 0, MIB(2) } };
	struct memory mem;
	unsigned slot, again;

	CHECK_EQ(memory_init(&mem, -1, ranges, 1), 0);
	CHECK_EQ(memory_slot_add(&mem, GIB(1), 4096, mem.hva, 0, &slot), 0);
	CHECK_EQ(slot, 1);
	memory_slot_remove(&mem, slot);
	CHECK_EQ(memory_slot_add(&mem, GIB(2), 4096, mem.hva, 0, &again), 0);
	CHECK_EQ(again, slot);
	for (unsigned i = 2; i < mem.slot_limit; i++)
		CHECK_EQ(memory_slot_add(&mem, GIB(i + 3), 4096, mem.hva, 0, &slot), 0);
	CHECK_EQ(memory_slot_add(&mem, GIB(1), 4096, mem.hva, 0, &slot), -ENOSPC);
	CHECK_ERROR("memory slots");
	memory_deinit(&mem);
}

static void irq_routes(void)
{
	struct irq_router irq;
	unsigned a, b;

	CHECK_EQ(irq_router_init(&irq, -1, 24), 0);
	CHECK_EQ(irq_pin_route(&irq, 4, 2, 4), 0);
	CHECK(irq_pin_route(&irq, 24, 2, 4) < 0);
	CHECK_ERROR("not a pin");
	CHECK_EQ(irq_msi_alloc(&irq, &a), 0);
	CHECK_EQ(irq_msi_alloc(&irq, &b), 0);
	CHECK_EQ(a, 24);
	CHECK_EQ(b, 25);
	CHECK_EQ(irq_msi_set(&irq, a, 0xfee00000, 0x41, 0x10), 0);
	CHECK_EQ(irq_msi_set(&irq, b, 0xfee01000, 0x42, 0x10), 0);
	CHECK_EQ(irq.table->nr, 3);
	CHECK_EQ(irq_commit(&irq), 0);
	CHECK(!irq.dirty);
	CHECK_EQ(irq_msi_set(&irq, b, 0xfee01000, 0x42, 0x10), 0);
	CHECK(!irq.dirty); /* nothing changed */
	CHECK_EQ(irq_msi_set(&irq, b, 0xfee01000, 0x43, 0x10), 0);
	CHECK(irq.dirty);
	irq_msi_free(&irq, a);
	CHECK_EQ(irq.table->nr, 2);
	CHECK_EQ(irq.table->entries[1].gsi, b);
	CHECK_EQ(irq.table->entries[1].u.msi.data, 0x43);
	irq_router_deinit(&irq);
}

/* A board whose messages name shared interrupts: they become routes to inputs of the irqchip. */
static void irq_routes_to_a_frame(void)
{
	struct irq_router irq;
	unsigned a;

	CHECK_EQ(irq_router_init(&irq, -1, 64), 0);
	irq.spi_doorbell = 0x2020040;
	irq.spi_first = 64;
	irq.spi_n = 192;
	CHECK_EQ(irq_msi_alloc(&irq, &a), 0);
	CHECK_EQ(irq_msi_set(&irq, a, 0x2020040, 96, 0x10), 0);
	CHECK_EQ(irq.table->entries[0].type, KVM_IRQ_ROUTING_IRQCHIP);
	CHECK_EQ(irq.table->entries[0].gsi, a);
	CHECK_EQ(irq.table->entries[0].u.irqchip.pin, 64);
	CHECK_EQ(irq_commit(&irq), 0);
	CHECK_EQ(irq_msi_set(&irq, a, 0x2020040, 96, 0x10), 0);
	CHECK(!irq.dirty);
	CHECK_EQ(irq_msi_set(&irq, a, 0x2020040, 97, 0x10), 0);
	CHECK(irq.dirty);
	CHECK_EQ(irq.table->nr, 1);
	CHECK_EQ(irq.table->entries[0].u.irqchip.pin, 65);
	/* An interrupt that is not the frame's, and an address that is not it. */
	CHECK_EQ(irq_msi_set(&irq, a, 0x2020040, 95, 0x10), 0);
	CHECK_EQ(irq.table->entries[0].type, KVM_IRQ_ROUTING_MSI);
	CHECK_EQ(irq_msi_set(&irq, a, 0x2020044, 96, 0x10), 0);
	CHECK_EQ(irq.table->entries[0].type, KVM_IRQ_ROUTING_MSI);
	irq_msi_free(&irq, a);
	CHECK_EQ(irq.table->nr, 0);
	irq_router_deinit(&irq);
}

static void irq_gsis_run_out(void)
{
	struct irq_router irq;
	unsigned gsi;

	CHECK_EQ(irq_router_init(&irq, -1, 24), 0);
	for (unsigned i = 24; i < IRQ_GSI_MAX; i++) {
		CHECK_EQ(irq_msi_alloc(&irq, &gsi), 0);
		CHECK_EQ(irq_msi_set(&irq, gsi, 0xfee00000, i, 0), 0);
	}
	CHECK_EQ(irq_msi_alloc(&irq, &gsi), -ENOSPC);
	CHECK_ERROR("in use");
	irq_router_deinit(&irq);
}

struct probe {
	struct loop *loop;
	struct loop_source source;
	unsigned calls;
};

static void on_probe(struct loop_source *source, uint32_t events)
{
	struct probe *p = container_of(source, struct probe, source);

	(void)events;
	fd_event_take(source->fd);
	p->calls++;
	if (p->calls == 2)
		loop_post(p->loop, VM_EVENT_POWEROFF, 0);
	else
		fd_event_signal(source->fd);
}

static void loop_dispatches(void)
{
	struct loop loop;
	struct probe p = { .loop = &loop, .source = { .fd = -1, .handler = on_probe } };
	int value;

	CHECK_EQ(loop_init(&loop, NULL), 0);
	CHECK_EQ(fd_event(&p.source.fd), 0);
	CHECK_EQ(loop_add(&loop, &p.source, EPOLLIN), 0);
	fd_event_signal(p.source.fd);
	CHECK_EQ(loop_run(&loop, &value), VM_EVENT_POWEROFF);
	CHECK_EQ(p.calls, 2);
	loop_remove(&loop, &p.source);
	fd_close(&p.source.fd);
	loop_deinit(&loop);
}

/* What one thread does while another has the device lock, and when it gives it back. */
struct waiter {
	struct lock lock;
	struct loop loop;
	bool busy, waits, told;
	int n;
};

static void *wait_for_it(void *arg)
{
	struct waiter *w = arg;

	lock_take(&w->lock);
	while (w->busy) {
		w->waits = true;
		lock_wake(&w->lock);
		if (!lock_wait(&w->lock))
			break;
	}
	w->n++;
	w->told = w->busy;
	lock_drop(&w->lock);
	return NULL;
}

/* The lock is given back by who waits; a wake or a stop ends the wait, and tells which. */
static void lock_waits(void)
{
	struct waiter w = { .busy = true };
	pthread_t thread;

	lock_init(&w.lock);
	for (int stop = 0; stop < 2; stop++) {
		w.busy = true;
		w.waits = false;
		lock_take(&w.lock);
		CHECK_EQ(pthread_create(&thread, NULL, wait_for_it, &w), 0);
		while (!w.waits)
			CHECK(lock_wait(&w.lock));
		CHECK_EQ(w.n, stop);
		if (!stop) {
			w.busy = false;
			lock_wake(&w.lock);
		}
		lock_drop(&w.lock);
		if (stop)
			lock_stop(&w.lock);
		pthread_join(thread, NULL);
		CHECK_EQ(w.told, stop);
	}
	CHECK_EQ(w.n, 2);
	/* Stopped, nobody waits; started again, as before. */
	lock_take(&w.lock);
	CHECK(!lock_wait(&w.lock));
	lock_drop(&w.lock);
	lock_restart(&w.lock);
	CHECK(!lock_stopping(&w.lock));
	lock_deinit(&w.lock);
}

static void *post_and_done(void *arg)
{
	struct waiter *w = arg;

	loop_post(&w->loop, VM_EVENT_SIGNAL, 15);
	return NULL;
}

static void never(struct loop_source *source, uint32_t events)
{
}

/* Somebody has the lock for ever: a post ends the loop all the same. */
static void post_passes_the_lock(void)
{
	struct waiter w = { .n = 0 };
	struct loop_source source = { .handler = never };
	pthread_t thread;
	int value = 0;

	lock_init(&w.lock);
	CHECK_EQ(loop_init(&w.loop, &w.lock), 0);
	CHECK_EQ(fd_event(&source.fd), 0);
	CHECK_EQ(loop_add(&w.loop, &source, EPOLLIN), 0);
	lock_take(&w.lock);
	CHECK_EQ(pthread_create(&thread, NULL, post_and_done, &w), 0);
	CHECK_EQ(loop_run(&w.loop, &value), VM_EVENT_SIGNAL);
	pthread_join(thread, NULL);
	lock_drop(&w.lock);
	loop_deinit(&w.loop);
	fd_close(&source.fd);
	lock_deinit(&w.lock);
}

/* A reason is its thread's until it goes with an event; what another thread tried covers none. */
static void reason_travels(void)
{
	struct loop loop;
	int value;

	CHECK_EQ(loop_init(&loop, NULL), 0);
	loop_post_why(&loop, VM_EVENT_DEVICE_LOST, STATUS_DEVICE_LOST, "device %d: lost", 7);
	/* A failed action of the guest, before the loop is read and after: dropped, or lighter. */
	CHECK_EQ(fail(STATUS_HOST, ENOSPC, "a guest's action"), -ENOSPC);
	error_clear();
	CHECK_EQ(fail(STATUS_HOST, ENOSPC, "another"), -ENOSPC);
	loop_post_error(&loop, VM_EVENT_STUCK);
	CHECK(!*error_message());
	CHECK_EQ(fail(STATUS_HOST, ENOSPC, "and one that is left"), -ENOSPC);
	CHECK_EQ(loop_run(&loop, &value), VM_EVENT_DEVICE_LOST);
	CHECK_EQ(error_status(), STATUS_DEVICE_LOST);
	CHECK_ERROR("device 7: lost");
	/* The next event has nothing of it. */
	CHECK_EQ(fail(STATUS_HOST, ENOSPC, "left again"), -ENOSPC);
	loop_post(&loop, VM_EVENT_POWEROFF, 0);
	CHECK_EQ(loop_run(&loop, &value), VM_EVENT_POWEROFF);
	CHECK(!*error_message());
	loop_deinit(&loop);
}

static void *fail_here(void *arg)
{
	struct error *error = arg;

	if (!*error_message() && fail(STATUS_IMAGE, EINVAL, "over there"))
		error_take(error);
	return NULL;
}

/* Of two threads each has its own record; it is handed over by whoever joins. */
static void reason_of_a_thread(void)
{
	struct error error = { .text = "" };
	pthread_t thread;

	CHECK_EQ(fail(STATUS_HOST, ENOSPC, "here"), -ENOSPC);
	CHECK_EQ(pthread_create(&thread, NULL, fail_here, &error), 0);
	pthread_join(thread, NULL);
	CHECK_EQ(error.status, STATUS_IMAGE);
	CHECK_ERROR("here");
	error_put(&error);
	CHECK_EQ(error_status(), STATUS_IMAGE);
	CHECK_ERROR("over there");
}

/* A line that KVM will not drive ends the VM: its guest would wait for ever. */
static void line_that_fails(void)
{
	struct irq_router router;
	struct loop loop;
	int value, fd = open("/dev/null", O_RDWR | O_CLOEXEC); /* every ioctl is ENOTTY */

	CHECK(fd >= 0);
	CHECK_EQ(loop_init(&loop, NULL), 0);
	CHECK_EQ(irq_router_init(&router, -1, 24), 0);
	router.vm_fd = fd;
	router.loop = &loop;
	irq_line_set((struct irq_line){ .router = &router, .gsi = 4 }, true);
	CHECK_EQ(loop_run(&loop, &value), VM_EVENT_FAILED);
	CHECK_EQ(error_status(), STATUS_FAILURE);
	CHECK_ERROR("interrupt line 4 cannot be driven: Inappropriate ioctl for device; ");
	irq_router_deinit(&router);
	loop_deinit(&loop);
	fd_close(&fd);
}

static void *post_signal(void *arg)
{
	loop_post(arg, VM_EVENT_SIGNAL, 15);
	return NULL;
}

static void heaviest_event_wins(void)
{
	struct loop loop;
	pthread_t thread;
	int value;

	CHECK_EQ(loop_init(&loop, NULL), 0);
	loop_post(&loop, VM_EVENT_DEVICE_LOST, 1);
	loop_post(&loop, VM_EVENT_POWEROFF, 2);
	CHECK_EQ(loop_run(&loop, &value), VM_EVENT_DEVICE_LOST);
	CHECK_EQ(value, 1);
	CHECK_EQ(pthread_create(&thread, NULL, post_signal, &loop), 0);
	CHECK_EQ(loop_run(&loop, &value), VM_EVENT_SIGNAL);
	CHECK_EQ(value, 15);
	pthread_join(thread, NULL);
	loop_deinit(&loop);
}

/* Its places may be known later than it is populated, and each is as large entries want it. */
static void placed_while_populated(void)
{
	struct range ram[] = { { 0, MIB(64) }, { MIB(66), MIB(30) }, { GIB(4), MIB(3) } };
	struct memory_prefault p = { 0 };
	struct memory mem;

	CHECK_EQ(memory_create(&mem, MIB(97), 0), 0);
	CHECK(!memory_at(&mem, 0, 1));
	CHECK_EQ(memory_prefault_start(&p, &mem, 0, NULL), 0);
	CHECK_EQ(memory_place(&mem, -1, ram, ARRAY_SIZE(ram)), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(ram); i++) {
		uint8_t *at = memory_at(&mem, ram[i].base, ram[i].size);

		CHECK(at);
		CHECK(is_aligned((uintptr_t)at - ram[i].base, MIB(2)));
		CHECK(is_aligned(mem.ram[i].offset - ram[i].base, MIB(2)));
		*at = (uint8_t)(i + 1);
	}
	CHECK_EQ(memory_prefault_finish(&p, false), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(ram); i++)
		CHECK_EQ(*(uint8_t *)memory_at(&mem, ram[i].base, 1), i + 1);
	memory_deinit(&mem);
}

/* What limits it is said, with the number's name, instead of a host that lacks memory. */
static void address_space_limited(void)
{
	const struct range ram = { 0, GIB(8) };
	struct rlimit before, limit;
	struct memory mem;
	unsigned long pages = 0;
	FILE *statm = fopen("/proc/self/statm", "r");
	int r;

	CHECK(statm && fscanf(statm, "%lu", &pages) == 1 && !fclose(statm));
	CHECK(!getrlimit(RLIMIT_AS, &before));
	limit = before;
	limit.rlim_cur = pages * (rlim_t)sysconf(_SC_PAGESIZE) + GIB(2);
	CHECK(!setrlimit(RLIMIT_AS, &limit));
	r = memory_init(&mem, -1, &ram, 1);
	setrlimit(RLIMIT_AS, &before);
	CHECK_EQ(r, -ENOMEM);
	CHECK_EQ(error_status(), STATUS_HOST);
	CHECK_ERROR(
		"guest memory of 8192 MiB: Cannot allocate memory; address space is limited: raise it "
		"(ulimit -v)");
	memory_deinit(&mem);
}

static void prefault(void)
{
	struct range ram[] = { { 0, MIB(130) }, { GIB(4), MIB(2) } };
	struct memory_prefault p = { 0 };
	struct memory mem;
	size_t pages = MIB(132) / (size_t)sysconf(_SC_PAGESIZE);
	unsigned char *there = calloc(pages, 1);
	bool cancel = true;
	unsigned n = 0;

	CHECK_EQ(memory_init(&mem, -1, ram, 2), 0);
	CHECK_EQ(memory_prefault_finish(&p, false), 0); /* not started */
	CHECK_EQ(memory_prefault_start(&p, &mem, 0, NULL), 0);
	CHECK_EQ(memory_prefault_finish(&p, false), 0);
	CHECK_EQ(mincore(mem.hva, mem.size, there), 0);
	for (size_t i = 0; i < pages; i++)
		n += there[i] & 1;
	CHECK_EQ(n, pages);
	CHECK_EQ(memory_prefault_start(&p, &mem, 0, NULL), 0);
	CHECK_EQ(memory_prefault_finish(&p, true), 0);
	/* Ended from outside, before it has begun: nothing is populated, and that is no error. */
	CHECK_EQ(memory_prefault_start(&p, &mem, 0, &cancel), 0);
	CHECK_EQ(memory_prefault_finish(&p, false), -ECANCELED);
	CHECK(!*error_message());
	CHECK_EQ(p.done, 0);
	memory_deinit(&mem);
	free(there);
}

/* More than any pool has: one line with the command that mends it. */
static void hugepages(void)
{
	struct range ram = { 0, TIB(16) };
	struct memory mem;

	CHECK(memory_create(&mem, ram.size, MIB(2)) < 0);
	CHECK(strstr(error_message(), "/hugepages-2048kB/nr_hugepages") ||
	      strstr(error_message(), "this host has no huge pages of 2 MiB; it has: "));
	error_clear();
	CHECK_EQ(mem.memfd, -1);
	CHECK(memory_create(&mem, ram.size, GIB(32)) < 0);
	CHECK(strstr(error_message(), "this host has no huge pages of 32768 MiB; it has: "));
	error_clear();
	CHECK_EQ(mem.memfd, -1);
}

static const struct test tests[] = {
	TEST(bus_routes),
	TEST(bus_unclaimed_is_all_ones),
	TEST(bus_refuses_overlap),
	TEST(bus_is_bounded),
	TEST(memory_finds_ram),
	TEST(memory_is_sealed),
	TEST(memory_copies_files),
	TEST(memory_slots_are_reused),
	TEST(irq_routes),
	TEST(irq_routes_to_a_frame),
	TEST(irq_gsis_run_out),
	TEST(loop_dispatches),
	TEST(reason_travels),
	TEST(reason_of_a_thread),
	TEST(line_that_fails),
	TEST(lock_waits),
	TEST(post_passes_the_lock),
	TEST(heaviest_event_wins),
	TEST(address_space_limited),
	TEST(prefault),
	TEST(placed_while_populated),
	TEST(hugepages),
};
TEST_MAIN(tests)
