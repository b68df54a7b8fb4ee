/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which processes the limit on locked memory does not count for (drivers/iommu/iommufd/pages.c,
 * iopt_alloc_pages(); vfio_iommu_type1.c, vfio_lock_acct()). Main thread.
 */
#include "sysfs_path.h"

#include <host/memlock.h>

#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_USER_NS "user:[4026531837]" /* USER_NS_INIT_INO, include/uapi/linux/nsfs.h */

bool memlock_is_void(void)
{
	char status[8192], path[PATH_MAX], namespace[64];
	const char *at;

	if (!sysfs_read("/proc/self/status", status, sizeof(status)))
		return false;
	at = sysfs_field(status, "CapEff:");
	if (!at || !(strtoull(at, NULL, 16) & BIT64(CAP_IPC_LOCK)))
		return false;
	/* A kernel without user namespaces has no such file. */
	sysfs_path(path, "/proc/self/ns/user");
	sysfs_last(path, namespace, sizeof(namespace));
	return !*namespace || !strcmp(namespace, FIRST_USER_NS);
}
