/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One VM, assembled and taken down. A guest reboot is a whole machine taken down and another one
 * assembled on the same open devices: no part needs a reset of its own, and none can forget it.
 */
#pragma once

#include <machine/passthrough.h>
#include <machine/vcpu.h>

struct machine {
	struct board board;
	struct vcpu_set vcpus;
	struct passthrough *passthrough;
	struct memory_prefault prefault;
	unsigned address_bits;      /* width of the guest's physical addresses */
	bool has_irqchip, has_root; /* how far the assembly came */
};

/*
 * Assemble up to the first instruction; nothing runs yet. On failure what was made stays for
 * machine_deinit(). `kvm_fd`, `loop`, `config` and `pt` outlive the machine.
 */
int machine_init(struct machine *m, int kvm_fd, struct loop *loop,
		 const struct board_config *config, struct passthrough *pt) _must_check_;

/* Start the vcpus. */
int machine_run(struct machine *m) _must_check_;

/* The assembly backwards, from wherever it stopped. */
void machine_deinit(struct machine *m);
