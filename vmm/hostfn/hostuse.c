/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the host uses of a function: network interfaces, disks and consoles below it in sysfs that are in use, any
 * device file of it that a process has open, virtual functions that it has made. Interfaces in another
 * network namespace are not seen.
 *
 * /sys/class/net (Documentation/ABI/testing/sysfs-class-net), /proc/net/route and ipv6_route, /sys/class/block/NAME/holders
 * (sysfs-block), proc_pid_mountinfo(5), proc_swaps(5), /sys/dev/char. Main thread.
 */
#include <hostfn/hostbind.h>

#include <arpa/inet.h>
#include <base/fd.h>
#include <errno.h>
#include <fcntl.h>
#include <host/holder.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define NODES_MAX 256
#define TEXT_MAX  KIB(256) /* of /proc/self/mountinfo, and of routes */
#define NAME_TEXT 64

struct use {
	char *words;
	size_t size, used;
	char *mounts;                        /* /proc/self/mountinfo, or "" */
	struct holder_node nodes[NODES_MAX]; /* of its device files */
	char names[NODES_MAX][NAME_TEXT];
	unsigned n;
};

static _printf_(2, 3) void say(struct use *use, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (use->used && use->used + 2 < use->size)
		use->used += (size_t)snprintf(use->words + use->used, use->size - use->used, ", ");
	va_start(ap, fmt);
	n = vsnprintf(use->words + use->used, use->size - use->used, fmt, ap);
	va_end(ap);
	use->used = MIN(use->used + (size_t)n, use->size - 1);
}

/* --- network interfaces */

/* An address that others reach it by; those of the link alone every interface has. */
static bool has_address(const char *name, char *text, size_t size)
{
	struct ifaddrs *list = NULL;
	bool found = false;

	if (getifaddrs(&list))
		return false;
	for (struct ifaddrs *a = list; a && !found; a = a->ifa_next) {
		const struct sockaddr_in *v4 = (const void *)a->ifa_addr;
		const struct sockaddr_in6 *v6 = (const void *)a->ifa_addr;

		if (strcmp(a->ifa_name, name) || !a->ifa_addr)
			continue;
		if (v4->sin_family == AF_INET)
			found = inet_ntop(AF_INET, &v4->sin_addr, text, (socklen_t)size);
		else if (v4->sin_family == AF_INET6 && !IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr))
			found = inet_ntop(AF_INET6, &v6->sin6_addr, text, (socklen_t)size);
	}
	freeifaddrs(list);
	return found;
}

/* Of IPv4: the interface comes first. Of IPv6: last, and to the link itself and to multicast each has routes. */
static bool is_route(const char *line, bool v6, const char *name)
{
	char to[40], by[IFNAMSIZ + 1];

	if (!v6)
		return sscanf(line, "%16s", by) == 1 && !strcmp(by, name);
	return sscanf(line, "%39s %*s %*s %*s %*s %*s %*s %*s %*s %16s", to, by) == 2 &&
	       !strcmp(by, name) && strncmp(to, "fe8", 3) && strncmp(to, "ff", 2);
}

static bool has_route(const char *name)
{
	static const char *const tables[] = { "/proc/net/route", "/proc/net/ipv6_route" };
	char *text = malloc(TEXT_MAX), *rest, *line;
	bool found = false;

	for (unsigned v6 = 0; text && v6 < ARRAY_SIZE(tables); v6++) {
		sysfs_read(tables[v6], text, TEXT_MAX);
		for (rest = text; !found && (line = strsep(&rest, "\n"));)
			found = is_route(line, v6, name);
	}
	free(text);
	return found;
}

/* "upper_br0" and the like: what is made of it, a bridge, a bond, a VLAN, a macvtap. */
static bool carries(const char *path, char *ret, size_t size)
{
	struct sysfs_names names;
	bool found = false;

	sysfs_names(path, &names);
	for (unsigned i = 0; i < names.n && !found; i++) {
		found = !strncmp(names.at[i], "upper_", 6);
		if (found)
			snprintf(ret, size, "%.60s", names.at[i] + 6);
	}
	sysfs_names_free(&names);
	return found;
}

static void look_at_interface(struct use *use, const char *name, const char *path)
{
	char flags_path[128], text[64];
	unsigned long flags;

	snprintf(flags_path, sizeof(flags_path), "%s/flags", path);
	flags = sysfs_read(flags_path, text, sizeof(text)) ? strtoul(text, NULL, 16) : 0;
	if (carries(path, text, sizeof(text)))
		say(use, "%s is part of %s", name, text);
	else if (flags & IFF_UP && has_address(name, text, sizeof(text)))
		say(use, "%s is up with the address %s", name, text);
	else if (flags & IFF_UP && has_route(name))
		say(use, "%s is up with a route", name);
}

/* --- disks */

/* "36 35 8:1 / /mnt rw shared:1 - ext4 /dev/sda1 rw": by its number, or by its source (btrfs). */
static bool is_mounted(const struct use *use, const char *name, const char *number, char *ret,
		       size_t size)
{
	char source[96], by_number[48];

	snprintf(source, sizeof(source), " /dev/%s ", name);
	snprintf(by_number, sizeof(by_number), " %s ", number);
	for (const char *line = use->mounts, *end; *line; line = end + (*end == '\n')) {
		const char *dash, *at;

		end = line + strcspn(line, "\n");
		at = strstr(line, by_number);
		dash = strstr(line, " - ");
		if ((!at || at > end || (dash && at > dash)) &&
		    (!dash || dash > end || !(at = strstr(dash, source)) || at > end))
			continue;
		if (sscanf(line, "%*d %*d %*s %*s %95s", ret) != 1)
			snprintf(ret, size, "?");
		return true;
	}
	return false;
}

static bool is_swap(const char *name)
{
	char text[8192], path[80], *rest = text, *line;
	size_t len;

	len = (size_t)snprintf(path, sizeof(path), "/dev/%s", name);
	sysfs_read("/proc/swaps", text, sizeof(text));
	while ((line = strsep(&rest, "\n")))
		if (!strncmp(line, path, len) && strchr(" \t", line[len]))
			return true;
	return false;
}

/* What the kernel has claimed for somebody refuses to be opened exclusively (open(2), O_EXCL). */
static bool is_claimed(const char *name, dev_t number)
{
	_cleanup_fd_ int fd = -1;
	char path[80];
	struct stat st;

	snprintf(path, sizeof(path), "/dev/%s", name);
	if (stat(path, &st) || !S_ISBLK(st.st_mode) || st.st_rdev != number)
		return false;
	fd = open(path, O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);
	return fd < 0 && errno == EBUSY;
}

static void add_node(struct use *use, mode_t type, const char *number, const char *name)
{
	unsigned major, minor;

	if (use->n == NODES_MAX || sscanf(number, "%u:%u", &major, &minor) != 2)
		return;
	use->nodes[use->n] = (struct holder_node){ type, makedev(major, minor) };
	snprintf(use->names[use->n++], NAME_TEXT, "%.*s", NAME_TEXT - 1, name);
}

static void look_at_disk(struct use *use, const char *entry, const char *path)
{
	char file[160], number[32], text[96], name[NAME_TEXT];
	struct sysfs_names holders;
	unsigned before = use->n;

	/* "cciss!c0d0" is /dev/cciss/c0d0 (drivers/base/core.c, device_get_devnode()). */
	snprintf(name, sizeof(name), "%.63s", entry);
	for (char *c = name; (c = strchr(c, '!'));)
		*c = '/';
	snprintf(file, sizeof(file), "%s/dev", path);
	sysfs_read(file, number, sizeof(number));
	number[strcspn(number, "\n")] = 0;
	add_node(use, S_IFBLK, number, name);
	snprintf(file, sizeof(file), "%s/holders", path);
	sysfs_names(file, &holders);
	if (is_mounted(use, name, number, text, sizeof(text)))
		say(use, "%s is mounted at %s", name, text);
	else if (is_swap(name))
		say(use, "%s is swap", name);
	else if (holders.n)
		say(use, "%s is part of %s", name, holders.at[0]);
	else if (use->n > before && !strstr(use->words, name) &&
		 is_claimed(name, use->nodes[before].number))
		say(use, "%s is in use, in another mount namespace or by the kernel", name);
	sysfs_names_free(&holders);
}

/*
 * With multipath a namespace's disk is below no function: nvme0n1 is made of the hidden nvme0c0n1,
 * which is (drivers/nvme/host/multipath.c).
 */
static bool disk_of_path(const char *path_disk, char *ret, size_t size)
{
	unsigned subsystem, controller, namespace;

	if (sscanf(path_disk, "nvme%uc%un%u", &subsystem, &controller, &namespace) != 3)
		return false;
	snprintf(ret, size, "/sys/class/block/nvme%un%u", subsystem, namespace);
	return true;
}

/* --- consoles */

/* The kernel's own text on a frame buffer, which no process holds (Documentation/fb/fbcon.rst). */
static bool text_is_drawn(void)
{
	struct sysfs_names names;
	char path[96], text[64];
	bool drawn = false;

	sysfs_names("/sys/class/vtconsole", &names);
	for (unsigned i = 0; i < names.n && !drawn; i++) {
		snprintf(path, sizeof(path), "/sys/class/vtconsole/%.32s/name", names.at[i]);
		if (!sysfs_read(path, text, sizeof(text)) || !strstr(text, "frame buffer"))
			continue;
		snprintf(path, sizeof(path), "/sys/class/vtconsole/%.32s/bind", names.at[i]);
		drawn = sysfs_read(path, text, sizeof(text)) && *text == '1';
	}
	sysfs_names_free(&names);
	return drawn;
}

static void look_at_screen(struct use *use, const char *name, const char *path)
{
	if (text_is_drawn())
		say(use, "%s shows the host's console", name);
}

/* The kernel's messages go there, as /sys/class/tty/console/active lists. */
static void look_at_line(struct use *use, const char *name, const char *path)
{
	char text[256], *rest = text, *word;

	sysfs_read("/sys/class/tty/console/active", text, sizeof(text));
	while ((word = strsep(&rest, " \n")))
		if (!strcmp(word, name))
			say(use, "%s is the host's console", name);
}

/* --- all of it */

/* Each entry of a class that is below `root`, a place in sysfs. */
static void each_below(struct use *use, const char *class, const char *root,
		       void (*look)(struct use *use, const char *name, const char *path))
{
	struct sysfs_names names;
	char path[128], head[96];

	sysfs_names(class, &names);
	/* Backwards: partitions before their disk, which is claimed as they are. */
	for (unsigned i = names.n; i-- > 0;) {
		snprintf(path, sizeof(path), "%s/%.90s", class, names.at[i]);
		if (!sysfs_is_below(path, root))
			continue;
		if (look == look_at_disk && disk_of_path(names.at[i], head, sizeof(head)))
			each_below(use, class, head, look);
		else
			look(use, names.at[i], path);
	}
	sysfs_names_free(&names);
}

static void look_at_file(struct use *use, const char *number, const char *path)
{
	char file[160], text[256], *name, *end;

	snprintf(file, sizeof(file), "%s/uevent", path);
	sysfs_read(file, text, sizeof(text));
	name = strstr(text, "DEVNAME=");
	if (!name || !strncmp(name, "DEVNAME=vfio/", strlen("DEVNAME=vfio/")))
		return;
	name += strlen("DEVNAME=");
	end = name + strcspn(name, "\n");
	*end = 0;
	add_node(use, S_IFCHR, number, name);
}

static void look_at_holders(struct use *use)
{
	unsigned which;
	pid_t pid = use->n ? holder_of(use->nodes, use->n, &which) : 0;

	if (pid)
		say(use, "process %d has /dev/%s open", (int)pid, use->names[which]);
}

bool hostuse(const struct host_function *fn, char *words, size_t size)
{
	struct use *use = calloc(1, sizeof(*use));
	char root[64], name[BDF_TEXT];
	unsigned vfs = sysfs_vfs(fn->bdf);

	words[0] = 0;
	if (!use || !(use->mounts = calloc(1, TEXT_MAX))) {
		free(use);
		snprintf(words, size, "there is no memory to find out");
		return true;
	}
	use->words = words;
	use->size = size;
	sysfs_read("/proc/self/mountinfo", use->mounts, TEXT_MAX);
	snprintf(root, sizeof(root), "/sys/bus/pci/devices/%s", bdf_format(fn->bdf, name));
	if (vfs)
		say(use, "it has made %u virtual function%s", vfs, vfs == 1 ? "" : "s");
	each_below(use, "/sys/class/net", root, look_at_interface);
	each_below(use, "/sys/class/block", root, look_at_disk);
	each_below(use, "/sys/class/graphics", root, look_at_screen);
	each_below(use, "/sys/class/tty", root, look_at_line);
	each_below(use, "/sys/dev/char", root, look_at_file);
	if (!*words)
		look_at_holders(use);
	free(use->mounts);
	free(use);
	return *words;
}
