/* SPDX-License-Identifier: BSD-2-Clause */
/* A gate (gate.h): a condition of two words. */
#include <machine/gate.h>

void gate_init(struct gate *gate)
{
	pthread_mutex_init(&gate->lock, NULL);
	pthread_cond_init(&gate->changed, NULL);
	gate->open = gate->closed = false;
}

bool gate_wait(struct gate *gate)
{
	bool go;

	pthread_mutex_lock(&gate->lock);
	while (!gate->open && !gate->closed)
		pthread_cond_wait(&gate->changed, &gate->lock);
	go = !gate->closed;
	pthread_mutex_unlock(&gate->lock);
	return go;
}

static void tell(struct gate *gate, bool *what)
{
	pthread_mutex_lock(&gate->lock);
	*what = true;
	pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->lock);
}

void gate_open(struct gate *gate)
{
	tell(gate, &gate->open);
}

void gate_close(struct gate *gate)
{
	tell(gate, &gate->closed);
}
