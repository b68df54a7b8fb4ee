/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A function level reset takes 100 ms in which the kernel only waits (pcie_flr() in drivers/pci/pci.c; PCIe 6.0
 * §6.6.2), and VFIO makes one at each bind and close, under a lock of the device's own bus. So several
 * devices are bound, and closed, at once. Reasons are kept per thread (base/error.h): each is carried over.
 *
 * The threads are kept: those of the bind wait for the close, before which the process was sealed.
 */
#include "side_by_side.h"

#include <base/error.h>
#include <pthread.h>

struct piece {
	int (*work)(void *ctx, unsigned i);
	void *ctx;
	unsigned i;
	int result;
	struct error why;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t more, done; /* pieces */
	struct piece *pieces;
	unsigned next, n, finished;
	unsigned threads;
} pool = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.more = PTHREAD_COND_INITIALIZER,
	.done = PTHREAD_COND_INITIALIZER,
};

static void do_piece(struct piece *piece)
{
	piece->result = piece->work(piece->ctx, piece->i);
	error_take(&piece->why);
}

/* One that nobody has begun, done; false when there is none. With the lock, which it gives back meanwhile. */
static bool do_next(void)
{
	struct piece *piece;

	if (pool.next == pool.n)
		return false;
	piece = &pool.pieces[pool.next++];
	pthread_mutex_unlock(&pool.lock);
	do_piece(piece);
	pthread_mutex_lock(&pool.lock);
	if (++pool.finished == pool.n)
		pthread_cond_signal(&pool.done);
	return true;
}

static void *help(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&pool.lock);
	for (;;)
		if (!do_next())
			pthread_cond_wait(&pool.more, &pool.lock);
	return NULL;
}

/* The caller is one, too. */
void side_by_side_prepare(unsigned n)
{
	pthread_t thread;

	while (pool.threads + 1 < n && !pthread_create(&thread, NULL, help, NULL)) {
		pthread_setname_np(thread, "side by side");
		pthread_detach(thread);
		pool.threads++;
	}
}

int side_by_side(unsigned n, int (*work)(void *ctx, unsigned i), void *ctx)
{
	struct piece pieces[SIDE_BY_SIDE_MAX];
	struct error why;
	int r = 0;

	error_take(&why);
	side_by_side_prepare(n);
	for (unsigned i = 0; i < n; i++)
		pieces[i] = (struct piece){ .work = work, .ctx = ctx, .i = i };
	pthread_mutex_lock(&pool.lock);
	pool.pieces = pieces;
	pool.next = pool.finished = 0;
	pool.n = n;
	pthread_cond_broadcast(&pool.more);
	while (do_next())
		;
	while (pool.finished < n)
		pthread_cond_wait(&pool.done, &pool.lock);
	pool.next = pool.n = 0;
	pthread_mutex_unlock(&pool.lock);
	for (unsigned i = 0; i < n && !r; i++) {
		r = pieces[i].result;
		if (r && !*why.text)
			why = pieces[i].why;
	}
	error_put(&why);
	return r;
}
