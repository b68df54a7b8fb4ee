/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `thru run`: from options to an exit status.
 */
#pragma once

#include <base/types.h>
#include <cli/options.h>
#include <machine/passthrough.h>
#include <machine/vcpu.h>

/*
 * argv[0] is "run". Returns an exit status (base/error.h); the reason of a failure is recorded and
 * not yet printed. Everything that was opened, bound or changed is as it was.
 */
int verb_run(int argc, char **argv);

/* What became of the machine beside its status. It may lie in memory that another process reads. */
struct run_account {
	uint64_t first_ns;          /* clock_ns() when its processors were let go; 0: never */
	uint64_t exits[VCPU_EXITS]; /* as in struct stats */
	char way[32];               /* by which devices were had; "": there are none */
};

/*
 * The same, from options that are parsed already, with a virtio console of `n` ports; 0: none. `account`
 * may be NULL.
 */
struct virtio_console_port;
int run_guest(const struct run_options *options, const struct virtio_console_port *ports,
	      unsigned n, struct run_account *account);

/* One of them has left a thread behind: the process may only end at once. */
bool run_abandoned(void);

/* Open the devices that the options name (run_devices.c). */
int run_open_devices(struct passthrough *pt, const struct run_options *options) _must_check_;
