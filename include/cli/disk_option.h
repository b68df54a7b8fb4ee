/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The value of one --disk: FILE[,ro][,serial=TEXT][,discard=on|off]. Pure, as options.h.
 */
#pragma once

#include <base/types.h>

#define DISK_PATH   1024
#define DISK_SERIAL 20 /* bytes (VIRTIO 1.3 §5.2.6) */

struct disk_option {
	char path[DISK_PATH];
	bool read_only;
	bool discard;
	char serial[DISK_SERIAL + 1]; /* "": none */
};

/* -EINVAL with the reason recorded. */
int disk_option_parse(const char *text, struct disk_option *ret) _must_check_;
