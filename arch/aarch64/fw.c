/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flattened device tree (Devicetree Specification 0.4) that tells the guest what layout.h and
 * the operator chose. Node shapes follow the kernel's Documentation/devicetree/bindings. Pure but
 * for the random seeds. Main thread, before the vcpus run.
 */
#include "board.h"

#include <base/bytes.h>
#include <base/error.h>
#include <errno.h>
#include <libfdt.h>
#include <linux/input-event-codes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "fw.h"
#include "layout.h"

enum phandle { PHANDLE_GIC = 1, PHANDLE_ITS, PHANDLE_V2M, PHANDLE_CLOCK };

/* Interrupt specifiers of a GIC: kind, number, trigger (arm,gic-v3.yaml). */
enum { GIC_SPI = 0, GIC_PPI = 1, EDGE_RISING = 1, LEVEL_HIGH = 4 };

#define SERIAL_CLOCK 1843200 /* Hz: PC16550D data sheet; divides to 115200 baud */
#define APB_CLOCK    24000000

/* libfdt's sequential writer, with the first error kept so that each line below stays one line. */
struct writer {
	void *fdt;
	int err;
};

static void keep(struct writer *w, int err)
{
	if (!w->err)
		w->err = err;
}

static void put_cells(struct writer *w, const char *name, const uint32_t *cells, size_t n)
{
	uint32_t *to;

	if (w->err)
		return;
	keep(w, fdt_property_placeholder(w->fdt, name, (int)(n * 4), (void **)&to));
	for (size_t i = 0; !w->err && i < n; i++)
		to[i] = cpu_to_fdt32(cells[i]);
}

#define CELL64(v) (uint32_t)((uint64_t)(v) >> 32), (uint32_t)(v)
#define CELLS(w, name, ...)                                   \
	put_cells(w, name, (const uint32_t[]){ __VA_ARGS__ }, \
		  sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

static void put_bytes(struct writer *w, const char *name, const void *bytes, size_t len)
{
	if (!w->err)
		keep(w, fdt_property(w->fdt, name, bytes, (int)len));
}

static void put_flag(struct writer *w, const char *name)
{
	put_bytes(w, name, NULL, 0);
}

static void put_string(struct writer *w, const char *name, const char *value)
{
	put_bytes(w, name, value, strlen(value) + 1);
}

/* A list of strings, as bytes: "one\0two" (the literal's own end is the last string's). */
#define STRINGS(w, name, literal) put_bytes(w, name, literal, sizeof(literal))

static void begin(struct writer *w, const char *name)
{
	if (!w->err)
		keep(w, fdt_begin_node(w->fdt, name));
}

static void begin_at(struct writer *w, const char *name, uint64_t address)
{
	char full[64];

	snprintf(full, sizeof(full), "%s@%llx", name, (unsigned long long)address);
	begin(w, full);
}

static void end(struct writer *w)
{
	if (!w->err)
		keep(w, fdt_end_node(w->fdt));
}

static void put_seed(struct writer *w, const char *name, size_t len)
{
	uint8_t bytes[64];

	/* Without entropy the guest is told of no seed: better than a known one. */
	if (getrandom(bytes, len, GRND_NONBLOCK) == (ssize_t)len)
		put_bytes(w, name, bytes, len);
}

static void write_chosen(struct writer *w, const struct board *board)
{
	const struct range *initrd = &board->boot.initrd;
	char path[32];

	begin(w, "chosen");
	put_string(w, "bootargs", board->config->cmdline);
	put_string(w, "stdout-path", "serial0:115200n8");
	if (initrd->size) {
		CELLS(w, "linux,initrd-start", CELL64(initrd->base));
		CELLS(w, "linux,initrd-end", CELL64(initrd->base + initrd->size));
	}
	put_seed(w, "kaslr-seed", 8);
	put_seed(w, "rng-seed", 64);
	end(w);

	snprintf(path, sizeof(path), "/serial@%llx", LAYOUT_SERIAL);
	begin(w, "aliases");
	put_string(w, "serial0", path);
	end(w);
}

static void write_memory(struct writer *w, const struct board *board)
{
	for (unsigned i = 0; i < board->layout.n_ram; i++) {
		const struct range *ram = &board->layout.ram[i];

		begin_at(w, "memory", ram->base);
		put_string(w, "device_type", "memory");
		CELLS(w, "reg", CELL64(ram->base), CELL64(ram->size));
		end(w);
	}
}

static void write_cpus(struct writer *w, const struct board *board)
{
	begin(w, "cpus");
	CELLS(w, "#address-cells", 1);
	CELLS(w, "#size-cells", 0);
	for (unsigned i = 0; i < board->config->cpus; i++) {
		begin_at(w, "cpu", cpu_mpidr(i));
		put_string(w, "device_type", "cpu");
		put_string(w, "compatible", "arm,armv8");
		put_string(w, "enable-method", "psci");
		CELLS(w, "reg", cpu_mpidr(i));
		end(w);
	}
	end(w);

	/* KVM answers PSCI at HVC, at least version 0.2 (virt/kvm/arm/fw-pseudo-registers.rst). */
	begin(w, "psci");
	STRINGS(w, "compatible", "arm,psci-1.0\0arm,psci-0.2");
	put_string(w, "method", "hvc");
	end(w);
}

/* A GICv2's private interrupts carry a mask of its at most 8 processors (arm,gic.yaml). */
static uint32_t ppi_trigger(const struct board *board)
{
	uint32_t mask = board->arch->gic_version == 2 ? BIT(board->config->cpus) - 1 : 0;

	return LEVEL_HIGH | (mask & 0xff) << 8;
}

static void write_gic(struct writer *w, const struct board *board)
{
	const struct arch_board *arch = board->arch;

	begin_at(w, "interrupt-controller", LAYOUT_GICD);
	put_string(w, "compatible", arch->gic_version == 3 ? "arm,gic-v3" : "arm,cortex-a15-gic");
	put_flag(w, "interrupt-controller");
	CELLS(w, "#interrupt-cells", 3);
	CELLS(w, "#address-cells", 2);
	CELLS(w, "#size-cells", 2);
	put_flag(w, "ranges");
	CELLS(w, "phandle", PHANDLE_GIC);
	if (arch->gic_version == 3)
		CELLS(w, "reg", CELL64(LAYOUT_GICD), CELL64(LAYOUT_GICD_SIZE), CELL64(LAYOUT_GICR),
		      CELL64(board->config->cpus * LAYOUT_GICR_SIZE));
	else
		CELLS(w, "reg", CELL64(LAYOUT_GICD), CELL64(LAYOUT_GICV2_DIST_SIZE),
		      CELL64(LAYOUT_GICV2_CPU), CELL64(LAYOUT_GICV2_CPU_SIZE));
	if (arch->its) {
		begin_at(w, "msi-controller", LAYOUT_ITS);
		put_string(w, "compatible", "arm,gic-v3-its");
		put_flag(w, "msi-controller");
		CELLS(w, "#msi-cells", 1);
		CELLS(w, "reg", CELL64(LAYOUT_ITS), CELL64(LAYOUT_ITS_SIZE));
		CELLS(w, "phandle", PHANDLE_ITS);
		end(w);
	}
	if (!arch->its) {
		begin_at(w, "v2m", LAYOUT_GICV2M);
		put_string(w, "compatible", "arm,gic-v2m-frame");
		put_flag(w, "msi-controller");
		CELLS(w, "reg", CELL64(LAYOUT_GICV2M), CELL64(LAYOUT_GICV2M_SIZE));
		CELLS(w, "arm,msi-base-spi", 32 + LAYOUT_V2M_FIRST);
		CELLS(w, "arm,msi-num-spis", LAYOUT_V2M_N);
		CELLS(w, "phandle", PHANDLE_V2M);
		end(w);
	}
	end(w);
}

static void write_timer(struct writer *w, const struct board *board)
{
	uint32_t trigger = ppi_trigger(board);

	begin(w, "timer");
	put_string(w, "compatible", "arm,armv8-timer");
	put_flag(w, "always-on");
	CELLS(w, "interrupts", GIC_PPI, LAYOUT_PPI_SEC_TIMER, trigger, GIC_PPI,
	      LAYOUT_PPI_PHYS_TIMER, trigger, GIC_PPI, LAYOUT_PPI_VIRT_TIMER, trigger, GIC_PPI,
	      LAYOUT_PPI_HYP_TIMER, trigger);
	end(w);
	if (board->arch->pmu) {
		begin(w, "pmu");
		put_string(w, "compatible", "arm,armv8-pmuv3");
		CELLS(w, "interrupts", GIC_PPI, LAYOUT_PPI_PMU, trigger);
		end(w);
	}
}

static void write_platform(struct writer *w, const struct board *board)
{
	begin_at(w, "serial", LAYOUT_SERIAL);
	put_string(w, "compatible", "ns16550a");
	CELLS(w, "reg", CELL64(LAYOUT_SERIAL), CELL64(LAYOUT_MMIO_PAGE));
	CELLS(w, "reg-shift", board->config->serial.stride_shift);
	CELLS(w, "interrupts", GIC_SPI, LAYOUT_GSI_SERIAL, LEVEL_HIGH);
	CELLS(w, "clock-frequency", SERIAL_CLOCK);
	end(w);

	begin_at(w, "rtc", LAYOUT_RTC);
	STRINGS(w, "compatible", "arm,pl031\0arm,primecell");
	CELLS(w, "reg", CELL64(LAYOUT_RTC), CELL64(LAYOUT_MMIO_PAGE));
	CELLS(w, "clocks", PHANDLE_CLOCK);
	put_string(w, "clock-names", "apb_pclk");
	end(w);

	begin(w, "apb-pclk"); /* the clock that PrimeCell bindings insist on */
	put_string(w, "compatible", "fixed-clock");
	CELLS(w, "#clock-cells", 0);
	CELLS(w, "clock-frequency", APB_CLOCK);
	put_string(w, "clock-output-names", "clk24mhz");
	CELLS(w, "phandle", PHANDLE_CLOCK);
	end(w);
}

/*
 * gpio-keys.yaml: a key may have an interrupt in place of a pin. Each one is a press, and Linux adds
 * the release, so there is no GPIO controller and no press whose length somebody has to measure.
 */
static void write_button(struct writer *w)
{
	begin(w, "gpio-keys");
	put_string(w, "compatible", "gpio-keys");
	put_string(w, "label", "Power Button");
	begin(w, "power-button");
	CELLS(w, "linux,code", KEY_POWER);
	CELLS(w, "interrupts", GIC_SPI, LAYOUT_GSI_BUTTON, EDGE_RISING);
	end(w);
	end(w);
}

/* One entry for each INTx pin of each slot, as pci_intx_gsi() wires them (IEEE 1275 PCI, 4.1.3). */
static void write_intx_map(struct writer *w, const struct pci_root_config *pci)
{
	enum { SLOTS = 32, PINS = 4, ENTRY = 10 };
	uint32_t map[SLOTS * PINS * ENTRY] = { 0 };
	uint32_t *entry = map;

	for (unsigned slot = 0; slot < SLOTS; slot++)
		for (unsigned pin = 1; pin <= PINS; pin++, entry += ENTRY) {
			unsigned devfn = PCI_DEVFN(slot, 0);

			entry[0] = devfn << 8; /* three cells of address on the bus */
			entry[3] = pin;
			entry[4] = PHANDLE_GIC; /* then two of address there, which mean nothing */
			entry[7] = GIC_SPI;
			entry[8] = pci_intx_gsi(pci, devfn, pin);
			entry[9] = LEVEL_HIGH;
		}
	CELLS(w, "#interrupt-cells", 1);
	CELLS(w, "interrupt-map-mask", PCI_DEVFN(31, 0) << 8, 0, 0, 7);
	put_cells(w, "interrupt-map", map, ARRAY_SIZE(map));
}

/* Seven cells: the window's space and place on the bus, where the processor sees it, its size. */
static void make_range(uint32_t *to, uint32_t space, struct range on_bus, gpa_t at)
{
	const uint32_t cells[7] = { space, CELL64(on_bus.base), CELL64(at), CELL64(on_bus.size) };

	memcpy(to, cells, sizeof(cells));
}

static void write_pci(struct writer *w, const struct board *board)
{
	const struct pci_root_config *pci = &board->layout.pci;
	uint32_t ranges[3 * 7];
	/* phys.hi of a range: its space (IEEE 1275 PCI, 2.2.1.1). */
	enum { SPACE_IO = 0x01000000, SPACE_MEM32 = 0x02000000, SPACE_MEM64 = 0x03000000 };

	begin_at(w, "pcie", pci->ecam.base);
	put_string(w, "compatible", "pci-host-ecam-generic");
	put_string(w, "device_type", "pci");
	CELLS(w, "#address-cells", 3);
	CELLS(w, "#size-cells", 2);
	CELLS(w, "linux,pci-domain", 0);
	CELLS(w, "bus-range", 0, (uint32_t)(pci->ecam.size >> 20) - 1);
	CELLS(w, "reg", CELL64(pci->ecam.base), CELL64(pci->ecam.size));
	make_range(ranges + 0, SPACE_IO, pci->io, pci->io_mmio);
	make_range(ranges + 7, SPACE_MEM32, pci->mem32, pci->mem32.base);
	/*
	 * Not said to be prefetchable: Linux puts BARs of both sorts in a window that is not, and only
	 * one sort in one that is. It grumbles about the size (drivers/pci/of.c) and goes on.
	 */
	make_range(ranges + 14, SPACE_MEM64, pci->mem64, pci->mem64.base);
	put_cells(w, "ranges", ranges, ARRAY_SIZE(ranges));
	/* KVM's guests and the functions passed to them share one coherent view (kvm: IOMMU_CACHE). */
	put_flag(w, "dma-coherent");
	if (board->arch->its) /* device id = requester id */
		CELLS(w, "msi-map", 0, PHANDLE_ITS, 0, 0x10000);
	else
		CELLS(w, "msi-parent", PHANDLE_V2M);
	write_intx_map(w, pci);
	end(w);
}

size_t fdt_size_max(const struct board *board)
{
	return KIB(16) + board->config->cpus * 128 + strlen(board->config->cmdline);
}

int fdt_build(const struct board *board, void *buf, size_t size)
{
	struct writer w = { .fdt = buf };

	keep(&w, fdt_create(buf, (int)size));
	if (!w.err)
		keep(&w, fdt_finish_reservemap(buf));
	begin(&w, "");
	put_string(&w, "compatible", "linux,dummy-virt");
	put_string(&w, "model", "thru");
	CELLS(&w, "#address-cells", 2);
	CELLS(&w, "#size-cells", 2);
	CELLS(&w, "interrupt-parent", PHANDLE_GIC);
	write_chosen(&w, board);
	write_memory(&w, board);
	write_cpus(&w, board);
	write_gic(&w, board);
	write_timer(&w, board);
	write_platform(&w, board);
	write_button(&w);
	write_pci(&w, board);
	end(&w);
	if (!w.err)
		keep(&w, fdt_finish(buf));
	if (w.err)
		return fail(STATUS_FAILURE, EINVAL, "device tree: %s", fdt_strerror(w.err));
	return 0;
}

int arch_fw_write(struct board *board)
{
	size_t size = fdt_size_max(board);
	void *to = memory_at(&board->memory, board->boot.fdt, size);

	if (!to || size > FDT_SIZE_LIMIT)
		return fail(STATUS_FAILURE, ENOSPC,
			    "device tree: does not fit; give more --mem or a shorter --cmdline");
	return fdt_build(board, to, size);
}
