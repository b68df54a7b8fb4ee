/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `thru run`: from options to an exit status.
 */
#pragma once

#include <base/types.h>
#include <cli/options.h>
#include <machine/passthrough.h>

/*
 * argv[0] is "run". Returns an exit status (base/error.h); the reason of a failure is recorded and
 * not yet printed. Everything that was opened, bound or changed is as it was.
 */
int verb_run(int argc, char **argv);

/* The same, from options that are parsed already, with a virtio console of `n` ports; 0: none. */
struct virtio_console_port;
int run_guest(const struct run_options *options, const struct virtio_console_port *ports,
	      unsigned n);

/* One of them has left a thread behind: the process may only end at once. */
bool run_abandoned(void);

/* Open the devices that the options name (run_devices.c). */
int run_open_devices(struct passthrough *pt, const struct run_options *options) _must_check_;
