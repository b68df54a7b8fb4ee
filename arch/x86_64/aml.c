/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI Machine Language, ACPI 6.5 §20.2 (encoding) and §6.4 (resource descriptors). A container's
 * length stands before its content and its own width depends on it (PkgLength, §20.2.4): the
 * content is written first and moved up by the width when the container is closed.
 */
#include "aml.h"

#include <base/bytes.h>
#include <string.h>

/* §20.3, table 20.2 */
enum {
	OP_ZERO = 0x00,
	OP_ONE = 0x01,
	OP_NAME = 0x08,
	OP_BYTE = 0x0a,
	OP_WORD = 0x0b,
	OP_DWORD = 0x0c,
	OP_STRING = 0x0d,
	OP_QWORD = 0x0e,
	OP_SCOPE = 0x10,
	OP_BUFFER = 0x11,
	OP_PACKAGE = 0x12,
	OP_METHOD = 0x14,
	OP_DUAL_NAME = 0x2e,
	OP_MULTI_NAME = 0x2f,
	OP_EXT = 0x5b,
	OP_ARG0 = 0x68,
	OP_DEVICE = 0x82, /* after OP_EXT */
	OP_NOTIFY = 0x86,
	OP_LEQUAL = 0x93,
	OP_IF = 0xa0,
};

void aml_bytes(struct aml *aml, const void *bytes, size_t len)
{
	if (aml_fits(aml) && len <= aml->size - aml->len)
		memcpy(aml->bytes + aml->len, bytes, len);
	aml->len += len;
}

void aml_raw(struct aml *aml, uint64_t value, unsigned len)
{
	uint8_t bytes[8];

	store_le(bytes, len, value);
	aml_bytes(aml, bytes, len);
}

static void op(struct aml *aml, uint8_t code)
{
	aml_raw(aml, code, 1);
}

/* §20.2.2: a path is its prefix, then one, two or more segments of four letters. */
static void path(struct aml *aml, const char *text)
{
	size_t n;

	if (*text == '\\') {
		op(aml, '\\');
		text++;
	}
	n = (strlen(text) + 1) / 5;
	if (n == 2)
		op(aml, OP_DUAL_NAME);
	if (n > 2) {
		op(aml, OP_MULTI_NAME);
		aml_raw(aml, n, 1);
	}
	for (size_t i = 0; i < n; i++)
		aml_bytes(aml, text + 5 * i, 4);
}

/* PkgLength counts itself: up to 63 in one byte, else 4 bits in the first and 8 in each next. */
void aml_close(struct aml *aml, size_t mark)
{
	size_t content = aml->len - mark;
	unsigned width = content + 1 < 0x40 ? 1 : content + 2 < 0x1000 ? 2 : 3;
	uint32_t total = (uint32_t)content + width;
	uint8_t head[3] = { (uint8_t)total, 0, 0 };

	if (width > 1) {
		head[0] = (uint8_t)((width - 1) << 6 | (total & 0xf));
		head[1] = (uint8_t)(total >> 4);
		head[2] = (uint8_t)(total >> 12);
	}
	aml->len += width;
	if (!aml_fits(aml))
		return;
	memmove(aml->bytes + mark + width, aml->bytes + mark, content);
	memcpy(aml->bytes + mark, head, width);
}

size_t aml_scope(struct aml *aml, const char *name)
{
	size_t mark;

	op(aml, OP_SCOPE);
	mark = aml->len;
	path(aml, name);
	return mark;
}

size_t aml_device(struct aml *aml, const char *name)
{
	size_t mark;

	op(aml, OP_EXT);
	op(aml, OP_DEVICE);
	mark = aml->len;
	path(aml, name);
	return mark;
}

size_t aml_method(struct aml *aml, const char *name, unsigned n_args, bool serialized)
{
	size_t mark;

	op(aml, OP_METHOD);
	mark = aml->len;
	path(aml, name);
	aml_raw(aml, n_args | (serialized ? 8u : 0), 1);
	return mark;
}

size_t aml_package(struct aml *aml, uint8_t n_elements)
{
	size_t mark;

	op(aml, OP_PACKAGE);
	mark = aml->len;
	aml_raw(aml, n_elements, 1);
	return mark;
}

size_t aml_if_arg0_equals(struct aml *aml, uint64_t value)
{
	size_t mark;

	op(aml, OP_IF);
	mark = aml->len;
	op(aml, OP_LEQUAL);
	op(aml, OP_ARG0);
	aml_integer(aml, value);
	return mark;
}

void aml_integer(struct aml *aml, uint64_t value)
{
	static const struct {
		uint64_t max;
		uint8_t op, len;
	} forms[] = {
		{ 0xff, OP_BYTE, 1 },
		{ 0xffff, OP_WORD, 2 },
		{ 0xffffffff, OP_DWORD, 4 },
		{ UINT64_MAX, OP_QWORD, 8 },
	};
	unsigned i = 0;

	if (value <= 1) {
		op(aml, value ? OP_ONE : OP_ZERO);
		return;
	}
	while (value > forms[i].max)
		i++;
	op(aml, forms[i].op);
	aml_raw(aml, value, forms[i].len);
}

void aml_name(struct aml *aml, const char *name)
{
	op(aml, OP_NAME);
	path(aml, name);
}

void aml_name_integer(struct aml *aml, const char *name, uint64_t value)
{
	aml_name(aml, name);
	aml_integer(aml, value);
}

void aml_name_string(struct aml *aml, const char *name, const char *text)
{
	aml_name(aml, name);
	op(aml, OP_STRING);
	aml_bytes(aml, text, strlen(text) + 1);
}

static unsigned hex_digit(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : c - 'A' + 10);
}

/* "PNP0501": three letters of five bits, four hex digits, most significant byte first. */
void aml_name_eisaid(struct aml *aml, const char *name, const char *id)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < 3; i++)
		v = v << 5 | (uint32_t)(id[i] - '@');
	for (unsigned i = 3; i < 7; i++)
		v = v << 4 | hex_digit(id[i]);
	aml_name(aml, name);
	op(aml, OP_DWORD);
	aml_raw(aml, __builtin_bswap32(v), 4);
}

void aml_notify(struct aml *aml, const char *target, uint8_t value)
{
	op(aml, OP_NOTIFY);
	path(aml, target);
	aml_integer(aml, value);
}

/* The buffer's size is written as a word, so that it can be filled in afterwards. */
size_t aml_resources(struct aml *aml)
{
	size_t mark;

	aml_name(aml, "_CRS");
	op(aml, OP_BUFFER);
	mark = aml->len;
	op(aml, OP_WORD);
	aml_raw(aml, 0, 2);
	return mark;
}

void aml_resources_end(struct aml *aml, size_t mark)
{
	aml_raw(aml, 0x79, 1); /* end tag, §6.4.2.9; a checksum of 0 is "not computed" */
	aml_raw(aml, 0x00, 1);
	if (aml_fits(aml))
		store_le16(aml->bytes + mark + 1, (uint16_t)(aml->len - mark - 3));
	aml_close(aml, mark);
}

void aml_port(struct aml *aml, uint16_t base, uint8_t len)
{
	aml_raw(aml, 0x47, 1); /* §6.4.2.5 */
	aml_raw(aml, 0x01, 1); /* 16-bit decode */
	aml_raw(aml, base, 2);
	aml_raw(aml, base, 2);
	aml_raw(aml, 1, 1);
	aml_raw(aml, len, 1);
}

void aml_memory32(struct aml *aml, uint32_t base, uint32_t size)
{
	aml_raw(aml, 0x86, 1); /* §6.4.3.4 */
	aml_raw(aml, 9, 2);
	aml_raw(aml, 1, 1); /* writable */
	aml_raw(aml, base, 4);
	aml_raw(aml, size, 4);
}

void aml_interrupt_edge(struct aml *aml, uint32_t gsi)
{
	aml_raw(aml, 0x89, 1); /* §6.4.3.6 */
	aml_raw(aml, 6, 2);
	aml_raw(aml, 0x03, 1); /* consumer, edge, active high, exclusive */
	aml_raw(aml, 1, 1);
	aml_raw(aml, gsi, 4);
}

/* Address space descriptors, §6.4.3.5: `width` bytes a number; base and end fixed. */
static void window(struct aml *aml, uint8_t tag, unsigned width, uint8_t type, uint8_t flags,
		   struct range r)
{
	aml_raw(aml, tag, 1);
	aml_raw(aml, 3 + 5 * width, 2);
	aml_raw(aml, type, 1);
	aml_raw(aml, 0x0c, 1); /* a producer; minimum and maximum are fixed */
	aml_raw(aml, flags, 1);
	aml_raw(aml, 0, width); /* granularity */
	aml_raw(aml, r.base, width);
	aml_raw(aml, r.base + r.size - 1, width);
	aml_raw(aml, 0, width); /* translation */
	aml_raw(aml, r.size, width);
}

void aml_bus_window(struct aml *aml, uint16_t first, uint16_t last)
{
	window(aml, 0x88, 2, 2, 0, (struct range){ first, last - first + 1u });
}

void aml_port_window(struct aml *aml, uint16_t first, uint16_t last)
{
	window(aml, 0x88, 2, 1, 3 /* all of ISA */, (struct range){ first, last - first + 1u });
}

void aml_memory_window(struct aml *aml, struct range r)
{
	bool wide = r.base + r.size > GIB(4);

	/* Writable. Not cacheable, not prefetchable: functions say that themselves. */
	window(aml, wide ? 0x8a : 0x87, wide ? 8 : 4, 0, 1, r);
}
