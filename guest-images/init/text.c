// SPDX-License-Identifier: BSD-2-Clause
#include "sys.h"

void *memcpy(void *to, const void *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((volatile char *)to)[i] = ((const char *)from)[i];
	return to;
}

void *memmove(void *to, const void *from, size_t n)
{
	if ((uintptr_t)to <= (uintptr_t)from)
		return memcpy(to, from, n);
	while (n--)
		((volatile char *)to)[n] = ((const char *)from)[n];
	return to;
}

void *memset(void *to, int byte, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((volatile char *)to)[i] = (char)byte;
	return to;
}

size_t text_len(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

int text_starts(const char *s, const char *with)
{
	while (*with)
		if (*s++ != *with++)
			return 0;
	return 1;
}

int text_same(const char *a, const char *b)
{
	return text_starts(a, b) && !a[text_len(b)];
}

int text_ends(const char *s, const char *with)
{
	size_t n = text_len(s), m = text_len(with);

	return n >= m && text_same(s + n - m, with);
}

char *text_add(char *to, const char *what)
{
	while ((*to = *what++))
		to++;
	return to;
}

char *text_number(char *to, unsigned long number)
{
	char digits[24], *d = digits + sizeof(digits);

	*--d = 0;
	do
		*--d = (char)('0' + number % 10);
	while (number /= 10);
	return text_add(to, d);
}

unsigned long text_value(const char *s)
{
	unsigned long v = 0;

	for (; *s >= '0' && *s <= '9'; s++)
		v = v * 10 + (unsigned long)(*s - '0');
	return v;
}

long file_read(const char *path, char *to, size_t size)
{
	long fd = sys_open(path, O_RDONLY, 0), n, all = 0;

	if (fd < 0)
		return fd;
	while ((n = sys_read(fd, to + all, size - 1 - (size_t)all)) > 0)
		all += n;
	to[all] = 0;
	sys_close(fd);
	return all;
}

void file_write(const char *path, const char *what)
{
	long fd = sys_open(path, O_WRONLY, 0);

	if (fd < 0)
		return;
	sys_write(fd, what, text_len(what));
	sys_close(fd);
}
