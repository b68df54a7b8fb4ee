/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process in which the VM of a test runs, and our ends of the pipes to it (test_vm.c).
 */
#pragma once

#include <base/types.h>
#include <sys/types.h>
#include <verdict/link.h>

#define TEST_PORTS 5 /* of its virtio console; the last where files are collected */

struct test_vm {
	pid_t pid;
	/* -1: not, or not any more, open. */
	int console_in, console_out, err;
	int port_out[LINK_STREAMS]; /* control, stdout, stderr, files */
	int port_in[2];             /* control, stdin */
};

/*
 * True in *ret_child: this is the child, to be the VM with these ports. Signals that the parent has blocked
 * are not blocked there.
 */
struct virtio_console_port;
int test_vm_start(struct test_vm *vm, struct virtio_console_port *ports,
		  bool *ret_child) _must_check_;
