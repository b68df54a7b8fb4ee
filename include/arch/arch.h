/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an architecture is to the rest of the program. Each prototype says when it is called and
 * what holds before and after. One binary has one architecture, so the linker resolves these;
 * arch/x86_64/ and arch/aarch64/ implement them in files of the same names:
 *
 *   layout.c  arch_layout                       addresses, from sizes and what devices reach
 *   board.c   arch_vm_type arch_board_init arch_board_deinit arch_board_button
 *   irqchip.c arch_irqchip_init arch_irqchip_ready
 *   boot.c    arch_boot_load                    kernel, initrd and command line into RAM
 *   fw.c      arch_fw_write                     what firmware would tell: ACPI or device tree
 *   vcpu.c    arch_vcpu_init arch_vcpu_exit
 *
 * Everything returns 0 or -errno with the reason recorded (base/error.h).
 *
 * The life of a board, in order, on the main thread:
 *
 *   arch_layout, a draft -> arch_vm_type -> (VM created; RAM; with devices: bound, attached, and
 *   arch_layout again, within what they reach) -> (RAM in its places) -> arch_boot_load ->
 *   arch_irqchip_init -> (PCI root) -> arch_board_init -> (vcpus created, each arch_vcpu_init) ->
 *   arch_irqchip_ready -> (RAM mapped for the devices; their functions, whose irqfds want a
 *   finished irqchip; BARs assigned) -> arch_fw_write -> vcpus run, each arch_vcpu_exit ->
 *   (vcpus joined) -> arch_board_deinit
 *
 * A guest reboot takes the board down and builds another: nothing here has a reset.
 */
#pragma once

#include <base/types.h>
#include <core/bus.h>
#include <core/irq.h>
#include <core/loop.h>
#include <core/memory.h>
#include <devices/pci.h>
#include <devices/serial.h>
#include <devices/virtio.h>
#include <sys/stat.h>

#define ARCH_CPUS_MAX 1024 /* what any board here can describe; KVM may allow fewer */

/* What the operator asked for. Read-only; outlives the board. */
struct board_config {
	unsigned cpus;
	uint64_t mem_size; /* bytes, a multiple of 1 MiB, and of its pages */
	uint64_t hugepage; /* the size of RAM's pages; 0: ordinary ones */
	bool prealloc;     /* all of it before the guest starts */
	bool nested;       /* the processors' virtualisation, where the host offers it */
	bool pmu;          /* the processors' performance counters, likewise */
	enum pci_cf8 pci_cf8;
	bool kernel_unpack; /* x86_64: a bzImage is unpacked by thru where that can be done */
	/* Opens the folder of those that were: cli/cache_folder.h; or NULL. */
	int (*kernel_cache)(void);
	const char *kernel_path;
	const char *initrd_path; /* NULL: none */
	const char *cmdline;     /* never NULL; x86_64 puts one word before it: boot_tell_tsc() */
	int kernel_fd;           /* open for reading, seekable */
	int initrd_fd;           /* -1: none */
	struct serial_config serial;
	struct virtio_device *const
		*virtio; /* plugged in after all others; they outlive the board */
	unsigned n_virtio;
};

/*
 * What every passed device can address, as its IOMMU leaves it (IOMMU_IOAS_IOVA_RANGES): ascending spans
 * that do not touch. RAM lies in them, for a device finds it at its guest physical address.
 */
#define REACH_MAX 128
struct reach {
	struct range spans[REACH_MAX];
	unsigned n;
	bool windows; /* that BARs are in should be reachable too: peer-to-peer */
};

/* Where everything is: the same config and reach always give the same layout. */
struct layout {
	struct range ram[MEMORY_RAM_MAX];
	unsigned n_ram;
	struct pci_root_config pci; /* all but its buses */
	unsigned irq_pins;          /* GSIs that are inputs of the irqchip */
};

struct arch_board; /* each architecture's own part, allocated by arch_irqchip_init() */

struct boot_info {
	gpa_t entry;    /* where the boot processor starts */
	gpa_t argument; /* what it is given there: boot_params, hvm_start_info, device tree */
	bool pvh;       /* x86_64: 32-bit entry of an ELF kernel, not the 64-bit one of a bzImage */
	unsigned linux_cmdline; /* x86_64: a Linux kernel, and the bytes that it takes; else 0 */
	struct range initrd;
	struct range unpacked; /* x86_64: where a kernel stands that thru unpacked */
	gpa_t rsdp;            /* x86_64: ACPI root pointer, written by arch_fw_write() */
	gpa_t fdt;             /* aarch64 */
};

/* A packed kernel that was unpacked before, or is to be kept when it is (common/kernel_kept.h). */
struct kernel_kept {
	bool looked;        /* else nothing here means anything */
	int folder;         /* -1: nothing is kept */
	struct stat source; /* the kernel's file, before it was read */
	int fd;             /* what it holds, `size` bytes; -1: not known yet */
	int memory;         /* a file of memory for that; -1: anyone */
	bool unpacked;      /* it is in `memory`, `size` bytes */
	uint64_t size;
};

struct board {
	const struct board_config *config;
	int kvm_fd;
	int vm_fd;
	struct loop *loop;
	struct layout layout;
	struct memory memory;
	struct bus mmio, pio;
	struct irq_router irq;
	struct pci_root pci;
	struct pci_pages pci_pages;
	struct boot_info boot;
	struct kernel_kept kept;
	struct arch_board *arch;
};

struct vcpu {
	struct board *board;
	unsigned index; /* 0 is the boot processor */
	int fd;
	struct kvm_run *run;
	size_t run_size;
};

/*
 * Choose addresses. Pure: no KVM. `address_bits` is the width of guest physical space (x86_64:
 * CPUID 8000_0008h; aarch64: IPA size), 0 for the widest that the architecture has. `reach` NULL:
 * no devices, or not known yet.
 */
int arch_layout(const struct board_config *config, unsigned address_bits, const struct reach *reach,
		struct layout *ret) _must_check_;

/* Width of guest physical space that this host's KVM offers. */
int arch_address_bits(int kvm_fd, unsigned *ret) _must_check_;

/*
 * The `type` argument of KVM_CREATE_VM: no wider than this layout needs, and with `spare` some room
 * for a layout that has to keep out of reserved windows. *bits is what the host offers on entry, what
 * such a VM has on return.
 */
unsigned long arch_vm_type(int kvm_fd, const struct layout *layout, bool spare, unsigned *bits);

/* Largest number of vcpus that KVM and this board allow; never 0. */
unsigned arch_cpus_max(int kvm_fd);

/* Create the in-kernel irqchip and route its pins (board->irq is initialised). Before any vcpu. */
int arch_irqchip_init(struct board *board) _must_check_;

/* Put the board's fixed devices on its buses: serial, power, panic. The PCI root is ready. */
int arch_board_init(struct board *board) _must_check_;

/* Undo the two above, whatever of them was done. */
void arch_board_deinit(struct board *board);

/* Press the power button. With the device lock held. */
void arch_board_button(struct board *board);

/*
 * A vcpu was created: give it its features and, if it is the boot processor, nothing else yet:
 * registers that depend on the kernel are set by arch_vcpu_boot().
 */
int arch_vcpu_init(struct vcpu *vcpu) _must_check_;

/* All vcpus exist: what an irqchip needs then (GICv3 initialisation). Nothing on x86_64. */
int arch_irqchip_ready(struct board *board) _must_check_;

/*
 * Before arch_boot_load(), and after it: what wants files that have names. Neither fails; both are of a cache only.
 */
void arch_boot_find(struct board *board);
void arch_boot_keep(struct board *board);

/*
 * Load kernel, initrd and command line straight from their files; fills board->boot, board->kept and what of
 * the layout depends on the kernel (`no_cf8`). Needs the layout and RAM in its places, nothing else: no file by its
 * name, no KVM, no other thread. Others may be populating RAM meanwhile.
 */
int arch_boot_load(struct board *board) _must_check_;

/* Write the tables that describe the board; needs board->boot and the assigned BARs. */
int arch_fw_write(struct board *board) _must_check_;

/* Last before it runs: the boot processor's registers. No-op for the others: they wait. */
int arch_vcpu_boot(struct vcpu *vcpu) _must_check_;

/*
 * An exit that is not MMIO, port I/O, INTR or HLT, which vmm/machine/vcpu.c handles. On the vcpu's
 * thread with the lock held. Posts what ends the VM. Returns whether the vcpu may run on.
 */
bool arch_vcpu_exit(struct vcpu *vcpu);
