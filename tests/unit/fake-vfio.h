/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VFIO device for tests: one global, filled by the test before vfio_function_create(). It is as
 * strict as vfio-pci (drivers/vfio/pci/): BARs answer only while its command register lets them,
 * one kind of interrupt at a time, vectors only where they were allowed. What a caller does that
 * vfio-pci would refuse is refused, and counted in `wrongs`.
 */
#pragma once

#include <core/loop.h>
#include <host/vfio.h>

#define FAKE_REGIONS 9
#define FAKE_VECTORS 2048
/* Bytes of each BAR that hold what is written; the rest reads 0. Eight of the largest pages. */
#define FAKE_BAR_DATA 524288

struct fake_region {
	uint64_t size;
	bool mappable;
	struct range mmaps[8]; /* sparse list; none: all of it */
	unsigned n_mmaps;
	uint8_t *data;
	unsigned reads, writes;
	unsigned last_len;
	uint64_t last_offset, last_value;
};

struct fake_irq_kind {
	unsigned count;
	uint32_t flags;
	bool on;
	unsigned allocated; /* vectors that the host set aside */
	int32_t fds[FAKE_VECTORS];
	unsigned calls;
};

struct fake_vfio {
	uint8_t config[4096];
	unsigned config_size;
	struct fake_region regions[FAKE_REGIONS];
	struct fake_irq_kind irqs[VFIO_PCI_NUM_IRQS];
	int unmask_fd;
	bool no_unmask_fd; /* there is none: ENOTTY */
	unsigned unmasked; /* by hand */
	struct loop *loop; /* told to end when that is done */
	bool has_reset;
	bool gone;             /* answers nothing any more */
	bool no_memory_enable; /* a VF: BARs answer whatever the command register says */
	bool reset_itself; /* behind VFIO's back; until a write of the command register restores it */
	unsigned restored;
	unsigned silent;      /* reads of configuration space that answer all-ones yet */
	int config_error;     /* what configuration space answers: 0 or -errno */
	unsigned reset_again; /* resets that answer EAGAIN yet */
	bool dead_by_reset;   /* a reset is the end of it */
	bool bar_busy[6];     /* somebody of the host has claimed it */
	/* Called as the device is asked: "config write", "config read", "reset", "low power", "irqs", "rom". */
	void (*asked)(const char *what, uint64_t offset, uint32_t value);
	unsigned irq_limit; /* vectors that the host has at most */
	unsigned resets, hot_resets, mmaps, munmaps;
	struct vfio_pci_dependent_device bus[4]; /* what a hot reset hits */
	unsigned n_bus;                          /* 0: there is none */
	bool has_low_power, low_power;
	unsigned low_powers; /* entries */
	bool can_wake;
	int wake_fd;                  /* -1: none */
	unsigned rom_piece, rom_stop; /* bytes that one read gives, that there are; 0: all */
	int rom_error;                /* what reads from there on answer: 0 or -errno */
	bool has_dmabuf;
	unsigned dmabufs;
	struct range ioas[8]; /* BARs within reach of other devices */
	unsigned n_ioas;
	int hot_error; /* what a hot reset answers */
	unsigned config_reads, config_writes;
	uint64_t mmap_align, mmap_at; /* of the last one */
	unsigned wrongs;
	char why[128];
};

extern struct fake_vfio fake;

/* An endpoint with a header, no BARs, INTA, a reset, and no capability. */
void fake_init(void);
void fake_free(void);

/* A capability at `at`, put at the end of the list; returns `at`. Contents are the test's. */
unsigned fake_cap(unsigned at, unsigned id);
unsigned fake_ext_cap(unsigned at, unsigned id);
unsigned fake_msi(unsigned at, unsigned log2_vectors, bool wide, bool masks);
unsigned fake_msix(unsigned at, unsigned n, unsigned table_bar, uint32_t table, unsigned pba_bar,
		   uint32_t pba);
unsigned fake_express(unsigned at, bool flr);

/* A BAR; flags are the low bits of its register. */
void fake_bar(unsigned index, uint32_t flags, uint64_t size, bool mappable);

/* Something wakes the device: the host, itself, an access. */
void fake_wake(void);

/* The device interrupts. Returns whether anybody in the host listened. */
bool fake_raise(unsigned index, unsigned vector);
