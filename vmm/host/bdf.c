/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI addresses as text: DOMAIN:BUS:DEVICE.FUNCTION in hexadecimal. Bus, device and function are PCI's
 * own (PCIe 6.0 §2.2.4.2); the domain is Linux's, an int that it prints with four digits or more
 * (drivers/pci/probe.c, pci_setup_device()): Intel's VMD makes its own from 10000h on.
 *
 * Pure functions.
 */
#include <host/sysfs.h>

#include <stdio.h>
#include <string.h>

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_hex(const char **text, unsigned digits, unsigned max, uint32_t *ret)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < digits; i++, (*text)++) {
		if (digit(**text) < 0)
			return false;
		v = v << 4 | (uint32_t)digit(**text);
	}
	*ret = v;
	return v <= max;
}

/* Four digits; more of them, up to eight, when they are needed. */
static bool parse_domain(const char **text, uint32_t *ret)
{
	unsigned digits = (unsigned)strcspn(*text, ":");

	if (digits < 4 || digits > 8 || (digits > 4 && **text == '0'))
		return false;
	return parse_hex(text, digits, UINT32_MAX, ret) && *(*text)++ == ':';
}

bool bdf_parse(const char *text, struct bdf *ret)
{
	uint32_t domain = 0, bus, device, function;

	if (strlen(text) > strlen("00:00.0") && !parse_domain(&text, &domain))
		return false;
	if (!parse_hex(&text, 2, 0xff, &bus) || *text++ != ':' ||
	    !parse_hex(&text, 2, 0x1f, &device) || *text++ != '.' ||
	    !parse_hex(&text, 1, 7, &function) || *text)
		return false;
	*ret = (struct bdf){ domain, (uint8_t)bus, (uint8_t)device, (uint8_t)function };
	return true;
}

const char *bdf_format(struct bdf bdf, char text[BDF_TEXT])
{
	snprintf(text, BDF_TEXT, "%04x:%02x:%02x.%x", bdf.domain, bdf.bus, bdf.device & 0x1f,
		 bdf.function & 7);
	return text;
}

struct bdf bdf_near(struct bdf bdf, uint16_t segment, uint8_t bus, uint8_t devfn)
{
	uint32_t domain = (uint16_t)bdf.domain == segment ? bdf.domain : segment;

	return (struct bdf){ domain, bus, devfn >> 3, devfn & 7 };
}

int bdf_compare(const struct bdf *a, const struct bdf *b)
{
	unsigned x = (unsigned)a->bus << 8 | (unsigned)a->device << 3 | a->function;
	unsigned y = (unsigned)b->bus << 8 | (unsigned)b->device << 3 | b->function;

	if (a->domain != b->domain)
		return a->domain < b->domain ? -1 : 1;
	return (x > y) - (x < y);
}
