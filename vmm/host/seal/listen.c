/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `--sandbox log`: a thread that is told of each call without a rule (seccomp_unotify(2)), says so, and lets it go on.
 */
#include "refused.h"

#include <base/fd.h>
#include <base/log.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TOLD_MAX 256

static struct {
	sem_t ready;
	int fd; /* the listener's */
	struct thread_name {
		pid_t tid;
		char name[16];
	} threads[TOLD_MAX];
	unsigned n_threads;
	struct refused told[TOLD_MAX];
	unsigned n_told;
} listener = { .fd = -1 };

static const char *thread_name(pid_t tid)
{
	for (unsigned i = 0; i < listener.n_threads; i++)
		if (listener.threads[i].tid == tid)
			return listener.threads[i].name;
	return "?";
}

/* Each once: a call that would be refused may be made for ever. */
static void tell(const struct seccomp_notif *n)
{
	const struct refused call = { .nr = (unsigned)n->data.nr,
				      .args = { n->data.args[0], n->data.args[1] } };
	char text[256];

	for (unsigned i = 0; i < listener.n_told; i++)
		if (listener.told[i].nr == call.nr &&
		    (call.nr != SYS_ioctl || listener.told[i].args[1] == call.args[1]))
			return;
	if (listener.n_told == TOLD_MAX)
		return;
	listener.told[listener.n_told++] = call;
	refused_describe(&call, thread_name((pid_t)n->pid), text, sizeof(text));
	log_warn("%s would be refused", text);
}

/* It is under the filter itself, and nobody would answer it: what it needs is in the rules. */
static void *listen_main(void *arg)
{
	struct seccomp_notif_resp resp;
	struct seccomp_notif n;

	(void)arg;
	sem_wait(&listener.ready);
	for (;;) {
		memset(&n, 0, sizeof(n));
		if (ioctl(listener.fd, SECCOMP_IOCTL_NOTIF_RECV, &n)) {
			if (errno == EINTR || errno == ENOENT)
				continue;
			return NULL;
		}
		tell(&n);
		resp = (struct seccomp_notif_resp){
			.id = n.id,
			.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE,
		};
		(void)!ioctl(listener.fd, SECCOMP_IOCTL_NOTIF_SEND, &resp);
	}
}

static void name_threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *d;
	char path[64];

	while (dir && (d = readdir(dir)) && listener.n_threads < TOLD_MAX) {
		struct thread_name *t = &listener.threads[listener.n_threads];
		_cleanup_fd_ int fd = -1;
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/self/task/%.16s/comm", d->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		n = fd < 0 ? 0 : read(fd, t->name, sizeof(t->name) - 1);
		if (n <= 1)
			continue;
		t->name[n - 1] = 0;
		t->tid = (pid_t)strtol(d->d_name, NULL, 10);
		listener.n_threads++;
	}
	if (dir)
		closedir(dir);
}

int refused_listen_start(void)
{
	pthread_t thread;
	int r;

	sem_init(&listener.ready, 0, 0);
	r = pthread_create(&thread, NULL, listen_main, NULL);
	if (r)
		return -r;
	pthread_setname_np(thread, "sandbox");
	pthread_detach(thread);
	name_threads();
	return 0;
}

void refused_listen(int fd)
{
	listener.fd = fd;
	sem_post(&listener.ready);
}
