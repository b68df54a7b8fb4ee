/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A board with RAM and no KVM, into which a file of the operator's is loaded as a kernel. RAM is made once, and is
 * empty again for each.
 */
#pragma once

#include "fuzz.h"

#include <arch/arch.h>
#include <linux/falloc.h>

static struct board_config kernel_config = {
	.cpus = 1,
	.kernel_path = "KERNEL",
	.initrd_path = "INITRD",
	.cmdline = "quiet",
	.kernel_fd = -1,
	.initrd_fd = -1,
	.kernel_unpack = true,
};
static struct board kernel_board = { .config = &kernel_config, .vm_fd = -1 };

static inline void kernel_board_init(uint64_t mem)
{
	struct board *b = &kernel_board;

	if (b->memory.hva && kernel_config.mem_size != mem)
		memory_deinit(&b->memory);
	if (kernel_config.mem_size != mem) {
		kernel_config.mem_size = mem;
		if (arch_layout(&kernel_config, 0, NULL, &b->layout) ||
		    memory_init(&b->memory, -1, b->layout.ram, b->layout.n_ram))
			abort();
	}
	if (fallocate(b->memory.memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
		      (off_t)b->memory.size))
		abort();
}

/* Nothing of what is where is outside of RAM, or over something else. */
static inline void kernel_load(const uint8_t *bytes, size_t n, size_t initrd)
{
	static const uint8_t zeroes[4096];
	const struct boot_info *boot = &kernel_board.boot;
	const struct memory *memory = &kernel_board.memory;
	int r;

	kernel_config.kernel_fd = fuzz_file(bytes, n);
	kernel_config.initrd_fd = initrd ? fuzz_file(zeroes, MIN(initrd, sizeof(zeroes))) : -1;
	r = arch_boot_load(&kernel_board);
	close(kernel_config.kernel_fd);
	if (initrd)
		close(kernel_config.initrd_fd);
	MUST(fuzz_told(r));
	if (r)
		return;
	MUST(memory_at(memory, boot->entry, 1));
	MUST(!initrd || memory_at(memory, boot->initrd.base, boot->initrd.size));
	MUST(!boot->unpacked.size || (memory_at(memory, boot->unpacked.base, boot->unpacked.size) &&
				      range_holds(boot->unpacked, boot->entry, 1) &&
				      !range_overlaps(boot->unpacked, boot->initrd)));
}
