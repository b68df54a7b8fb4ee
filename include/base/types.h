/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Words used on every floor. Typedefs exist only for numbers that must not be mixed up.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t gpa_t;  /* guest physical address */
typedef uint64_t iova_t; /* address a device uses for DMA; thru maps iova == gpa */

/* A half-open span [base, base + size) of any address space; size 0 is "none". */
struct range {
	uint64_t base;
	uint64_t size;
};

#define _must_check_   __attribute__((warn_unused_result))
#define _printf_(f, a) __attribute__((format(printf, f, a)))
#define _cleanup_(fn)  __attribute__((cleanup(fn)))
#define _packed_       __attribute__((packed))
#define _unused_       __attribute__((unused))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)     ((a) < (b) ? (a) : (b))
#define MAX(a, b)     ((a) > (b) ? (a) : (b))
#define BIT(n)        (1u << (n))
#define BIT64(n)      (1ull << (n))
#define KIB(n)        ((uint64_t)(n) << 10)
#define MIB(n)        ((uint64_t)(n) << 20)
#define GIB(n)        ((uint64_t)(n) << 30)
#define TIB(n)        ((uint64_t)(n) << 40)

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/* `align` is a power of two. align_up() wraps to 0 at the top of the address space. */
static inline uint64_t align_down(uint64_t v, uint64_t align)
{
	return v & ~(align - 1);
}

static inline uint64_t align_up(uint64_t v, uint64_t align)
{
	return align_down(v + align - 1, align);
}

static inline bool is_aligned(uint64_t v, uint64_t align)
{
	return (v & (align - 1)) == 0;
}

static inline bool is_power_of_two(uint64_t v)
{
	return v && !(v & (v - 1));
}

/* True when [base, base + size) lies wholly inside r. Safe against wrap-around. */
static inline bool range_holds(struct range r, uint64_t base, uint64_t size)
{
	return base >= r.base && size <= r.size && base - r.base <= r.size - size;
}

/* True when the two spans share a byte. Neither may wrap. */
static inline bool range_overlaps(struct range a, struct range b)
{
	return a.size && b.size && a.base < b.base + b.size && b.base < a.base + a.size;
}
