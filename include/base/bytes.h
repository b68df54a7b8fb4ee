/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Little-endian numbers at any alignment. PCI configuration space (PCI 3.0 §6.1), ACPI (§5.2) and
 * virtio (1.3 §1.4) are little-endian whatever the host is.
 */
#pragma once

#include <base/types.h>

static inline uint16_t load_le16(const void *p)
{
	const uint8_t *b = p;

	return (uint16_t)(b[0] | b[1] << 8);
}

static inline uint32_t load_le32(const void *p)
{
	return load_le16(p) | (uint32_t)load_le16((const uint8_t *)p + 2) << 16;
}

static inline uint64_t load_le64(const void *p)
{
	return load_le32(p) | (uint64_t)load_le32((const uint8_t *)p + 4) << 32;
}

static inline void store_le16(void *p, uint16_t v)
{
	uint8_t *b = p;

	b[0] = (uint8_t)v;
	b[1] = (uint8_t)(v >> 8);
}

static inline void store_le32(void *p, uint32_t v)
{
	store_le16(p, (uint16_t)v);
	store_le16((uint8_t *)p + 2, (uint16_t)(v >> 16));
}

static inline void store_le64(void *p, uint64_t v)
{
	store_le32(p, (uint32_t)v);
	store_le32((uint8_t *)p + 4, (uint32_t)(v >> 32));
}

/* A number of `len` bytes (1 to 8), as trapped accesses carry it. */
static inline uint64_t load_le(const void *p, unsigned len)
{
	const uint8_t *b = p;
	uint64_t v = 0;

	for (unsigned i = 0; i < len && i < 8; i++)
		v |= (uint64_t)b[i] << (8 * i);
	return v;
}

static inline void store_le(void *p, unsigned len, uint64_t v)
{
	uint8_t *b = p;

	for (unsigned i = 0; i < len; i++)
		b[i] = i < 8 ? (uint8_t)(v >> (8 * i)) : 0;
}
