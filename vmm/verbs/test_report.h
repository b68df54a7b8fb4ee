/* SPDX-License-Identifier: BSD-2-Clause */
/* What `thru test` writes beside its command's streams. */
#pragma once

#include <base/fd.h>
#include <cli/options.h>
#include <verdict/collect.h>
#include <verdict/report.h>

struct test_outputs {
	int log, json, junit; /* -1: not asked for */
};

/*
 * Those that are open already stay what they are; -1: not open. The rest of them is closed by test_outputs_close(), also after a failure. */
int test_outputs_open(const struct test_options *options, struct test_outputs *ret) _must_check_;

/* False when one could not be written; a line says which. */
bool test_outputs_write(const struct test_options *options, struct test_outputs *outputs,
			const struct report *report) _must_check_;

void test_outputs_close(struct test_outputs *outputs);

/* What did not come out as it was asked for, in lines; false when this host could not write it. */
bool test_tell_collected(const struct test_options *options, const struct collect *collect,
			 const struct link *control);

/* On standard error, when the verdict is the kernel's doing. */
void test_show_log(const struct report *report);
