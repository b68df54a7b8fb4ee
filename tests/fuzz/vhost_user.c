/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The replies of a vhost-user back end, which are all there before anything is asked, in order: whatever they are, the
 * front end returns, has one reason when it gave up, says nothing more after that, and keeps no descriptor that came.
 * Bytes: records of a request, flags (bit 7: with descriptors; bit 6: nothing but the bytes that follow), a length,
 * and as many bytes.
 *
 * Fuzzes: devices/virtio/vhost_user.c
 */
#include "fuzz.h"

#include <base/clock.h>
#include <base/fd.h>
#include <devices/virtio/vhost_user.h>
#include <errno.h>
#include <sys/socket.h>

#define ROOM 4096 /* of all that it says: less than a socket holds */

static struct memory memory;
static struct virtio_queue queue;

static void say(int fd, const uint8_t *bytes, size_t n, bool with_fds)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(2 * sizeof(int))];
	} control = { 0 };
	int fds[2] = { memory.memfd, memory.memfd };
	struct iovec iov = { (void *)(uintptr_t)bytes, n };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (with_fds) {
		message.msg_control = control.room;
		message.msg_controllen = sizeof(control.room);
		*CMSG_FIRSTHDR(&message) = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(fds)),
							     .cmsg_level = SOL_SOCKET,
							     .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), fds, sizeof(fds));
	}
	if (n && sendmsg(fd, &message, MSG_DONTWAIT) != (ssize_t)n)
		abort();
}

static void say_all(int fd, struct input *in)
{
	uint8_t message[12 + 255];
	size_t all = 0;

	while (in->n && all < ROOM) {
		uint8_t request = take8(in), flags = take8(in), size = take8(in);
		size_t n;
		const uint8_t *payload = take(in, size, &n);

		store_le32(message, request);
		store_le32(message + 4, flags & 0x3f);
		store_le32(message + 8, size);
		if (n)
			memcpy(message + 12, payload, n);
		if (flags & 0x40)
			say(fd, message + 12, n, flags & 0x80);
		else
			say(fd, message, 12 + n, flags & 0x80);
		all += 12 + n;
	}
	shutdown(fd, SHUT_WR);
}

/* After the first thing that is wrong each call fails, with the same reason. */
static void check(const struct vhost_user *u, int r, bool was_well)
{
	static char first[160];

	if (was_well && *u->why)
		strcpy(first, u->why);
	MUST(r || !*u->why);
	MUST(!r || r == -EOPNOTSUPP || *u->why);
	MUST(was_well || (r && !strcmp(first, u->why)));
}

#define CALL(call)                           \
	do {                                 \
		bool was_well = !*u.why;     \
		check(&u, (call), was_well); \
	} while (0)

static void fuzz(struct input *in)
{
	static const struct range regions[] = { { 0, MIB(1) },       { MIB(2), MIB(1) },
						{ MIB(4), MIB(1) },  { MIB(6), MIB(1) },
						{ MIB(8), MIB(1) },  { MIB(10), MIB(1) },
						{ MIB(12), MIB(1) }, { MIB(14), MIB(1) },
						{ MIB(16), MIB(1) } };
	static uint8_t config[VHOST_USER_CONFIG_MAX];
	uint8_t how = take8(in);
	unsigned n_ram = how & 1 ? 2 : ARRAY_SIZE(regions), all_ram = memory.n_ram;
	struct vhost_user u = { .until = clock_ns() + 1000 * NS_PER_S };
	int fds[2], lowest, now;

	if (!memory.hva) {
		if (memory_init(&memory, -1, regions, ARRAY_SIZE(regions)) ||
		    virtio_queue_init(&queue, 16))
			abort();
		all_ram = memory.n_ram;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		abort();
	lowest = dup(fds[0]);
	close(lowest);
	say_all(fds[1], in);
	memory.n_ram = n_ram;
	u.fd = fds[0];
	CALL(vhost_user_begin(&u));
	if (!*u.why)
		CALL(vhost_user_config(&u, config, 1u + how / 2));
	CALL(vhost_user_features(&u, u.offered));
	CALL(vhost_user_memory(&u, &memory));
	CALL(vhost_user_queue_start(&u, 0, &queue, queue.kick_fd, queue.kick_fd));
	CALL(vhost_user_queue_start(&u, 1, &queue, queue.kick_fd, queue.kick_fd));
	CALL(vhost_user_queue_stop(&u, 0));
	CALL(vhost_user_queue_stop(&u, 1));
	CALL(vhost_user_memory(&u, &memory));
	memory.n_ram = all_ram;
	now = dup(fds[0]);
	close(now);
	MUST(now == lowest);
	close(fds[0]);
	close(fds[1]);
}
