/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An event loop (epoll): one thread runs it and calls the handlers of its sources, with the device lock
 * held where it was given one (lock.h). What must travel up (power-off, reset, a lost device) is posted,
 * never called: whoever owns the loop reads it when loop_run() returns. A post is heard whoever holds
 * the lock.
 */
#pragma once

#include <base/error.h>
#include <base/types.h>
#include <core/lock.h>

struct loop_source;
typedef void (*loop_handler)(struct loop_source *source, uint32_t events);

/* Embedded in its owner; the handler finds the owner with container_of(). */
struct loop_source {
	int fd;               /* the owner's; the loop does not close it */
	loop_handler handler; /* called on the loop's thread, with its lock held */
};

/* In order of weight: when several were posted, the heaviest wins, then the first. */
enum vm_event {
	VM_EVENT_NONE,
	VM_EVENT_POWEROFF,
	VM_EVENT_REBOOT,
	VM_EVENT_PANIC,       /* pvpanic */
	VM_EVENT_CRASH,       /* triple fault */
	VM_EVENT_STUCK,       /* KVM cannot emulate; comes with a reason */
	VM_EVENT_SIGNAL,      /* value: the signal's number */
	VM_EVENT_OUTPUT_LOST, /* comes with a reason */
	VM_EVENT_DEVICE_LOST, /* comes with a reason */
	VM_EVENT_FAILED,      /* anything else that ends the VM; comes with a reason */
};

struct loop {
	int epoll_fd;
	int wake_fd;
	struct lock *lock;   /* NULL: handlers are called without */
	enum vm_event event; /* the heaviest posted so far; atomic */
	bool ending;         /* a signal or worse was posted: atomic, and never taken back */
	int event_value;
	struct error event_why;
};

/* `lock` outlives the loop; NULL: none. */
int loop_init(struct loop *loop, struct lock *lock) _must_check_;
void loop_deinit(struct loop *loop);

/*
 * Watch source->fd for `events` (EPOLLIN, EPOLLOUT). loop_change() alters them (0 pauses; an error
 * or hang-up is told all the same). -errno, unrecorded: -EPERM for a regular file.
 */
int loop_add(struct loop *loop, struct loop_source *source, uint32_t events) _must_check_;
void loop_change(struct loop *loop, struct loop_source *source, uint32_t events);
void loop_remove(struct loop *loop, struct loop_source *source);

/*
 * The same from a thread that neither runs the loop nor has its lock: when it returns, no handler of
 * this source runs any more.
 */
void loop_withdraw(struct loop *loop, struct loop_source *source);

/*
 * Run handlers until an event is posted. Returns it; *ret_value is its value, and the reason that it
 * came with is now this thread's record (error.h). What a handler recorded and did not post is dropped.
 */
enum vm_event loop_run(struct loop *loop, int *ret_value);

/* Post an event from any thread, with or without the lock, also from a handler. */
void loop_post(struct loop *loop, enum vm_event event, int value);

/* The same with its reason, as fail() takes one; or with what this thread has recorded, which goes. */
void loop_post_why(struct loop *loop, enum vm_event event, enum exit_status status, const char *fmt,
		   ...) _printf_(4, 5);
void loop_post_error(struct loop *loop, enum vm_event event);

/* Was anything posted that ends the machine whatever its guest says: VM_EVENT_SIGNAL or heavier? */
bool loop_ending(const struct loop *loop);

/* Was anything posted that loop_run() has not returned yet? */
bool loop_posted(const struct loop *loop);

/* Drop a posted event lighter than `keep`: what a machine said that is no more. */
void loop_forget(struct loop *loop, enum vm_event keep);
