/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `thru open` leaves to somebody else: each attack that a user who has the command could make on
 * root's terminal, keys, environment and folder, tried by a process that has become that user; and the
 * socket, with clients that hang up, and signals.
 */
#include <vmm/verbs/become.h>
#include <vmm/verbs/relay.h>
#include <vmm/verbs/serve.h>

#include <host/way.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/securebits.h>
#include <poll.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define NOBODY 65534

static char nobody_name[] = "nobody", nowhere[] = "/nonexistent", none[] = "";
static struct passwd nobody = { .pw_name = nobody_name,
				.pw_uid = NOBODY,
				.pw_gid = NOBODY,
				.pw_dir = nowhere,
				.pw_shell = none };

/* In a child: what it returns is its status, 0 when all is as it should be. */
static int in_child(int (*what)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (!pid)
		_exit(what());
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

#define EXPECT(cond)                                                                  \
	do {                                                                          \
		if (!(cond)) {                                                        \
			fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #cond, \
				strerror(errno));                                     \
			return 1;                                                     \
		}                                                                     \
	} while (0)

/* --- ids, capabilities, keys, environment, folder */

static int capabilities_left(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2];
	uid_t ids[3];
	gid_t gids[3];

	EXPECT(!become_user(&nobody));
	EXPECT(!getresuid(&ids[0], &ids[1], &ids[2]) && !getresgid(&gids[0], &gids[1], &gids[2]));
	for (unsigned i = 0; i < 3; i++)
		EXPECT(ids[i] == NOBODY && gids[i] == NOBODY);
	EXPECT(getgroups(0, NULL) <= 1);
	EXPECT(!syscall(SYS_capget, &header, caps));
	for (unsigned i = 0; i < 2; i++)
		EXPECT(!caps[i].effective && !caps[i].permitted && !caps[i].inheritable);
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
		EXPECT(prctl(PR_CAPBSET_READ, cap) == 0);
	EXPECT(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	EXPECT((prctl(PR_GET_SECUREBITS) & (SECBIT_NOROOT | SECBIT_NOROOT_LOCKED)) ==
	       (SECBIT_NOROOT | SECBIT_NOROOT_LOCKED));
	EXPECT(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_NET_RAW, 0, 0) == 0);
	EXPECT(setuid(0) && setgid(0));
	EXPECT(prctl(PR_SET_SECUREBITS, 0));
	return 0;
}

/* Root's session keyring holds a key that gives itself to whoever possesses it. */
static int key_read(void)
{
	char got[16] = "";
	long key, session;

	session = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, "thru-unit-open");
	EXPECT(session > 0);
	key = syscall(SYS_add_key, "user", "thru:unit", "secret", 6, KEY_SPEC_SESSION_KEYRING);
	EXPECT(key > 0);
	EXPECT(!become_user(&nobody));
	EXPECT(syscall(SYS_keyctl, KEYCTL_READ, key, got, sizeof(got)) < 0);
	EXPECT(syscall(SYS_request_key, "user", "thru:unit", NULL, 0) < 0);
	EXPECT(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0) != session);
	return 0;
}

static int environment_left(void)
{
	extern char **environ;
	char here[256];
	unsigned n = 0;

	EXPECT(!setenv("SECRET", "s", 1) && !setenv("LD_PRELOAD", "/tmp/x.so", 1) &&
	       !setenv("TERM", "vt100", 1) && !setenv("PATH", "/root/bin", 1) && !chdir("/proc"));
	EXPECT(!become_user(&nobody) && !become_at_home(&nobody));
	for (char **e = environ; *e; e++)
		n++;
	EXPECT(n == 6);
	EXPECT(!strcmp(getenv("PATH"), "/usr/local/bin:/usr/bin:/bin"));
	EXPECT(!strcmp(getenv("HOME"), nowhere) && !strcmp(getenv("USER"), "nobody"));
	EXPECT(!strcmp(getenv("LOGNAME"), "nobody") && !strcmp(getenv("SHELL"), "/bin/sh"));
	EXPECT(!strcmp(getenv("TERM"), "vt100"));
	EXPECT(getcwd(here, sizeof(here)) && !strcmp(here, "/")); /* his home is not there */
	return 0;
}

static int home(void)
{
	static char tmp[] = "/tmp";
	char here[256];

	nobody.pw_dir = tmp;
	EXPECT(!unsetenv("TERM") && !become_user(&nobody) && !become_at_home(&nobody));
	EXPECT(getcwd(here, sizeof(here)) && !strcmp(here, "/tmp") && !getenv("TERM"));
	return 0;
}

static void nothing_of_roots(void)
{
	if (geteuid())
		SKIP("needs root, to become somebody else");
	CHECK_EQ(in_child(capabilities_left), 0);
	CHECK_EQ(in_child(environment_left), 0);
	CHECK_EQ(in_child(home), 0);
}

static void keyring(void)
{
	if (geteuid())
		SKIP("needs root, to become somebody else");
	if (syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 0) < 0 &&
	    (errno == ENOSYS || errno == EPERM))
		SKIP("this machine has no keyrings for us");
	CHECK_EQ(in_child(key_read), 0);
}

/* --- the terminal */

/*
 * Root's terminal, seen from its other end, with a process that leads its session as a shell does, and
 * below it one that does what `thru open` does: relay_start(), and in the child `command` as nobody.
 */
struct session {
	int other_end;
	pid_t shell;
};

static int open_like(int (*command)(void))
{
	struct relay relay;
	int r = relay_start(&relay, geteuid() ? geteuid() : NOBODY);

	if (r < 0)
		return 99;
	if (r)
		return relay_run(&relay);
	if (!geteuid() && become_user(&nobody))
		return 98;
	return command();
}

/* The "shell": starts it in a process group of its own in the foreground, then looks for typed words. */
static int shell(int (*command)(void), bool terminal, bool *typed)
{
	struct pollfd input = { .fd = 0, .events = POLLIN };
	int status = -1, null = open("/dev/null", O_RDWR | O_CLOEXEC);
	pid_t pid = fork();

	if (!pid) {
		setpgid(0, 0);
		signal(SIGTTOU, SIG_IGN);
		tcsetpgrp(2, getpid());
		for (int fd = 0; !terminal && fd <= 2; fd++)
			dup2(null, fd);
		signal(SIGINT, SIG_IGN); /* as a job of a script has it */
		_exit(open_like(command));
	}
	waitpid(pid, &status, 0);
	signal(SIGTTOU, SIG_IGN);
	tcsetpgrp(2, getpid());
	*typed = poll(&input, 1, 0) > 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static struct session begin(int (*command)(void), bool terminal)
{
	struct session s;
	struct winsize size = { .ws_row = 33, .ws_col = 44 };

	fflush(stdout);
	s.shell = forkpty(&s.other_end, NULL, NULL, &size);
	if (!s.shell) {
		bool typed;
		int status = shell(command, terminal, &typed);

		_exit(typed ? 77 : status);
	}
	return s;
}

static int finish(struct session *s)
{
	int status = -1;
	char bytes[256];

	/* What is printed has to be read for the session to end. */
	while (read(s->other_end, bytes, sizeof(bytes)) > 0)
		;
	waitpid(s->shell, &status, 0);
	close(s->other_end);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void type_on(int fd)
{
	/* The upper half of a request is not looked at by the kernel (ioctl(2): unsigned int). */
	static const unsigned long requests[] = { TIOCSTI, TIOCSTI | 1ul << 40 };

	for (unsigned i = 0; i < ARRAY_SIZE(requests); i++)
		for (const char *c = "id\n"; *c; c++)
			syscall(SYS_ioctl, fd, requests[i], c);
}

static int types_for_the_shell(void)
{
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC);

	for (int fd = 0; fd <= 2; fd++)
		type_on(fd);
	type_on(tty);
	return isatty(0) && tty >= 0 ? 7 : 1;
}

static int has_no_terminal(void)
{
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC);

	return tty < 0 && errno == ENXIO ? 7 : 1;
}

static void typing_for_root(void)
{
	struct session s = begin(types_for_the_shell, true);

	CHECK_EQ(finish(&s), 7); /* 77: the shell was given words */
	s = begin(has_no_terminal, false);
	CHECK_EQ(finish(&s), 7);
}

/* The kernel would be asked to make root's terminal the user's: its foreground, its keys. */
static int takes_the_foreground(void)
{
	char name[64] = "";

	signal(SIGTTOU, SIG_IGN);
	if (ttyname_r(0, name, sizeof(name)))
		return 1;
	printf("%s\n", name);
	fflush(stdout);
	return tcgetsid(0) == getsid(0) && tcgetpgrp(0) == getpgrp() ? 7 : 1;
}

/* What is read from the session up to a newline. */
static void read_line(int fd, char *text, size_t size)
{
	size_t n = 0;

	while (n < size - 1 && read(fd, text + n, 1) == 1 && text[n] != '\n')
		n++;
	text[n] = 0;
	text[strcspn(text, "\r")] = 0;
}

static void a_terminal_of_its_own(void)
{
	struct session s = begin(takes_the_foreground, true);
	char line[128], name[64] = "";

	read_line(s.other_end, line, sizeof(line));
	CHECK(!ptsname_r(s.other_end, name, sizeof(name)));
	CHECK(!strncmp(line, "/dev/pts/", 9));
	CHECK(strcmp(line, name));
	CHECK_EQ(finish(&s), 7);
}

/* Keys, Ctrl-C, sizes and what is printed go through; the status is the command's. */
static int echoes(void)
{
	char text[64] = "";
	struct winsize size;

	if (ioctl(0, TIOCGWINSZ, &size) || size.ws_row != 33 || size.ws_col != 44)
		return 2;
	printf("ready\n");
	fflush(stdout);
	if (!fgets(text, sizeof(text), stdin) || strcmp(text, "hello\n"))
		return 3;
	printf("got it\n");
	fflush(stdout);
	return 42;
}

static int waits(void)
{
	printf("ready\n");
	fflush(stdout);
	return pause();
}

static void type(const struct session *s, const char *text)
{
	if (write(s->other_end, text, strlen(text)) < 0)
		abort();
}

static void carried(void)
{
	struct session s = begin(echoes, true);
	char line[128];

	read_line(s.other_end, line, sizeof(line));
	CHECK(!strcmp(line, "ready"));
	type(&s, "hello\r");
	read_line(s.other_end, line, sizeof(line)); /* the echo */
	CHECK(!strcmp(line, "hello"));
	read_line(s.other_end, line, sizeof(line));
	CHECK(!strcmp(line, "got it"));
	CHECK_EQ(finish(&s), 42);
	s = begin(waits, true);
	read_line(s.other_end, line, sizeof(line));
	CHECK(!strcmp(line, "ready"));
	type(&s, "\003");
	CHECK_EQ(finish(&s), 128 + SIGINT);
}

/* --- the socket */

static char folder[] = "/tmp/thru-unit-open-XXXXXX", path[64];

static int server_stderr = -1;

static pid_t start_server(unsigned n, struct vfio_group *group)
{
	struct vfio_device devices[2] = { { .name = "0000:01:00.0", .group = group },
					  { .name = "0000:02:00.0", .group = group } };
	pid_t pid = fork();

	if (pid)
		return pid;
	if (server_stderr >= 0)
		dup2(server_stderr, STDERR_FILENO);
	for (unsigned i = 0; i < n; i++)
		devices[i].fd = group ? -1 : open("/dev/zero", O_RDWR | O_CLOEXEC);
	if (group)
		group->fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (!geteuid() && become_user(&nobody))
		_exit(98);
	_exit(serve_devices(path, "nobody", devices, n, open("/dev/full", O_RDWR))
		      ? (int)error_status()
		      : 0);
}

static int connect_to_it(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	while (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		if (errno != ENOENT && errno != ECONNREFUSED)
			abort();
		else
			sched_yield();
	return fd;
}

/* The name that comes with two descriptors, "" otherwise; of the first, which it is. */
static dev_t receive(int fd, char *name, size_t size)
{
	struct stat st = { 0 };
	int first;

	char room[CMSG_SPACE(2 * sizeof(int))];
	struct iovec text = { name, size - 1 };
	struct msghdr message = { .msg_iov = &text,
				  .msg_iovlen = 1,
				  .msg_control = room,
				  .msg_controllen = sizeof(room) };
	ssize_t n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
	struct cmsghdr *header = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;

	name[n > 0 ? n : 0] = 0;
	close(fd);
	if (!header || header->cmsg_len != CMSG_LEN(2 * sizeof(int))) {
		name[0] = 0;
		return 0;
	}
	memcpy(&first, CMSG_DATA(header), sizeof(first));
	fstat(first, &st);
	return st.st_rdev;
}

static int status_of(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void server_setup(void)
{
	snprintf(folder, sizeof(folder), "/tmp/thru-unit-open-XXXXXX");
	if (!mkdtemp(folder) || (!geteuid() && chown(folder, NOBODY, NOBODY)))
		abort();
	snprintf(path, sizeof(path), "%s/socket", folder);
}

static void clients_that_hang_up(void)
{
	char name[64];
	struct stat st;
	int status;
	pid_t pid;

	server_setup();
	pid = start_server(2, NULL);
	receive(connect_to_it(), name, sizeof(name));
	CHECK(!strcmp(name, "0000:01:00.0"));
	CHECK(!lstat(path, &st) && (st.st_mode & 07777) == 0600);
	CHECK(geteuid() || (st.st_uid == NOBODY && st.st_gid == NOBODY));
	/* Gone before it is looked at. */
	kill(pid, SIGSTOP);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), (uint64_t)pid);
	close(connect_to_it());
	close(connect_to_it());
	kill(pid, SIGCONT);
	receive(connect_to_it(), name, sizeof(name));
	CHECK(!strcmp(name, "0000:02:00.0"));
	CHECK_EQ(status_of(pid), 0);
	CHECK(lstat(path, &st));
	CHECK(!rmdir(folder));
}

/* Its lines, one for each client that hangs up, go where nobody reads: it serves the others all the same. */
static void nobody_reads_the_server(void)
{
	const struct timeval patience = { .tv_sec = 20 };
	static char zeroes[65536];
	int status, client;
	char name[64];

	for (unsigned broken = 0; broken < 2; broken++) {
		int ends[2];
		pid_t pid;

		CHECK(!pipe2(ends, O_CLOEXEC | O_NONBLOCK));
		while (write(ends[1], zeroes, sizeof(zeroes)) > 0)
			;
		CHECK(!fcntl(ends[1], F_SETFL, 0));
		if (broken)
			close(ends[0]);
		server_setup();
		server_stderr = ends[1];
		pid = start_server(2, NULL);
		server_stderr = -1;
		receive(connect_to_it(), name, sizeof(name));
		kill(pid, SIGSTOP);
		CHECK_EQ(waitpid(pid, &status, WUNTRACED), (uint64_t)pid);
		for (unsigned i = 0; i < 5; i++)
			close(connect_to_it());
		kill(pid, SIGCONT);
		client = connect_to_it();
		setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		receive(client, name, sizeof(name));
		if (strcmp(name, "0000:02:00.0"))
			kill(pid, SIGKILL);
		CHECK(!strcmp(name, "0000:02:00.0"));
		CHECK_EQ(status_of(pid), 0);
		CHECK(!rmdir(folder));
		if (!broken)
			close(ends[0]);
		close(ends[1]);
	}
}

/* By groups: the word, and the file of the group for each of its devices. */
static void groups_through_the_socket(void)
{
	struct vfio_group group = { .number = 7 };
	struct stat null;
	char name[64];
	pid_t pid;

	server_setup();
	pid = start_server(2, &group);
	CHECK(!stat("/dev/null", &null));
	CHECK_EQ(receive(connect_to_it(), name, sizeof(name)), null.st_rdev);
	CHECK(!strcmp(name, "0000:01:00.0 group"));
	CHECK_EQ(receive(connect_to_it(), name, sizeof(name)), null.st_rdev);
	CHECK(!strcmp(name, "0000:02:00.0 group"));
	CHECK_EQ(status_of(pid), 0);
	CHECK(!rmdir(folder));
}

static void server_ended_by_signals(void)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	struct stat st;

	for (unsigned i = 0; i < ARRAY_SIZE(signals); i++) {
		pid_t pid;

		server_setup();
		pid = start_server(1, NULL);
		while (lstat(path, &st))
			sched_yield();
		kill(pid, signals[i]);
		CHECK_EQ(status_of(pid), 128 + (unsigned)signals[i]);
		CHECK(lstat(path, &st));
		CHECK(!rmdir(folder));
	}
}

/* As the user: where he may make no file, none is made, and nothing of anybody else's changes hands. */
static void socket_in_a_folder_of_roots(void)
{
	struct stat st;
	pid_t pid;

	if (geteuid())
		SKIP("needs root, to become somebody else");
	server_setup();
	CHECK(!chown(folder, 0, 0));
	pid = start_server(1, NULL);
	CHECK_EQ(status_of(pid), STATUS_HOST);
	CHECK(lstat(path, &st));
	/* What is there already stays. */
	CHECK(!chown(folder, NOBODY, NOBODY) && !symlink("/etc/passwd", path));
	pid = start_server(1, NULL);
	CHECK_EQ(status_of(pid), STATUS_HOST);
	CHECK(!lstat(path, &st) && S_ISLNK(st.st_mode));
	unlink(path);
	rmdir(folder);
}

static const struct test tests[] = {
	TEST(nothing_of_roots),
	TEST(keyring),
	TEST(typing_for_root),
	TEST(a_terminal_of_its_own),
	TEST(carried),
	TEST(clients_that_hang_up),
	TEST(nobody_reads_the_server),
	TEST(groups_through_the_socket),
	TEST(server_ended_by_signals),
	TEST(socket_in_a_folder_of_roots),
};
TEST_MAIN(tests)
