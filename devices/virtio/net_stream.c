/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A network card over a stream socket: each frame behind its length in 4 bytes, big endian (passt(1), `-netdev
 * stream` of QEMU). The kernel copies a frame from the guest's buffers to the socket, nobody here looks at it;
 * what comes is read into a buffer, as the length comes with it, and copied once. Frames are whole and their
 * checksums filled in: of the features only VIRTIO_NET_F_MRG_RXBUF is left (VIRTIO 1.3 §5.1.6), so that frames
 * of 64 KiB do not need buffers of that size.
 *
 * Neither side makes the other wait here: what the socket does not take stays in the guest's queue, what
 * the guest does not take stays in the socket. Lengths that cannot be, and the end of the stream, take the
 * link down.
 *
 * On the worker's thread, but for start, stop and drain.
 */
#include "net.h"
#include "worker.h"

#include <base/bytes.h>
#include <base/error.h>
#include <base/fd.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define ENTRIES   256
#define LENGTH    4
#define FRAME_MAX (VIRTIO_NET_MTU_MAX + ETH_HLEN + 4) /* with a VLAN's tag */
#define BATCH     64 /* frames in a row before others have their turn */
#define VECTORS   64 /* of one sendmsg */

struct net_stream {
	struct virtio_net *net;
	struct virtio_worker worker;
	struct loop_source socket; /* fd -1: gone */
	bool watched;              /* for EPOLLIN */
	bool blocked;              /* for EPOLLOUT: the socket is full */

	/* To the socket: `tx_done` bytes of the frame that is held, with its length, are out. */
	bool tx_held;
	size_t tx_done;
	struct virtio_chain tx;
	/* The rest of a frame that was half out when its guest was reset. */
	size_t left_at, left_n;
	uint8_t left[LENGTH + FRAME_MAX];

	/* From it: what was read, from `rx_from` on not looked at yet. */
	size_t rx_from, rx_to;
	/* The guest's buffers that the frame at rx_from has filled so far: `rx_done` bytes, header and all. */
	size_t rx_done;
	unsigned n_heads;
	struct virtio_chain rx_first, rx_chain;
	uint8_t rx[2 * (LENGTH + FRAME_MAX)];
};

static struct net_stream *of_device(struct virtio_device *dev)
{
	return container_of(dev, struct virtio_net, dev)->ctx;
}

static void watch(struct net_stream *s)
{
	if (s->socket.fd >= 0)
		loop_change(&s->worker.loop, &s->socket,
			    (s->watched ? EPOLLIN : 0) | (s->blocked ? EPOLLOUT : 0));
}

/* The link is down for good: a line, and the driver is told (§5.1.4, VIRTIO_NET_S_LINK_UP). */
static void gone(struct net_stream *s, const char *why)
{
	static const uint8_t down[2];
	struct virtio_device *dev = &s->net->dev;

	if (s->socket.fd < 0)
		return;
	loop_remove(&s->worker.loop, &s->socket);
	fd_close(&s->socket.fd);
	log_warn("--net %s: %s; the guest's link is down from now on", s->net->name, why);
	virtio_device_config_set(dev, NET_CONFIG_STATUS, down, sizeof(down));
	if (s->worker.running && virtio_device_has(dev, VIRTIO_NET_F_STATUS))
		virtio_device_config_changed(dev);
}

/* The bytes of length and frame from `offset` on. Returns how many vectors. */
static unsigned vectors(const struct virtio_chain *chain, uint8_t *length, size_t offset,
			struct iovec *ret)
{
	unsigned n = 0;

	if (offset < LENGTH) {
		ret[n].iov_base = length + offset;
		ret[n++].iov_len = LENGTH - offset;
		offset = 0;
	} else {
		offset -= LENGTH;
	}
	offset += NET_HEADER;
	for (unsigned i = 0; i < chain->n_out && n < VECTORS; i++) {
		if (offset >= chain->iov[i].iov_len) {
			offset -= chain->iov[i].iov_len;
			continue;
		}
		ret[n].iov_base = (uint8_t *)chain->iov[i].iov_base + offset;
		ret[n++].iov_len = chain->iov[i].iov_len - offset;
		offset = 0;
	}
	return n;
}

/* How many bytes the socket took; 0: it is full, or gone. */
static size_t offer(struct net_stream *s, struct iovec *iov, unsigned n)
{
	struct msghdr message = { .msg_iov = iov, .msg_iovlen = n };
	ssize_t r;

	do
		r = sendmsg(s->socket.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (r < 0 && errno == EINTR);
	if (r >= 0)
		return (size_t)r;
	if (errno != EAGAIN) {
		gone(s, strerror(errno));
		return 0;
	}
	s->blocked = true;
	watch(s);
	return 0;
}

/* As much of the frame that is held as the socket takes. True: all of it, or there is no socket. */
static bool send_frame(struct net_stream *s)
{
	size_t len = (size_t)s->tx.out_len - NET_HEADER, total = LENGTH + len;
	uint8_t length[LENGTH] = { (uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8),
				   (uint8_t)len };

	while (s->tx_done < total && s->socket.fd >= 0 && !s->blocked) {
		struct iovec iov[VECTORS];

		s->tx_done += offer(s, iov, vectors(&s->tx, length, s->tx_done, iov));
	}
	return !s->blocked;
}

static void send_left(struct net_stream *s)
{
	while (s->left_at < s->left_n && s->socket.fd >= 0 && !s->blocked) {
		struct iovec iov = { s->left + s->left_at, s->left_n - s->left_at };

		s->left_at += offer(s, &iov, 1);
	}
}

/* The next frame is taken up. False: there is none. */
static bool take_frame(struct net_stream *s)
{
	struct virtio_queue *q = &s->net->dev.queues[NET_TX];

	if (s->tx_held)
		return true;
	if (!virtio_queue_pop(q, &s->tx))
		return false;
	s->tx_held = true;
	s->tx_done = 0;
	return true;
}

/* Frames that cannot be are dropped: nothing says that the driver must be told (§5.1.6.2). */
static bool can_be(const struct virtio_chain *chain)
{
	return chain->out_len >= NET_HEADER + ETH_HLEN && chain->out_len <= NET_HEADER + FRAME_MAX;
}

static void send_frames(struct net_stream *s)
{
	struct virtio_queue *q = &s->net->dev.queues[NET_TX];
	unsigned i;

	send_left(s);
	for (i = 0; i < BATCH && !s->blocked && take_frame(s); i++) {
		if (can_be(&s->tx) && !send_frame(s))
			break;
		s->tx_held = false;
		virtio_queue_push(q, s->tx.head, 0);
	}
	virtio_device_interrupt(&s->net->dev, NET_TX);
	if (!s->blocked && (i == BATCH || virtio_queue_listen(q)))
		fd_event_signal(q->kick_fd);
}

/* The length of the frame at rx_from when all of it is there, else 0. */
static size_t whole_frame(struct net_stream *s)
{
	const uint8_t *at = s->rx + s->rx_from;
	size_t len;

	if (s->socket.fd < 0 || s->rx_to - s->rx_from < LENGTH)
		return 0;
	len = (size_t)at[0] << 24 | at[1] << 16 | at[2] << 8 | at[3];
	if (len < ETH_HLEN || len > FRAME_MAX) {
		gone(s, "what came is not frames behind their lengths");
		return 0;
	}
	return s->rx_to - s->rx_from >= LENGTH + len ? len : 0;
}

/* What is read lies at the buffer's start again, so that there is room for a whole frame. False: nothing new. */
static bool read_socket(struct net_stream *s)
{
	ssize_t n;

	if (s->socket.fd < 0)
		return false;
	memmove(s->rx, s->rx + s->rx_from, s->rx_to - s->rx_from);
	s->rx_to -= s->rx_from;
	s->rx_from = 0;
	do
		n = recv(s->socket.fd, s->rx + s->rx_to, sizeof(s->rx) - s->rx_to, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		s->rx_to += (size_t)n;
	else if (n == 0)
		gone(s, "it has ended");
	else if (errno != EAGAIN)
		gone(s, strerror(errno));
	return n > 0;
}

/*
 * One more buffer of the guest's for the frame of `len` bytes. The header is in the first (§5.1.6.4); its
 * num_buffers is filled in when it is known. False: the guest has none.
 */
static bool fill_buffer(struct net_stream *s, size_t len)
{
	static const uint8_t header[NET_HEADER];
	struct virtio_queue *q = &s->net->dev.queues[NET_RX];
	struct virtio_chain *chain = s->n_heads ? &s->rx_chain : &s->rx_first;
	const struct iovec *in;
	size_t at = 0, n;

	if (!virtio_queue_pop(q, chain))
		return false;
	in = chain->iov + chain->n_out;
	if (!s->n_heads)
		at = virtio_iov_write(in, chain->n_in, 0, header, NET_HEADER);
	s->rx_done += at;
	n = s->rx_done < NET_HEADER
		    ? 0
		    : virtio_iov_write(in, chain->n_in, at,
				       s->rx + s->rx_from + LENGTH + (s->rx_done - NET_HEADER),
				       len + NET_HEADER - s->rx_done);
	s->rx_done += n;
	s->n_heads++;
	virtio_queue_fill(q, chain->head, (uint32_t)(at + n));
	return true;
}

/* The frame is in the guest's buffers: it may see them now, all at once. */
static void give_frame(struct net_stream *s)
{
	uint8_t count[2];

	store_le16(count, (uint16_t)s->n_heads);
	virtio_iov_write(s->rx_first.iov + s->rx_first.n_out, s->rx_first.n_in, NET_NUM_BUFFERS,
			 count, sizeof(count));
	virtio_queue_publish(&s->net->dev.queues[NET_RX]);
	s->n_heads = 0;
	s->rx_done = 0;
}

/* Without mergeable buffers a frame has one, and in none a frame takes more than there are. */
static bool too_small(const struct net_stream *s)
{
	const struct virtio_device *dev = &s->net->dev;
	unsigned most = virtio_device_has(dev, VIRTIO_NET_F_MRG_RXBUF) ? dev->queues[NET_RX].size
								       : 1;

	return s->n_heads >= most || s->rx_done < NET_HEADER;
}

/* False: the guest has no buffer left, or broke the rules. */
static bool receive_frame(struct net_stream *s, size_t len)
{
	while (s->rx_done < len + NET_HEADER) {
		if (s->n_heads && too_small(s)) {
			virtio_device_needs_reset(&s->net->dev, "a buffer",
						  "it is too small for a frame");
			return false;
		}
		if (!fill_buffer(s, len))
			return false;
	}
	give_frame(s);
	s->rx_from += LENGTH + len;
	return true;
}

static void receive_frames(struct net_stream *s)
{
	struct virtio_queue *q = &s->net->dev.queues[NET_RX];
	bool room = true, more = true;

	for (unsigned i = 0; i < BATCH && room && more; i++) {
		size_t len = whole_frame(s);

		if (len)
			room = receive_frame(s, len);
		else
			more = read_socket(s);
		/* It asks for a doorbell before it gives up. */
		if (!room && !q->broken && !virtio_device_broken(&s->net->dev))
			room = virtio_queue_listen(q);
	}
	virtio_device_interrupt(&s->net->dev, NET_RX);
	if (room && whole_frame(s))
		fd_event_signal(q->kick_fd);
	/* What the guest has no room for stays in the socket. */
	if (room != s->watched) {
		s->watched = room;
		watch(s);
	}
}

static void settle(struct net_stream *s)
{
	struct virtio_device *dev = &s->net->dev;

	for (unsigned i = 0; i < NET_QUEUES; i++)
		if (dev->queues[i].broken && !virtio_device_broken(dev))
			virtio_device_needs_reset(dev, "a queue", dev->queues[i].why);
}

static void work(struct virtio_worker *worker, unsigned queue)
{
	struct net_stream *s = container_of(worker, struct net_stream, worker);

	if (queue == NET_TX)
		send_frames(s);
	else
		receive_frames(s);
	settle(s);
}

/* Also when nobody waits for it: an end is told all the same. */
static void socket_ready(struct loop_source *source, uint32_t events)
{
	struct net_stream *s = container_of(source, struct net_stream, socket);
	bool running = s->worker.running && !virtio_device_broken(&s->net->dev);

	if (events & EPOLLOUT) {
		s->blocked = false;
		watch(s);
	}
	if (running && events & EPOLLOUT)
		send_frames(s);
	if (running && events & EPOLLIN && s->watched)
		receive_frames(s);
	else if (events & (EPOLLHUP | EPOLLERR))
		gone(s, "it has ended");
	if (running)
		settle(s);
}

static void stream_start(struct virtio_device *dev)
{
	virtio_worker_start(&of_device(dev)->worker); /* and its doorbells make it look */
}

/* A frame that is half out is finished, or the stream would be none any more. It leaves the guest's memory. */
static void keep_rest(struct net_stream *s)
{
	size_t done = s->tx_done, len = (size_t)s->tx.out_len - NET_HEADER;

	if (!s->tx_held || !done)
		return;
	s->left_at = 0;
	s->left_n = 0;
	for (; done < LENGTH; done++)
		s->left[s->left_n++] = (uint8_t)(len >> (8 * (LENGTH - 1 - done)));
	s->left_n += virtio_iov_read(s->tx.iov, s->tx.n_out, NET_HEADER + done - LENGTH,
				     s->left + s->left_n, len - (done - LENGTH));
}

static void stream_stop(struct virtio_device *dev)
{
	struct net_stream *s = of_device(dev);

	virtio_worker_stop(&s->worker);
	lock_take(&s->worker.lock);
	keep_rest(s);
	s->tx_held = s->watched = false;
	s->tx_done = s->rx_done = 0;
	s->n_heads = 0;
	watch(s);
	lock_drop(&s->worker.lock);
}

/* What the guest sent last, before it powered off. */
static void stream_drain(struct virtio_device *dev)
{
	struct net_stream *s = of_device(dev);

	lock_take(&s->worker.lock);
	if (s->worker.running && !virtio_device_broken(dev))
		send_frames(s);
	lock_drop(&s->worker.lock);
}

static int stream_make(struct virtio_net *net, int fd)
{
	struct net_stream *s = calloc(1, sizeof(*s));
	int r;

	if (!s) {
		fd_close(&fd);
		return fail(STATUS_FAILURE, ENOMEM, "virtio net: out of memory");
	}
	net->ctx = s;
	s->net = net;
	s->socket = (struct loop_source){ fd, socket_ready };
	s->worker.dev = &net->dev;
	s->worker.work = work;
	r = virtio_worker_init(&s->worker, NET_QUEUES, ENTRIES);
	if (r)
		return r;
	r = loop_add(&s->worker.loop, &s->socket, 0);
	return r ? fail(STATUS_HOST, -r, "--net %s: %s", net->name, strerror(-r)) : 0;
}

static void stream_destroy(struct virtio_net *net)
{
	struct net_stream *s = net->ctx;

	if (!s)
		return;
	virtio_worker_deinit(&s->worker);
	fd_close(&s->socket.fd);
	free(s);
}

const struct virtio_net_way virtio_net_stream = {
	.ops = { .start = stream_start, .stop = stream_stop, .drain = stream_drain },
	.features = BIT64(VIRTIO_NET_F_MRG_RXBUF),
	.make = stream_make,
	.destroy = stream_destroy,
};
