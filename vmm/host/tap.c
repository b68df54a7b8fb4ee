/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Taps (tap.h). Not through the door of host/call.h's descriptors alone: the MTU is asked of a socket.
 */
#include <host/tap.h>

#include <base/error.h>
#include <base/fd.h>
#include <errno.h>
#include <host/call.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define TUN "/dev/net/tun"

static int refused(const char *name, int r)
{
	if (r == -EBUSY)
		return fail(STATUS_HOST, EBUSY,
			    "--net tap=%s: another process has it; end that one, or make another: "
			    "ip tuntap add NAME mode tap",
			    name);
	if (r == -EPERM)
		return fail(STATUS_HOST, EPERM,
			    "--net tap=%s: not permitted; make it for this user: ip tuntap add "
			    "%s mode tap user $USER, as root",
			    name, name);
	if (r == -EINVAL)
		return fail(STATUS_HOST, EINVAL,
			    "--net tap=%s: it is no tap with one queue; make one: ip tuntap add "
			    "NAME mode tap",
			    name);
	return fail(STATUS_HOST, -r, "--net tap=%s: %s", name, strerror(-r));
}

static int set_header(int fd, const char *what)
{
	int size = TAP_HEADER;
	int r = HOST_IOCTL(fd, TUNSETVNETHDRSZ, &size);

	return r < 0 ? fail(STATUS_HOST, -r, "%s: TUNSETVNETHDRSZ: %s", what, strerror(-r)) : 0;
}

int tap_open(const char *name, int *ret_fd)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	_cleanup_fd_ int fd = host_open(TUN);
	int r;

	if (strlen(name) >= sizeof(request.ifr_name))
		return refused(name, -ENAMETOOLONG);
	strcpy(request.ifr_name, name);
	if (fd == -ENOENT || fd == -ENODEV)
		return fail(STATUS_HOST, -fd,
			    TUN ": the kernel's taps are not there; load them: modprobe tun");
	if (fd < 0)
		return fail(STATUS_HOST, -fd, TUN ": %s; see ls -l " TUN, strerror(-fd));
	r = HOST_IOCTL(fd, TUNSETIFF, &request);
	if (r < 0)
		return refused(name, r);
	r = set_header(fd, TUN);
	if (r)
		return r;
	*ret_fd = fd;
	fd = -1;
	return 0;
}

static bool get(int fd, struct ifreq *ret)
{
	memset(ret, 0, sizeof(*ret));
	return HOST_IOCTL(fd, TUNGETIFF, ret) >= 0;
}

bool tap_is(int fd)
{
	struct ifreq request;

	return get(fd, &request);
}

int tap_take(int fd, const char *what)
{
	struct ifreq request;

	if (!get(fd, &request) || !(request.ifr_flags & IFF_TAP) ||
	    !(request.ifr_flags & IFF_NO_PI) || !(request.ifr_flags & IFF_VNET_HDR))
		return fail(STATUS_USAGE, EINVAL,
			    "%s: not a tap as thru needs it; open it with IFF_TAP | IFF_NO_PI | "
			    "IFF_VNET_HDR",
			    what);
	return set_header(fd, what);
}

int tap_set_offload(int fd, unsigned flags)
{
	int r = host_ioctl(fd, TUNSETOFFLOAD, (void *)(uintptr_t)flags, "TUNSETOFFLOAD");

	return r < 0 ? fail(STATUS_HOST, -r, TUN ": TUNSETOFFLOAD: %s", strerror(-r)) : 0;
}

unsigned tap_mtu(int fd)
{
	_cleanup_fd_ int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request;

	if (any < 0 || !get(fd, &request) || ioctl(any, SIOCGIFMTU, &request) < 0)
		return 0;
	return request.ifr_mtu > 0 ? (unsigned)request.ifr_mtu : 0;
}
