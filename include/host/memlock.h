/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The limit on locked memory (RLIMIT_MEMLOCK), as VFIO and iommufd apply it.
 */
#pragma once

#include <base/types.h>

/*
 * True when it does not count for this process: CAP_IPC_LOCK, in the first user namespace. VFIO asks
 * capable(), which is that one's; root of another has the bit as well, and it means nothing.
 */
bool memlock_is_void(void);
