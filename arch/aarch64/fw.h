/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device tree as bytes, for fw.c and its test.
 */
#pragma once

#include <arch/arch.h>

#define FDT_SIZE_LIMIT MIB(2) /* booting.rst, "Setup the device tree" */

/* Bytes that fdt_build() may need for this board. */
size_t fdt_size_max(const struct board *board);

/* Write the board's device tree. Of the board it reads config, layout, boot and arch. */
int fdt_build(const struct board *board, void *buf, size_t size) _must_check_;
