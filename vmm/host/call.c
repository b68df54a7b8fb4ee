/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls to KVM, VFIO and iommufd (call.h). With `--explain` each is told; without, that is a branch that
 * is never taken. Any thread.
 */
#include <host/call.h>

#include <base/clock.h>
#include <errno.h>
#include <fcntl.h>
#include <host/explain.h>
#include <host/seal.h>
#include <sys/ioctl.h>

static int call(int fd, unsigned long request, void *arg)
{
	int n;

	do {
		n = ioctl(fd, request, arg);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* Apart, so that the door itself stays as small as it is without. */
static __attribute__((noinline, cold)) int told_call(int fd, unsigned long request, void *arg,
						     const char *name)
{
	uint64_t began = clock_ns();
	int r = call(fd, request, arg);

	explain_ioctl(name, fd, arg, r, began);
	return r;
}

int host_ioctl(int fd, unsigned long request, void *arg, const char *name)
{
	if (__builtin_expect(seal_learning, false))
		seal_learn(fd, request);
	if (__builtin_expect(explain_on, false))
		return told_call(fd, request, arg, name);
	return call(fd, request, arg);
}

int host_open(const char *path)
{
	uint64_t began = explain_on ? clock_ns() : 0;
	int fd = open(path, O_RDWR | O_CLOEXEC), r = fd < 0 ? -errno : fd;

	if (explain_on)
		explain_call("open", fd, r, began, "%s", path);
	return r;
}
