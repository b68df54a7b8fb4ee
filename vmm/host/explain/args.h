/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arguments of calls in words: what calls.c says of each row, by who is called
 * (kvm.c, vfio.c, iommufd.c; kvm_<architecture>.c has rows of its own), and the words that they share.
 */
#pragma once

#include "tell.h"

#define API     "Documentation/virt/kvm/api.rst"
#define DEVICES "Documentation/virt/kvm/devices/"

struct told_name {
	uint64_t value;
	const char *name, *why;
};
#define TOLD_NAME(n)        \
	{                   \
		n, #n, NULL \
	}

/* NULL: no row has that value. */
const struct told_name *told_name(const struct told_name *table, unsigned n, uint64_t value);

/* "A | B | 0x40": the bits of a word by name, what has none as a number. */
void told_flags(struct told *t, uint64_t value, const struct told_name *table, unsigned n);
#define TELL_FLAGS(t, value, table) told_flags(t, value, table, ARRAY_SIZE(table))

void told_size(struct told *t, uint64_t size);

/* "0x100000-0x1fffff (1 MiB)" */
void told_span(struct told *t, uint64_t base, uint64_t size);

/* Decoders (struct explain_row). */
void tell_check_extension(struct told *t, const void *arg, int result);
void tell_create_vm(struct told *t, const void *arg, int result);
void tell_enable_cap(struct told *t, const void *arg, int result);
void tell_set_memory(struct told *t, const void *arg, int result);
void tell_irqfd(struct told *t, const void *arg, int result);
void tell_ioeventfd(struct told *t, const void *arg, int result);
void tell_gsi_routing(struct told *t, const void *arg, int result);
void tell_irq_line(struct told *t, const void *arg, int result);
void tell_create_device(struct told *t, const void *arg, int result);
void tell_device_attr(struct told *t, const void *arg, int result);
void tell_by_value(struct told *t, const void *arg, int result);
void tell_address(struct told *t, const void *arg, int result);
void tell_vcpu_id(struct told *t, const void *arg, int result);

/*
 * What one architecture has beside that: its rows, and whether it knew the device that an attribute is
 * set on and put it into words.
 */
struct kvm_device_attr;
const struct explain_row *explain_arch_rows(unsigned *ret_n);
bool explain_arch_attr(struct told *t, const struct kvm_device_attr *attr);

void tell_bind_iommufd(struct told *t, const void *arg, int result);
void tell_attach(struct told *t, const void *arg, int result);
void tell_device_info(struct told *t, const void *arg, int result);
void tell_region_info(struct told *t, const void *arg, int result);
void tell_irq_info(struct told *t, const void *arg, int result);
void tell_set_irqs(struct told *t, const void *arg, int result);
void tell_feature(struct told *t, const void *arg, int result);
void tell_hot_reset_info(struct told *t, const void *arg, int result);
void tell_hot_reset(struct told *t, const void *arg, int result);
void tell_group_status(struct told *t, const void *arg, int result);
void tell_set_container(struct told *t, const void *arg, int result);
void tell_device_fd(struct told *t, const void *arg, int result);
void tell_map_dma(struct told *t, const void *arg, int result);
void tell_unmap_dma(struct told *t, const void *arg, int result);

void tell_ioas_alloc(struct told *t, const void *arg, int result);
void tell_destroy(struct told *t, const void *arg, int result);
void tell_vfio_ioas(struct told *t, const void *arg, int result);
void tell_iova_ranges(struct told *t, const void *arg, int result);
void tell_allow_iovas(struct told *t, const void *arg, int result);
void tell_ioas_map_file(struct told *t, const void *arg, int result);
void tell_ioas_map(struct told *t, const void *arg, int result);
void tell_ioas_unmap(struct told *t, const void *arg, int result);
void tell_option(struct told *t, const void *arg, int result);
void tell_hwpt_alloc(struct told *t, const void *arg, int result);
void tell_hw_info(struct told *t, const void *arg, int result);
