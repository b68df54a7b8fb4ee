/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file that `thru trace` is to print: as it is, or, when its first byte is odd, with the header and records of
 * kinds that exist. What comes out is lines of text.
 *
 * Fuzzes: vmm/watch/trace_print.c vmm/watch/trace_names.c
 */
#include "fuzz.h"

#include <watch/trace.h>

static size_t shape(struct input *in, uint8_t *file, size_t size)
{
	size_t n = TRACE_RECORD, got;

	memset(file, 0, TRACE_RECORD);
	memcpy(file, TRACE_MAGIC, 8);
	while (in->n && n + TRACE_RECORD <= size) {
		const uint8_t *at = take(in, TRACE_RECORD, &got);

		memset(file + n, 0, TRACE_RECORD);
		memcpy(file + n, at, got);
		file[n] = (uint8_t)(TRACE_DEVICE + file[n] % TRACE_LOST);
		n += TRACE_RECORD;
	}
	return n;
}

static void fuzz(struct input *in)
{
	static uint8_t file[16384];
	bool shaped = take8(in) & 1;
	size_t n = shaped ? shape(in, file, sizeof(file)) : in->n, size;
	int fd = fuzz_file(shaped ? file : in->at, n), r;
	char *text;
	FILE *out = open_memstream(&text, &size);

	r = trace_print(fd, "t", out);
	fclose(out);
	close(fd);
	MUST(fuzz_told(r));
	MUST(strlen(text) == size);
	for (size_t i = 0; i < size; i++)
		MUST(text[i] == '\n' || (text[i] >= ' ' && text[i] <= '~'));
	free(text);
}
