/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What comes through the socket of `thru open`, or of somebody who pretends to be it: a message of any text with any
 * descriptors. A device that is taken is one; of what is refused nothing stays open. Bytes: what comes along, then
 * the text.
 *
 * KVM and VFIO refuse all that they are asked (fake-kvm.h), and sysfs is empty: the character devices that are sent
 * are /dev/null.
 *
 * Fuzzes: vmm/machine/handover.c
 */
#include "fuzz.h"

#include <base/fd.h>
#include <host/vfio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "vmm/host/vfio_group.h"
#include "vmm/machine/handover.h"

int __real_connect(int fd, const struct sockaddr *address, socklen_t len);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t len);

static struct input message;
static uint8_t along;
static int listener = -1, null_fd = -1, file_fd = -1;

static void send_message(int fd)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(3 * sizeof(int))];
	} control = { 0 };
	int fds[3] = { along & 4 ? file_fd : null_fd, along & 8 ? file_fd : null_fd, null_fd };
	struct iovec iov = { (void *)(uintptr_t)message.at, MIN(message.n, (size_t)200) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	unsigned n = along & 3;

	if (n) {
		m.msg_control = control.room;
		m.msg_controllen = CMSG_SPACE(n * sizeof(int));
		*CMSG_FIRSTHDR(&m) = (struct cmsghdr){ .cmsg_len = CMSG_LEN(n * sizeof(int)),
						       .cmsg_level = SOL_SOCKET,
						       .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), fds, n * sizeof(int));
	}
	if (iov.iov_len && sendmsg(fd, &m, MSG_DONTWAIT) < 0)
		abort();
}

/* Whoever listens has answered, and hung up, before the other side looks. */
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t len)
{
	int r = __real_connect(fd, address, len), peer = r ? -1 : accept(listener, NULL, NULL);

	if (peer >= 0) {
		send_message(peer);
		close(peer);
	}
	return r;
}

static const char *listen_once(void)
{
	static struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (listener >= 0)
		return address.sun_path;
	sysfs_set_root(fuzz_folder());
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", fuzz_folder());
	listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	null_fd = open("/dev/null", O_RDWR);
	file_fd = memfd_create("file", 0);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 8) ||
	    null_fd < 0 || file_fd < 0)
		abort();
	return address.sun_path;
}

static unsigned count_open(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 64; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void fuzz(struct input *in)
{
	struct passthrough_device which = { .by = PASSTHROUGH_BY_SOCKET,
					    .path = listen_once(),
					    .fd = -1,
					    .group_fd = -1,
					    .container_fd = -1,
					    .name = "",
					    .rom_path = "" };
	struct vfio_space space = { .fd = -1, .way = VFIO_WAY_CDEV };
	unsigned before = count_open();
	struct vfio_device dev;
	int rom, r;

	along = take8(in);
	message = *in;
	r = handover_device(&which, &space, &dev, &rom, along & 16);
	MUST(fuzz_told(r));
	MUST(strnlen(dev.name, sizeof(dev.name)) < sizeof(dev.name));
	MUST(r || dev.fd >= 0 || dev.group);
	MUST(rom < 0);
	fd_close(&dev.fd);
	vfio_space_close(&space);
	fd_close(&space.fd);
	MUST(count_open() == before);
}
