/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `thru test`, in pieces: which kernel (test_kernel.c), what its root holds (test_root.c), the run, watched
 * (test_watch.c), and what is written of it (test_report.c). test.c puts them together.
 *
 * The VM runs in a process of its own (test_vm.c), which is `thru run` by the same code; this one watches
 * it, keeps the time and judges. So nothing that a guest says is read where its devices are, and a VMM that
 * fails leaves a verdict nevertheless. It dies with us, whatever we die of, and the kernel takes its devices
 * back.
 */
#pragma once

#include "run.h"
#include "test_log.h"
#include "test_message.h"

#include <cli/options.h>
#include <initramfs/tree.h>
#include <limits.h>
#include <verdict/collect.h>
#include <verdict/report.h>

struct test_kernel {
	char path[PATH_MAX];    /* the image */
	char modules[PATH_MAX]; /* "": none */
	char tree[PATH_MAX];    /* "": not of a tree */
	char *cmdline;
};

int test_kernel_find(const struct test_options *options, struct test_kernel *ret) _must_check_;

/* What is at the other end of COMMAND's streams. */
struct test_terminal {
	bool is; /* a terminal: job control, window size */
	unsigned rows, columns;
};

/* Everything but what is in --initrd. */
int test_root_make(const struct test_options *options, const struct test_kernel *kernel,
		   const char *nonce, const struct test_terminal *terminal,
		   struct tree *ret) _must_check_;

/* The file for the VM, with --initrd's before it. */
int test_root_write(const struct test_options *options, const struct tree *tree,
		    int *ret_fd) _must_check_;

/* What was seen of a run. */
struct test_watch {
	const struct test_options *options;
	struct klog log;
	struct link control;
	struct tap tap;
	struct facts facts;
	struct collect collect;
	struct run_account account; /* as the VM's process told it */
	uint64_t moments[MOMENT_N]; /* clock_ns(); 0: it did not come to that */
	uint64_t peak_kib;
	struct test_log log_file;
	struct test_message vm_message;
};

/*
 * Fork the VM, watch it to its end, fill *watch. `guest` is what is run in the child, and its result is the
 * child's exit status: *ret_child is true there, and the caller goes straight back to main().
 */
int test_watch_run(struct test_watch *watch, const struct run_options *guest,
		   const struct test_terminal *terminal, bool *ret_child) _must_check_;
