/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The event loop (epoll) that the main thread runs, and the one lock of the program. A vcpu takes
 * the lock for the time of a trapped access, the loop for the time of a callback; nothing else
 * takes it, and no device has a lock of its own. The data path (mapped BARs, irqfds) never meets
 * it. What must travel up (power-off, reset, a lost device) is posted, never called: whoever owns
 * the loop reads it when loop_run() returns.
 */
#pragma once

#include <base/types.h>
#include <pthread.h>

struct loop_source;
typedef void (*loop_handler)(struct loop_source *source, uint32_t events);

/* Embedded in its owner; the handler finds the owner with container_of(). */
struct loop_source {
	int fd;               /* the owner's; the loop does not close it */
	loop_handler handler; /* called on the loop's thread with the lock held */
};

/* In order of weight: when several were posted, the heaviest wins, then the first. */
enum vm_event {
	VM_EVENT_NONE,
	VM_EVENT_POWEROFF,
	VM_EVENT_REBOOT,
	VM_EVENT_PANIC,       /* pvpanic */
	VM_EVENT_CRASH,       /* triple fault */
	VM_EVENT_STUCK,       /* KVM cannot emulate; the reason is recorded with fail() */
	VM_EVENT_SIGNAL,      /* value: the signal's number */
	VM_EVENT_OUTPUT_LOST, /* recorded with fail() */
	VM_EVENT_DEVICE_LOST, /* recorded with fail() */
	VM_EVENT_FAILED,      /* anything else that ends the VM, recorded with fail() */
};

struct loop {
	int epoll_fd;
	int wake_fd;
	pthread_mutex_t lock;
	enum vm_event event; /* the heaviest posted so far; atomic */
	int event_value;
};

int loop_init(struct loop *loop) _must_check_;
void loop_deinit(struct loop *loop);

/*
 * Watch source->fd for `events` (EPOLLIN, EPOLLOUT). loop_change() alters them (0 pauses; an error
 * or hang-up is told all the same). -errno, unrecorded: -EPERM for a regular file.
 */
int loop_add(struct loop *loop, struct loop_source *source, uint32_t events) _must_check_;
void loop_change(struct loop *loop, struct loop_source *source, uint32_t events);
void loop_remove(struct loop *loop, struct loop_source *source);

/* Run handlers until an event is posted. Returns it; *ret_value is its value. */
enum vm_event loop_run(struct loop *loop, int *ret_value);

/* Post an event from any thread, with or without the lock, also from a handler. */
void loop_post(struct loop *loop, enum vm_event event, int value);

/* Drop a posted event lighter than `keep`: what a machine said that is no more. */
void loop_forget(struct loop *loop, enum vm_event keep);

void loop_lock(struct loop *loop);
void loop_unlock(struct loop *loop);
