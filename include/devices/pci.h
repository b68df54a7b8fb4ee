/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PCI Express root: one bus of functions behind ECAM (PCIe 6.0 §7.2.2) and, where the board
 * has port I/O, CF8/CFC (PCI 3.0 §3.2.2.3.2). A function brings its configuration space as bytes
 * with masks; the root decodes the command register and the BARs and calls back when an address
 * takes effect or goes away. Everything runs under the device lock.
 */
#pragma once

#include <base/types.h>
#include <core/bus.h>
#include <core/memory.h>

#define PCI_CONFIG_SIZE             4096
#define PCI_BARS                    6
#define PCI_BAR_ROM                 6 /* index of the expansion ROM's BAR */
#define PCI_DEVFN(device, function) ((unsigned)((device) << 3 | (function)))

struct pci_root;
struct pci_function;

/* What a function does when the root has decided something. All optional except where noted. */
struct pci_function_ops {
	/*
	 * Configuration access of 1, 2 or 4 bytes, naturally aligned (the root splits all others).
	 * When NULL the root answers from config[] by the masks. A function that overrides these
	 * may call pci_config_read() and pci_config_write() for the bytes that it emulates.
	 */
	uint32_t (*config_read)(struct pci_function *fn, unsigned offset, unsigned len);
	void (*config_write)(struct pci_function *fn, unsigned offset, unsigned len,
			     uint32_t value);

	/*
	 * BAR `index` now decodes at `address` (guest physical, or a port); or it no longer does.
	 * Called only on a change. `map` returns 0 or -errno; after an error the BAR counts as not
	 * decoding, and is tried again at the next change of any BAR.
	 */
	int (*bar_map)(struct pci_function *fn, unsigned index, uint64_t address);
	void (*bar_unmap)(struct pci_function *fn, unsigned index);

	/* The command register (PCI 3.0 §6.2.2) changed, after any BAR call. */
	void (*command_changed)(struct pci_function *fn, uint16_t before, uint16_t now);
};

enum pci_bar_kind { PCI_BAR_NONE, PCI_BAR_IO, PCI_BAR_MEM32, PCI_BAR_MEM64, PCI_BAR_ROM_MEM };

struct pci_bar {
	enum pci_bar_kind kind;
	bool prefetchable;
	uint64_t size;    /* power of two; memory at least 16, I/O at least 4 */
	uint64_t address; /* where it decodes while `mapped` */
	bool mapped;
	uint64_t misplaced; /* of which address it was said that it cannot decode there; 0: none */
};

struct pci_function {
	const struct pci_function_ops *ops;
	const char *name; /* for messages; the owner's storage */
	struct pci_root *root;
	unsigned devfn;
	uint8_t config[PCI_CONFIG_SIZE];
	uint8_t writable[PCI_CONFIG_SIZE]; /* bits the guest may change */
	uint8_t w1c[PCI_CONFIG_SIZE];      /* bits that a written 1 clears */
	struct pci_bar bars[PCI_BARS + 1];

	bool asleep; /* BARs do not decode, whatever the command register says: D3hot, lost */

	bool plain;    /* reading has no effect and gives config[]: see struct pci_pages */
	uint8_t *page; /* a copy that the guest reads without an exit; NULL: it has none */
};

/* x86_64: whether the ports CF8 and CFC lead there. Auto: yes, but for a Linux that has ECAM. */
enum pci_cf8 { PCI_CF8_AUTO, PCI_CF8_ON, PCI_CF8_OFF };

struct pci_root_config {
	struct bus *mmio;
	struct bus *pio;    /* NULL where the board has no port I/O: then no CF8/CFC */
	bool no_cf8;        /* CF8 and CFC answer as if nobody had them */
	struct range ecam;  /* a multiple of 1 MiB: 1 MiB a bus; only bus 0 has functions */
	struct range mem32; /* windows for BARs, guest physical; all below 4 GiB */
	struct range mem64; /* above 4 GiB */
	struct range io;    /* guest ports (x86) or the bus-side addresses of the I/O window */
	gpa_t io_mmio;      /* where `io` appears in guest physical space; 0 on x86 (real ports) */
	unsigned intx_gsi;  /* first of `intx_n` level triggered GSIs shared by all functions */
	unsigned intx_n;
};

struct pci_root {
	struct pci_root_config config;
	struct pci_function *functions[256];
	uint32_t config_address; /* CF8 */
	struct bus_region ecam, cf8;
	struct bus_region *reset_control; /* answers bytes at CF9h, inside `cf8`; NULL: nobody */
	bool ecam_used;                   /* the guest has been here */
	bool cf8_probed; /* it looked for CF8 while there was none, as Linux does: a byte to CFB */
	struct pci_pages *pages;         /* NULL: no function is read as memory */
	struct pci_function host_bridge; /* 00.0 */
};

int pci_root_init(struct pci_root *root, const struct pci_root_config *config) _must_check_;
void pci_root_deinit(struct pci_root *root);

/* Put a function on the bus; it stays the caller's. -EEXIST (recorded) when devfn is taken. */
int pci_root_add(struct pci_root *root, struct pci_function *fn, unsigned devfn) _must_check_;

/* Unmaps its BARs and takes it off the bus. Harmless when it is not there. */
void pci_root_remove(struct pci_root *root, struct pci_function *fn);

/*
 * Play the firmware: give every BAR an address in the windows, largest first so that all are
 * aligned, without turning decode on. The same functions get the same addresses in every run.
 * -ENOSPC (recorded, naming function and BAR) when a window is full.
 */
int pci_root_assign(struct pci_root *root) _must_check_;

/*
 * Configuration space that the guest reads as memory: a read-only slot for each function that is
 * emulated whole (KVM_CAP_READONLY_MEM); writes are trapped as ever. KVM waits long for a new slot once it has
 * eventfds and an irqchip, so they are made with RAM's, before anybody knows what will be in them.
 */
#define PCI_PAGES_MAX 32
struct pci_pages {
	struct memory *memory; /* NULL: there are none */
	uint8_t *pages;
	unsigned n;
	struct {
		unsigned devfn, slot;
	} at[PCI_PAGES_MAX];
};

/*
 * For functions at these places, all-ones so far, as where nothing is. Nothing where the host's pages are larger
 * than a function's 4 KiB. `memory` outlives them. On failure what was made stays for pci_pages_deinit().
 */
int pci_pages_init(struct pci_pages *pages, struct memory *memory, gpa_t ecam,
		   const unsigned *devfns, unsigned n) _must_check_;

/* The VM is closed. Harmless on one that is zero. */
void pci_pages_deinit(struct pci_pages *pages);

/* Last before the guest: the functions at those places are seen there from now on, if they are plain. */
void pci_root_show(struct pci_root *root, struct pci_pages *pages);

/* Trap the function's reads again. Harmless when they are. */
void pci_function_hide(struct pci_function *fn);

/* The GSI of INTx `pin` (1 = INTA) of device `devfn`: the root's swizzle (PCIe 6.0 §2.2.8.1). */
unsigned pci_intx_gsi(const struct pci_root_config *config, unsigned devfn, unsigned pin);

/* Zero the function, set the fields of a type 0 header, and let the guest write what it may. */
void pci_function_init(struct pci_function *fn, const char *name,
		       const struct pci_function_ops *ops, uint16_t vendor, uint16_t device,
		       uint32_t class_revision);

/* Declare a BAR: lays out its register and masks. MEM64 takes index and index + 1. */
void pci_function_bar(struct pci_function *fn, unsigned index, enum pci_bar_kind kind,
		      bool prefetchable, uint64_t size);

/* Work out again what decodes, after changing config[] or `asleep` by hand. */
void pci_function_refresh(struct pci_function *fn);

/* Configuration access by the masks alone, any alignment inside a dword; see ops above. */
uint32_t pci_config_read(const struct pci_function *fn, unsigned offset, unsigned len);
void pci_config_write(struct pci_function *fn, unsigned offset, unsigned len, uint32_t value);
