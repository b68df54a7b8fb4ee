/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vhost-user messages: a header of three le32 (request, flags, size), then `size` bytes; descriptors come
 * with the first byte. Names are those of QEMU's docs/interop/vhost-user.rst.
 *
 * Where both sides have REPLY_ACK every message is acknowledged before the next is sent, so that what the
 * back end refuses is known by its name. Regions of memory are told in one table; only where there are
 * more than it holds they are added one by one (CONFIGURE_MEM_SLOTS).
 *
 * Left out on purpose: the channel from the back end to us (BACKEND_REQ), logging of dirty pages, requests
 * in flight (INFLIGHT: nothing reconnects here), the status of the device, in-band notifications.
 */
#include "vhost_user.h"

#include <base/bytes.h>
#include <base/clock.h>
#include <base/fd.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEADER      12
#define VERSION     1u /* of flags */
#define REPLY       BIT(2)
#define NEED_REPLY  BIT(3)
#define PAYLOAD_MAX (12 + VHOST_USER_CONFIG_MAX)
#define TABLE_MAX   8  /* regions in a table */
#define REGION      32 /* le64 guest address, size, our address, offset in the file */

#define F_PROTOCOL 30 /* VHOST_USER_F_PROTOCOL_FEATURES, among the features */

enum {
	P_MQ = 0,
	P_REPLY_ACK = 3,
	P_CONFIG = 9,
	P_CONFIGURE_MEM_SLOTS = 15,
};

enum request {
	GET_FEATURES = 1,
	SET_FEATURES = 2,
	SET_OWNER = 3,
	SET_MEM_TABLE = 5,
	SET_VRING_NUM = 8,
	SET_VRING_ADDR = 9,
	SET_VRING_BASE = 10,
	GET_VRING_BASE = 11,
	SET_VRING_KICK = 12,
	SET_VRING_CALL = 13,
	SET_VRING_ERR = 14,
	GET_PROTOCOL_FEATURES = 15,
	SET_PROTOCOL_FEATURES = 16,
	GET_QUEUE_NUM = 17,
	SET_VRING_ENABLE = 18,
	GET_CONFIG = 24,
	GET_MAX_MEM_SLOTS = 36,
	ADD_MEM_REG = 37,
	REM_MEM_REG = 38,
};

static const char *const names[] = {
	[GET_FEATURES] = "GET_FEATURES",
	[SET_FEATURES] = "SET_FEATURES",
	[SET_OWNER] = "SET_OWNER",
	[SET_MEM_TABLE] = "SET_MEM_TABLE",
	[SET_VRING_NUM] = "SET_VRING_NUM",
	[SET_VRING_ADDR] = "SET_VRING_ADDR",
	[SET_VRING_BASE] = "SET_VRING_BASE",
	[GET_VRING_BASE] = "GET_VRING_BASE",
	[SET_VRING_KICK] = "SET_VRING_KICK",
	[SET_VRING_CALL] = "SET_VRING_CALL",
	[SET_VRING_ERR] = "SET_VRING_ERR",
	[GET_PROTOCOL_FEATURES] = "GET_PROTOCOL_FEATURES",
	[SET_PROTOCOL_FEATURES] = "SET_PROTOCOL_FEATURES",
	[GET_QUEUE_NUM] = "GET_QUEUE_NUM",
	[SET_VRING_ENABLE] = "SET_VRING_ENABLE",
	[GET_CONFIG] = "GET_CONFIG",
	[GET_MAX_MEM_SLOTS] = "GET_MAX_MEM_SLOTS",
	[ADD_MEM_REG] = "ADD_MEM_REG",
	[REM_MEM_REG] = "REM_MEM_REG",
};

static int wrong(struct vhost_user *u, int r, const char *what, enum request request)
{
	if (!*u->why)
		snprintf(u->why, sizeof(u->why), "%s (%s)", what, names[request]);
	return r;
}

/* Until the socket can be read or written. */
static int wait_for(struct vhost_user *u, short events, enum request request)
{
	struct pollfd p = { .fd = u->fd, .events = events };
	uint64_t now;
	int n;

	do {
		now = clock_ns();
		if (now >= u->until)
			return wrong(u, -ETIMEDOUT, "it did not answer in time", request);
		n = poll(&p, 1, (int)MIN((u->until - now) / 1000000 + 1, 1000000));
	} while (n == 0 || (n < 0 && errno == EINTR));
	return n < 0 ? wrong(u, -errno, strerror(errno), request) : 0;
}

static int send_all(struct vhost_user *u, enum request request, const void *bytes, size_t n,
		    const int *fds, unsigned n_fds)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(TABLE_MAX * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (void *)(uintptr_t)bytes, n };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	int r = 0;

	if (n_fds) {
		message.msg_control = control.room;
		message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		*CMSG_FIRSTHDR(
			&message) = (struct cmsghdr){ .cmsg_len = CMSG_LEN(n_fds * sizeof(int)),
						      .cmsg_level = SOL_SOCKET,
						      .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), fds, n_fds * sizeof(int));
	}
	while (!r && iov.iov_len) {
		ssize_t done = sendmsg(u->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (done < 0 && (errno == EAGAIN || errno == EINTR)) {
			r = wait_for(u, POLLOUT, request);
		} else if (done < 0) {
			return wrong(u, -errno, errno == EPIPE ? "it is gone" : strerror(errno),
				     request);
		} else {
			iov.iov_base = (char *)iov.iov_base + done;
			iov.iov_len -= (size_t)done;
			message.msg_controllen = 0;
		}
	}
	return r;
}

/* Descriptors that came along: none is wanted. How many. */
static unsigned close_descriptors(struct msghdr *message)
{
	unsigned n = 0;
	int fd;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		size_t size = c->cmsg_len - CMSG_LEN(0);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; at + sizeof(fd) <= size; at += sizeof(fd), n++) {
			memcpy(&fd, CMSG_DATA(c) + at, sizeof(fd));
			close(fd);
		}
	}
	return n;
}

static int receive_all(struct vhost_user *u, enum request request, void *bytes, size_t n)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(253 *
				     sizeof(int))]; /* SCM_MAX_FD: what does not fit is lost */
	} control;
	struct iovec iov = { bytes, n };
	int r = 0;

	while (!r && iov.iov_len) {
		struct msghdr message = { .msg_iov = &iov,
					  .msg_iovlen = 1,
					  .msg_control = control.room,
					  .msg_controllen = sizeof(control.room) };
		ssize_t got = recvmsg(u->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

		if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
			r = wait_for(u, POLLIN, request);
			continue;
		}
		if (got <= 0)
			return wrong(u, -ECONNRESET, "it hung up", request);
		if (close_descriptors(&message))
			return wrong(u, -EPROTO, "it sent descriptors that nobody asked for",
				     request);
		iov.iov_base = (char *)iov.iov_base + got;
		iov.iov_len -= (size_t)got;
	}
	return r;
}

static int say(struct vhost_user *u, enum request request, uint32_t flags, const void *payload,
	       uint32_t size, const int *fds, unsigned n_fds)
{
	uint8_t message[HEADER + 8 + TABLE_MAX * REGION + VHOST_USER_CONFIG_MAX];

	if (*u->why)
		return -ECONNRESET; /* it has been wrong before */
	store_le32(message, request);
	store_le32(message + 4, VERSION | flags);
	store_le32(message + 8, size);
	if (size)
		memcpy(message + HEADER, payload, size);
	return send_all(u, request, message, HEADER + size, fds, n_fds);
}

/* The answer to `request`, of at most `max` bytes. */
static int hear(struct vhost_user *u, enum request request, void *payload, uint32_t max,
		uint32_t *ret_size)
{
	uint8_t header[HEADER];
	uint32_t size;
	int r = receive_all(u, request, header, HEADER);

	if (r)
		return r;
	size = load_le32(header + 8);
	if (load_le32(header) != request)
		return wrong(u, -EPROTO, "it answered to something else", request);
	if ((load_le32(header + 4) & (3 | REPLY)) != (VERSION | REPLY))
		return wrong(u, -EPROTO, "its answer has no such flags", request);
	if (size > max)
		return wrong(u, -EPROTO, "its answer is too long", request);
	r = receive_all(u, request, payload, size);
	if (!r)
		*ret_size = size;
	return r;
}

static int hear_exactly(struct vhost_user *u, enum request request, void *payload, uint32_t size)
{
	uint32_t got = 0;
	int r = hear(u, request, payload, size, &got);

	return !r && got != size ? wrong(u, -EPROTO, "its answer is too short", request) : r;
}

static bool has(const struct vhost_user *u, unsigned protocol_feature)
{
	return u->protocol >> protocol_feature & 1;
}

/* Say it, and where both sides can, wait until it is done. */
static int tell(struct vhost_user *u, enum request request, const void *payload, uint32_t size,
		const int *fds, unsigned n_fds)
{
	bool ack = has(u, P_REPLY_ACK);
	uint8_t answer[8];
	int r = say(u, request, ack ? NEED_REPLY : 0, payload, size, fds, n_fds);

	if (!r && ack)
		r = hear_exactly(u, request, answer, sizeof(answer));
	if (!r && ack && load_le64(answer))
		r = wrong(u, -EIO, "it refused", request);
	return r;
}

static int tell_number(struct vhost_user *u, enum request request, uint64_t number)
{
	uint8_t payload[8];

	store_le64(payload, number);
	return tell(u, request, payload, sizeof(payload), NULL, 0);
}

/* A queue's index and a number. */
static int tell_state(struct vhost_user *u, enum request request, unsigned index, uint32_t number)
{
	return tell_number(u, request, index | (uint64_t)number << 32);
}

static int ask_number(struct vhost_user *u, enum request request, uint64_t *ret)
{
	uint8_t answer[8];
	int r = say(u, request, 0, NULL, 0, NULL, 0);

	if (!r)
		r = hear_exactly(u, request, answer, sizeof(answer));
	if (!r)
		*ret = load_le64(answer);
	return r;
}

int vhost_user_begin(struct vhost_user *u)
{
	static const uint64_t wanted = BIT64(P_MQ) | BIT64(P_REPLY_ACK) | BIT64(P_CONFIG) |
				       BIT64(P_CONFIGURE_MEM_SLOTS);
	uint64_t protocol = 0, queues = 0;
	int r = ask_number(u, GET_FEATURES, &u->offered);

	if (!r && u->offered & BIT64(F_PROTOCOL)) {
		r = ask_number(u, GET_PROTOCOL_FEATURES, &protocol);
		protocol &= wanted;
		/* It is acknowledged by nobody yet. */
		if (!r)
			r = tell_number(u, SET_PROTOCOL_FEATURES, protocol);
		u->protocol = protocol;
	}
	if (!r && has(u, P_MQ))
		r = ask_number(u, GET_QUEUE_NUM, &queues);
	u->queues = (unsigned)MIN(queues, UINT16_MAX);
	return r ? r : tell(u, SET_OWNER, NULL, 0, NULL, 0);
}

int vhost_user_config(struct vhost_user *u, void *config, unsigned size)
{
	uint8_t payload[PAYLOAD_MAX] = { 0 };
	uint32_t got = 0;
	int r;

	if (!has(u, P_CONFIG) || size > VHOST_USER_CONFIG_MAX)
		return -EOPNOTSUPP;
	store_le32(payload, 0); /* offset, size, flags, then as many bytes */
	store_le32(payload + 4, size);
	r = say(u, GET_CONFIG, 0, payload, 12 + size, NULL, 0);
	if (!r)
		r = hear(u, GET_CONFIG, payload, 12 + size, &got);
	if (r)
		return r;
	if (!got)
		return -EOPNOTSUPP;
	if (got != 12 + size || load_le32(payload) || load_le32(payload + 4) != size)
		return wrong(u, -EPROTO, "its answer is of another part", GET_CONFIG);
	memcpy(config, payload + 12, size);
	return 0;
}

int vhost_user_features(struct vhost_user *u, uint64_t features)
{
	return tell_number(u, SET_FEATURES, features | (u->offered & BIT64(F_PROTOCOL)));
}

static void describe(const struct ram_region *ram, uint8_t *region)
{
	store_le64(region, ram->base);
	store_le64(region + 8, ram->size);
	store_le64(region + 16, (uintptr_t)ram->hva);
	store_le64(region + 24, ram->offset);
}

/* One by one; those of the machine before this one go first. */
static int add_regions(struct vhost_user *u, const struct memory *memory)
{
	uint8_t payload[8 + REGION] = { 0 };
	uint64_t slots = 0;
	int r = ask_number(u, GET_MAX_MEM_SLOTS, &slots);

	if (!r && slots < memory->n_ram)
		r = wrong(u, -ENOSPC, "the guest's memory has more pieces than it takes",
			  GET_MAX_MEM_SLOTS);
	while (!r && u->n_added) {
		describe(&u->added[--u->n_added], payload + 8);
		r = tell(u, REM_MEM_REG, payload, sizeof(payload), NULL, 0);
	}
	for (unsigned i = 0; !r && i < memory->n_ram; i++) {
		u->added[u->n_added++] = memory->ram[i];
		describe(&memory->ram[i], payload + 8);
		r = tell(u, ADD_MEM_REG, payload, sizeof(payload), &memory->memfd, 1);
	}
	return r;
}

int vhost_user_memory(struct vhost_user *u, const struct memory *memory)
{
	uint8_t payload[8 + TABLE_MAX * REGION] = { 0 };
	int fds[TABLE_MAX];

	if (memory->n_ram > TABLE_MAX && has(u, P_CONFIGURE_MEM_SLOTS))
		return add_regions(u, memory);
	if (memory->n_ram > TABLE_MAX)
		return wrong(u, -ENOSPC, "the guest's memory has more pieces than it takes",
			     SET_MEM_TABLE);
	store_le32(payload, memory->n_ram);
	for (unsigned i = 0; i < memory->n_ram; i++) {
		describe(&memory->ram[i], payload + 8 + i * REGION);
		fds[i] = memory->memfd;
	}
	return tell(u, SET_MEM_TABLE, payload, 8 + memory->n_ram * REGION, fds, memory->n_ram);
}

static int tell_addresses(struct vhost_user *u, unsigned index, const struct virtio_queue *q)
{
	uint8_t payload[40] = { 0 };

	store_le32(payload, index); /* then flags: nothing is logged */
	store_le64(payload + 8, (uintptr_t)q->desc);
	store_le64(payload + 16, (uintptr_t)q->device);
	store_le64(payload + 24, (uintptr_t)q->driver);
	return tell(u, SET_VRING_ADDR, payload, sizeof(payload), NULL, 0);
}

static int tell_event(struct vhost_user *u, enum request request, unsigned index, int fd)
{
	uint8_t payload[8];

	store_le64(payload, index);
	return tell(u, request, payload, sizeof(payload), &fd, 1);
}

int vhost_user_queue_start(struct vhost_user *u, unsigned index, const struct virtio_queue *q,
			   int call_fd, int error_fd)
{
	int r = tell_state(u, SET_VRING_NUM, index, q->size);

	if (!r)
		r = tell_state(u, SET_VRING_BASE, index, 0);
	if (!r)
		r = tell_addresses(u, index, q);
	if (!r)
		r = tell_event(u, SET_VRING_CALL, index, call_fd);
	if (!r)
		r = tell_event(u, SET_VRING_ERR, index, error_fd);
	/* From its kick on a queue runs, but where both sides know protocol features it is not enabled. */
	if (!r)
		r = tell_event(u, SET_VRING_KICK, index, q->kick_fd);
	if (!r && u->offered & BIT64(F_PROTOCOL))
		r = tell_state(u, SET_VRING_ENABLE, index, 1);
	return r;
}

int vhost_user_queue_stop(struct vhost_user *u, unsigned index)
{
	uint8_t payload[8];
	int r;

	store_le64(payload, index);
	r = say(u, GET_VRING_BASE, 0, payload, sizeof(payload), NULL, 0);
	if (!r)
		r = hear_exactly(u, GET_VRING_BASE, payload, sizeof(payload));
	if (!r && load_le32(payload) != index)
		r = wrong(u, -EPROTO, "its answer is of another queue", GET_VRING_BASE);
	return r;
}
