/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A function level reset takes 100 ms in which the kernel only waits (pcie_flr() in drivers/pci/pci.c; PCIe 6.0
 * §6.6.2), and VFIO makes one at each bind and close, under a lock of the device's own bus. So several
 * devices are bound, and closed, at once. Reasons are kept per thread (base/error.h): each is carried over.
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
	pthread_t thread;
	bool threaded;
};

static void *do_piece(void *arg)
{
	struct piece *piece = arg;

	piece->result = piece->work(piece->ctx, piece->i);
	error_take(&piece->why);
	return NULL;
}

int side_by_side(unsigned n, int (*work)(void *ctx, unsigned i), void *ctx)
{
	struct piece pieces[SIDE_BY_SIDE_MAX];
	struct error why;
	int r = 0;

	error_take(&why);
	for (unsigned i = 0; i < n; i++)
		pieces[i] = (struct piece){ .work = work, .ctx = ctx, .i = i };
	/* The first is this thread's. */
	for (unsigned i = 1; i < n; i++)
		pieces[i].threaded = !pthread_create(&pieces[i].thread, NULL, do_piece, &pieces[i]);
	for (unsigned i = 0; i < n; i++)
		if (!pieces[i].threaded)
			do_piece(&pieces[i]);
	for (unsigned i = 1; i < n; i++)
		if (pieces[i].threaded)
			pthread_join(pieces[i].thread, NULL);
	for (unsigned i = 0; i < n && !r; i++) {
		r = pieces[i].result;
		if (r && !*why.text)
			why = pieces[i].why;
	}
	error_put(&why);
	return r;
}
