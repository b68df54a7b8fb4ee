/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vhost-user back end for tests, on a thread of this process: it does what the protocol wants, keeps a
 * list of what it was sent, and serves queue 0 through addresses of its own. At one message, the first of
 * `fault_at`, it does something else instead.
 */
#pragma once

#include "test.h"

#include <base/bytes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum fault {
	FAULT_NONE,
	FAULT_TYPE,    /* the answer is to something else */
	FAULT_FLAGS,   /* it is no answer */
	FAULT_LONG,    /* longer than it may be, by its header */
	FAULT_SHORT,   /* shorter, and whole */
	FAULT_HALF,    /* half of it, then the end */
	FAULT_FD,      /* descriptors come along */
	FAULT_REFUSES, /* an acknowledgement that says no; else the end */
	FAULT_SILENT,  /* nothing, and nobody hangs up */
	FAULT_END,     /* the end */
	FAULT_CHATTER, /* the right answer, and another that nobody asked for */
	FAULT_RANDOM,  /* bytes by chance */
	FAULTS
};

#define FAKE_LOG 512

struct fake_region {
	uint64_t gpa, size, user, offset;
	uint8_t *map;
};

struct fake {
	int fd, other; /* its end and ours */
	pthread_t thread;
	bool running;

	uint64_t features, protocol;
	uint64_t queues, slots;
	uint32_t config_size; /* that it answers for; 0: none */
	uint8_t config[256];
	enum fault fault;
	unsigned fault_at;
	uint64_t chance;

	atomic_uint n;
	uint8_t log[FAKE_LOG];
	uint64_t values[FAKE_LOG]; /* the first eight bytes of each payload */

	struct fake_region regions[32];
	atomic_uint n_regions;
	uint64_t desc, used, avail;
	uint32_t size;
	atomic_int kick, call, error; /* tests look at them */
	uint16_t last;
	atomic_uint served;
};

static inline uint8_t *fake_at(struct fake *f, uint64_t address, bool user)
{
	for (unsigned i = 0; i < f->n_regions; i++) {
		const struct fake_region *r = &f->regions[i];
		uint64_t base = user ? r->user : r->gpa;

		if (address >= base && address - base < r->size)
			return r->map + r->offset + (address - base);
	}
	return NULL;
}

static inline void fake_forget(struct fake *f)
{
	while (f->n_regions) {
		struct fake_region *r = &f->regions[--f->n_regions];

		munmap(r->map, r->offset + r->size);
	}
}

static inline void fake_map(struct fake *f, const uint8_t *region, int fd)
{
	struct fake_region *r = &f->regions[f->n_regions];

	*r = (struct fake_region){ load_le64(region), load_le64(region + 8), load_le64(region + 16),
				   load_le64(region + 24), NULL };
	r->map = mmap(NULL, r->offset + r->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (r->map == MAP_FAILED)
		abort();
	f->n_regions++;
}

/* Give everything back with one byte written, and interrupt once. */
static inline void fake_serve(struct fake *f)
{
	uint8_t *desc = fake_at(f, f->desc, true), *avail = fake_at(f, f->avail, true),
		*used = fake_at(f, f->used, true);
	uint64_t one = 1;

	if (read(f->kick, &one, sizeof(one)) != sizeof(one) || !desc || !avail || !used)
		return;
	while (f->last != __atomic_load_n((uint16_t *)(avail + 2), __ATOMIC_ACQUIRE)) {
		uint16_t head = load_le16(avail + 4 + 2 * (f->last % f->size));
		uint8_t *entry = used + 4 + 8 * (f->last % f->size);
		uint8_t *buffer = fake_at(f, load_le64(desc + 16 * head), false);

		*buffer = 0x5a;
		store_le32(entry, head);
		store_le32(entry + 4, 1);
		f->last++;
		__atomic_store_n((uint16_t *)(used + 2), f->last, __ATOMIC_RELEASE);
		f->served++;
	}
	one = 1;
	if (write(f->call, &one, sizeof(one)) != sizeof(one))
		abort();
}

static inline void fake_send(struct fake *f, uint32_t request, uint32_t flags, uint32_t size,
			     const uint8_t *payload, uint32_t real, unsigned n_fds)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(3 * sizeof(int))];
	} control = { 0 };
	uint8_t message[1024];
	struct iovec iov = { message, 12 + real };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fds[3] = { 0, 0, 0 };

	store_le32(message, request);
	store_le32(message + 4, flags);
	store_le32(message + 8, size);
	memcpy(message + 12, payload, real);
	if (n_fds) {
		m.msg_control = control.room;
		m.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		*CMSG_FIRSTHDR(&m) = (struct cmsghdr){ .cmsg_len = CMSG_LEN(n_fds * sizeof(int)),
						       .cmsg_level = SOL_SOCKET,
						       .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), fds, n_fds * sizeof(int));
	}
	if (sendmsg(f->fd, &m, MSG_NOSIGNAL) < 0)
		return;
}

/* False: it says no more. */
static inline bool fake_fault(struct fake *f, uint32_t request, const uint8_t *payload,
			      uint32_t size)
{
	uint8_t bytes[600] = { 1 }, other[32];

	memcpy(bytes + 8, payload, size < 300 ? size : 300);
	switch (f->fault) {
	case FAULT_TYPE:
		fake_send(f, request + 1, 5, size, payload, size, 0);
		return true;
	case FAULT_FLAGS:
		fake_send(f, request, 1, size, payload, size, 0);
		return true;
	case FAULT_LONG:
		fake_send(f, request, 5, 0x7fffffff, payload, size, 0);
		return true;
	case FAULT_SHORT:
		fake_send(f, request, 5, 3, payload, 3, 0);
		return true;
	case FAULT_HALF:
		fake_send(f, request, 5, size, payload, size / 2, 0);
		return false;
	case FAULT_FD:
		fake_send(f, request, 5, size, payload, size, 3);
		return true;
	case FAULT_REFUSES:
		fake_send(f, request, 5, 8, bytes, 8, 0);
		return true;
	case FAULT_SILENT:
		while (recv(f->fd, other, sizeof(other), 0) > 0) {
		}
		return false;
	case FAULT_CHATTER:
		fake_send(f, request, 5, size, payload, size, 0);
		fake_send(f, request, 5, size, payload, size, 0);
		return true;
	case FAULT_RANDOM:
		for (unsigned i = 0; i < sizeof(bytes); i++) {
			test_random(&f->chance);
			bytes[i] = (uint8_t)f->chance;
		}
		/* As often as not it looks like an answer at first. */
		if (f->chance & 256)
			fake_send(f, request, 5, f->chance & 512 ? size : bytes[5], bytes, bytes[6],
				  bytes[7] & 3);
		else if (send(f->fd, bytes, 1 + bytes[8] * 2, MSG_NOSIGNAL) < 0)
			return false;
		return f->chance & 1024;
	default:
		return false;
	}
}

static inline void fake_take(struct fake *f, uint32_t request, const uint8_t *p, const int *fds,
			     unsigned n_fds)
{
	switch (request) {
	case 5: /* SET_MEM_TABLE */
		fake_forget(f);
		for (unsigned i = 0; i < load_le32(p) && i < n_fds; i++)
			fake_map(f, p + 8 + 32 * i, fds[i]);
		break;
	case 37: /* ADD_MEM_REG */
		fake_map(f, p + 8, fds[0]);
		break;
	case 38: /* REM_MEM_REG: in these tests all of them */
		f->n_regions--;
		munmap(f->regions[f->n_regions].map,
		       f->regions[f->n_regions].offset + f->regions[f->n_regions].size);
		break;
	case 8: /* SET_VRING_NUM */
		if (!load_le32(p))
			f->size = load_le32(p + 4);
		break;
	case 9: /* SET_VRING_ADDR */
		if (load_le32(p))
			break;
		f->desc = load_le64(p + 8);
		f->used = load_le64(p + 16);
		f->avail = load_le64(p + 24);
		f->last = 0;
		break;
	case 12: /* SET_VRING_KICK */
	case 13: /* SET_VRING_CALL */
	case 14: /* SET_VRING_ERR */
		if (!p[0])
			*(request == 12   ? &f->kick
			  : request == 13 ? &f->call
					  : &f->error) = dup(fds[0]);
		break;
	default:
		break;
	}
	for (unsigned i = 0; i < n_fds; i++)
		close(fds[i]);
}

static inline void fake_stop_queue(struct fake *f)
{
	if (f->kick >= 0)
		close(f->kick);
	if (f->call >= 0)
		close(f->call);
	if (f->error >= 0)
		close(f->error);
	f->kick = f->call = f->error = -1;
}

static inline bool fake_answer(struct fake *f, uint32_t request, uint32_t flags, uint8_t *p,
			       uint32_t size)
{
	bool answers = true;

	switch (request) {
	case 1:
		store_le64(p, f->features);
		break;
	case 15:
		store_le64(p, f->protocol);
		break;
	case 17:
		store_le64(p, f->queues);
		break;
	case 36:
		store_le64(p, f->slots);
		break;
	case 11: /* GET_VRING_BASE: index, then where it was */
		if (!p[0])
			fake_stop_queue(f);
		store_le32(p + 4, f->last);
		break;
	case 24: /* GET_CONFIG */
		if (load_le32(p + 4) != f->config_size) {
			fake_send(f, request, 5, 0, p, 0, 0);
			return true;
		}
		memcpy(p + 12, f->config, f->config_size);
		break;
	default:
		answers = flags & 8;
		store_le64(p, 0);
		break;
	}
	if (request != 24)
		size = 8;
	if (f->fault && request == f->fault_at) {
		f->fault_at = 0;
		return fake_fault(f, request, p, size);
	}
	if (answers)
		fake_send(f, request, 5, size, p, size, 0);
	return true;
}

static inline bool fake_turn(struct fake *f)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(32 * sizeof(int))];
	} control;
	uint8_t header[12], payload[1024] = { 0 };
	struct iovec iov = { header, sizeof(header) };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control.room,
			    .msg_controllen = sizeof(control.room) };
	uint32_t request, size;
	unsigned n_fds = 0, n = f->n;
	int fds[32];

	if (recvmsg(f->fd, &m, MSG_WAITALL) != sizeof(header))
		return false;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		n_fds = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(c), n_fds * sizeof(int));
	}
	request = load_le32(header);
	size = load_le32(header + 8);
	if (size && recv(f->fd, payload, size, MSG_WAITALL) != (ssize_t)size)
		return false;
	if (n < FAKE_LOG) {
		f->log[n] = (uint8_t)request;
		f->values[n] = load_le64(payload);
		f->n = n + 1;
	}
	fake_take(f, request, payload, fds, n_fds);
	return fake_answer(f, request, load_le32(header + 4), payload, size);
}

static inline void *fake_run(void *arg)
{
	struct fake *f = arg;
	bool going = true;

	while (going) {
		struct pollfd p[] = { { .fd = f->fd, .events = POLLIN },
				      { .fd = f->kick, .events = POLLIN } };

		if (poll(p, 2, -1) < 0)
			continue;
		if (p[1].revents)
			fake_serve(f);
		if (p[0].revents)
			going = fake_turn(f);
	}
	shutdown(f->fd, SHUT_RDWR);
	fake_stop_queue(f);
	fake_forget(f);
	return NULL;
}

/* All that it can do; tests take away what they want, then start it. */
static inline void fake_init(struct fake *f)
{
	int fds[2];

	memset(f, 0, sizeof(*f));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		abort();
	f->fd = fds[0];
	f->other = fds[1];
	f->features = ~0ull;
	f->protocol = ~0ull;
	f->queues = 2;
	f->slots = 32;
	f->kick = f->call = f->error = -1;
	f->chance = 1;
}

static inline void fake_start(struct fake *f)
{
	f->running = !pthread_create(&f->thread, NULL, fake_run, f);
	if (!f->running)
		abort();
}

static inline void fake_end(struct fake *f)
{
	if (!f->running)
		return;
	shutdown(f->fd, SHUT_RDWR);
	pthread_join(f->thread, NULL);
	close(f->fd);
	f->running = false;
}
