/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every target shares. A target is one file: its head tells what its bytes mean and, in a line of its own that
 * begins with "Fuzzes:", which files it is there for (tests/fuzz/coverage counts those); it defines fuzz(), which
 * says with MUST() what has to hold. libFuzzer does the rest (clang: docs/LibFuzzer.html).
 *
 * The same bytes do the same each time: nothing of the machine's is looked at, no clock, no chance. Each loop over the
 * bytes takes some of them, so it ends.
 */
#pragma once

#include <base/bytes.h>
#include <base/error.h>
#include <base/types.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Bytes that are not used yet. Behind their end all are 0. */
struct input {
	const uint8_t *at;
	size_t n;
};

static void fuzz(struct input *in);

static int fuzz_stderr = 2;

/* libFuzzer closes standard error for what thru says there; this is heard all the same, in one line. */
#define MUST(cond)                                                                            \
	do {                                                                                  \
		if (!(cond)) {                                                                \
			dprintf(fuzz_stderr, "MUST: %s:%d: %s\n", __FILE__, __LINE__, #cond); \
			abort();                                                              \
		}                                                                             \
	} while (0)

static inline const uint8_t *take(struct input *in, size_t n, size_t *ret_n)
{
	const uint8_t *at = in->at;

	*ret_n = MIN(n, in->n);
	in->at += *ret_n;
	in->n -= *ret_n;
	return at;
}

static inline uint64_t take_number(struct input *in, unsigned len)
{
	uint8_t bytes[8] = { 0 };
	size_t n;
	const uint8_t *at = take(in, len, &n);

	if (n)
		memcpy(bytes, at, n);
	return load_le(bytes, 8);
}

static inline uint8_t take8(struct input *in)
{
	return (uint8_t)take_number(in, 1);
}

static inline uint16_t take16(struct input *in)
{
	return (uint16_t)take_number(in, 2);
}

static inline uint32_t take32(struct input *in)
{
	return (uint32_t)take_number(in, 4);
}

static inline uint64_t take64(struct input *in)
{
	return take_number(in, 8);
}

/* A line of text, without its end: up to `size` - 1 bytes of it, none of them 0. */
static inline char *take_line(struct input *in, char *text, size_t size)
{
	size_t n = 0;

	while (in->n && *in->at != '\n') {
		char c = (char)take8(in);

		if (c && n + 1 < size)
			text[n++] = c;
	}
	take8(in);
	text[n] = 0;
	return text;
}

/* A file with these bytes and no name. The caller closes it. */
static inline int fuzz_file(const uint8_t *bytes, size_t n)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || (n && write(fd, bytes, n) != (ssize_t)n) || lseek(fd, 0, SEEK_SET))
		abort();
	return fd;
}

/* A failure has one line, a reason that an operator can read; what went well has none. Then it is forgotten. */
static inline bool fuzz_told(int r)
{
	const char *text = error_message();
	bool ok = r < 0 ? *text && !strchr(text, '\n') : !*text;

	error_clear();
	return ok;
}

/* A folder of this process's own; tests/fuzz/run removes what is left of one that crashed. */
static inline const char *fuzz_folder(void)
{
	static char path[256];
	const char *above = getenv("TMPDIR");

	if (!*path) {
		snprintf(path, sizeof(path), "%s/thru-fuzz-XXXXXX", above ? above : "/tmp");
		if (!mkdtemp(path))
			abort();
	}
	return path;
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_stderr = dup(2);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct input in = { bytes, n };

	error_clear();
	fuzz(&in);
	return 0;
}
