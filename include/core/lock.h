/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device lock of a machine: what vcpus and the device loop change together (devices, buses, the
 * maps of memory and interrupts) is changed with it held. It is held for instructions and quick kernel
 * calls, never for a wait. An operation that may block in the kernel (a reset, a power state) is done
 * without it, and what it works on is marked busy meanwhile:
 *
 *	while (part->busy)
 *		if (!lock_wait(lock))
 *			return;              (the machine is being stopped: leave it undone)
 *	part->busy = true;
 *	lock_drop(lock);
 *	r = blocking_call(...);              (touches nothing that others may change)
 *	lock_take(lock);
 *	part->busy = false;                  (publish, and what came of it)
 *	lock_wake(lock);
 *
 * Whoever finds a part busy answers without it (all-ones) or waits as above. What was read before a
 * wait or a drop may be another after it.
 *
 * Control (signals, keys, the host's wish for a device) never takes this lock.
 */
#pragma once

#include <base/guard.h>
#include <base/types.h>
#include <pthread.h>

struct _capability_("device lock") lock
{
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool stopping; /* atomic */
};

void lock_init(struct lock *lock);
void lock_deinit(struct lock *lock);

void lock_take(struct lock *lock) _acquires_(lock);
void lock_drop(struct lock *lock) _releases_(lock);

/*
 * Give the lock back, wait for a lock_wake(), and have it again. False, then and from then on at once,
 * when the machine is being stopped. True says only that something has changed: look again.
 */
bool lock_wait(struct lock *lock) _must_check_ _requires_(lock);

/* The same, or until that time (clock.h). */
bool lock_wait_until(struct lock *lock, uint64_t when) _must_check_ _requires_(lock);

/* Something that others may wait for has changed. */
void lock_wake(struct lock *lock) _requires_(lock);

/*
 * The machine is being stopped: nobody waits any more. lock_restart() is for the next machine, when no
 * vcpu of the last one is left. lock_stopping() needs no lock.
 */
void lock_stop(struct lock *lock) _excludes_(lock);
void lock_restart(struct lock *lock);
bool lock_stopping(const struct lock *lock);
