/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Settings of a host with which its IOMMU does not keep devices apart. With one of them no device is
 * passed unless the operator says that he accepts it (--allow).
 */
#pragma once

#include <base/types.h>

#define HOSTSAFE_UNSAFE_INTERRUPTS BIT(0)
#define HOSTSAFE_ACS_OVERRIDE      BIT(1)

/* 0, or -EPERM with the reason recorded. `allow`: HOSTSAFE_* that are accepted. */
int hostsafe_check(unsigned allow) _must_check_;
