/* SPDX-License-Identifier: BSD-2-Clause */
/* What bind and unbind share. */
#pragma once

#include <host/sysfs.h>

/* One line of what was done: `before` is the driver that it had. */
int bind_report(struct bdf bdf, const char *before) _must_check_;
