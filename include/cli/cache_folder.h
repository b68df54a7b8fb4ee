/* SPDX-License-Identifier: BSD-2-Clause */
/* Where thru keeps what it can make again. */
#pragma once

/*
 * The folder of unpacked kernels, made where it is missing: $XDG_CACHE_HOME/thru/kernels, or else
 * ~/.cache/thru/kernels. -1, and nothing is told: there is no such place, or it is not this user's alone.
 */
int cache_folder_open(void);
