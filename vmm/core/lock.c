/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device lock. Any thread of a machine; never the control thread.
 */
#include <core/lock.h>

#include <base/clock.h>
#include <string.h>
#include <time.h>

void lock_init(struct lock *lock)
{
	pthread_condattr_t attr;

	memset(lock, 0, sizeof(*lock));
	pthread_mutex_init(&lock->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&lock->changed, &attr);
	pthread_condattr_destroy(&attr);
}

void lock_deinit(struct lock *lock)
{
	pthread_cond_destroy(&lock->changed);
	pthread_mutex_destroy(&lock->mutex);
}

_unchecked_ void lock_take(struct lock *lock)
{
	pthread_mutex_lock(&lock->mutex);
}

_unchecked_ void lock_drop(struct lock *lock)
{
	pthread_mutex_unlock(&lock->mutex);
}

bool lock_wait(struct lock *lock)
{
	if (!lock_stopping(lock))
		pthread_cond_wait(&lock->changed, &lock->mutex);
	return !lock_stopping(lock);
}

bool lock_wait_until(struct lock *lock, uint64_t when)
{
	const struct timespec ts = { .tv_sec = (time_t)(when / NS_PER_S),
				     .tv_nsec = (long)(when % NS_PER_S) };

	if (!lock_stopping(lock))
		pthread_cond_timedwait(&lock->changed, &lock->mutex, &ts);
	return !lock_stopping(lock);
}

void lock_wake(struct lock *lock)
{
	pthread_cond_broadcast(&lock->changed);
}

/* With the mutex: between a waiter's look at `stopping` and its wait nothing may come. */
void lock_stop(struct lock *lock)
{
	lock_take(lock);
	__atomic_store_n(&lock->stopping, true, __ATOMIC_RELEASE);
	pthread_cond_broadcast(&lock->changed);
	lock_drop(lock);
}

void lock_restart(struct lock *lock)
{
	__atomic_store_n(&lock->stopping, false, __ATOMIC_RELEASE);
}

bool lock_stopping(const struct lock *lock)
{
	return __atomic_load_n(&lock->stopping, __ATOMIC_ACQUIRE);
}
