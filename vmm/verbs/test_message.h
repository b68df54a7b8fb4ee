/* SPDX-License-Identifier: BSD-2-Clause */
/* What the VMM of a test said on its standard error, which is ours to tell (test_message.c). */
#pragma once

#include <base/types.h>

struct test_message {
	char text[1024]; /* the end of it */
	size_t n;
};

/* Read what is there; false at the end of the stream. */
bool test_message_read(struct test_message *message, int fd) _must_check_;

/*
 * The last line is why it ended; others were warnings, and are printed where `show`. Returns that line,
 * without our name; *ret_device: it is of a device.
 */
const char *test_message_reason(struct test_message *message, bool show, bool *ret_device);
