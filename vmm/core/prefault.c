/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All of guest memory is populated before the guest runs, instead of page by page as it is touched, or at
 * once in the call that pins it. Threads take pieces in turn and have the kernel populate each (madvise(2),
 * MADV_POPULATE_WRITE, Linux 5.14). Zeroing pages is the cost, and it is the same for one thread or many, so
 * that as many help as there are processors.
 *
 * The threads touch nothing but the mapping and the counters here; the machine's thread starts them, goes
 * on with what takes time anyway (a device's reset), and waits.
 */
#include <core/memory.h>

#include <base/clock.h>
#include <base/error.h>
#include <base/log.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#define PIECE       MIB(4)
#define PATIENCE_MS 1000 /* who waits longer than this sees how far it is */

static int populate(uint8_t *from, uint64_t size, uint64_t page)
{
	int r;

	do {
		r = madvise(from, size, MADV_POPULATE_WRITE) ? -errno : 0;
	} while (r == -EINTR || r == -EAGAIN);
	if (r != -EINVAL)
		return r;
	/* A kernel before 5.14. What is there is only written with itself. */
	for (uint64_t at = 0; at < size; at += page)
		__atomic_fetch_or(from + at, 0, __ATOMIC_RELAXED);
	return 0;
}

static bool stopped(const struct memory_prefault *p)
{
	return __atomic_load_n(&p->stop, __ATOMIC_ACQUIRE) ||
	       (p->cancel && __atomic_load_n(p->cancel, __ATOMIC_ACQUIRE));
}

static void *prefault_main(void *arg)
{
	struct memory_prefault *p = arg;
	uint64_t piece = MAX(PIECE, p->page);
	int r = 0;

	while (!r && !stopped(p)) {
		uint64_t at = __atomic_fetch_add(&p->next, piece, __ATOMIC_RELAXED);
		uint64_t size = at < p->mem->size ? MIN(piece, p->mem->size - at) : 0;

		if (!size)
			break;
		r = populate(p->mem->hva + at, size, p->page);
		__atomic_fetch_add(&p->done, size, __ATOMIC_RELAXED);
	}
	pthread_mutex_lock(&p->lock);
	if (r && !p->error)
		p->error = r;
	p->running--;
	pthread_cond_signal(&p->idle);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

int memory_prefault_start(struct memory_prefault *p, struct memory *mem, uint64_t page,
			  const bool *cancel)
{
	unsigned wanted = (unsigned)MIN((uint64_t)get_nprocs(), mem->size / PIECE + 1);

	memset(p, 0, sizeof(*p));
	p->mem = mem;
	p->cancel = cancel;
	mem->populated = true;
	p->page = page ? page : (uint64_t)sysconf(_SC_PAGESIZE);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->idle, NULL);
	pthread_mutex_lock(&p->lock);
	while (p->n < MIN(wanted, ARRAY_SIZE(p->threads)) &&
	       !pthread_create(&p->threads[p->n], NULL, prefault_main, p)) {
		pthread_setname_np(p->threads[p->n], "prefault");
		p->n++;
		p->running++;
	}
	pthread_mutex_unlock(&p->lock);
	return p->n ? 0
		    : fail(STATUS_HOST, EAGAIN, "guest memory: no thread; raise ulimit -u or -v");
}

static void show_progress(const struct memory_prefault *p)
{
	uint64_t done = __atomic_load_n(&p->done, __ATOMIC_RELAXED);
	char text[96];
	int n;

	n = snprintf(text, sizeof(text), "\rthru: guest memory: %llu of %llu MiB",
		     (unsigned long long)(done >> 20), (unsigned long long)(p->mem->size >> 20));
	log_text(text, (size_t)n);
}

int memory_prefault_finish(struct memory_prefault *p, bool abandon)
{
	bool shown = false;
	struct timespec until;
	int r;

	if (!p->mem)
		return 0;
	__atomic_store_n(&p->stop, abandon, __ATOMIC_RELEASE);
	pthread_mutex_lock(&p->lock);
	while (p->running) {
		until = clock_after(PATIENCE_MS);
		if (pthread_cond_timedwait(&p->idle, &p->lock, &until) == ETIMEDOUT &&
		    isatty(STDERR_FILENO)) {
			show_progress(p);
			shown = true;
		}
	}
	pthread_mutex_unlock(&p->lock);
	if (shown)
		log_text("\r\033[K", 4);
	for (unsigned i = 0; i < p->n; i++)
		pthread_join(p->threads[i], NULL);
	pthread_cond_destroy(&p->idle);
	pthread_mutex_destroy(&p->lock);
	r = p->error;
	if (!r && p->done < p->mem->size)
		r = -ECANCELED;
	p->mem = NULL;
	if (abandon || r == -ECANCELED)
		return abandon ? 0 : r;
	/* Where an access would be SIGBUS: a huge page that was reserved, and that a control group refuses. */
	if (r == -EFAULT)
		return fail(
			STATUS_HOST, EFAULT,
			"guest memory: the control group has not that many huge pages left "
			"(hugetlb.*.current, hugetlb.*.max); end who has them, or ask for less (--mem)");
	if (r)
		return fail(STATUS_HOST, -r,
			    "guest memory: the host has not enough of it: %s; ask for less (--mem)",
			    strerror(-r));
	return 0;
}
