/* SPDX-License-Identifier: BSD-2-Clause */
/* Words that arguments of all kinds of calls are put into. Pure functions of their arguments. */
#include "args.h"

#include <inttypes.h>

const struct told_name *told_name(const struct told_name *table, unsigned n, uint64_t value)
{
	for (unsigned i = 0; i < n; i++)
		if (table[i].value == value)
			return &table[i];
	return NULL;
}

void told_flags(struct told *t, uint64_t value, const struct told_name *table, unsigned n)
{
	const char *separator = "";

	if (!value)
		told_add(t, "none");
	for (unsigned i = 0; i < n; i++) {
		if (!(value & table[i].value))
			continue;
		told_add(t, "%s%s", separator, table[i].name);
		value &= ~table[i].value;
		separator = " | ";
	}
	if (value)
		told_add(t, "%s%#" PRIx64, separator, value);
}

void told_size(struct told *t, uint64_t size)
{
	if (size >= GIB(1) && is_aligned(size, GIB(1)))
		told_add(t, "%" PRIu64 " GiB", size >> 30);
	else if (size >= MIB(1) && is_aligned(size, MIB(1)))
		told_add(t, "%" PRIu64 " MiB", size >> 20);
	else if (size >= KIB(1) && is_aligned(size, KIB(1)))
		told_add(t, "%" PRIu64 " KiB", size >> 10);
	else
		told_add(t, "%" PRIu64 " bytes", size);
}

void told_span(struct told *t, uint64_t base, uint64_t size)
{
	told_add(t, "%#" PRIx64 "-%#" PRIx64 " (", base, base + size - !!size);
	told_size(t, size);
	told_add(t, ")");
}
