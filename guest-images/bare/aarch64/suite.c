/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a program of a test suite asks of its machine, as kvm-unit-tests' own do (lib/arm there): arguments
 * from the device tree's bootargs, an environment in the initrd, processors that PSCI starts, the first
 * UART, an exit status in a line `EXIT: STATUS=`, SYSTEM_OFF. The status is the argument status=N, or STATUS=N
 * in the environment; hang=yes never ends.
 */
#include "../lib/bare.h"

static void print(const char *s, const char *end)
{
	for (; s != end && *s; s++)
		serial_out(0, (uint8_t)*s);
}

static void print_number(unsigned n)
{
	char digits[12];
	char *at = digits + sizeof(digits);

	*--at = 0;
	do
		*--at = (char)('0' + n % 10);
	while (n /= 10);
	print(at, 0);
}

static bool starts(const char *s, const char *end, const char *with)
{
	for (; *with; s++, with++)
		if (s == end || *s != *with)
			return false;
	return true;
}

static unsigned number(const char *s, const char *end)
{
	unsigned n = 0;

	for (; s != end && *s >= '0' && *s <= '9'; s++)
		n = n * 10 + (unsigned)(*s - '0');
	return n;
}

static uint64_t chosen64(const char *name)
{
	const uint32_t *p = tree_property("chosen", 0, name);

	return p ? (uint64_t)__builtin_bswap32(p[0]) << 32 | __builtin_bswap32(p[1]) : 0;
}

/* Each word or line up to `end`, under that heading; the value of the last one that is key=N. */
static unsigned list(const char *s, const char *end, char between, const char *heading, const char *key, unsigned value)
{
	while (s < end) {
		const char *to = s;

		while (to < end && *to != between)
			to++;
		if (to > s) {
			print(heading, 0);
			print(s, to);
			print("\n", 0);
			if (starts(s, to, key))
				for (const char *v = s; v < to; v++)
					if (*v == '=')
						value = number(v + 1, to);
		}
		s = to + 1;
	}
	return value;
}

void main(void)
{
	const char *args = command_line(), *end = args;
	const char *environment = (const char *)chosen64("linux,initrd-start");
	unsigned status = 0;

	while (*end)
		end++;
	if (environment)
		status = list(environment, (const char *)chosen64("linux,initrd-end"), '\n', "environment: ", "STATUS=", 0);
	status = list(args, end, ' ', "argument: ", "status=", status);
	print("processors: ", 0);
	print_number(smp_start());
	while (starts(args, end, "hang=yes"))
		cpu_sleep();
	print("\nEXIT: STATUS=", 0);
	print_number(status << 1 | 1);
	print("\n", 0);
	power_off();
}
