/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What on a host makes its IOMMU's promise void for every device. Refused unless the operator
 * takes it upon himself (--allow).
 */
#pragma once

#include <base/types.h>

#define HOSTSAFE_UNSAFE_INTERRUPTS BIT(0)
#define HOSTSAFE_ACS_OVERRIDE      BIT(1)

/* 0, or -EPERM with the reason recorded. `allow`: HOSTSAFE_* that are accepted. */
int hostsafe_check(unsigned allow) _must_check_;
