/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bytes of a console port, between its two queues and what is behind it (VIRTIO 1.3 §5.3.6).
 *
 * Output goes from the guest's buffers to a descriptor by writev(2): the kernel copies each byte once
 * and nobody here looks at it. A function is shown a copy. A buffer goes back to the guest when all of
 * it is out, so a host that does not read makes the guest's writer wait, and nothing else. Input is read
 * straight into a buffer of the guest's, and only when it has given one.
 *
 * Runs under the worker's lock: on its thread, or on the one that resets or unplugs it.
 */
#include "console_port.h"

#include <base/error.h>
#include <base/fd.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define BATCH    64       /* requests in a row before others have their turn */
#define VECTORS  64       /* of one writev or readv */
#define SLICE    KIB(256) /* bytes of one: so that a slow file does not hold the lock for long */
#define LEFT_MAX MIB(4)

static const char *name(const struct port *port)
{
	return port->config.name ? port->config.name : "without a name";
}

static struct virtio_queue *queue(struct port *port, unsigned i)
{
	return &port->worker->dev->queues[i];
}

/* The vectors from `offset` on, at most SLICE bytes of them. Returns how many. */
static unsigned slice(const struct iovec *iov, unsigned n, size_t offset, struct iovec *ret)
{
	size_t left = SLICE;
	unsigned used = 0;

	for (unsigned i = 0; i < n && used < VECTORS && left; i++) {
		if (offset >= iov[i].iov_len) {
			offset -= iov[i].iov_len;
			continue;
		}
		ret[used].iov_base = (uint8_t *)iov[i].iov_base + offset;
		ret[used].iov_len = MIN(iov[i].iov_len - offset, left);
		left -= ret[used++].iov_len;
		offset = 0;
	}
	return used;
}

static void out_watch(struct port *port, bool on)
{
	if (on == port->out_watched)
		return;
	if (!on)
		loop_remove(&port->worker->loop, &port->out);
	else if (loop_add(&port->worker->loop, &port->out, EPOLLOUT))
		return;
	port->out_watched = on;
}

static void out_lost(struct port *port, int errnum)
{
	port->out_lost = true;
	if (port->config.lost)
		port->config.lost(port->config.ctx, errnum);
}

/* Offer bytes to the host. How many it took; all of them when nobody wants any. */
static size_t offer(struct port *port, const struct iovec *iov, unsigned n, size_t offset,
		    size_t total)
{
	struct iovec some[VECTORS];
	size_t len;
	ssize_t r;

	if (port->out_lost || (!port->config.out && port->config.out_fd < 0))
		return total - offset;
	if (port->config.out) {
		len = virtio_iov_read(iov, n, offset, port->bounce, PORT_BOUNCE);
		r = (ssize_t)port->config.out(port->config.ctx, port->bounce, len);
		port->out_blocked = (size_t)r < len;
		return MIN((size_t)r, len);
	}
	r = writev(port->config.out_fd, some, (int)slice(iov, n, offset, some));
	if (r < 0 && errno == EINTR)
		return 0;
	if (r < 0 && errno != EAGAIN) {
		out_lost(port, errno);
		return total - offset;
	}
	port->out_blocked = r < 0;
	return r < 0 ? 0 : (size_t)r;
}

static void send_left(struct port *port)
{
	struct iovec iov = { port->left, port->left_n };

	while (port->left_at < port->left_n && !port->out_blocked)
		port->left_at += offer(port, &iov, 1, port->left_at, port->left_n);
	if (port->left_at < port->left_n)
		return;
	free(port->left);
	port->left = NULL;
	port->left_at = port->left_n = 0;
}

/* The request that is held, or the next one, as far as the host takes it. False: nothing to do. */
static bool send_one(struct port *port)
{
	struct virtio_chain *chain = &port->tx_chain;
	struct virtio_queue *q = queue(port, port->tx);

	if (!port->tx_held) {
		if (!virtio_queue_pop(q, chain))
			return false;
		port->tx_held = true;
		port->tx_done = 0;
	}
	while (port->tx_done < chain->out_len && !port->out_blocked)
		port->tx_done += offer(port, chain->iov, chain->n_out, port->tx_done,
				       chain->out_len);
	if (port->tx_done < chain->out_len)
		return false;
	port->tx_held = false;
	virtio_queue_push(q, chain->head, 0);
	return true;
}

bool port_has_output(const struct port *port)
{
	struct virtio_worker *worker = port->worker;
	struct virtio_queue *q = &worker->dev->queues[port->tx];

	return port->left_n || port->tx_held ||
	       (worker->running && virtio_queue_filled(q) != q->avail_next);
}

static void tell_owner(struct port *port, bool open)
{
	if (port->told_open == open)
		return;
	port->told_open = open;
	if (port->config.opened)
		port->config.opened(port->config.ctx, open);
}

/* What it wrote before it closed is still in the queue, which is ours to look at while the device runs. */
static bool behind_close(const struct port *port)
{
	const struct virtio_worker *worker = port->worker;

	return worker->running &&
	       (int16_t)(worker->dev->queues[port->tx].avail_next - port->close_at) < 0;
}

/* A close is told when all that the guest had written before is out, an open after it. */
static void settle(struct port *port)
{
	if (port->closing) {
		if (port->left_n || port->tx_held || behind_close(port))
			return;
		port->closing = false;
		tell_owner(port, false);
	}
	tell_owner(port, port->guest_open);
}

void port_guest_open(struct port *port, bool open)
{
	if (open == port->guest_open)
		return;
	port->guest_open = open;
	if (!open) {
		port->closing = true;
		port->close_at = virtio_queue_filled(queue(port, port->tx));
	}
}

void port_send(struct port *port)
{
	struct virtio_worker *worker = port->worker;
	unsigned n = 0;

	port->out_blocked = false;
	if (port->left_n)
		send_left(port);
	while (worker->running && !port->out_blocked && n < BATCH && send_one(port))
		n++;
	settle(port);
	out_watch(port, port->out_blocked && port->config.out_fd >= 0);
	if (!worker->running)
		return;
	virtio_device_interrupt(worker->dev, port->tx);
	/* More, or more came while we looked: after the others. */
	if (!port->out_blocked && virtio_queue_listen(queue(port, port->tx)))
		fd_event_signal(queue(port, port->tx)->kick_fd);
}

static void in_watch(struct port *port, bool on)
{
	if (on == port->in_watched || !port->in_pollable)
		return;
	/* Off the loop altogether: a paused source would still report a hang-up, for ever. */
	if (!on)
		loop_remove(&port->worker->loop, &port->in);
	else if (loop_add(&port->worker->loop, &port->in, EPOLLIN))
		return;
	port->in_watched = on;
}

/* Bytes from the host into the guest's buffer: how many, 0 none for now, -1 the end. */
static ssize_t fetch(struct port *port, const struct virtio_chain *chain)
{
	struct iovec some[VECTORS];
	ssize_t r;

	if (port->config.in) {
		size_t room = MIN(chain->in_len, PORT_BOUNCE);

		r = port->config.in(port->config.ctx, port->bounce, room);
		if (r > 0)
			r = (ssize_t)virtio_iov_write(chain->iov + chain->n_out, chain->n_in, 0,
						      port->bounce, MIN((size_t)r, room));
		return r;
	}
	r = readv(port->config.in_fd, some,
		  (int)slice(chain->iov + chain->n_out, chain->n_in, 0, some));
	if (r < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	return r ? r : -1;
}

static void in_ended(struct port *port)
{
	port->in_end = true;
	if (port->config.out || port->config.out_fd >= 0)
		return;
	port->host_closed = true;
	port->tell |= TELL_OPEN;
}

/* False: nothing to read, or nowhere to put it; *ret_wait: the first. */
static bool receive_one(struct port *port, bool *ret_wait)
{
	struct virtio_chain *chain = &port->rx_chain;
	struct virtio_queue *q = queue(port, port->rx);
	ssize_t n;

	if (!port->rx_held && !virtio_queue_pop(q, chain))
		return false;
	port->rx_held = true;
	n = chain->n_in ? fetch(port, chain) : 0;
	if (n < 0)
		in_ended(port);
	if (n <= 0 && chain->n_in) {
		*ret_wait = n == 0;
		return false;
	}
	port->rx_held = false;
	virtio_queue_push(q, chain->head, (uint32_t)n);
	return true;
}

void port_receive(struct port *port)
{
	struct virtio_worker *worker = port->worker;
	bool wait = false;
	unsigned n = 0;

	if (!worker->running || !port->guest_open || port->in_end ||
	    (!port->config.in && port->config.in_fd < 0)) {
		in_watch(port, false);
		return;
	}
	while (n < BATCH && receive_one(port, &wait))
		n++;
	in_watch(port, wait);
	virtio_device_interrupt(worker->dev, port->rx);
	if (n == BATCH || (!port->rx_held && virtio_queue_listen(queue(port, port->rx))))
		fd_event_signal(queue(port, port->rx)->kick_fd);
}

/* Keep what the guest handed over: it is told that its buffers are free, and forgets them. */
static void keep_rest(struct port *port)
{
	struct virtio_chain *chain = &port->tx_chain;
	size_t room = LEFT_MAX, lost = 0;

	while (port->tx_held || virtio_queue_pop(queue(port, port->tx), chain)) {
		size_t from = port->tx_held ? port->tx_done : 0, len = chain->out_len - from;
		uint8_t *more = NULL;

		port->tx_held = false;
		if (len && len <= room - MIN(room, port->left_n))
			more = realloc(port->left, port->left_n + len);
		if (more) {
			port->left = more;
			port->left_n += virtio_iov_read(chain->iov, chain->n_out, from,
							more + port->left_n, len);
		} else {
			lost += len;
			room = 0; /* nothing behind a gap */
		}
	}
	if (lost)
		log_warn("console port %s: its reader is slow: %zu bytes are lost at a reset",
			 name(port), lost);
}

void port_stop(struct port *port, bool final)
{
	if (final && port_has_output(port))
		log_warn("console port %s: its reader does not read: the last bytes are lost",
			 name(port));
	if (!final)
		keep_rest(port);
	if (final) {
		free(port->left);
		port->left = NULL;
		port->left_at = port->left_n = 0;
	}
	port->rx_held = port->tx_held = false;
	in_watch(port, false);
	port->tell = 0;
	port->guest_ready = port->guest_open = false;
	port->closing = true; /* once `left` is out */
	port->close_at = 0;
}

/* A number of our own: two ports may lead to one file, and epoll knows it by both. */
static int keep_fd(const struct port *port, int fd, int *ret_fd)
{
	int copy = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (fd >= 0 && copy < 0)
		return fail(STATUS_HOST, errno, "console port %s: descriptor %d: %s", name(port),
			    fd, strerror(errno));
	*ret_fd = copy;
	return 0;
}

int port_init(struct port *port, const struct virtio_console_port *config)
{
	struct virtio_worker *worker = port->worker;
	int r;

	port->config = *config;
	port->config.in_fd = port->config.out_fd = -1;
	r = keep_fd(port, config->in_fd, &port->config.in_fd);
	if (!r)
		r = keep_fd(port, config->out_fd, &port->config.out_fd);
	if (r)
		return r;
	port->in.fd = port->config.in_fd;
	port->out.fd = port->config.out_fd;
	if (config->in_fd < 0)
		return 0;
	/* A regular file cannot be watched, and need not be: it is always readable. */
	r = loop_add(&worker->loop, &port->in, 0);
	if (r && r != -EPERM)
		return fail(STATUS_HOST, -r, "console port %s: its input cannot be watched: %s",
			    name(port), strerror(-r));
	port->in_pollable = !r;
	if (!r)
		loop_remove(&worker->loop, &port->in);
	return 0;
}

void port_deinit(struct port *port)
{
	if (port->in_watched)
		loop_remove(&port->worker->loop, &port->in);
	if (port->out_watched)
		loop_remove(&port->worker->loop, &port->out);
	port->in_watched = port->out_watched = false;
	free(port->left);
	port->left = NULL;
	fd_close(&port->config.in_fd);
	fd_close(&port->config.out_fd);
}
