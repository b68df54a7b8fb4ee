/* SPDX-License-Identifier: BSD-2-Clause */
/* Words that arguments of all kinds of calls are put into. Any thread: they keep nothing. */
#include "args.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void told_vadd(struct told *t, const char *fmt, va_list ap)
{
	int n = vsnprintf(t->args + t->n, sizeof(t->args) - t->n, fmt, ap);

	if (n > 0)
		t->n = MIN(t->n + (size_t)n, sizeof(t->args) - 1);
}

void told_add(struct told *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	told_vadd(t, fmt, ap);
	va_end(ap);
}

/* "/dev/vfio/devices/vfio0" is vfio0, "anon_inode:kvm-vm" kvm-vm, "/memfd:guest-ram (deleted)"... */
void told_fd_name(int fd, char *name, size_t size)
{
	char path[32], target[256], *from;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = fd < 0 ? -1 : readlink(path, target, sizeof(target) - 1);
	if (n <= 0) {
		snprintf(name, size, "fd %d", fd);
		return;
	}
	target[n] = 0;
	from = strrchr(target, '/') ? strrchr(target, '/') + 1 : target;
	if (!strncmp(from, "anon_inode:", 11))
		from += 11;
	if (*from == '[')
		from++;
	from[strcspn(from, " ]")] = 0;
	snprintf(name, size, "%.40s", from);
}

void told_fd(struct told *t, int fd)
{
	char name[64];

	if (fd < 0) {
		told_add(t, "none");
		return;
	}
	told_fd_name(fd, name, sizeof(name));
	told_add(t, "fd %d (%s)", fd, name);
}

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

void tell_by_value(struct told *t, const void *arg, int result)
{
	told_add(t, "%#jx", (uintmax_t)(uintptr_t)arg);
}

void tell_address(struct told *t, const void *arg, int result)
{
	told_add(t, "%#" PRIx64, *(const uint64_t *)arg);
}
