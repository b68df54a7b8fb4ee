/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who of the host has claimed a device's memory (/proc/iomem; only root sees its addresses).
 */
#pragma once

#include <base/types.h>

/*
 * The innermost claim on BAR `bar` of the function named "DOMAIN:BUS:DEVICE.FUNCTION" that is not the
 * function's own or its driver's: "BOOTFB", "efifb". Words that say so when none is seen.
 */
void iomem_holder(const char *name, unsigned bar, char *ret, size_t size);
