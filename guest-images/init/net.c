// SPDX-License-Identifier: BSD-2-Clause
/*
 * Interfaces up, with an address, a route and a name server: netdevice(7), by ioctls, which every kernel with
 * a network has. Addresses come from thru, which told them to whoever serves them: nobody waits for DHCP.
 */
#include "net.h"
#include "sys.h"

#include <linux/sockios.h>

#define NAMES_MAX 64 /* interfaces looked at */

/* struct ifreq and struct sockaddr_in, whose headers want a C library */
struct address {
	unsigned short family, port;
	unsigned char ip[4], zero[8];
};
struct request {
	char name[16];
	union {
		short flags;
		int index;
		struct {
			unsigned short family;
			unsigned char bytes[6];
		} mac;
		struct address address;
		char room[24];
	} u;
};
struct route { /* struct rtentry (linux/route.h) */
	unsigned long pad1;
	struct address to, gateway, mask;
	unsigned short flags;
	short pad2;
	unsigned long pad3;
	void *pad4;
	short metric;
	char *dev;
	unsigned long mtu, window;
	unsigned short irtt;
};

#define INET       2
#define UP         1 /* IFF_UP, RTF_UP */
#define BY_GATEWAY 2 /* RTF_GATEWAY */

static long raise(long fd, struct request *request)
{
	long r = sys_ioctl(fd, SIOCGIFFLAGS, request);

	request->u.flags |= UP;
	return r < 0 ? r : sys_ioctl(fd, SIOCSIFFLAGS, request);
}

void net_raise_loopback(void)
{
	struct request request = { .name = "lo" };
	long fd = SYS(socket, INET, 2 /* SOCK_DGRAM */, 0, 0, 0, 0);

	if (fd < 0)
		return;
	raise(fd, &request);
	sys_close(fd);
}

/* The next word, as `n` decimal numbers with dots between. */
static char *numbers(char *text, unsigned char *ret, unsigned n)
{
	for (unsigned i = 0; i < n && *text; i++) {
		ret[i] = (unsigned char)text_value(text);
		while (*text >= '0' && *text <= '9')
			text++;
		if (*text)
			text++;
	}
	return text;
}

static long find(long fd, const unsigned char *mac, struct request *request)
{
	for (int i = 1; i <= NAMES_MAX; i++) {
		int same = 1;

		request->u.index = i;
		if (sys_ioctl(fd, SIOCGIFNAME, request) < 0 || sys_ioctl(fd, SIOCGIFHWADDR, request) < 0)
			continue;
		for (unsigned k = 0; k < 6; k++)
			same &= request->u.mac.bytes[k] == mac[k];
		if (same)
			return 0;
	}
	return -ENODEV;
}

static struct address address(const unsigned char *ip)
{
	struct address a = { .family = INET };

	memcpy(a.ip, ip, 4);
	return a;
}

static long set_addresses(long fd, struct request *request, const unsigned char *ip,
			  const unsigned char *mask, const unsigned char *gateway)
{
	struct route route = { .to.family = INET, .mask.family = INET };
	long r;

	request->u.address = address(ip);
	r = sys_ioctl(fd, SIOCSIFADDR, request);
	request->u.address = address(mask);
	if (r >= 0)
		r = sys_ioctl(fd, SIOCSIFNETMASK, request);
	if (r >= 0)
		r = raise(fd, request);
	route.gateway = address(gateway);
	route.flags = UP | BY_GATEWAY;
	return r < 0 ? r : sys_ioctl(fd, SIOCADDRT, &route);
}

/* In place of what is there: it may be a link to what runs on the machine that the root is from. */
static void set_nameserver(const unsigned char *ip)
{
	char text[64], *end = text_add(text, "nameserver ");
	long fd;

	for (unsigned i = 0; i < 4; i++) {
		end = text_number(end, ip[i]);
		end = text_add(end, i < 3 ? "." : "\n");
	}
	sys_mkdir("/etc", 0755);
	sys_unlink("/etc/resolv.conf");
	fd = sys_open("/etc/resolv.conf", O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0)
		return;
	sys_write(fd, text, (size_t)(end - text));
	sys_close(fd);
}

long net_raise(char *text)
{
	unsigned char mac[6] = { 0 }, ip[4] = { 0 }, prefix = 0, gateway[4] = { 0 }, dns[4] = { 0 };
	unsigned char mask[4] = { 0 };
	struct request request = { 0 };
	long fd = SYS(socket, INET, 2, 0, 0, 0, 0), r;

	text = numbers(text, mac, 6);
	text = numbers(text, ip, 4);
	text = numbers(text, &prefix, 1);
	text = numbers(text, gateway, 4);
	numbers(text, dns, 4);
	for (unsigned i = 0; i < 4 * 8 && i < prefix; i++)
		mask[i / 8] |= (unsigned char)(0x80 >> i % 8);
	if (fd < 0)
		return fd;
	r = find(fd, mac, &request);
	if (!r)
		r = set_addresses(fd, &request, ip, mask, gateway);
	sys_close(fd);
	if (r >= 0)
		set_nameserver(dns);
	return r;
}
