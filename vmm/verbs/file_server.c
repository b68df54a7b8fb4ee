/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtiofsd (the one written in Rust: Debian 13 and later), started on a socket that is listening already
 * and that we are connected to before it runs: so nobody waits for it to come up, and nobody else gets in.
 * The socket has a name for that moment only, in a folder that is ours alone.
 *
 * As root it has a sandbox of its own; without privilege it has our rights, and what the guest makes is
 * ours, whoever it was in the guest. It ends with us, whatever we die of. When it ends before, or breaks
 * the protocol, the guest is ended, and the line says what it said last.
 */
#include "file_server.h"

#include <base/clock.h>
#include <base/error.h>
#include <base/fd.h>
#include <base/log.h>
#include <errno.h>
#include <fcntl.h>
#include <host/seal.h>
#include <linux/virtio_fs.h>
#include <linux/virtio_ids.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define CLASS_STORAGE_OTHER 0x01800001
#define CHILD_FD            3  /* its listening socket */
#define COME_UP_S           60 /* its program may have to be read from a slow disk first */
#define END_MS              2000
#define ARGS                24

/* --- where it is --- */

static bool is_program(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode) && !access(path, X_OK);
}

int file_server_find(const char *name, const char *given, char *ret, size_t size)
{
	static const char usual[] = "/usr/libexec:/usr/lib/virtiofsd:/usr/lib:/usr/local/libexec";
	const char *path = getenv("PATH");
	char places[4096], *rest = places, *dir;

	if (given && is_program(given)) {
		snprintf(ret, size, "%s", given);
		return 0;
	}
	if (given)
		return fail(STATUS_USAGE, ENOENT,
			    "--virtiofsd %s: not a program; give the path of one", given);
	snprintf(places, sizeof(places), "%s:%s", path ? path : "", usual);
	while ((dir = strsep(&rest, ":"))) {
		snprintf(ret, size, "%s/virtiofsd", dir);
		if (*dir == '/' && is_program(ret))
			return 0;
	}
	return fail(STATUS_HOST, ENOENT,
		    "%s: virtiofsd is not on this host; install it (Debian 13 and later: "
		    "apt install virtiofsd), or give --virtiofsd FILE",
		    name);
}

/* --- what it says --- */

/* All that is there now; each line is told, the last one kept. With the lock. */
static void read_words(struct file_server *s)
{
	static const char mark[] = " virtiofsd] "; /* behind its time and level */
	char text[1024], *rest = text, *line, *at;
	static struct ratelimit rl;
	ssize_t n = s->words.fd < 0 ? 0 : read(s->words.fd, text, sizeof(text) - 1);

	if (n <= 0)
		return;
	text[n] = 0;
	while ((line = strsep(&rest, "\n"))) {
		if (!*line)
			continue;
		at = strstr(line, mark);
		if (at)
			line = at + strlen(mark);
		snprintf(s->last, sizeof(s->last), "%s", line);
		log_guest(&rl, "%s: virtiofsd: %s", s->name, line);
	}
}

static void on_words(struct loop_source *source, uint32_t events)
{
	struct file_server *s = container_of(source, struct file_server, words);

	pthread_mutex_lock(&s->lock);
	read_words(s);
	pthread_mutex_unlock(&s->lock);
	/* Its end is the device's matter. */
	if (!(events & EPOLLIN))
		loop_remove(s->loop, source);
}

/* How it ended, if it does so soon. */
static void describe_end(struct file_server *s, char *ret, size_t size)
{
	int pidfd = (int)syscall(SYS_pidfd_open, s->pid, 0);
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	siginfo_t info = { .si_pid = 0 };

	if (pidfd >= 0)
		poll(&p, 1, 1000);
	fd_close(&pidfd);
	/* It stays to be reaped: that is the machine's thread's. */
	if (waitid(P_PID, (id_t)s->pid, &info, WEXITED | WNOHANG | WNOWAIT) || !info.si_pid)
		snprintf(ret, size, "it still runs");
	else if (info.si_code == CLD_EXITED)
		snprintf(ret, size, "it has ended with status %d", info.si_status);
	else
		snprintf(ret, size, "it was killed by signal %d", info.si_status);
}

/* On the device's thread. */
static void on_lost(void *ctx, const char *why)
{
	struct file_server *s = ctx;
	char end[64];

	describe_end(s, end, sizeof(end));
	pthread_mutex_lock(&s->lock);
	read_words(s);
	loop_post_why(s->loop, VM_EVENT_DEVICE_LOST, STATUS_DEVICE_LOST,
		      "%s: virtiofsd is lost: %s; %s%s%s; the guest cannot go on without its files",
		      s->name, why, end, *s->last ? ": " : "", s->last);
	pthread_mutex_unlock(&s->lock);
}

/* --- its life --- */

/* A socket that listens, and one that is connected to it. */
static int make_sockets(const struct file_server *s, int *ret_listening, int *ret_connected)
{
	const char *base = getenv("TMPDIR");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_fd_ int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	_cleanup_fd_ int connected = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char folder[80];
	int r = 0;

	snprintf(folder, sizeof(folder), "%s/thru-XXXXXX",
		 base && *base == '/' && strlen(base) < 60 ? base : "/tmp");
	if (!mkdtemp(folder))
		return fail(STATUS_HOST, errno,
			    "%s: no folder for a socket: %s: %s; set TMPDIR to one that can be "
			    "written",
			    s->name, folder, strerror(errno));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", folder);
	if (bind(listening, (struct sockaddr *)&address, sizeof(address)) || listen(listening, 1) ||
	    connect(connected, (struct sockaddr *)&address, sizeof(address)))
		r = fail(STATUS_HOST, errno, "%s: socket: %s", s->name, strerror(errno));
	unlink(address.sun_path);
	rmdir(folder);
	if (r)
		return r;
	*ret_listening = listening;
	*ret_connected = connected;
	listening = connected = -1;
	return 0;
}

/* In the child, where other threads' locks may be held for ever: system calls only. */
static void become_server(const char *const *args, int listening, int words, pid_t parent)
{
	static const char sorry[] = "cannot be executed\n";
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		kill(getpid(), SIGKILL);
	setpgid(0, 0); /* a terminal's Ctrl-C is for us, who end it in order */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(words, STDERR_FILENO);
	if (listening == CHILD_FD)
		fcntl(listening, F_SETFD, 0);
	else
		dup2(listening, CHILD_FD);
	execv(args[0], (char *const *)(uintptr_t)args);
	(void)!write(STDERR_FILENO, sorry, sizeof(sorry) - 1);
	kill(getpid(), SIGKILL); /* a copy of us undoes nothing that is ours */
}

/*
 * Its sandbox as root: namespaces, but pivot_root(2) does nothing where the folder is the root already.
 * Without privilege there is one in a user namespace, which not every host allows and where one user is
 * known; so it has our rights and no more, and whoever makes a file in the guest, it is ours here.
 */
static void choose_args(const struct share_option *share, const char *virtiofsd, char squash[64],
			char squash_group[64], const char **args)
{
	bool top = !strcmp(share->path, "/");

	*args++ = virtiofsd;
	*args++ = "--fd=3";
	*args++ = "--log-level=error";
	*args++ = "--shared-dir";
	*args++ = share->path;
	if (!geteuid()) {
		*args++ = top ? "--sandbox=chroot" : "--sandbox=namespace";
	} else {
		snprintf(squash, 64, "squash-guest:0:%u:4294967295", (unsigned)geteuid());
		snprintf(squash_group, 64, "squash-guest:0:%u:4294967295", (unsigned)getegid());
		*args++ = "--sandbox=none";
		*args++ = "--translate-uid";
		*args++ = squash;
		*args++ = "--translate-gid";
		*args++ = squash_group;
	}
	if (share->read_only)
		*args++ = "--readonly";
	/* A root is the lower half of an overlay, which does not go through mounts of other file systems. */
	if (share->whole) {
		*args++ = "--no-announce-submounts";
		*args++ = "--cache=always";
	}
	*args = NULL;
}

static int start(struct file_server *s, const char *virtiofsd, int listening)
{
	const char *args[ARGS];
	char squash[64], squash_group[64];
	_cleanup_fd_ int words = -1;
	pid_t parent = getpid();
	int pipe[2];

	if (pipe2(pipe, O_CLOEXEC))
		return fail(STATUS_HOST, errno, "%s: pipe: %s", s->name, strerror(errno));
	words = pipe[1];
	s->words.fd = pipe[0];
	s->words.handler = on_words;
	fcntl(s->words.fd, F_SETFL, O_NONBLOCK);
	choose_args(s->share, virtiofsd, squash, squash_group, args);
	s->pid = fork();
	if (!s->pid)
		become_server(args, listening, words, parent);
	if (s->pid < 0) {
		s->pid = 0;
		return fail(STATUS_HOST, errno, "%s: fork: %s", s->name, strerror(errno));
	}
	seal_permit_kill(s->pid);
	return 0;
}

/* The configuration is ours to make: it is the tag, and how many queues there are (VIRTIO 1.3 §5.11.4). */
static int connect_device(struct file_server *s, int fd)
{
	struct virtio_fs_config fs = { .num_request_queues = 1 };
	const struct virtio_vhost_user_config config = {
		.name = s->name,
		.fd = fd,
		.type = VIRTIO_ID_FS,
		.pci_class = CLASS_STORAGE_OTHER,
		.queues = 2, /* one for what is urgent, one for requests */
		.config = &fs,
		.config_size = sizeof(fs),
		.without = UINT64_MAX >>
			   40, /* of the type: notifications, which want a queue more */
		.answer_s = COME_UP_S,
		.lost = on_lost,
		.ctx = s,
	};
	int r;

	memcpy(fs.tag, s->share->tag, strnlen(s->share->tag, sizeof(fs.tag)));
	r = virtio_vhost_user_create(&config, &s->device);
	if (r && *s->last == 0) {
		char end[64];

		describe_end(s, end, sizeof(end));
		pthread_mutex_lock(&s->lock);
		read_words(s);
		pthread_mutex_unlock(&s->lock);
		error_clear();
		r = fail(STATUS_HOST, EPROTO, "%s: virtiofsd did not come up: %s%s%s", s->name, end,
			 *s->last ? ": " : "; see whether it is the one written in Rust", s->last);
	}
	return r;
}

int file_server_start(struct file_server *s, const struct share_option *share,
		      const char *virtiofsd, struct loop *loop)
{
	_cleanup_fd_ int listening = -1;
	int connected = -1, r;
	struct stat st;

	*s = (struct file_server){ .share = share, .loop = loop, .words.fd = -1, .made = true };
	pthread_mutex_init(&s->lock, NULL);
	snprintf(s->name, sizeof(s->name), "%s %s", share->whole ? "--root" : "--share",
		 share->path);
	if (stat(share->path, &st) || !S_ISDIR(st.st_mode))
		return fail(STATUS_USAGE, ENOTDIR, "%s: no such folder; give the path of one",
			    s->name);
	r = make_sockets(s, &listening, &connected);
	if (!r)
		r = start(s, virtiofsd, listening);
	fd_close(&listening); /* when it ends, its half is gone */
	if (r) {
		fd_close(&connected);
		return r;
	}
	r = connect_device(s, connected);
	if (!r)
		r = loop_add(loop, &s->words, EPOLLIN);
	return r;
}

/* Without its socket it ends by itself. */
void file_server_stop(struct file_server *s)
{
	struct pollfd p = { .events = POLLIN };

	if (!s->made)
		return;
	virtio_vhost_user_destroy(s->device);
	if (s->words.fd >= 0)
		loop_remove(s->loop, &s->words);
	if (s->pid) {
		p.fd = (int)syscall(SYS_pidfd_open, s->pid, 0);
		if (p.fd < 0 || poll(&p, 1, END_MS) != 1)
			kill(-s->pid, SIGKILL);
		fd_close(&p.fd);
		waitpid(s->pid, NULL, 0);
	}
	fd_close(&s->words.fd);
	pthread_mutex_destroy(&s->lock);
	s->made = false;
}
