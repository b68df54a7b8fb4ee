/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counters. Exits are counted by the vcpus' threads, trapped accesses by the functions (struct
 * vfio_watch). Interrupts of a passed device go from the host's handler to KVM and are seen by
 * nobody here, so their numbers are the host's own: /proc/interrupts, where VFIO names its handlers
 * vfio-intx(BDF), vfio-msi[N](BDF) and vfio-msix[N](BDF) (drivers/vfio/pci/vfio_pci_intrs.c). Where
 * the IOMMU posts interrupts straight to a running vcpu, the host does not count them either.
 *
 * A line goes when the guest turns its interrupts off (a driver does so when the guest powers off),
 * so its count is taken just before. A vector's line is new when it comes, from 0; that of INTx may
 * have been the host's before, so its count when it was turned on is taken off.
 *
 * Main thread, or under the device lock.
 */
#include <watch/stats.h>

#include <base/clock.h>
#include <base/fd.h>
#include <base/log.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* The host's counts. */

static const char *const kinds[] = { "INTx", "MSI", "MSI-X" };

bool stats_parse_irq(const char *line, unsigned cpus, char bdf[32], enum stats_irq_kind *ret_kind,
		     unsigned *ret_vector, uint64_t *ret_count)
{
	static const char *const names[] = { "vfio-intx(", "vfio-msi[", "vfio-msix[" };
	const char *at = strchr(line, ':');
	uint64_t count = 0;
	unsigned kind = 0, vector = 0;
	char *end;

	if (!at)
		return false;
	at++;
	for (unsigned i = 0; i < cpus; i++, at = end) {
		count += strtoull(at, &end, 10);
		if (end == at)
			return false;
	}
	while (kind < ARRAY_SIZE(names) && !strstr(at, names[kind]))
		kind++;
	if (kind == ARRAY_SIZE(names))
		return false;
	at = strstr(at, names[kind]) + strlen(names[kind]);
	if (kind != STATS_INTX) {
		vector = (unsigned)strtoul(at, &end, 10);
		if (end == at || strncmp(end, "](", 2))
			return false;
		at = end + 2;
	}
	if (sscanf(at, "%31[^)])", bdf) != 1)
		return false;
	*ret_kind = (enum stats_irq_kind)kind;
	*ret_vector = vector;
	*ret_count = count;
	return true;
}

/* All of /proc/interrupts, malloc'ed; NULL when it cannot be read. */
static char *read_interrupts(int fd)
{
	size_t room = 65536, n = 0;
	char *text = malloc(room), *more;
	ssize_t got;

	while (text && (got = pread(fd, text + n, room - n - 1, (off_t)n)) > 0) {
		n += (size_t)got;
		if (room - n > 1)
			continue;
		room *= 2;
		more = realloc(text, room);
		if (!more)
			break;
		text = more;
	}
	if (text)
		text[n] = 0;
	return text;
}

static unsigned count_cpus(const char *head)
{
	unsigned n = 0;

	for (const char *at = head; (at = strstr(at, "CPU")) && at < head + strcspn(head, "\n");
	     at++)
		n++;
	return n;
}

static struct stats_irq *find_irq(struct stats *stats, unsigned device, enum stats_irq_kind kind,
				  unsigned vector)
{
	struct stats_irq *irq;

	for (unsigned i = 0; i < stats->n_irqs; i++) {
		irq = &stats->irqs[i];
		if (irq->device == device && irq->kind == kind && irq->vector == vector)
			return irq;
	}
	if (stats->n_irqs == STATS_IRQS)
		return NULL;
	irq = &stats->irqs[stats->n_irqs++];
	*irq = (struct stats_irq){ .device = device, .kind = kind, .vector = vector };
	return irq;
}

enum take { TAKE_BASE, TAKE_TOTAL };

/* Read the host's counts of device `only`, or of all (-1): as what counts from here, or to add. */
static void take_counts(struct stats *stats, int only, enum take what)
{
	char *text = stats->irqs ? read_interrupts(stats->interrupts_fd) : NULL, *rest = text;
	unsigned cpus = text ? count_cpus(text) : 0, vector;
	enum stats_irq_kind kind;
	struct stats_irq *irq;
	uint64_t count;
	char bdf[32], *line;

	while (rest && (line = strsep(&rest, "\n"))) {
		if (!stats_parse_irq(line, cpus, bdf, &kind, &vector, &count))
			continue;
		for (unsigned i = 0; i < stats->pt->n; i++) {
			if ((only >= 0 && i != (unsigned)only) || strcmp(stats->bdfs[i], bdf) != 0)
				continue;
			/* Of a line that the host had before only the hooks know where to start. */
			irq = kind == STATS_INTX && !stats->keeps
				      ? NULL
				      : find_irq(stats, i, kind, vector);
			if (!irq)
				continue;
			if (what == TAKE_TOTAL && count >= irq->base)
				irq->total += count - irq->base;
			irq->base = count;
		}
	}
	free(text);
}

static void irqs_changed(struct vfio_watch *watch, bool on)
{
	struct stats *stats = watch->irqs_ctx;
	unsigned device = (unsigned)(watch - stats->pt->watches);

	/* What has no line yet comes with a count of 0. */
	for (unsigned i = 0; on && i < stats->n_irqs; i++)
		if (stats->irqs[i].device == device)
			stats->irqs[i].base = 0;
	take_counts(stats, (int)device, on ? TAKE_BASE : TAKE_TOTAL);
}

/* A device may have been given by another name, or as a descriptor: the cdev knows its function. */
static void host_name(const struct vfio_device *dev, char bdf[32])
{
	char path[64], target[256] = "";
	struct stat st;
	ssize_t n = -1;

	/* What a group gave is a file without a number. */
	if (dev->group) {
		bdf_format(dev->bdf, bdf);
		return;
	}
	if (!fstat(dev->fd, &st)) {
		snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/device", major(st.st_rdev),
			 minor(st.st_rdev));
		n = readlink(path, target, sizeof(target) - 1);
	}
	if (n > 0 && strrchr(target, '/'))
		snprintf(bdf, 32, "%.31s", strrchr(target, '/') + 1);
	else
		snprintf(bdf, 32, "%.31s", dev->name);
}

void stats_init(struct stats *stats, struct passthrough *pt, bool keep)
{
	*stats = (struct stats){
		.pt = pt,
		.began = clock_ns(),
		.interrupts_fd = -1,
		.keeps = keep,
	};
	if (!pt->n)
		return;
	stats->interrupts_fd = open("/proc/interrupts", O_RDONLY | O_CLOEXEC);
	if (stats->interrupts_fd >= 0)
		stats->irqs = calloc(STATS_IRQS, sizeof(*stats->irqs));
	if (keep && !stats->irqs)
		log_warn("--stats: /proc/interrupts cannot be read; interrupts are not told");
	for (unsigned i = 0; i < pt->n; i++)
		host_name(&pt->devices[i], stats->bdfs[i]);
	for (unsigned i = 0; keep && i < pt->n; i++) {
		pt->watches[i].irqs = irqs_changed;
		pt->watches[i].irqs_ctx = stats;
	}
}

void stats_deinit(struct stats *stats)
{
	fd_close(&stats->interrupts_fd);
	free(stats->irqs);
	stats->irqs = NULL;
}

void stats_gather(struct stats *stats, const struct vcpu_set *vcpus)
{
	for (unsigned v = 0; vcpus->exits && v < vcpus->n; v++)
		for (unsigned i = 0; i < VCPU_EXITS; i++)
			stats->exits[i] += vcpus->exits[v][i];
}

/* Printing: one write, so that a reader of the stream has all of it or nothing. */

struct page {
	char text[524288];
	size_t n;
	const char *end; /* of a line: a terminal in raw mode needs the carriage return */
};

static _printf_(2, 3) void line(struct page *page, const char *fmt, ...)
{
	size_t room = sizeof(page->text) - page->n;
	va_list ap;
	int n, m;

	va_start(ap, fmt);
	n = vsnprintf(page->text + page->n, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n + 3 > room)
		return;
	m = snprintf(page->text + page->n + n, room - (size_t)n, "%s", page->end);
	page->n += (size_t)(n + m);
}

const char *stats_exit_name(unsigned exit)
{
	/* KVM_EXIT_* (include/uapi/linux/kvm.h) in words; others by number. */
	static const char *const names[VCPU_EXITS] = {
		[KVM_EXIT_UNKNOWN] = "unknown",
		[KVM_EXIT_EXCEPTION] = "exception",
		[KVM_EXIT_IO] = "port I/O",
		[KVM_EXIT_HYPERCALL] = "hypercall",
		[KVM_EXIT_DEBUG] = "debug",
		[KVM_EXIT_HLT] = "halt",
		[KVM_EXIT_MMIO] = "MMIO",
		[KVM_EXIT_IRQ_WINDOW_OPEN] = "interrupt window",
		[KVM_EXIT_SHUTDOWN] = "shutdown",
		[KVM_EXIT_FAIL_ENTRY] = "entry failed",
		[KVM_EXIT_INTR] = "signal",
		[KVM_EXIT_INTERNAL_ERROR] = "internal error",
		[KVM_EXIT_SYSTEM_EVENT] = "system event",
		[KVM_EXIT_IOAPIC_EOI] = "IOAPIC end of interrupt",
		[KVM_EXIT_MEMORY_FAULT] = "memory fault",
	};

	return exit < VCPU_EXITS ? names[exit] : NULL;
}

static void print_exits(struct page *page, const uint64_t *exits)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < VCPU_EXITS; i++) {
		sum += exits[i];
		if (exits[i] && stats_exit_name(i))
			line(page, "  exits       %-32s %12llu", stats_exit_name(i),
			     (unsigned long long)exits[i]);
		else if (exits[i])
			line(page, "  exits       kind %-27u %12llu", i,
			     (unsigned long long)exits[i]);
	}
	line(page, "  exits       %-32s %12llu", "all", (unsigned long long)sum);
}

static void print_trapped(struct page *page, const char *device, const struct vfio_watch *watch)
{
	static const char *const regions[VFIO_PCI_NUM_REGIONS] = {
		"BAR 0", "BAR 1", "BAR 2", "BAR 3", "BAR 4", "BAR 5", "ROM", "config space", "VGA",
	};
	uint64_t sum = 0;
	char what[64];

	for (unsigned i = 0; i < ARRAY_SIZE(regions); i++) {
		sum += watch->reads[i] + watch->writes[i];
		snprintf(what, sizeof(what), "%.20s %s", device, regions[i]);
		if (watch->reads[i])
			line(page, "  reads       %-32s %12llu", what,
			     (unsigned long long)watch->reads[i]);
		if (watch->writes[i])
			line(page, "  writes      %-32s %12llu", what,
			     (unsigned long long)watch->writes[i]);
	}
	snprintf(what, sizeof(what), "%.20s all", device);
	line(page, "  trapped     %-32s %12llu", what, (unsigned long long)sum);
}

static void print_irqs(struct page *page, const struct stats *stats, unsigned device)
{
	uint64_t sum = 0;
	char what[64];

	for (unsigned i = 0; i < stats->n_irqs; i++) {
		const struct stats_irq *irq = &stats->irqs[i];

		if (irq->device != device)
			continue;
		sum += irq->total;
		snprintf(what, sizeof(what), "%.20s %s %u", stats->pt->devices[device].name,
			 kinds[irq->kind], irq->vector);
		line(page, "  interrupts  %-32s %12llu", what, (unsigned long long)irq->total);
	}
	snprintf(what, sizeof(what), "%.20s all", stats->pt->devices[device].name);
	line(page, "  interrupts  %-32s %12llu", what, (unsigned long long)sum);
}

int stats_print(struct stats *stats, const struct vcpu_set *vcpus, int fd)
{
	struct page *page = calloc(1, sizeof(*page));
	uint64_t exits[VCPU_EXITS], ms = (clock_ns() - stats->began) / 1000000;

	int r;

	if (!page)
		return -ENOMEM;
	page->end = isatty(fd) ? "\r\n" : "\n";
	memcpy(exits, stats->exits, sizeof(exits));
	for (unsigned v = 0; vcpus && vcpus->exits && v < vcpus->n; v++)
		for (unsigned i = 0; i < VCPU_EXITS; i++)
			exits[i] += __atomic_load_n(&vcpus->exits[v][i], __ATOMIC_RELAXED);
	line(page, "thru: after %llu.%03llu s:", (unsigned long long)(ms / 1000),
	     (unsigned long long)(ms % 1000));
	print_exits(page, exits);
	take_counts(stats, -1, TAKE_TOTAL);
	for (unsigned i = 0; i < stats->pt->n; i++) {
		print_trapped(page, stats->pt->devices[i].name, &stats->pt->watches[i]);
		if (stats->irqs)
			print_irqs(page, stats, i);
	}
	/* Standard error has a queue, so that nobody waits for its reader. */
	r = fd == STDERR_FILENO ? log_text(page->text, page->n)
				: fd_write_all(fd, page->text, page->n);
	free(page);
	return r;
}
