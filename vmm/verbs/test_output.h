/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What COMMAND has said, staged on its way to our own standard streams (test_output.c). Who reads the guest asks
 * for room first: so a reader that takes nothing stops the guest, and no memory grows.
 */
#pragma once

#include <base/types.h>

#define TEST_STAGE (1u << 16)

struct test_stage {
	int fd;
	size_t n;
	uint8_t bytes[TEST_STAGE];
};

struct test_output {
	struct test_stage streams[2]; /* standard output and error */
	const char *lost;             /* which could not be written; then nothing more is */
};

void test_output_init(struct test_output *output);

/* Nobody waits for an output that is lost. */
bool test_output_has_room(const struct test_output *output);
void test_output_put(struct test_output *output, unsigned stream, uint8_t byte);

/* What the descriptor takes now, which poll() says is something. */
void test_output_write(struct test_output *output, unsigned stream);
bool test_output_written(const struct test_output *output);
