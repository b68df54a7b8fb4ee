/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What other programs know of a kernel: the tree's own scripts, the host's sha256sum. None of them has to be
 * there, and none is waited for longer than TOOL_MS, or after a signal.
 */
#pragma once

#include "test.h"

#define TOOL_MS 20000

/* Lines of a kernel's log with functions' files and lines, by the tree's scripts/decode_stacktrace.sh. */
struct test_decoded {
	char text[65536];
	const char
		*lines[2 * KLOG_TRACE + 1]; /* of `text`; NULL behind the last, none: not decoded */
};

void test_decode(const char *tree, const struct klog *log, struct test_decoded *ret);

/* SHA-256 of the configuration that the tree's kernel was built with, in hexadecimal; "": not known. */
void test_config_hash(const char *tree, char ret[65]);
