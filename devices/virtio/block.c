/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The block device (VIRTIO 1.3 §5.2): one queue; VIRTIO_BLK_F_FLUSH, _SEG_MAX, _BLK_SIZE, _WRITE_ZEROES or _RO,
 * and _DISCARD when it is asked for.
 *
 * The worker's thread and HELPERS more take requests from the queue under the worker's lock and serve them
 * without it, so that as many wait for the disk at once; the helpers sleep until there is more to do than
 * one can take. Requests end in any order: a driver that wants one before another waits for it (§5.2.6.4).
 *
 * A guest is told of an error as VIRTIO_BLK_S_IOERR, and the operator in a line. A request without its
 * header or without room for its status breaks the device: there is nobody to tell.
 */
#include "block_file.h"
#include "worker.h"

#include <base/bytes.h>
#include <base/error.h>
#include <base/fd.h>
#include <errno.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES 256
#define HELPERS 3

#define CLASS_STORAGE_OTHER 0x01800001

/* struct virtio_blk_outhdr (§5.2.6): le32 type, le32 ioprio, le64 sector */
#define HEADER 16
/* struct virtio_blk_discard_write_zeroes: le64 sector, le32 num_sectors, le32 flags */
#define RANGE 16

#define RANGES_MAX  16
#define DISCARD_MAX ((uint32_t)(GIB(2) / SECTOR))  /* of one range, in sectors */
#define ZEROES_MAX  ((uint32_t)(MIB(32) / SECTOR)) /* it may be written byte by byte */

/* struct virtio_blk_config (§5.2.4): where its fields are, and how much of it there is. */
#define CONFIG_CAPACITY        0
#define CONFIG_SEG_MAX         12
#define CONFIG_BLK_SIZE        20
#define CONFIG_DISCARD_SECTORS 36
#define CONFIG_DISCARD_RANGES  40
#define CONFIG_DISCARD_ALIGN   44
#define CONFIG_ZEROES_SECTORS  48
#define CONFIG_ZEROES_RANGES   52
#define CONFIG_ZEROES_UNMAP    56
#define CONFIG_SIZE            60

struct virtio_block;

/* What one thread works on. The first is the worker's own. */
struct hand {
	struct virtio_block *block;
	pthread_t thread;
	struct virtio_chain chain;
	struct iovec data[VIRTIO_QUEUE_MAX];
};

struct virtio_block {
	struct virtio_device dev;
	struct virtio_worker worker;
	struct virtio_block_config config;
	struct block_file file;
	char serial[VIRTIO_BLOCK_SERIAL];
	struct hand hands[1 + HELPERS];
	unsigned helpers; /* that run */
};

static struct virtio_block *of_device(struct virtio_device *dev)
{
	return container_of(dev, struct virtio_block, dev);
}

/* `size` bytes of the n vectors from `offset` on, as vectors. Returns how many. */
static unsigned slice(const struct iovec *iov, unsigned n, size_t offset, size_t size,
		      struct iovec *ret)
{
	unsigned k = 0;

	for (unsigned i = 0; i < n && size; i++) {
		size_t len = iov[i].iov_len;

		if (offset >= len) {
			offset -= len;
			continue;
		}
		len = MIN(len - offset, size);
		ret[k++] = (struct iovec){ (uint8_t *)iov[i].iov_base + offset, len };
		offset = 0;
		size -= len;
	}
	return k;
}

/* Whole sectors, all of them on the disk. No sum here can wrap: sizes are those of buffers in RAM. */
static bool inside(const struct virtio_block *b, uint64_t sector, uint64_t size)
{
	uint64_t sectors = b->file.size / SECTOR;

	return size % SECTOR == 0 && sector <= sectors && size / SECTOR <= sectors - sector;
}

static uint8_t failed(struct virtio_block *b, const char *what, uint64_t sector, int r)
{
	if (!r)
		return VIRTIO_BLK_S_OK;
	log_guest(&b->dev.rl, "--disk %s: %s at sector %llu: %s; the guest is told of an I/O error",
		  b->config.path, what, (unsigned long long)sector,
		  r == -ENODATA ? "the file has become shorter" : strerror(-r));
	return VIRTIO_BLK_S_IOERR;
}

static uint8_t refused(struct virtio_block *b, const char *what, uint64_t sector)
{
	log_guest(&b->dev.rl, "%s: %s at sector %llu is not within the disk, or no whole sectors",
		  b->dev.name, what, (unsigned long long)sector);
	return VIRTIO_BLK_S_IOERR;
}

static uint8_t read_data(struct hand *hand, uint64_t sector)
{
	struct virtio_block *b = hand->block;
	const struct virtio_chain *chain = &hand->chain;
	uint64_t size = chain->in_len - 1;
	unsigned n;

	if (!inside(b, sector, size))
		return refused(b, "a read", sector);
	n = slice(chain->iov + chain->n_out, chain->n_in, 0, size, hand->data);
	return failed(b, "read", sector, block_file_read(&b->file, hand->data, n, sector * SECTOR));
}

static uint8_t write_data(struct hand *hand, uint64_t sector)
{
	struct virtio_block *b = hand->block;
	const struct virtio_chain *chain = &hand->chain;
	uint64_t size = chain->out_len - HEADER;
	unsigned n;

	if (b->file.read_only)
		return VIRTIO_BLK_S_IOERR; /* §5.2.6.2; it was told so by VIRTIO_BLK_F_RO */
	if (!inside(b, sector, size))
		return refused(b, "a write", sector);
	n = slice(chain->iov, chain->n_out, HEADER, size, hand->data);
	/* §5.2.6.2: whoever cannot flush is told of nothing that is not on the disk. */
	return failed(b, "write", sector,
		      block_file_write(&b->file, hand->data, n, sector * SECTOR,
				       !virtio_device_has(&b->dev, VIRTIO_BLK_F_FLUSH)));
}

static uint8_t do_range(struct virtio_block *b, bool zeroes, const uint8_t range[RANGE])
{
	uint64_t sector = load_le64(range), size = (uint64_t)load_le32(range + 8) * SECTOR;
	uint32_t flags = load_le32(range + 12);
	const char *what = zeroes ? "a write of zeroes" : "a discard";
	int r;

	/* §5.2.6.2: UNMAP means something with zeroes only, all else nothing. */
	if (flags & ~(zeroes ? VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP : 0u))
		return VIRTIO_BLK_S_UNSUPP;
	if (!inside(b, sector, size) || size / SECTOR > (zeroes ? ZEROES_MAX : DISCARD_MAX))
		return refused(b, what, sector);
	if (!size)
		return VIRTIO_BLK_S_OK;
	r = zeroes ? block_file_zero(&b->file, sector * SECTOR, size, flags)
		   : block_file_discard(&b->file, sector * SECTOR, size);
	if (!r && zeroes && !virtio_device_has(&b->dev, VIRTIO_BLK_F_FLUSH))
		r = block_file_flush(&b->file);
	return r == -EOPNOTSUPP ? VIRTIO_BLK_S_UNSUPP : failed(b, what, sector, r);
}

static uint8_t do_ranges(struct hand *hand, bool zeroes)
{
	struct virtio_block *b = hand->block;
	const struct virtio_chain *chain = &hand->chain;
	uint64_t size = chain->out_len - HEADER;
	uint8_t range[RANGE], status = VIRTIO_BLK_S_OK;

	if (!virtio_device_has(&b->dev, zeroes ? VIRTIO_BLK_F_WRITE_ZEROES : VIRTIO_BLK_F_DISCARD))
		return VIRTIO_BLK_S_UNSUPP;
	if (!size || size % RANGE || size / RANGE > RANGES_MAX)
		return VIRTIO_BLK_S_IOERR;
	for (uint64_t at = 0; at < size && status == VIRTIO_BLK_S_OK; at += RANGE) {
		if (virtio_iov_read(chain->iov, chain->n_out, HEADER + at, range, RANGE) != RANGE)
			return VIRTIO_BLK_S_IOERR;
		status = do_range(b, zeroes, range);
	}
	return status;
}

static uint8_t give_id(struct hand *hand)
{
	const struct virtio_chain *chain = &hand->chain;
	size_t n = MIN(chain->in_len - 1, sizeof(hand->block->serial));

	virtio_iov_write(chain->iov + chain->n_out, chain->n_in, 0, hand->block->serial, n);
	return VIRTIO_BLK_S_OK;
}

static uint8_t serve(struct hand *hand, uint32_t type, uint64_t sector)
{
	switch (type) {
	case VIRTIO_BLK_T_IN:
		return read_data(hand, sector);
	case VIRTIO_BLK_T_OUT:
		return write_data(hand, sector);
	case VIRTIO_BLK_T_FLUSH:
		return failed(hand->block, "flush", sector, block_file_flush(&hand->block->file));
	case VIRTIO_BLK_T_GET_ID:
		return give_id(hand);
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES:
		return do_ranges(hand, type == VIRTIO_BLK_T_WRITE_ZEROES);
	default:
		return VIRTIO_BLK_S_UNSUPP; /* §5.2.6: VIRTIO_BLK_T_SCSI_CMD and what is to come */
	}
}

/* Without the lock. False: it has no header, or no room for a status. */
static bool request(struct hand *hand, uint32_t *ret_written)
{
	const struct virtio_chain *chain = &hand->chain;
	uint8_t header[HEADER], status;

	if (chain->out_len < HEADER || !chain->in_len)
		return false;
	virtio_iov_read(chain->iov, chain->n_out, 0, header, HEADER);
	status = serve(hand, load_le32(header), load_le64(header + 8));
	virtio_iov_write(chain->iov + chain->n_out, chain->n_in, chain->in_len - 1, &status, 1);
	/* §2.7.8.2: so many bytes from the first on are written. Of a read that failed, that is not known. */
	*ret_written = status == VIRTIO_BLK_S_OK || chain->in_len == 1 ? (uint32_t)chain->in_len
								       : 0;
	return true;
}

/* The lock is taken; it is given back while a request is served, which clang cannot be told of a caller. */
_unchecked_ static void serve_one(struct hand *hand)
{
	struct virtio_block *b = hand->block;
	struct virtio_worker *worker = &b->worker;
	struct virtio_queue *q = &b->dev.queues[0];
	uint32_t written = 0;
	bool ok;

	worker->busy++;
	if (virtio_queue_filled(q) != q->avail_next)
		lock_wake(&worker->lock); /* more than this one */
	lock_drop(&worker->lock);
	ok = request(hand, &written);
	lock_take(&worker->lock);
	worker->busy--;
	if (!ok && !virtio_device_broken(&b->dev))
		virtio_device_needs_reset(&b->dev, "a request",
					  "it has no header, or no room for a status");
	if (ok) {
		virtio_queue_push(q, hand->chain.head, written);
		virtio_device_interrupt(&b->dev, 0);
	}
	if (!worker->busy)
		lock_wake(&worker->lock); /* who stops the device waits for that */
}

/* Until the queue is empty, with the lock taken. */
static void take_requests(struct hand *hand)
{
	struct virtio_block *b = hand->block;
	struct virtio_queue *q = &b->dev.queues[0];
	bool more = b->worker.running;

	while (more && !virtio_device_broken(&b->dev)) {
		if (virtio_queue_pop(q, &hand->chain))
			serve_one(hand);
		else if (q->broken)
			virtio_device_needs_reset(&b->dev, "its queue", q->why);
		else
			more = virtio_queue_listen(q);
		more = more && b->worker.running;
	}
}

static void work(struct virtio_worker *worker, unsigned queue)
{
	take_requests(&container_of(worker, struct virtio_block, worker)->hands[0]);
}

static void *help(void *arg)
{
	struct hand *hand = arg;
	struct lock *lock = &hand->block->worker.lock;

	lock_take(lock);
	do
		take_requests(hand);
	while (lock_wait(lock));
	lock_drop(lock);
	return NULL;
}

static void block_start(struct virtio_device *dev)
{
	virtio_worker_start(&of_device(dev)->worker);
}

static void block_stop(struct virtio_device *dev)
{
	virtio_worker_stop(&of_device(dev)->worker);
}

static const struct virtio_device_ops block_ops = { .start = block_start, .stop = block_stop };

static void describe(struct virtio_block *b)
{
	uint8_t *config = b->dev.config;

	store_le64(config + CONFIG_CAPACITY, b->file.size / SECTOR);
	store_le32(config + CONFIG_SEG_MAX, ENTRIES - 2); /* header and status take the others */
	store_le32(config + CONFIG_BLK_SIZE, b->file.block);
	b->dev.offered = BIT64(VIRTIO_BLK_F_SEG_MAX) | BIT64(VIRTIO_BLK_F_BLK_SIZE) |
			 BIT64(VIRTIO_BLK_F_FLUSH);
	if (b->file.read_only) {
		b->dev.offered |= BIT64(VIRTIO_BLK_F_RO);
		return;
	}
	b->dev.offered |= BIT64(VIRTIO_BLK_F_WRITE_ZEROES);
	store_le32(config + CONFIG_ZEROES_SECTORS, ZEROES_MAX);
	store_le32(config + CONFIG_ZEROES_RANGES, 1);
	config[CONFIG_ZEROES_UNMAP] = b->config.discard;
	if (!b->config.discard)
		return;
	b->dev.offered |= BIT64(VIRTIO_BLK_F_DISCARD);
	store_le32(config + CONFIG_DISCARD_SECTORS, DISCARD_MAX);
	store_le32(config + CONFIG_DISCARD_RANGES, RANGES_MAX);
	store_le32(config + CONFIG_DISCARD_ALIGN, b->file.block / SECTOR);
}

static int make(struct virtio_block *b)
{
	int r = block_file_open(&b->file, &b->config);

	if (r)
		return r;
	describe(b);
	for (unsigned i = 0; i < ARRAY_SIZE(b->hands); i++)
		b->hands[i].block = b;
	r = virtio_worker_init(&b->worker, 1, ENTRIES);
	while (!r && b->helpers < HELPERS) {
		struct hand *hand = &b->hands[1 + b->helpers];

		r = pthread_create(&hand->thread, NULL, help, hand);
		if (r)
			return fail(STATUS_HOST, r, "--disk %s: no thread: %s", b->config.path,
				    strerror(r));
		b->helpers++;
	}
	return r;
}

int virtio_block_create(const struct virtio_block_config *config, struct virtio_block **ret)
{
	struct virtio_block *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return fail(STATUS_FAILURE, ENOMEM, "--disk %s: out of memory", config->path);
	b->config = *config;
	b->file.fd = -1;
	if (config->serial)
		memcpy(b->serial, config->serial, strnlen(config->serial, sizeof(b->serial)));
	b->dev = (struct virtio_device){
		.ops = &block_ops,
		.name = "virtio disk",
		.type = VIRTIO_ID_BLOCK,
		.pci_class = CLASS_STORAGE_OTHER,
		.config_size = CONFIG_SIZE,
	};
	b->worker.dev = &b->dev;
	b->worker.work = work;
	r = make(b);
	virtio_device_init(&b->dev);
	if (r) {
		virtio_block_destroy(b);
		return r;
	}
	*ret = b;
	return 0;
}

void virtio_block_destroy(struct virtio_block *b)
{
	if (!b)
		return;
	if (b->worker.has_loop)
		lock_stop(&b->worker.lock);
	while (b->helpers)
		pthread_join(b->hands[1 + --b->helpers].thread, NULL);
	virtio_worker_deinit(&b->worker);
	block_file_close(&b->file);
	virtio_device_deinit(&b->dev);
	free(b);
}

struct virtio_device *virtio_block_device(struct virtio_block *b)
{
	return &b->dev;
}
