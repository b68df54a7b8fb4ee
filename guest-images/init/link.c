// SPDX-License-Identifier: BSD-2-Clause
#include "link.h"

#include <asm/termios.h>
#include <linux/netlink.h>
#include <linux/poll.h>
#include <linux/socket.h>
#include <linux/stat.h>
#include <linux/time_types.h>

#define PORTS      "/sys/class/virtio-ports"
#define AF_NETLINK 16
#define PORT_WAIT  2 /* seconds, when there is a device and its driver */
#define ACK_EVERY  256

struct dirent64 {
	uint64_t inode, next;
	unsigned short size;
	unsigned char type;
	char name[];
};

/* Calls `each` for the names in a folder until it returns other than 0, and returns that. */
static long folder_walk(const char *path, long (*each)(const char *name, void *ctx), void *ctx)
{
	char entries[2048];
	long fd = sys_open(path, O_RDONLY | O_DIRECTORY, 0), n, r = 0;

	while (fd >= 0 && !r && (n = SYS(getdents64, fd, entries, sizeof(entries), 0, 0, 0)) > 0)
		for (long i = 0; !r && i < n;) {
			struct dirent64 *entry = (void *)(entries + i);

			if (entry->name[0] != '.')
				r = each(entry->name, ctx);
			i += entry->size;
		}
	if (fd >= 0)
		sys_close(fd);
	return r;
}

struct wanted {
	const char *name;
	long fd;
};

static long try_port(const char *port, void *ctx)
{
	char path[300], name[64];
	struct wanted *wanted = ctx;
	long n;

	if (text_len(port) > 200)
		return 0;
	text_add(text_add(text_add(path, PORTS "/"), port), "/name");
	n = file_read(path, name, sizeof(name));
	if (n < 2)
		return 0;
	name[n - 1] = 0; /* a newline */
	if (!text_same(name, wanted->name))
		return 0;
	text_add(text_add(path, "/dev/"), port);
	wanted->fd = sys_open(path, O_RDWR, 0);
	return 1;
}

static long open_port(const char *name)
{
	struct wanted wanted = { .name = name, .fd = -ENOENT };

	folder_walk(PORTS, try_port, &wanted);
	return wanted.fd;
}

static int open_ports(struct link *link, int wants_files)
{
	if (link->control < 0)
		link->control = open_port("thru.control");
	if (link->in < 0)
		link->in = open_port("thru.stdin");
	if (link->out < 0)
		link->out = open_port("thru.stdout");
	if (link->err < 0)
		link->err = open_port("thru.stderr");
	if (wants_files && link->files < 0)
		link->files = open_port("thru.files");
	return link->control >= 0 && link->in >= 0 && link->out >= 0 && link->err >= 0 &&
	       (!wants_files || link->files >= 0);
}

static long is_console(const char *device, void *ctx)
{
	char path[300], id[16];

	(void)ctx;
	if (text_len(device) > 100)
		return 0;
	text_add(text_add(text_add(path, "/sys/bus/virtio/devices/"), device), "/device");
	if (file_read(path, id, sizeof(id)) < 0 || !text_starts(id, "0x0003"))
		return 0;
	text_add(text_add(text_add(path, "/sys/bus/virtio/devices/"), device), "/driver");
	return sys_access(path) == 0;
}

/*
 * A port comes by a message of the device after its driver was there, and the kernel tells of it by a
 * uevent. Without a network there is no such socket: then the time is only waited for in steps.
 */
static int wait_for_ports(struct link *link, int wants_files)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	struct __kernel_timespec left = { .tv_sec = PORT_WAIT }, step = { .tv_nsec = 2000000 };
	struct pollfd pfd = { .events = POLLIN };
	char event[2048];
	unsigned rounds = 0;

	if (!folder_walk("/sys/bus/virtio/devices", is_console, 0))
		return 0;
	pfd.fd = (int)SYS(socket, AF_NETLINK, 2 | 02000000, NETLINK_KOBJECT_UEVENT, 0, 0, 0);
	if (pfd.fd >= 0)
		SYS(bind, pfd.fd, &address, sizeof(address), 0, 0, 0);
	while (!open_ports(link, wants_files)) {
		if (pfd.fd >= 0 && SYS(ppoll, &pfd, 1, &left, 0, 8, 0) <= 0)
			break;
		if (pfd.fd >= 0)
			SYS(read, pfd.fd, event, sizeof(event), 0, 0, 0);
		else if (++rounds > PORT_WAIT * 500)
			break;
		else
			SYS(nanosleep, &step, 0, 0, 0, 0, 0);
	}
	if (pfd.fd >= 0)
		sys_close(pfd.fd);
	return open_ports(link, wants_files);
}

/* Eight bits each way, no echo, nothing translated. The console's speed stays. */
static void make_raw(long fd)
{
	struct termios t;

	if (sys_ioctl(fd, TCGETS, &t) < 0)
		return;
	t.c_iflag = 0;
	t.c_oflag = 0;
	t.c_lflag = 0;
	t.c_cflag = (t.c_cflag & ~(CSIZE | PARENB | CRTSCTS)) | CS8 | CREAD | CLOCAL;
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	sys_ioctl(fd, TCSETS, &t);
}

static long open_serial(struct link *link)
{
	long fd = sys_open("/dev/ttyS0", O_RDWR | O_NOCTTY, 0);

	if (fd == -ENOENT) { /* no devtmpfs */
		SYS(mknodat, AT_FDCWD, "/dev/ttyS0", S_IFCHR | 0600, 4 << 8 | 64, 0, 0);
		fd = sys_open("/dev/ttyS0", O_RDWR | O_NOCTTY, 0);
	}
	if (fd < 0)
		return fd;
	make_raw(fd);
	link->control = link->in = link->out = link->err = link->files = fd;
	link->serial = 1;
	return 0;
}

long link_open(struct link *link, const char *nonce, int wants_files)
{
	memset(link, 0, sizeof(*link));
	if (text_len(nonce) < sizeof(link->nonce))
		text_add(link->nonce, nonce);
	link->control = link->in = link->out = link->err = link->files = -1;
	link->high[0] = link->high[1] = -1;
	return wait_for_ports(link, wants_files) ? 0 : open_serial(link);
}

static void write_all(long fd, const char *bytes, size_t n)
{
	while (n) {
		long done = sys_write(fd, bytes, n);

		if (done == -EINTR || done == -EAGAIN)
			continue;
		if (done <= 0)
			return; /* thru is gone, and we with it soon */
		bytes += done;
		n -= (size_t)done;
	}
}

/* Two bytes for one: 1 H CC NNNN, which no kernel message has (they are ASCII). */
static void send_serial(struct link *link, int stream, const unsigned char *bytes, size_t n)
{
	char coded[1024];
	unsigned at = 0;

	for (size_t i = 0; i < n; i++) {
		coded[at++] = (char)(0xc0 | stream << 4 | bytes[i] >> 4);
		coded[at++] = (char)(0x80 | stream << 4 | (bytes[i] & 15));
		if (at == sizeof(coded) || i + 1 == n) {
			write_all(link->out, coded, at);
			at = 0;
		}
	}
}

void link_send(struct link *link, int stream, const void *bytes, size_t n)
{
	const long fds[] = { link->control, link->out, link->err, link->files };

	link->sent[stream] += n;
	if (link->serial)
		send_serial(link, stream, bytes, n);
	else
		write_all(fds[stream], bytes, n);
}

void link_tell(struct link *link, const char *text)
{
	char line[512], *end = text_add(text_add(text_add(line, "thru "), link->nonce), " ");

	for (size_t i = 0; text[i] && end < line + sizeof(line) - 2; i++)
		*end++ = text[i] < ' ' ? ' ' : text[i];
	*end++ = '\n';
	link_send(link, LINK_CONTROL, line, (size_t)(end - line));
}

static void take(struct link *link, int stream, char byte, void (*line)(const char *text))
{
	if (stream == LINK_STDIN) {
		if (link->input_n < sizeof(link->input)) {
			link->input[link->input_n++] = byte;
			link->in_total++;
		}
		return;
	}
	link->used++;
	if (byte == '\n') {
		link->line[link->line_n] = 0;
		line(link->line);
		link->line_n = 0;
	} else if (link->line_n < sizeof(link->line) - 1) {
		link->line[link->line_n++] = byte;
	}
}

static void take_serial(struct link *link, unsigned char byte, void (*line)(const char *text))
{
	int stream = byte >> 4 & 3;

	if (!(byte & 0x80) || stream > 1)
		return;
	if (byte & 0x40) {
		link->high[stream] = byte & 15;
	} else if (link->high[stream] >= 0) {
		take(link, stream, (char)(link->high[stream] << 4 | (byte & 15)), line);
		link->high[stream] = -1;
	}
}

static void acknowledge(struct link *link)
{
	char text[32];

	if (!link->serial || link->used < ACK_EVERY)
		return;
	text_number(text_add(text, "ack "), link->used);
	link_tell(link, text);
	link->used = 0;
}

void link_receive(struct link *link, long polled, void (*line)(const char *text))
{
	char bytes[512];
	int stream = polled == link->control ? LINK_CONTROL : LINK_STDIN;
	size_t room = sizeof(bytes);
	long n;

	if (!link->serial && stream == LINK_STDIN && room > sizeof(link->input) - link->input_n)
		room = sizeof(link->input) - link->input_n;
	n = sys_read(polled, bytes, room);
	for (long i = 0; i < n; i++) {
		if (link->serial)
			take_serial(link, (unsigned char)bytes[i], line);
		else
			take(link, stream, bytes[i], line);
	}
	acknowledge(link);
}

void link_used(struct link *link, unsigned n)
{
	memmove(link->input, link->input + n, link->input_n - n);
	link->input_n -= n;
	link->used += n;
	acknowledge(link);
}

void link_drain(struct link *link)
{
	if (link->serial)
		sys_ioctl(link->out, TCSBRK, 1);
}
