/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A passed function's parts, between the files of this folder:
 *
 *   function.c  its life, which kind of interrupt is on, a lost device
 *   reset.c     the ladder of resets
 *   config.c    the guest's accesses to configuration space
 *   config_shape.c config_table.h   whose each bit of it is, and why
 *   power.c     power states, waking
 *   bar.c       BARs as memory slots and trapped spans
 *   rom.c       the expansion ROM as a copy
 *   p2p.c       BARs within reach of the other devices
 *   intx.c msi.c msix.c   the three kinds of interrupt
 */
#pragma once

#include <devices/vfio.h>

struct vfio_function;

/* Part of a BAR: mapped into the guest (hva), or trapped. The spans of a BAR tile it in order. */
struct vfio_span {
	struct vfio_function *fn;
	unsigned bar;
	uint64_t offset, size; /* in the BAR */
	void *hva;             /* NULL: trapped */
	unsigned slot;
	bool in_slot, on_bus;
	bool in_ioas;     /* other devices reach it (p2p.c) */
	uint64_t address; /* guest physical, of one in a slot */
	struct bus_region region;
};

struct vfio_bar {
	uint64_t at;   /* in the cdev */
	uint64_t size; /* 0: none */
	bool io;
	struct vfio_span *spans;
	unsigned n_spans;
	char name[48]; /* of its trapped regions */
};

/* The expansion ROM: a copy that the guest reads. */
struct vfio_rom {
	uint8_t *data;
	uint64_t size;  /* of the BAR; 0: none */
	uint64_t bytes; /* that there are */
	uint64_t at;    /* in the cdev */
	bool loaded;    /* they are in `data` */
	unsigned slot;
	bool in_slot, on_bus;
	struct bus_region region;
};

/* Low power, beyond D3hot. */
struct vfio_power {
	bool low;                   /* the host may take its power: the control register is ours */
	bool armed;                 /* `wake` is with the host */
	struct loop_source wake;    /* fd -1: the device wakes nobody */
	uint8_t ours[4], passes[4]; /* of the control register otherwise */
	uint64_t since;             /* CLOCK_MONOTONIC, ns */
	unsigned entries;           /* since then */
};

/* One MSI or MSI-X vector: an eventfd that VFIO signals and, while unmasked, KVM listens to. */
struct vfio_vector {
	int fd;  /* -1: not live: the device's vector has no handler in the host */
	int gsi; /* -1: none */
	bool connected;
	bool pending; /* arrived while masked, taken out of fd */
};

struct vfio_intx {
	uint8_t pin; /* 1 = INTA; 0: none */
	int fd, unmask_fd;
	unsigned gsi;
};

#define VFIO_MSI_MAX 32

struct vfio_msi {
	unsigned cap;     /* offset; 0: none */
	unsigned mask_at; /* offset of the mask bits; 0: none */
	unsigned data_at;
	unsigned live;
	struct vfio_vector vectors[VFIO_MSI_MAX];
};

#define VFIO_MSIX_MAX 2048

struct vfio_msix {
	unsigned cap; /* offset; 0: none */
	unsigned n;
	unsigned table_bar, pba_bar;
	struct range table_at, pba_at; /* in those BARs */
	bool resizable;                /* vectors may be added while enabled */
	bool on;
	bool masked; /* function mask */
	uint8_t *table;
	struct vfio_vector *vectors;
};

enum vfio_irq_mode { VFIO_IRQ_NONE, VFIO_IRQ_INTX, VFIO_IRQ_MSI, VFIO_IRQ_MSIX };

struct vfio_function {
	struct pci_function pci; /* config[]: what we answer, by the masks in `ours` */
	struct vfio_device *dev;
	struct pci_root *root;
	struct memory *memory;
	struct irq_router *irq;
	struct loop *loop;
	struct vfio_watch *watch; /* NULL: nobody keeps account */
	bool lost;                /* the device does not answer: nothing more is asked of it */
	bool ending; /* being taken down: why is recorded already, if there was a reason */
	enum vfio_irq_mode irq_mode;

	uint64_t config_at; /* in the cdev */
	unsigned config_size;
	uint8_t ours[PCI_CONFIG_SIZE];    /* bits answered from pci.config[] */
	uint8_t passes[PCI_CONFIG_SIZE];  /* bits whose writes reach the device */
	uint8_t initial[PCI_CONFIG_SIZE]; /* pci.config[] after a reset */
	uint16_t device_command;          /* what the device's command register was last given */
	unsigned pm_cap, express_cap, af_cap;
	bool express_flr, af_flr; /* the device has that bit */

	bool p2p;
	struct vfio_space *space; /* of p2p */

	struct vfio_bar bars[PCI_BARS];
	struct vfio_rom rom;
	struct vfio_power power;
	struct vfio_intx intx;
	struct vfio_msi msi;
	struct vfio_msix msix;
};

static inline struct vfio_function *vfio_function_of(struct pci_function *pci)
{
	return container_of(pci, struct vfio_function, pci);
}

/* function.c */

/* The device did not answer, though it should have: end the VM, once. */
void vfio_function_lost(struct vfio_function *fn, const char *why);

/* A trapped access was answered: counted, and told to whoever watches. */
void vfio_function_accessed(struct vfio_function *fn, unsigned region, uint64_t offset,
			    uint64_t value, unsigned len, bool is_write);

/* Something that the guest asked for could not be done; the recorded reason becomes a line. */
void vfio_function_trouble(struct vfio_function *fn, const char *what);

/* Make the kind of interrupt that the guest's registers ask for the one that is on. */
void vfio_function_irqs(struct vfio_function *fn);

/* The guest wrote a function level reset bit (PCIe 6.0 §6.6.2). */
void vfio_function_guest_reset(struct vfio_function *fn);

/* reset.c: by a way that hits no other function of this VM. Interrupts and DMA are off. */
int vfio_reset_alone(struct vfio_device *dev) _must_check_;

/* config_shape.c */
int vfio_config_init(struct vfio_function *fn) _must_check_;

/* Bits of a little-endian field of up to 4 bytes that are ours: initial value, what may change. */
void vfio_config_emulate(struct vfio_function *fn, unsigned offset, unsigned len, uint32_t bits,
			 uint32_t value, uint32_t writable);

/* Hide a capability that turned out to be unusable (before the function is on the root). */
void vfio_config_hide(struct vfio_function *fn, unsigned cap);

/* config.c */
uint32_t vfio_config_read(struct pci_function *pci, unsigned offset, unsigned len);
void vfio_config_write(struct pci_function *pci, unsigned offset, unsigned len, uint32_t value);
void vfio_config_command(struct pci_function *pci, uint16_t before, uint16_t now);

/* The device's own bytes. All-ones, and the device counts as lost, when it does not answer. */
uint32_t vfio_config_device_read(struct vfio_function *fn, unsigned offset, unsigned len);
void vfio_config_device_write(struct vfio_function *fn, unsigned offset, unsigned len,
			      uint32_t value);

/* Give the device a command register; nothing when it has that value already. */
void vfio_config_set_command(struct vfio_function *fn, uint16_t command);

/* power.c: it has the capability; the guest wrote the control register's first two bytes. */
void vfio_power_init(struct vfio_function *fn, unsigned cap);
void vfio_power_deinit(struct vfio_function *fn);
void vfio_power_changed(struct vfio_function *fn);

/* Power is back, whatever the guest said: before a reset, and at the end. */
void vfio_power_up(struct vfio_function *fn);

/* bar.c */
int vfio_bars_init(struct vfio_function *fn) _must_check_;
void vfio_bars_deinit(struct vfio_function *fn);
int vfio_bar_map(struct pci_function *pci, unsigned index, uint64_t address);
void vfio_bar_unmap(struct pci_function *pci, unsigned index);

/* A part of a BAR straight from or to the device, any size and alignment. */
void vfio_bar_device_access(struct vfio_function *fn, unsigned index, uint64_t offset, void *data,
			    unsigned len, bool is_write);

/* rom.c: fd -1 is the device's own. A device without one is no error. */
int vfio_rom_init(struct vfio_function *fn, int fd) _must_check_;
void vfio_rom_deinit(struct vfio_function *fn);
int vfio_rom_map(struct vfio_function *fn, uint64_t address) _must_check_;
void vfio_rom_unmap(struct vfio_function *fn);

/* p2p.c: a span came to, or goes from, its address; decode is on again after it was off. */
void vfio_p2p_add(struct vfio_span *span);
void vfio_p2p_remove(struct vfio_span *span);
void vfio_p2p_redo(struct vfio_function *fn);

/* intx.c */
int vfio_intx_init(struct vfio_function *fn) _must_check_;
int vfio_intx_enable(struct vfio_function *fn) _must_check_;
void vfio_intx_disable(struct vfio_function *fn);

/* msi.c */
void vfio_vector_init(struct vfio_vector *vector);
int vfio_vector_open(struct vfio_function *fn, struct vfio_vector *vector) _must_check_;
void vfio_vector_close(struct vfio_function *fn, struct vfio_vector *vector);

/* KVM listens: interrupts, and one that is pending, reach the guest with this message. */
int vfio_vector_connect(struct vfio_function *fn, struct vfio_vector *vector, uint64_t address,
			uint32_t data) _must_check_;
/* The vector is masked: interrupts gather in its eventfd. */
void vfio_vector_disconnect(struct vfio_function *fn, struct vfio_vector *vector);
bool vfio_vector_pending(struct vfio_vector *vector);

int vfio_msi_init(struct vfio_function *fn, unsigned cap) _must_check_;
bool vfio_msi_wanted(const struct vfio_function *fn);
int vfio_msi_enable(struct vfio_function *fn) _must_check_;
void vfio_msi_disable(struct vfio_function *fn);
/* A register of the capability was written while MSI is on; is about to be read. */
void vfio_msi_update(struct vfio_function *fn);
void vfio_msi_refresh_pending(struct vfio_function *fn);
unsigned vfio_msi_len(const struct vfio_function *fn);

/* msix.c */
int vfio_msix_init(struct vfio_function *fn, unsigned cap) _must_check_;
/* The BARs are known: is the table where it can be? False: hide the capability. */
bool vfio_msix_placed(struct vfio_function *fn);
void vfio_msix_deinit(struct vfio_function *fn);
bool vfio_msix_wanted(const struct vfio_function *fn);
int vfio_msix_enable(struct vfio_function *fn) _must_check_;
void vfio_msix_disable(struct vfio_function *fn);
/* Back to what a reset leaves: every vector masked. Off already. */
void vfio_msix_reset(struct vfio_function *fn);
/* Message control was written while MSI-X is on. */
void vfio_msix_update(struct vfio_function *fn);
void vfio_msix_table_access(struct vfio_function *fn, uint64_t offset, uint8_t *data, unsigned len,
			    bool is_write);
void vfio_msix_pba_read(struct vfio_function *fn, uint64_t offset, uint8_t *data, unsigned len);
