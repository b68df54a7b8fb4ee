/* SPDX-License-Identifier: BSD-2-Clause */
/* The init that a guest of `thru test` starts with: guest-images/init, built with thru and inside it. */
#pragma once

extern const char guest_init[], guest_init_end[];
