/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's root: our init, COMMAND with what it needs, --add, modules, the host's busybox where there is
 * one, and the job, which tells init what to do. It is made in memory, and nothing of it is ever a file here.
 */
#include "passt.h"
#include "test.h"

#include "test_shared.h"

#include <base/error.h>
#include <base/fd.h>
#include <base/log.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <host/sysfs.h>
#include <initramfs/closure.h>
#include <initramfs/cpio.h>
#include <initramfs/modules.h>
#include <initramfs/modules_farm.h>
#include <initramfs/root.h>
#include <pwd.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define BIN        "/thru/bin" /* busybox's names, last in PATH: what the host brings is found first */
#define PATH_ENV   "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:" BIN
#define GROUPS_MAX 256

extern char **environ;

struct job {
	const struct test_options *options;
	const struct test_terminal *terminal;
	struct tree *tree;
	const char *nonce;
	char *text;
	size_t size;
	FILE *out;
	const char *modules; /* the folder they are from; "": none */
};

static int no_memory(void)
{
	return fail(STATUS_HOST, ENOMEM, "initramfs: no memory for it");
}

static void word(struct job *j, const char *key, const char *value)
{
	fprintf(j->out, "%s=%s%c", key, value, 0);
}

static void number(struct job *j, const char *key, unsigned long value)
{
	fprintf(j->out, "%s=%lu%c", key, value, 0);
}

/* One of the environment, unless --env has its own. */
static void env(struct job *j, const char *name, const char *value)
{
	size_t len = strlen(name);

	for (unsigned i = 0; i < j->options->env.n; i++)
		if (!strncmp(j->options->env.at[i], name, len) && j->options->env.at[i][len] == '=')
			return;
	if (value)
		fprintf(j->out, "env=%s=%s%c", name, value, 0);
}

/* The guest knows root and the one asked for. */
static int add_users(struct job *j, const struct passwd *pw)
{
	char text[1024];
	int r;

	snprintf(text, sizeof(text), "root:x:0:0:root:/root:/bin/sh\n");
	if (pw && pw->pw_uid)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			 "%s:x:%u:%u::%s:/bin/sh\n", pw->pw_name, pw->pw_uid, pw->pw_gid,
			 pw->pw_dir);
	r = tree_data(j->tree, "/etc/passwd", 0644, text, strlen(text));
	snprintf(text, sizeof(text), "root:x:0:\n");
	if (pw && pw->pw_gid)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s:x:%u:\n",
			 pw->pw_name, pw->pw_gid);
	if (!r)
		r = tree_data(j->tree, "/etc/group", 0644, text, strlen(text));
	if (!r)
		r = tree_dir(j->tree, pw && pw->pw_uid ? "/home" : "/root", 0755);
	return r;
}

/* Users are the host's, for their numbers and names. */
static int user(struct job *j)
{
	const char *name = j->options->user ? j->options->user : "root";
	struct passwd *pw = getpwnam(name);
	gid_t groups[GROUPS_MAX];
	int n = GROUPS_MAX;
	char runtime[64];

	if (!pw && j->options->user)
		return fail(STATUS_USAGE, ENOENT,
			    "--user %s: no such user here; give one that "
			    "getent passwd knows",
			    name);
	if (pw && pw->pw_uid) {
		number(j, "uid", pw->pw_uid);
		number(j, "gid", pw->pw_gid);
		if (getgrouplist(pw->pw_name, pw->pw_gid, groups, &n) < 0)
			n = 0;
		for (int i = 0; i < n; i++)
			number(j, "group", groups[i]);
	}
	snprintf(runtime, sizeof(runtime), "/run/user/%u", pw ? pw->pw_uid : 0);
	env(j, "HOME", pw && pw->pw_uid ? pw->pw_dir : "/root");
	env(j, "USER", pw ? pw->pw_name : "root");
	env(j, "LOGNAME", pw ? pw->pw_name : "root");
	env(j, "XDG_RUNTIME_DIR", runtime);
	return j->options->root ? 0 : add_users(j, pw);
}

static int folder(struct job *j)
{
	char here[PATH_MAX];
	const char *cwd = j->options->cwd;

	if (!cwd && test_root_is_here(j->options))
		cwd = getcwd(here, sizeof(here));
	if (!cwd)
		cwd = "/";
	word(j, "cwd", cwd);
	test_shared_tell(j->options, j->modules, cwd, j->out);
	return j->options->root ? 0 : tree_dir(j->tree, cwd, 0755);
}

static void limits(struct job *j)
{
	char text[32];

	if (!sysfs_read("/proc/sys/fs/nr_open", text, sizeof(text)))
		return;
	text[strcspn(text, "\n")] = 0;
	word(j, "nr_open", text);
}

/* A path of the guest that --add makes: the host's file that will be there. */
static bool is_added(const struct test_options *o, const char *path, char *ret)
{
	for (unsigned i = 0; i < o->add.n; i++) {
		const char *from = o->add.at[i], *to = strstr(from, ":/");
		char host[PATH_MAX];
		size_t len;

		if (!to)
			continue;
		len = strlen(++to);
		len -= to[len - 1] == '/';
		if (!strncmp(path, to, len) && (path[len] == '/' || !path[len]) &&
		    snprintf(host, sizeof(host), "%.*s%s", (int)(to - 1 - from), from, path + len) <
			    PATH_MAX &&
		    realpath(host, ret) && !access(ret, X_OK))
			return true;
	}
	return false;
}

/*
 * COMMAND is started by its path, so that it is found again. With --initrd it may be a program of that,
 * and with a --root it is one of that: neither is looked into.
 */
static int command(struct job *j)
{
	static char sh[] = "sh", *shell[] = { sh, NULL };
	char **words = j->options->command ? j->options->command : shell;
	const char *search = getenv("PATH");
	char path[PATH_MAX];
	int r = -ENOENT;

	if (test_root_is_here(j->options))
		r = closure_find(words[0], search ? search : PATH_ENV, path);
	if (r == -ENOENT && (j->options->run.initrd || !test_root_is_here(j->options))) {
		error_clear();
		r = 0;
		word(j, "arg", words[0]);
	} else if (r == -ENOENT && is_added(j->options, words[0], path)) {
		error_clear();
		word(j, "arg", words[0]);
		r = closure_add(j->tree, path, search ? search : PATH_ENV);
	} else if (!r) {
		word(j, "arg", path);
		if (!j->options->root)
			r = closure_add(j->tree, path, search ? search : PATH_ENV);
	}
	for (unsigned i = 1; words[i]; i++)
		word(j, "arg", words[i]);
	return r;
}

/* The cards whose network is ours to describe; guest-images/init/net.h. */
static void networks(struct job *j)
{
	static const char *const words[] = { PASST_GUEST, PASST_PREFIX, PASST_GATEWAY, PASST_DNS };
	const struct run_options *o = &j->options->run;

	for (unsigned i = 0; i < o->n_nets; i++) {
		uint8_t mac[6];

		if (o->nets[i].kind != NET_PASST)
			continue;
		passt_mac(i, mac);
		if (o->nets[i].has_mac)
			memcpy(mac, o->nets[i].mac, sizeof(mac));
		fprintf(j->out, "net=%u.%u.%u.%u.%u.%u", mac[0], mac[1], mac[2], mac[3], mac[4],
			mac[5]);
		for (unsigned k = 0; k < ARRAY_SIZE(words); k++)
			fprintf(j->out, " %s", words[k]);
		fputc(0, j->out);
	}
}

static int describe(struct job *j)
{
	int r = 0;

	word(j, "nonce", j->nonce);
	for (unsigned i = 0; i < j->options->collect.n; i++) {
		const char *at = j->options->collect.at[i];

		fprintf(j->out, "collect=%.*s%c", (int)strcspn(at, ":"), at, 0);
	}
	if (j->terminal->is) {
		word(j, "tty", "1");
		number(j, "rows", j->terminal->rows);
		number(j, "columns", j->terminal->columns);
		env(j, "TERM", getenv("TERM"));
	}
	env(j, "PATH", PATH_ENV);
	for (unsigned i = 0; i < j->options->env.n; i++)
		word(j, "env", j->options->env.at[i]);
	limits(j);
	networks(j);
	r = user(j);
	if (!r)
		r = folder(j);
	return r ? r : command(j);
}

static int add_job(struct job *j)
{
	int r;

	j->out = open_memstream(&j->text, &j->size);
	if (!j->out)
		return no_memory();
	r = describe(j);
	if (fclose(j->out) && !r)
		r = no_memory();
	if (!r)
		r = tree_data(j->tree, "/thru/job", 0600, j->text, j->size);
	free(j->text);
	return r;
}

static int add_files(struct tree *tree, const struct option_list *list)
{
	unsigned first = tree->n;
	int r = 0;

	for (unsigned i = 0; !r && i < list->n; i++) {
		const char *colon = strstr(list->at[i], ":/");
		char *from = strndup(list->at[i], colon ? (size_t)(colon - list->at[i]) : PATH_MAX);
		char here[PATH_MAX];

		if (!from)
			return no_memory();
		if (!colon && !realpath(from, here))
			r = fail(STATUS_USAGE, errno, "--add %s: %s; give a file or a folder", from,
				 strerror(errno));
		/* At the same path: as it was given, when it was given whole. */
		if (!r)
			r = tree_add(tree, from, colon ? colon + 1 : from[0] == '/' ? from : here);
		free(from);
	}
	if (!r)
		closure_complete(tree, first);
	return r;
}

/* What passed devices call themselves, for their drivers (modalias in sysfs). */
static int add_modules(const struct test_options *o, const char *folder, struct tree *tree)
{
	static const char *const with_shares[] = {
		"virtiofs",    "overlay",    "virtio_pci", "virtio_console",
		"virtio_rng",  "virtio_blk", "virtio_net", "vmw_vsock_virtio_transport",
		"pvpanic_pci", "pvpanic",    NULL
	};
	const char *const *names = with_shares + (o->run.n_shares ? 0 : 2);
	char text[OPTIONS_VFIO_MAX][128], path[PATH_MAX];
	const char *aliases[OPTIONS_VFIO_MAX + 1];
	unsigned n = 0, loaded;

	for (unsigned i = 0; i < o->run.n_vfio; i++) {
		char bdf[BDF_TEXT];

		if (o->run.vfio[i].by != DEVICE_BY_BDF)
			continue;
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/modalias",
			 bdf_format(o->run.vfio[i].bdf, bdf));
		if (!sysfs_read(path, text[n], sizeof(text[n])) || !*text[n])
			continue;
		text[n][strcspn(text[n], "\n")] = 0;
		aliases[n] = text[n];
		n++;
	}
	aliases[n] = NULL;
	return modules_add(tree, folder, names, aliases, &loaded);
}

/*
 * All others of a build tree, for modprobe: copied, up to a quarter of the guest's memory, or, where the guest
 * sees this host's files, read from the tree. The kernel itself asks for /sbin/modprobe.
 */
static int add_farm(const struct test_options *o, const char *folder, struct tree *tree)
{
	char release[128], whole[PATH_MAX];
	bool links = test_shared_sees(o, folder, whole);
	uint64_t room = links ? 0 : o->run.mem / 4;
	struct modules_farm farm;
	int r;

	if (!modules_farm_wanted(folder, release, sizeof(release)))
		return 0;
	r = modules_farm_add(tree, links ? whole : folder, release, room, &farm);
	if (r)
		return r;
	if (farm.gone)
		log_warn("%s: %u of its modules.order are not there; run make modules there",
			 folder, farm.gone);
	if (room && farm.bytes > room)
		log_warn(
			"%s: its modules (%u MiB) are too many to be copied: the guest has those of "
			"its devices; to have them all give it --root /, or more --mem",
			folder, (unsigned)(farm.bytes >> 20));
	if (!o->root && tree_find(tree, BIN "/modprobe") && !tree_find(tree, "/sbin/modprobe"))
		r = tree_link(tree, "/sbin/modprobe", BIN "/modprobe");
	return r;
}

/* Its names, from itself: which there are depends on how it was built. */
static FILE *list_applets(char *busybox, pid_t *ret_pid)
{
	char list[] = "--list", *argv[] = { busybox, list, NULL };
	posix_spawn_file_actions_t actions;
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC))
		return NULL;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	r = posix_spawn(ret_pid, busybox, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(fds[1]);
	if (r) {
		close(fds[0]);
		return NULL;
	}
	return fdopen(fds[0], "re");
}

static int add_busybox(struct tree *tree)
{
	const char *search = getenv("PATH");
	char busybox[PATH_MAX], line[64], path[128];
	FILE *list;
	pid_t pid;
	int r;

	if (closure_find("busybox", search ? search : PATH_ENV, busybox)) {
		error_clear(); /* then there are COMMAND and what was added */
		return 0;
	}
	r = closure_add(tree, busybox, "");
	list = r ? NULL : list_applets(busybox, &pid);
	while (!r && list && fgets(line, sizeof(line), list)) {
		line[strcspn(line, "\n")] = 0;
		snprintf(path, sizeof(path), BIN "/%s", line);
		if (*line && !strchr(line, '/'))
			r = tree_link(tree, path, busybox);
	}
	if (list) {
		fclose(list);
		waitpid(pid, NULL, 0);
	}
	return r || tree_find(tree, "/bin/sh") ? r : tree_link(tree, "/bin/sh", BIN "/sh");
}

/* The mount points and nodes without which no kernel starts an init. */
static int add_frame(struct tree *tree)
{
	static const char *const folders[] = { "/proc", "/sys", "/etc", "/lib/modules" };
	int r = 0;

	if (tree_find(tree, "/init"))
		return fail(STATUS_USAGE, EEXIST,
			    "--add: /init is in the guest, where thru's own init has to be; "
			    "choose another path");
	r = tree_node(tree, "/dev/console", S_IFCHR | 0600, 5, 1);
	if (!r)
		r = tree_node(tree, "/dev/null", S_IFCHR | 0666, 1, 3);
	if (!r)
		r = tree_data(tree, "/init", 0755, guest_init,
			      (size_t)(guest_init_end - guest_init));
	if (!r)
		r = tree_data(tree, "/etc/hosts", 0644, "127.0.0.1 localhost thru\n", 25);
	for (unsigned i = 0; !r && i < ARRAY_SIZE(folders); i++)
		r = tree_dir(tree, folders[i], 0755);
	return r;
}

/* Where the host's /bin is a link to usr/bin, so is the guest's: what is at the one path is at the other. */
static int add_links(struct tree *tree)
{
	static const char *const names[] = { "/bin", "/sbin", "/lib", "/lib64" };
	char target[PATH_MAX];
	int r = 0;

	for (unsigned i = 0; !r && i < ARRAY_SIZE(names); i++) {
		ssize_t n = readlink(names[i], target, sizeof(target) - 1);

		if (n <= 0)
			continue;
		target[n] = 0;
		r = tree_link(tree, names[i], target);
	}
	return r;
}

int test_root_make(const struct test_options *o, const struct test_kernel *kernel,
		   const char *nonce, const struct test_terminal *terminal, struct tree *ret)
{
	struct job job = { .options = o,
			   .terminal = terminal,
			   .tree = ret,
			   .nonce = nonce,
			   .modules = kernel->modules };
	int r;

	r = tree_dir(ret, "/tmp", 01777);
	if (!r)
		r = tree_dir(ret, "/run", 0755);
	if (!r)
		r = add_links(ret);
	/* Then COMMAND: what links there are on its way are the host's, and all others follow them. */
	if (!r)
		r = add_job(&job);
	if (!r)
		r = add_files(ret, &o->add);
	if (!r && !o->root)
		r = add_busybox(ret);
	if (!r)
		r = add_frame(ret);
	if (!r && *kernel->modules)
		r = add_modules(o, kernel->modules, ret);
	if (!r && *kernel->modules)
		r = add_farm(o, kernel->modules, ret);
	return r;
}

static int copy_initrd(const char *path, int to)
{
	_cleanup_fd_ int from = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	ssize_t n = 1;

	if (from < 0 || fstat(from, &st) < 0)
		return fail(STATUS_IMAGE, errno, "initrd %s: %s; give the path of a readable file",
			    path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return fail(STATUS_IMAGE, EINVAL,
			    "initrd %s: not a regular file; give the path of one", path);
	while (n > 0)
		n = sendfile(to, from, NULL, GIB(1));
	return n < 0 ? fail(STATUS_IMAGE, errno, "initrd %s: %s", path, strerror(errno)) : 0;
}

int test_root_write(const struct test_options *o, const struct tree *tree, int *ret_fd)
{
	_cleanup_fd_ int fd = memfd_create("initramfs", MFD_CLOEXEC);
	int r = 0;

	if (fd < 0)
		return fail(STATUS_HOST, errno, "initramfs: memfd_create: %s", strerror(errno));
	if (o->run.initrd)
		r = copy_initrd(o->run.initrd, fd);
	if (!r)
		r = cpio_write(tree, fd);
	if (r)
		return r;
	*ret_fd = fd;
	fd = -1;
	return 0;
}
