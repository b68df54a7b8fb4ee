/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The value of one --share: DIR[:NAME][,ro]. Pure, as options.h.
 */
#pragma once

#include <base/types.h>

#define SHARE_PATH 1024
#define SHARE_TAG  36 /* bytes (VIRTIO 1.3 §5.11.4) */

struct share_option {
	char path[SHARE_PATH];
	char at[SHARE_PATH]; /* thru test: where it is mounted; thru run: its tag. "": not said */
	char tag[SHARE_TAG + 1]; /* by which the guest mounts it */
	bool read_only;
	bool whole; /* --root: the guest's root, not a folder in it */
};

/* All but the tag. -EINVAL with the reason recorded. */
int share_option_parse(const char *text, struct share_option *ret) _must_check_;
