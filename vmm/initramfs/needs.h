/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an ELF program or library says that it needs (gABI chapter 5; ld.so(8)).
 */
#pragma once

#include <base/types.h>

#define ELF_NEEDED_MAX 256
#define ELF_STRING_MAX 512

struct elf_needs {
	uint16_t machine; /* EM_... */
	bool is_64;
	char interpreter[ELF_STRING_MAX]; /* "": none: static, or a library */
	char rpath[ELF_STRING_MAX];       /* "": none */
	char runpath[ELF_STRING_MAX];
	char (*needed)[ELF_STRING_MAX]; /* n of them, to free() */
	unsigned n;
};

/* -ENOEXEC with nothing recorded when the file is no ELF file or contradicts itself. */
int elf_needs_read(int fd, struct elf_needs *ret) _must_check_;
