/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bare.h for aarch64: the device tree (Devicetree Specification v0.4, chapter 5), PSCI (DEN0022), GICv3
 * with ITS (IHI0069; MSIs are its LPIs), generic timer. Interrupt n of ours is SGI n - 32, an SPI, or LPI
 * 8192 + n.
 */
#include "../bare.h"

#define SERIAL 0x01000000ull
#define GICD 0x02000000ull
#define ITS 0x02040000ull
#define GICR 0x10000000ull
#define GICR_SIZE 0x20000ull
#define GICR_SGI 0x10000ull
#define LOOSE (1ull << 47)
#define FIRST_SPI 32
#define FIRST_LPI 8192

enum { GICD_CTLR = 0, GICD_TYPER = 4, GICD_IIDR = 8, GICD_IGROUPR = 0x80, GICD_ISENABLER = 0x100, GICD_ICENABLER = 0x180,
       GICD_IPRIORITYR = 0x400, GICD_ICFGR = 0xc00, GICD_IROUTER = 0x6000 };
enum { GICR_CTLR = 0, GICR_TYPER = 8, GICR_WAKER = 0x14, GICR_PROPBASER = 0x70, GICR_PENDBASER = 0x78 };
enum { GITS_CTLR = 0, GITS_IIDR = 4, GITS_CBASER = 0x80, GITS_CWRITER = 0x88, GITS_CREADR = 0x90, GITS_BASER = 0x100 };

extern uint64_t level0[512];
extern uint64_t boot_tree;
extern char ap_start[];
extern volatile uint32_t cpus_up;

static bool aborts_survive;
volatile unsigned aborts;

void aborts_expect(void)
{
	aborts_survive = true;
}

/* Called by start.S. What a device refuses comes back as an external abort (class 0x25, status 0x10). */
void fault(void)
{
	uint64_t syndrome, address, pc;

	asm volatile("mrs %0, esr_el1" : "=r"(syndrome));
	asm volatile("mrs %0, far_el1" : "=r"(address));
	asm volatile("mrs %0, elr_el1" : "=r"(pc));
	if (aborts_survive && syndrome >> 26 == 0x25 && (syndrome & 0x3f) == 0x10) {
		asm volatile("msr elr_el1, %0" :: "r"(pc + 4));
		aborts++;
		return;
	}
	say("exception %x", syndrome >> 26);	/* its class */
	bad("syndrome %x address %x at %x", syndrome, address, pc);
}

int64_t psci(enum psci function, uint64_t a, uint64_t b, uint64_t c)
{
	register uint64_t x0 asm("x0") = (uint32_t)function, x1 asm("x1") = a, x2 asm("x2") = b, x3 asm("x3") = c;

	asm volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) :: "memory");
	return function >> 30 & 1 ? (int64_t)x0 : (int32_t)x0;
}

void power_off(void)
{
	psci(PSCI_SYSTEM_OFF, 0, 0, 0);
	for (;;)
		cpu_sleep();
}

void reset(void)
{
	psci(PSCI_SYSTEM_RESET, 0, 0, 0);
	bad("PSCI did not reset");
}

void mdelay(unsigned ms)
{
	uint64_t hz, start, now;

	asm volatile("mrs %0, cntfrq_el0" : "=r"(hz));
	asm volatile("isb; mrs %0, cntvct_el0" : "=r"(start) :: "memory");
	do {
		cpu_relax();
		asm volatile("isb; mrs %0, cntvct_el0" : "=r"(now) :: "memory");
	} while (now - start < hz / 1000 * ms);
}

/* --- device tree --- */

static uint32_t be32(const void *p)
{
	return __builtin_bswap32(*(const uint32_t *)p);
}

static uint64_t be64(const void *p)
{
	return (uint64_t)be32(p) << 32 | be32((const char *)p + 4);
}

static unsigned length(const char *s)
{
	unsigned n = 0;

	while (s[n])
		n++;
	return n;
}

const void *tree_property(const char *node, unsigned n, const char *name)
{
	enum { BEGIN = 1, END = 2, PROPERTY = 3, NOP = 4 };
	const char *tree = (const char *)boot_tree, *at, *names;
	bool here = false;

	if (!tree || be32(tree) != 0xd00dfeed)
		bad("no device tree");
	at = tree + be32(tree + 8), names = tree + be32(tree + 12);
	for (;;) {
		uint32_t token = be32(at);

		at += 4;
		if (token == BEGIN) {
			here = !memcmp(at, node, length(node)) && !n--;
			at += (length(at) + 4) & ~3u;
		} else if (token == PROPERTY) {
			if (here && !memcmp(names + be32(at + 4), name, length(name) + 1))
				return at + 8;
			at += 8 + ((be32(at) + 3) & ~3u);
		} else if (token != END && token != NOP) {
			return 0;
		}
	}
}

uint64_t ecam_base(void)
{
	const void *reg = tree_property("pcie@", 0, "reg");

	return reg ? be64(reg) : 0;
}

uint64_t ram_end(void)
{
	const char *reg = tree_property("memory@", 0, "reg");

	return reg ? be64(reg) + be64(reg + 8) : 0;
}

const char *command_line(void)
{
	const char *line = tree_property("chosen", 0, "bootargs");

	return line ? line : "";
}

/* --- memory --- */

/* The entry of that GiB; start.S has made some. */
static uint64_t *block(uint64_t address)
{
	static uint64_t tables[8][512] __attribute__((aligned(4096)));
	static unsigned used;
	uint64_t *top = &level0[address >> 39 & 511];

	if (!*top) {
		if (used == 8)
			bad("too many mappings");
		*top = (uint64_t)tables[used++] | 3;
	}
	return (uint64_t *)(*top & 0xfffffffff000) + (address >> 30 & 511);
}

static uint64_t map(uint64_t address, uint64_t physical, uint64_t attributes)
{
	uint64_t *entry = block(address);

	if (!*entry)
		*entry = (physical & ~0x3fffffffull) | attributes;
	asm volatile("dsb sy; isb" ::: "memory");
	return address;
}

uint64_t map_gib(uint64_t address)
{
	return map(address, address, 0x60000000000401);
}

uint64_t loose(uint64_t address)
{
	return map(address + LOOSE, address, 0x709);	/* attribute 2: normal, not cached */
}

uint8_t serial_in(unsigned reg)
{
	return read8(SERIAL + reg);
}

void serial_out(unsigned reg, uint8_t v)
{
	write8(SERIAL + reg, v);
}

/* Zeroes, aligned to their size, at the end of RAM. */
static uint64_t take(uint64_t size)
{
	static uint64_t end;

	if (!end)
		end = ram_end() - 0x100000;
	end = (end - size) & ~(size - 1);
	memset((void *)end, 0, size);
	return end;
}

/* --- interrupts --- */

static uint8_t vector_of[256];		/* by INTID, of SPIs */

uint32_t cpu_id(void)
{
	uint64_t v;

	asm volatile("mrs %0, mpidr_el1" : "=r"(v));
	return v & 0xffffff;		/* Aff3 is 0 here */
}

uint32_t cpu_id_told(void)
{
	return cpu_id();		/* the register that told is the only one */
}

/* The redistributor of this processor: GICR_TYPER has its affinity, and bit 4 in the last one. */
static uint64_t redistributor(void)
{
	for (uint64_t at = GICR;; at += GICR_SIZE) {
		if (read64(at + GICR_TYPER) >> 32 == cpu_id())
			return at;
		if (read64(at + GICR_TYPER) & 1 << 4)
			bad("no redistributor of processor %x", (uint64_t)cpu_id());
	}
}

void irq_init(void)
{
	uint64_t mine = redistributor();

	write32(GICD + GICD_CTLR, 0x12);	/* affinity routing, group 1 */
	write32(mine + GICR_WAKER, 0);
	while (read32(mine + GICR_WAKER) & 4)
		cpu_relax();
	write32(mine + GICR_SGI + GICD_IGROUPR, ~0u);
	write32(mine + GICR_SGI + GICD_ISENABLER, 0xffff);
	asm volatile("msr s3_0_c12_c12_5, %0; isb" :: "r"(7ull));	/* ICC_SRE_EL1 */
	asm volatile("msr s3_0_c4_c6_0, %0" :: "r"(0xffull));		/* ICC_PMR_EL1 */
	asm volatile("msr s3_0_c12_c12_7, %0; isb" :: "r"(1ull));	/* ICC_IGRPEN1_EL1 */
	irq_on();
}

void irq_route(unsigned pin, unsigned vector, bool level)
{
	unsigned id = FIRST_SPI + pin, shift = id % 16 * 2;
	uint32_t config = read32(GICD + GICD_ICFGR + id / 16 * 4) & ~(3u << shift);

	write32(GICD + GICD_ICENABLER + id / 32 * 4, 1u << id % 32);
	if (!vector)
		return;
	vector_of[id] = (uint8_t)vector;
	write32(GICD + GICD_ICFGR + id / 16 * 4, config | (level ? 0u : 2u << shift));
	write32(GICD + GICD_IGROUPR + id / 32 * 4, read32(GICD + GICD_IGROUPR + id / 32 * 4) | 1u << id % 32);
	write8(GICD + GICD_IPRIORITYR + id, 0x80);
	write64(GICD + GICD_IROUTER + 8 * id, cpu_id());
	write32(GICD + GICD_ISENABLER + id / 32 * 4, 1u << id % 32);
}

/* Called by start.S. */
void irq_take(void)
{
	uint64_t id;
	unsigned vector = 0;

	asm volatile("mrs %0, s3_0_c12_c12_0" : "=r"(id));	/* ICC_IAR1_EL1 */
	if (id < 16)
		vector = 32 + (unsigned)id;
	else if (id >= FIRST_LPI)
		vector = (unsigned)id - FIRST_LPI;
	else if (id < sizeof(vector_of))
		vector = vector_of[id];
	/*
	 * KVM (Linux 7.2, vgic_v3_fold_lr()) takes note of the end of a level-triggered interrupt only when
	 * it has seen it active: without an exit here it comes hundreds of times, as it does to Linux.
	 */
	if (id < 1020)
		serial_in(7);
	if (vector - 32 < VECTORS)
		__atomic_add_fetch(&irq_count[vector - 32], 1, __ATOMIC_SEQ_CST);
	if (id < 1020 || id >= FIRST_LPI)
		asm volatile("msr s3_0_c12_c12_1, %0; isb" :: "r"(id));	/* ICC_EOIR1_EL1 */
}

/* One command of 32 bytes for the ITS (IHI0069 §5.3), and until it is carried out. */
static void its_command(uint64_t queue, uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t at = read64(ITS + GITS_CWRITER), next = (at + 32) % 4096;

	write64(queue + at, a), write64(queue + at + 8, b), write64(queue + at + 16, c), write64(queue + at + 24, 0);
	asm volatile("dsb sy" ::: "memory");
	write64(ITS + GITS_CWRITER, next);
	for (unsigned ms = 0; read64(ITS + GITS_CREADR) != next; ms++, mdelay(1))
		if (ms == 1000)
			bad("the ITS takes no command");
}

static uint64_t its_queue(uint64_t *properties)
{
	static uint64_t queue, table;
	uint64_t mine = redistributor();

	if (!queue) {
		queue = take(0x10000), table = take(8192); /* KVM: 64 KiB aligned */
		write64(mine + GICR_PROPBASER, table | 13);		/* 14 bits of INTID: 8192 LPIs */
		write64(mine + GICR_PENDBASER, take(0x10000) | 1ull << 62);
		write32(mine + GICR_CTLR, 1);
		for (unsigned i = 0; i < 8; i++)			/* devices, collections: a page each */
			if (read64(ITS + GITS_BASER + 8 * i) >> 56 & 7)
				write64(ITS + GITS_BASER + 8 * i, 1ull << 63 | take(0x10000));
		write64(ITS + GITS_CBASER, 1ull << 63 | queue);
		write64(ITS + GITS_CWRITER, 0);
		write32(ITS + GITS_CTLR, 1);
		/* MAPC: collection 0 is this processor, by its number. */
		its_command(queue, 9, 0, 1ull << 63 | (read64(mine + GICR_TYPER) >> 8 & 0xffff) << 16);
	}
	*properties = table;
	return queue;
}

struct message irq_message(unsigned bdf, unsigned vector)
{
	uint64_t properties, queue = its_queue(&properties), device = (uint64_t)bdf << 32;

	write8(properties + vector, 0x80 | 3);				/* priority, group, enabled */
	its_command(queue, device | 8, 4, 1ull << 63 | take(4096));	/* MAPD: 32 events */
	its_command(queue, device | 10, (uint64_t)(FIRST_LPI + vector) << 32 | (vector - 32), 0);	/* MAPTI */
	its_command(queue, device | 12, vector - 32, 0);		/* INV */
	return (struct message){ MSI_DOORBELL, vector - 32 };
}

uint64_t controllers(void)
{
	return (uint64_t)read32(GICD + GICD_IIDR) << 32 | (read32(GICR) ^ read32(GICR + 4) ^ read32(ITS + GITS_IIDR));
}

/* --- processors --- */

void cpu_ipi(uint32_t to, unsigned vector)
{
	uint64_t v = 1ull << (to & 15) | (uint64_t)(vector - 32) << 24 | (uint64_t)(to >> 8 & 0xff) << 16 |
		     (uint64_t)(to >> 16 & 0xff) << 32;

	asm volatile("dsb sy; msr s3_0_c12_c11_5, %0; isb" :: "r"(v) : "memory");	/* ICC_SGI1R_EL1 */
}

unsigned smp_start(void)
{
	const char *reg;
	uint32_t expected = 0;

	for (unsigned i = 0; (reg = tree_property("cpu@", i, "reg")); i++) {
		uint64_t id = be32(reg);

		if (id == cpu_id()) {
			check("CPU_ON of itself", (uint64_t)psci(PSCI_CPU_ON, id, (uint64_t)ap_start, 0), (uint64_t)PSCI_ALREADY_ON);
			continue;
		}
		expected++;
		check("CPU_ON", (uint64_t)psci(PSCI_CPU_ON, id, (uint64_t)ap_start, take(4096) + 4096), 0);
	}
	for (unsigned ms = 0; ms < 15000 && cpus_up < expected; ms++)
		mdelay(1);
	if (cpus_up != expected)
		bad("of %d other processors %d came up", (uint64_t)expected, (uint64_t)cpus_up);
	return expected + 1;
}
