/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counters of a run: exits of the vcpus by kind and trapped accesses by region, which pass through thru,
 * and the interrupts of passed devices, which do not, as the host counts them. Kept over reboots of the guest.
 */
#pragma once

#include <machine/passthrough.h>
#include <machine/vcpu.h>

/* An interrupt of a passed device in /proc/interrupts. */
enum stats_irq_kind { STATS_INTX, STATS_MSI, STATS_MSIX };

struct stats_irq {
	unsigned device; /* index in struct passthrough */
	enum stats_irq_kind kind;
	unsigned vector;
	uint64_t base;  /* the host's count when it was turned on, or last added to `total` */
	uint64_t total; /* up to there */
};

#define STATS_IRQS 4096

struct stats {
	struct passthrough *pt;
	char bdfs[PASSTHROUGH_MAX][32]; /* as the host names the devices */
	uint64_t began;                 /* CLOCK_MONOTONIC, ns */
	uint64_t exits[VCPU_EXITS];     /* of machines that are gone */
	int interrupts_fd;              /* /proc/interrupts */
	bool keeps;                     /* interrupts that are turned off are remembered */
	struct stats_irq *irqs;
	unsigned n_irqs;
};

/*
 * `pt` is open. With `keep` the host's counts are read whenever the guest turns interrupts off;
 * without, only those of vectors that live when stats_print() is called are known.
 */
void stats_init(struct stats *stats, struct passthrough *pt, bool keep);
void stats_deinit(struct stats *stats);

/* A machine is about to go; its vcpus do not run. */
void stats_gather(struct stats *stats, const struct vcpu_set *vcpus);

/* Print all to `fd`, as it is now. `vcpus` may be NULL: no machine. 0 or -errno, unrecorded. */
int stats_print(struct stats *stats, const struct vcpu_set *vcpus, int fd);

/* A KVM_EXIT_* in words, NULL for one that has none here. */
const char *stats_exit_name(unsigned exit);

/* A line of /proc/interrupts that is a passed device's; false for any other. For tests. */
bool stats_parse_irq(const char *line, unsigned cpus, char bdf[32], enum stats_irq_kind *ret_kind,
		     unsigned *ret_vector, uint64_t *ret_count);
