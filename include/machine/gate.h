/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where threads wait until all of them are there: between the last one's start and the first one's work the process
 * is sealed (host/seal.h), after which none is made.
 */
#pragma once

#include <base/types.h>
#include <pthread.h>

struct gate {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool open, closed;
};

void gate_init(struct gate *gate);

/* Wait for either of the two. Whether it was opened, and not closed. Any thread. */
bool gate_wait(struct gate *gate);

void gate_open(struct gate *gate);
void gate_close(struct gate *gate); /* for good */
