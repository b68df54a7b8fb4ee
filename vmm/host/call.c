/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one door to the kernel for KVM, VFIO and iommufd.
 */
#include <host/call.h>

#include <errno.h>
#include <sys/ioctl.h>

int host_ioctl(int fd, unsigned long request, void *arg, const char *name)
{
	int n;

	do {
		n = ioctl(fd, request, arg);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}
