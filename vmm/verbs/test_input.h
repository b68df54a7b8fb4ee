/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What goes to the guest of a test: our standard input, words for its init, a break for its kernel
 * (test_input.c). None of the descriptors to it blocks.
 */
#pragma once

#include "test_output.h"
#include "test_vm.h"

struct test_input {
	struct test_vm *vm;
	struct link *link;       /* what init has said, and how much it was sent */
	struct test_stage stage; /* of standard input */
	uint64_t total;          /* bytes of it that went */
	bool end, told;          /* no more comes; init knows */
	bool escaped;            /* the last key was Ctrl-A */
};

/* Is standard input wanted now, and is there some for the guest? */
bool test_input_wanted(const struct test_input *input);

/*
 * Read what is there. True: the escape's end, Ctrl-A x, was among the keys of a terminal, where all others are the
 * guest's, as in thru run.
 */
bool test_input_read(struct test_input *input, bool terminal) _must_check_;

/* What the guest takes now. */
void test_input_send(struct test_input *input);

/* A line for init, while it runs the command. False when it takes none now. */
bool test_input_tell(struct test_input *input, const char *line);

/*
 * The kernel answers to a break and a letter on its console (Documentation/admin-guide/sysrq.rst). False when its
 * console takes no more.
 */
bool test_input_break(struct test_input *input, char key) _must_check_;
