/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A passed function over a fake device (fake-vfio.h), on a board without KVM or over a fake one
 * (PASSED_VM), as its one vcpu sees it: the device lock is held, as for an exit.
 */
#pragma once

#include "test.h"

#include "board.h"
#include "fake-vfio.h"

#include <base/fd.h>
#include <devices/vfio.h>
#include <devices/vfio/function.h>
#include <devices/vfio/reset.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define AT        (ECAM + (PCI_DEVFN(2, 0) << 12))
#define ON        (PCI_COMMAND_MEMORY | PCI_COMMAND_IO | PCI_COMMAND_MASTER)
#define MEM64_BAR 0xcu
#define MSIX_OFF  0
#define MSIX_ON   PCI_MSIX_FLAGS_ENABLE
#define MSIX_ALL  (PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL)

#ifndef PASSED_VM
#define PASSED_VM -1 /* KVM's descriptor: there is no KVM */
#endif

static struct memory memory;
static struct irq_router irq;
static struct lock lock;
static struct loop loop;
static struct vfio_device dev;
static struct vfio_function *fn;
static unsigned page;
static bool siblings, with_rom, with_p2p, no_d3cold;
static int rom_fd = -1;

static inline void board(void)
{
	struct range ram = { 0, MIB(2) };

	board_init();
	lock_init(&lock);
	if (memory_init(&memory, PASSED_VM, &ram, 1) || irq_router_init(&irq, PASSED_VM, 24) ||
	    loop_init(&loop, &lock))
		abort();
	lock_take(&lock); /* as a vcpu has it for an exit */
	page = (unsigned)sysconf(_SC_PAGESIZE);
	siblings = with_rom = with_p2p = no_d3cold = false;
	rom_fd = -1;
	dev = (struct vfio_device){
		.name = "0000:01:00.0", .fd = -1, .devid = 5, .state = VFIO_DEVICE_CLEAN
	};
	fn = NULL;
}

/* Every test starts here, describes its device, and goes on with start(). */
static inline void setup(void)
{
	fake_init();
	board();
}

static inline int start(void)
{
	struct vfio_function_config config = {
		.dev = &dev,
		.root = &root,
		.memory = &memory,
		.irq = &irq,
		.loop = &loop,
		.devfn = PCI_DEVFN(2, 0),
		.multifunction = siblings,
		.rom = with_rom,
		.rom_fd = rom_fd,
		.p2p = with_p2p,
		.no_d3cold = no_d3cold,
	};
	int r = vfio_function_create(&config, &fn);

	return r ? r : pci_root_assign(&root);
}

/* The function goes; the board stays to be looked at. */
static inline void destroy(void)
{
	vfio_function_destroy(fn);
	fn = NULL;
}

/* The board goes, and the device is still there. */
static inline void unplug(void)
{
	destroy();
	pci_root_deinit(&root);
	irq_router_deinit(&irq);
	memory_deinit(&memory);
	loop_deinit(&loop);
	lock_drop(&lock);
	lock_deinit(&lock);
}

static inline void stop(void)
{
	unplug();
	fake_free();
}

/* End of a test: nothing was refused, nothing is left. Outside CHECK so that it returns early. */
#define STOP()                                                                      \
	do {                                                                        \
		unsigned slots_ = 0;                                                \
		destroy();                                                          \
		for (unsigned i_ = 0; i_ < ARRAY_SIZE(memory.slots); i_++)          \
			slots_ += (unsigned)__builtin_popcountll(memory.slots[i_]); \
		CHECK_EQ(slots_, 1); /* RAM */                                      \
		CHECK_EQ(mmio.n, 1); /* ECAM */                                     \
		CHECK_EQ(pio.n, 1);  /* CF8 */                                      \
		CHECK_EQ(fake.mmaps, fake.munmaps);                                 \
		CHECK_EQ(fake.wrongs ? fake.why[0] : 0, 0);                         \
		for (unsigned i_ = 0; i_ < ARRAY_SIZE(irq.gsis); i_++)              \
			CHECK_EQ(irq.gsis[i_], 0);                                  \
		for (unsigned i_ = 0; i_ < VFIO_PCI_MSIX_IRQ_INDEX; i_++)           \
			CHECK(!fake.irqs[i_].on || fake.gone);                      \
		stop();                                                             \
	} while (0)

static inline uint64_t bar_at(unsigned index)
{
	return fn->pci.bars[index].kind == PCI_BAR_MEM64 ? get(AT + BAR(index), 8) & ~15ull
							 : get(AT + BAR(index), 4) & ~15ull;
}

/* With FLR at 70h and MSI-X at A0h, which is on, and decoding. Where its BAR is; 0: it was not made. */
static inline uint64_t start_with_msix(void)
{
	setup();
	fake_bar(0, 0, page * 4, true);
	fake_express(0x70, true);
	fake_msix(0xa0, 4, 0, 0, 0, page * 2);
	if (start())
		return 0;
	set(AT + PCI_COMMAND, 2, ON);
	set(AT + 0xa2, 2, MSIX_ON);
	return bar_at(0);
}

/* Pages of a BAR that are in a slot, by walking its spans. */
static inline uint64_t slot_bytes(unsigned index)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < fn->bars.bar[index].n_spans; i++)
		if (fn->bars.bar[index].spans[i].in_slot)
			n += fn->bars.bar[index].spans[i].size;
	return n;
}
