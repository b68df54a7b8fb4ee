/* SPDX-License-Identifier: BSD-2-Clause */
/* What words of Linux's command line do to a guest of this machine, told beforehand; see cmdline.c. */
#pragma once

#include <base/types.h>

struct cmdline_words {
	bool acpi_off;
	bool no_ecam; /* pci=nommconf, conf1, conf2: configuration space by ports only */
	const char *no_interrupts; /* the word that takes the timer or all of them away, or NULL */
};

/* Pure. The text is read as the kernel does: words, quotes, up to `--`. */
void cmdline_read(const char *text, struct cmdline_words *ret);

/* What the unpacker in a bzImage obeys, which thru does the work of (vmlinux.c). */
struct cmdline_unpacker {
	bool nokaslr;
	bool own; /* words that only it understands: about memory to keep off, or encrypted */
};
void cmdline_read_unpacker(const char *text, struct cmdline_unpacker *ret);

/* Refuse a command line with which the guest could not run; one line about one with which it is less. */
int cmdline_check(const char *text) _must_check_;
