// SPDX-License-Identifier: BSD-2-Clause
/*
 * The first process of a guest of `thru test`: make what programs expect of a system, run the one command,
 * carry its streams to thru, say how it ended, and switch the machine off. What is to be done is in the
 * file /thru/job, strings `key=value` that each end with a NUL; modules to load are in /thru/modules.
 *
 * Nothing here is fatal but the loss of the link: a kernel that lacks a file system lacks it for the
 * command too, which may not need it.
 *
 * No udev, no dbus, no DHCP: devtmpfs names the devices, and waiting for others has cost people minutes.
 */
#include "files.h"
#include "link.h"
#include "net.h"

#include <asm/termios.h>
#include <linux/mount.h>
#include <linux/poll.h>
#include <linux/reboot.h>
#include <linux/resource.h>
#include <linux/signalfd.h>
#include <linux/stat.h>
#include <linux/time_types.h>
#include <linux/utsname.h>
#include <linux/wait.h>

#define GROUPS_MAX 256
#define COLLECT_MAX 256
#define NETS_MAX   4
#define MOUNTS_MAX 16
#define TAG_WAIT   200 /* times 10 ms */
#define FAREWELL   500 /* times 10 ms, or ends of processes */
#define SIGNALS(n) (1ul << ((n) - 1))

struct job {
	const char *nonce, *cwd, *nr_open;
	unsigned long uid, gid;
	unsigned groups[GROUPS_MAX];
	unsigned n_groups;
	int tty;
	unsigned long rows, columns;
	char **args; /* the first place is kept for a shell */
	char **env;
	char *collect[COLLECT_MAX];
	char *nets[NETS_MAX];
	unsigned n_args, n_env, n_collect, n_nets;
	/* Of the host: a root, folders of it to be empty, and others. `ro|rw TAG PATH`. Modules are our own */
	char *root, *modules, *hide[MOUNTS_MAX], *share[MOUNTS_MAX];
	unsigned n_hide, n_share;
};

static struct job job;
static struct link link;
static long child, to_child = -1, from_child[2] = { -1, -1 }; /* stdout, stderr */
static int input_ends, sigchld_fd;
static unsigned long input_end; /* how many bytes there are before it */

/* To the kernel's log, and so to the console: what happened where nobody can be told otherwise. */
static void note(const char *text, const char *what, long r)
{
	char line[256], *end = text_add(line, "<4>thru-init: ");
	long fd = sys_open("/dev/kmsg", O_WRONLY, 0);

	end = text_add(end, text);
	if (text_len(what) < 150)
		end = text_add(end, what);
	if (r < 0)
		text_number(text_add(end, ": errno "), (unsigned long)-r);
	text_add(end, "\n");
	if (fd >= 0) {
		sys_write(fd, line, text_len(line));
		sys_close(fd);
	}
}

/* --- the system --- */

/* The root is in memory: /run and /tmp need be no file systems of their own. */
static const struct {
	const char *type, *at, *data;
	unsigned long flags;
} mounts[] = {
	{ "proc", "/proc", 0, MS_NOSUID | MS_NODEV | MS_NOEXEC },
	{ "sysfs", "/sys", 0, MS_NOSUID | MS_NODEV | MS_NOEXEC },
	{ "devtmpfs", "/dev", "mode=0755", MS_NOSUID },
	{ "devpts", "/dev/pts", "mode=0620,ptmxmode=0666", MS_NOSUID | MS_NOEXEC },
	{ "tmpfs", "/dev/shm", "mode=1777", MS_NOSUID | MS_NODEV },
	{ "configfs", "/sys/kernel/config", 0, 0 },
	{ "debugfs", "/sys/kernel/debug", 0, 0 },
	{ "tracefs", "/sys/kernel/tracing", 0, 0 },
	{ "securityfs", "/sys/kernel/security", 0, 0 },
	{ "cgroup2", "/sys/fs/cgroup", 0, MS_NOSUID | MS_NODEV | MS_NOEXEC },
};

static void make_system(void)
{
	char user[40];
	long fd, r;

	for (unsigned i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		sys_mkdir(mounts[i].at, 0755);
		r = sys_mount(mounts[i].type, mounts[i].at, mounts[i].type, mounts[i].flags,
			      mounts[i].data);
		/* Not in this kernel, or nowhere to put it: its own business. */
		if (r < 0 && r != -ENODEV && r != -ENOENT && r != -EBUSY)
			note("cannot mount ", mounts[i].at, r);
	}
	sys_symlink("/proc/self/fd", "/dev/fd");
	sys_symlink("/proc/self/fd/0", "/dev/stdin");
	sys_symlink("/proc/self/fd/1", "/dev/stdout");
	sys_symlink("/proc/self/fd/2", "/dev/stderr");
	sys_symlink("pts/ptmx", "/dev/ptmx");
	sys_mkdir("/run/user", 0755);
	text_number(text_add(user, "/run/user/"), job.uid);
	sys_mkdir(user, 0700);
	SYS(fchownat, AT_FDCWD, user, job.uid, job.gid, 0, 0);
	SYS(sethostname, "thru", 4, 0, 0, 0, 0);
	/*
	 * Descriptors 0 to 2 are the kernel's console, when it has one: of init's nothing belongs there. It stays open
	 * elsewhere, for a serial port that nobody has open hears no break (SysRq).
	 */
	sys_open("/dev/console", O_RDWR | O_NOCTTY | O_NONBLOCK, 0);
	fd = sys_open("/dev/null", O_RDWR, 0);
	for (int i = 0; fd >= 0 && i < 3; i++)
		if (fd != i)
			sys_dup(fd, i);
	if (fd > 2)
		sys_close(fd);
}

static void load_module(const char *name)
{
	char path[300];
	long fd, r;

	text_add(text_add(path, "/thru/modules/"), name);
	fd = sys_open(path, O_RDONLY, 0);
	r = fd < 0 ? fd : SYS(finit_module, fd, "", 0, 0, 0, 0);
	if (fd >= 0)
		sys_close(fd);
	if (r < 0 && r != -EEXIST)
		note("module not loaded: ", name, r);
	sys_unlink(path); /* its memory is wanted for better things */
}

/* Their names begin with their place in the order, but a folder has none: as often as there are modules. */
static void load_modules(void)
{
	char entries[4096], next[256];
	long fd, n;

	for (;;) {
		next[0] = 0;
		fd = sys_open("/thru/modules", O_RDONLY | O_DIRECTORY, 0);
		if (fd < 0)
			return;
		while ((n = SYS(getdents64, fd, entries, sizeof(entries), 0, 0, 0)) > 0)
			for (long i = 0; i < n; i += *(unsigned short *)(entries + i + 16)) {
				const char *name = entries + i + 19;

				if (name[0] != '.' && text_len(name) < sizeof(next) &&
				    (!next[0] || text_value(name) < text_value(next)))
					text_add(next, name);
			}
		sys_close(fd);
		if (!next[0])
			return;
		load_module(next);
	}
}

/* --- the job --- */

static int key(char *entry, const char *name, char **ret)
{
	size_t len = text_len(name);

	if (!text_starts(entry, name) || entry[len] != '=')
		return 0;
	*ret = entry + len + 1;
	return 1;
}

static void take_entry(char *entry)
{
	char *v;

	if (key(entry, "nonce", &v))
		job.nonce = v;
	else if (key(entry, "cwd", &v))
		job.cwd = v;
	else if (key(entry, "nr_open", &v))
		job.nr_open = v;
	else if (key(entry, "uid", &v))
		job.uid = text_value(v);
	else if (key(entry, "gid", &v))
		job.gid = text_value(v);
	else if (key(entry, "group", &v) && job.n_groups < GROUPS_MAX)
		job.groups[job.n_groups++] = (unsigned)text_value(v);
	else if (key(entry, "tty", &v))
		job.tty = 1;
	else if (key(entry, "rows", &v))
		job.rows = text_value(v);
	else if (key(entry, "columns", &v))
		job.columns = text_value(v);
	else if (key(entry, "arg", &v))
		job.args[1 + job.n_args++] = v;
	else if (key(entry, "collect", &v) && job.n_collect < COLLECT_MAX)
		job.collect[job.n_collect++] = v;
	else if (key(entry, "net", &v) && job.n_nets < NETS_MAX)
		job.nets[job.n_nets++] = v;
	else if (key(entry, "root", &v))
		job.root = v;
	else if (key(entry, "modules", &v))
		job.modules = v;
	else if (key(entry, "hide", &v) && job.n_hide < MOUNTS_MAX)
		job.hide[job.n_hide++] = v;
	else if (key(entry, "share", &v) && job.n_share < MOUNTS_MAX)
		job.share[job.n_share++] = v;
	else if (key(entry, "env", &v))
		job.env[job.n_env++] = v;
}

static void *memory(long size)
{
	long r = SYS(mmap, 0, size, 3, 0x22 /* private, anonymous */, -1, 0);

	return (unsigned long)r > -4096ul ? 0 : (void *)r;
}

/* A command may have as many words as the kernel takes: there is a place for each entry. */
static void read_job(void)
{
	long fd = sys_open("/thru/job", O_RDONLY, 0), size = 0, n = 0, entries = 0, got;
	char *text;

	job.nonce = "";
	job.cwd = "/";
	if (fd < 0)
		return;
	size = SYS(lseek, fd, 0, 2, 0, 0, 0);
	SYS(lseek, fd, 0, 0, 0, 0, 0);
	text = memory(size + 1);
	if (!text)
		return;
	while (n < size && (got = sys_read(fd, text + n, (size_t)(size - n))) > 0)
		n += got;
	for (long i = 0; i < n; i++)
		entries += !text[i];
	job.args = memory((2 * entries + 4) * (long)sizeof(char *));
	if (!job.args)
		return;
	job.env = job.args + entries + 3;
	for (long i = 0; i < n; i += (long)text_len(text + i) + 1)
		take_entry(text + i);
	sys_close(fd);
	sys_unlink("/thru/job");
}

static void set_limits(void)
{
	struct rlimit64 limit = { .rlim_cur = 1024 };

	if (!job.nr_open)
		return;
	file_write("/proc/sys/fs/nr_open", job.nr_open);
	limit.rlim_max = text_value(job.nr_open);
	SYS(prlimit64, 0, RLIMIT_NOFILE, &limit, 0, 0, 0);
}

/* --- what is the host's --- */

static const char *unmounted = ""; /* what of it could not be mounted, for thru */

/* A device that has just got its driver may need a moment. */
static long mount_tag(const char *tag, const char *at, unsigned long flags)
{
	struct __kernel_timespec step = { .tv_nsec = 10000000 };
	long r;

	for (int i = 0; i < TAG_WAIT; i++) {
		r = sys_mount(tag, at, "virtiofs", flags, 0);
		if (r != -EINVAL && r != -ENOENT)
			break;
		SYS(nanosleep, &step, 0, 0, 0, 0, 0);
	}
	return r;
}

/*
 * The host's tree, which is not written to, below a layer in memory. Overlays over what is itself many file
 * systems want inode numbers left as they are; some kernels do not know how to say that.
 */
static long mount_root(void)
{
	static const char data[] = "lowerdir=/thru/host,upperdir=/thru/memory/upper,"
				   "workdir=/thru/memory/work,xino=off";
	char plain[sizeof(data)];
	long r;

	sys_mkdir("/thru/host", 0755);
	sys_mkdir("/thru/memory", 0755);
	sys_mkdir("/thru/root", 0755);
	unmounted = "root";
	r = mount_tag(job.root, "/thru/host", MS_RDONLY);
	if (r < 0)
		return r;
	unmounted = "overlay";
	r = sys_mount("thru", "/thru/memory", "tmpfs", 0, "mode=0755");
	if (r < 0)
		return r;
	sys_mkdir("/thru/memory/upper", 0755);
	sys_mkdir("/thru/memory/work", 0755);
	r = sys_mount("thru", "/thru/root", "overlay", 0, data);
	if (r == -EINVAL) {
		memcpy(plain, data, sizeof(data));
		plain[sizeof(data) - sizeof(",xino=off")] = 0;
		r = sys_mount("thru", "/thru/root", "overlay", 0, plain);
	}
	return r;
}

static void make_folders(char *path)
{
	for (char *c = path + 1; *c; c++)
		if (*c == '/') {
			*c = 0;
			sys_mkdir(path, 0755);
			*c = '/';
		}
	sys_mkdir(path, 0755);
}

/* It becomes ours, with what is of the host's day hidden. */
static long enter_root(void)
{
	static char modules[] = "/thru/root/lib/modules";
	long r = mount_root(), fd;

	if (r >= 0 && job.modules) {
		make_folders(modules);
		sys_mount("/lib/modules", modules, 0, MS_BIND, 0);
	}
	if (r >= 0)
		r = SYS(chdir, "/thru/root", 0, 0, 0, 0, 0);
	if (r >= 0)
		r = sys_mount(".", "/", 0, MS_MOVE, 0);
	if (r >= 0)
		r = SYS(chroot, ".", 0, 0, 0, 0, 0);
	if (r < 0)
		return r;
	SYS(chdir, "/", 0, 0, 0, 0, 0);
	unmounted = "";
	sys_mkdir("/run", 0755);
	sys_mount("thru", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755");
	for (unsigned i = 0; i < job.n_hide; i++) {
		sys_mkdir(job.hide[i], 0755);
		sys_mount("thru", job.hide[i], "tmpfs", MS_NOSUID | MS_NODEV,
			  text_ends(job.hide[i], "/tmp") ? "mode=1777" : "mode=0755");
	}
	/* What the host mounts is none of the guest's business: the file is empty, in the layer. */
	fd = SYS(openat, AT_FDCWD, "/etc/fstab", O_WRONLY | O_TRUNC | O_CLOEXEC, 0, 0, 0);
	if (fd >= 0)
		sys_close(fd);
	return 0;
}

static long mount_shares(void)
{
	long r = 0;

	for (unsigned i = 0; r >= 0 && i < job.n_share; i++) {
		char *tag = job.share[i] + 3, *at = tag;
		unsigned long flags = MS_NODEV;

		while (*at && *at != ' ')
			at++;
		if (!*at)
			continue;
		*at++ = 0;
		if (text_starts(job.share[i], "ro"))
			flags |= MS_RDONLY;
		make_folders(at);
		r = mount_tag(tag, at, flags);
	}
	if (r < 0)
		unmounted = "share";
	return r;
}

/* --- the command --- */

static void set_window(long fd)
{
	struct winsize size = { .ws_row = (unsigned short)job.rows,
				.ws_col = (unsigned short)job.columns };

	if (job.rows)
		sys_ioctl(fd, TIOCSWINSZ, &size);
}

static const char *path_of_env(void)
{
	for (unsigned i = 0; i < job.n_env; i++)
		if (text_starts(job.env[i], "PATH="))
			return job.env[i] + 5;
	return "/bin";
}

/* A file without an interpreter line is the shell's, as execvp(3) has it. */
static long try_exec(char *path)
{
	long r = SYS(execve, path, &job.args[1], job.env, 0, 0, 0);

	if (r != -ENOEXEC)
		return r;
	job.args[1] = path;
	job.args[0] = "/bin/sh";
	return SYS(execve, "/bin/sh", job.args, job.env, 0, 0, 0);
}

static long exec_command(void)
{
	static char path[4096];
	const char *search, *name;
	long r = -ENOENT, one;
	size_t n;

	if (!job.n_args) /* what is to be done could not be read */
		return -ENOENT;
	search = path_of_env();
	name = job.args[1];
	for (n = 0; name[n]; n++)
		if (name[n] == '/')
			return try_exec(job.args[1]);
	while (*search && n < 2000) {
		size_t len = 0;

		while (search[len] && search[len] != ':')
			len++;
		if (len && len < 2000) {
			memcpy(path, search, len);
			path[len] = '/';
			text_add(path + len + 1, name);
			one = try_exec(path);
			if (one != -ENOENT && one != -ENOTDIR)
				r = one;
		}
		search += len + (search[len] == ':');
	}
	return r;
}

/* In the child. What fails is written to `report`. */
static void become_command(const int *fds, long slave, long report)
{
	unsigned long none = 0;
	long r = 0;

	SYS(rt_sigprocmask, 2 /* SIG_SETMASK */, &none, 0, 8, 0, 0);
	SYS(setsid, 0, 0, 0, 0, 0, 0);
	if (slave >= 0)
		sys_ioctl(slave, TIOCSCTTY, 0);
	for (int i = 0; i < 3; i++)
		sys_dup(slave >= 0 ? slave : fds[i], i);
	if (job.uid || job.gid) {
		r = SYS(setgroups, job.n_groups, job.groups, 0, 0, 0, 0);
		if (r >= 0)
			r = SYS(setgid, job.gid, 0, 0, 0, 0, 0);
		if (r >= 0)
			r = SYS(setuid, job.uid, 0, 0, 0, 0, 0);
	}
	if (r >= 0)
		r = SYS(chdir, job.cwd, 0, 0, 0, 0, 0);
	if (r >= 0)
		r = exec_command();
	sys_write(report, &r, sizeof(r));
	sys_exit(127);
}

/* A pseudoterminal's two ends. */
static long open_tty(long *ret_slave)
{
	char path[40];
	int unlock = 0;
	unsigned number = 0;
	long master = sys_open("/dev/pts/ptmx", O_RDWR | O_NOCTTY, 0);

	if (master < 0)
		return master;
	sys_ioctl(master, TIOCSPTLCK, &unlock);
	sys_ioctl(master, TIOCGPTN, &number);
	text_number(text_add(path, "/dev/pts/"), number);
	SYS(fchownat, AT_FDCWD, path, job.uid, job.gid, 0, 0);
	*ret_slave = sys_open(path, O_RDWR | O_NOCTTY, 0);
	set_window(master);
	return *ret_slave < 0 ? *ret_slave : master;
}

static void set_nonblocking(long fd)
{
	SYS(fcntl, fd, F_SETFL, O_NONBLOCK, 0, 0, 0);
}

/* 0, or -errno of what could not be done: the command did not start. */
static long start_command(void)
{
	int in[2], out[2], err[2], report[2], fds[3];
	long slave = -1, r = 0, n;

	if (sys_pipe(report, O_CLOEXEC) < 0 || sys_pipe(in, O_CLOEXEC) < 0 ||
	    sys_pipe(out, O_CLOEXEC) < 0 || sys_pipe(err, O_CLOEXEC) < 0)
		return -EMFILE;
	if (job.tty) {
		to_child = open_tty(&slave);
		if (to_child < 0)
			return to_child;
		from_child[0] = to_child;
	} else {
		to_child = in[1];
		from_child[0] = out[0];
		from_child[1] = err[0];
		set_nonblocking(in[1]);
		set_nonblocking(err[0]);
		/* The ends that the command opens anew (/dev/stdout) have to be its own. */
		SYS(fchown, in[0], job.uid, job.gid, 0, 0, 0);
		SYS(fchown, out[1], job.uid, job.gid, 0, 0, 0);
		SYS(fchown, err[1], job.uid, job.gid, 0, 0, 0);
	}
	set_nonblocking(from_child[0]);
	fds[0] = in[0];
	fds[1] = out[1];
	fds[2] = err[1];
	child = sys_fork();
	if (child == 0)
		become_command(fds, slave, report[1]);
	sys_close(report[1]);
	sys_close(in[0]);
	sys_close(out[1]);
	sys_close(err[1]);
	if (slave >= 0)
		sys_close(slave);
	if (child < 0)
		return child;
	n = sys_read(report[0], &r, sizeof(r));
	sys_close(report[0]);
	return n == sizeof(r) ? r : 0;
}

/* --- the streams --- */

static void take_line(const char *line)
{
	if (text_starts(line, "eof ")) {
		input_ends = 1;
		input_end = text_value(line + 4);
	} else if (text_starts(line, "window ")) {
		const char *second = line + 7;

		while (*second && *second != ' ')
			second++;
		job.rows = text_value(line + 7);
		job.columns = text_value(*second ? second + 1 : "0");
		if (job.tty && to_child >= 0)
			set_window(to_child);
	} else if (text_starts(line, "sysrq ") && line[6]) {
		file_write("/proc/sysrq-trigger", line + 6);
	}
}

static void give_input(void)
{
	long n = 0;

	if (to_child < 0) {
		link_used(&link, link.input_n);
	} else if (link.input_n) {
		n = sys_write(to_child, link.input, link.input_n);
		if (n > 0)
			link_used(&link, (unsigned)n);
		else if (n != -EAGAIN && n != -EINTR)
			link_used(&link, link.input_n); /* nobody reads it any more */
	}
	if (input_ends && !link.input_n && link.in_total >= input_end && to_child >= 0) {
		input_ends = 0;
		if (job.tty) {
			sys_write(to_child, "\004", 1); /* the terminal's own way */
			return;
		}
		sys_close(to_child);
		to_child = -1;
	}
}

/* False when nothing comes any more, or nothing is there now. */
static int take_output(int stream)
{
	static char bytes[16384];
	long *fd = &from_child[stream - LINK_STDOUT], n;

	if (*fd < 0)
		return 0;
	n = sys_read(*fd, bytes, sizeof(bytes));
	if (n > 0) {
		link_send(&link, stream, bytes, (size_t)n);
		return 1;
	}
	if (n != -EAGAIN && n != -EINTR) {
		if (*fd != to_child)
			sys_close(*fd);
		*fd = -1;
	}
	return 0;
}

/* Reap whoever has ended. True when the command is among them. */
static int reap(int *ret_status)
{
	int status, ended = 0;
	long pid;

	while ((pid = SYS(wait4, -1, &status, WNOHANG, 0, 0, 0)) > 0)
		if (pid == child) {
			*ret_status = status;
			ended = 1;
		}
	return ended;
}

static int carry(void)
{
	struct __kernel_timespec step = { .tv_nsec = 20000000 };
	struct signalfd_siginfo info;
	struct pollfd p[6];
	int status = 0;

	for (;;) {
		int no_room = link.input_n == sizeof(link.input);

		p[0] = (struct pollfd){ .fd = sigchld_fd, .events = POLLIN };
		p[1] = (struct pollfd){ .fd = (int)from_child[0], .events = POLLIN };
		p[2] = (struct pollfd){ .fd = (int)from_child[1], .events = POLLIN };
		p[3] = (struct pollfd){ .fd = (int)link.control, .events = POLLIN };
		p[4] = (struct pollfd){ .fd = link.serial || no_room ? -1 : (int)link.in,
					.events = POLLIN };
		p[5] = (struct pollfd){ .fd = link.input_n ? (int)to_child : -1, .events = POLLOUT };
		SYS(ppoll, p, 6, sigchld_fd < 0 ? &step : 0, 0, 8, 0);
		if (p[1].revents)
			take_output(LINK_STDOUT);
		if (p[2].revents)
			take_output(LINK_STDERR);
		if (p[3].revents & POLLIN)
			link_receive(&link, link.control, take_line);
		if (p[4].revents & POLLIN)
			link_receive(&link, link.in, take_line);
		give_input();
		if (p[0].revents)
			sys_read(sigchld_fd, &info, sizeof(info));
		if ((p[0].revents || sigchld_fd < 0) && reap(&status))
			return status;
	}
}

/* What the command left behind ends with it; what was written before that is carried. */
static void finish(int status)
{
	char line[128], *end;
	int more, left;

	/* One that the kernel does not let go of must not keep the verdict back for ever. */
	sys_kill(-1, 9);
	for (int i = 0; i < FAREWELL && SYS(wait4, -1, &left, WNOHANG, 0, 0, 0) >= 0; i++) {
		struct __kernel_timespec step = { .tv_nsec = 10000000 };
		struct signalfd_siginfo info;
		struct pollfd p = { .fd = sigchld_fd, .events = POLLIN };

		SYS(ppoll, &p, 1, &step, 0, 8, 0);
		sys_read(sigchld_fd, &info, sizeof(info));
	}
	do {
		more = take_output(LINK_STDOUT);
		more |= take_output(LINK_STDERR);
	} while (more);
	end = text_number(text_add(line, "exit "), (unsigned long)(status >> 8 & 255));
	end = text_number(text_add(end, " "), (unsigned long)(status & 127));
	end = text_number(text_add(end, " "), link.sent[LINK_STDOUT]);
	text_number(text_add(end, " "), link.sent[LINK_STDERR]);
	link_tell(&link, line);
}

/* --- the whole --- */

static void hello(void)
{
	char line[200], *end;
	struct new_utsname name;

	memset(&name, 0, sizeof(name));
	SYS(uname, &name, 0, 0, 0, 0, 0);
	end = text_add(line, link.serial ? "hello 1 serial " : "hello 1 ports ");
	text_add(end, name.release);
	link_tell(&link, line);
}

/* Where there is neither ACPI nor PSCI nothing switches a machine off but a reset. */
static void switch_off(void)
{
	int off = sys_access("/sys/firmware/acpi") == 0 ||
		  sys_access("/sys/firmware/devicetree/base/psci") == 0 || sys_access("/sys") < 0;

	link_tell(&link, off ? "end off" : "end reset");
	SYS(sync, 0, 0, 0, 0, 0, 0);
	link_drain(&link);
	SYS(reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
	    off ? LINUX_REBOOT_CMD_POWER_OFF : LINUX_REBOOT_CMD_RESTART, 0, 0, 0);
	for (;;)
		SYS(ppoll, 0, 0, 0, 0, 8, 0);
}

void init(void)
{
	unsigned long wanted = SIGNALS(17 /* SIGCHLD */);
	char line[64];
	int status;
	long r = 0, mounted;

	sys_mkdir("/dev", 0755);
	read_job();
	if (job.root) {
		sys_mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "mode=0755"); /* for note() */
		load_modules();
		r = enter_root();
	}
	make_system();
	load_modules(); /* there are none any more, with a root of the host's */
	if (r >= 0)
		r = mount_shares();
	mounted = r;
	net_raise_loopback();
	for (unsigned i = 0; i < job.n_nets; i++)
		if ((r = net_raise(job.nets[i])) < 0)
			note("a network card: ", "no address", r);
	set_limits();
	SYS(reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_CAD_OFF, 0, 0, 0);
	SYS(rt_sigprocmask, 0 /* SIG_BLOCK */, &wanted, 0, 8, 0, 0);
	sigchld_fd = (int)SYS(signalfd4, -1, &wanted, 8, O_CLOEXEC | O_NONBLOCK, 0, 0);
	r = link_open(&link, job.nonce, job.n_collect > 0);
	if (r < 0)
		note("no way to thru: neither ports of a virtio console nor ", "/dev/ttyS0", r);
	hello();
	r = mounted < 0 ? mounted : start_command();
	if (r < 0) {
		text_add(text_add(text_number(text_add(line, "fail "), (unsigned long)-r), " "), unmounted);
		link_tell(&link, line);
		switch_off();
	}
	link_tell(&link, "start");
	status = carry();
	finish(status);
	if (job.n_collect)
		files_send(&link, job.collect, job.n_collect);
	switch_off();
}
