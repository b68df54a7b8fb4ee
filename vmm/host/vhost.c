/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vhost in the kernel, a function for each request (vhost.h). The order is drivers/vhost/vhost.c's: an owner
 * first; features and memory before rings, whose addresses are checked against that memory; what begins
 * last is the ring's traffic, by a request of its kind.
 */
#include <host/vhost.h>

#include <base/error.h>
#include <base/fd.h>
#include <errno.h>
#include <host/call.h>
#include <linux/vhost.h>
#include <string.h>

static int refused(const struct vhost *vhost, int r, const char *what)
{
	return fail(STATUS_HOST, -r, "%s: %s: %s", vhost->path, what, strerror(-r));
}

#define CALL(vhost, request, arg) call(vhost, HOST_IOCTL((vhost)->fd, request, arg), #request)
static int call(const struct vhost *vhost, int r, const char *name)
{
	return r < 0 ? refused(vhost, r, name) : 0;
}

static int opened(const char *path)
{
	int r = host_open(path);
	const char *module = !strcmp(path, "/dev/vhost-net") ? "vhost_net" : "vhost_vsock";

	if (r == -ENOENT || r == -ENODEV || r == -ENXIO)
		return fail(STATUS_HOST, -r,
			    "%s: the kernel's vhost is not there; load it: modprobe %s", path,
			    module);
	if (r == -EACCES || r == -EPERM)
		return fail(STATUS_HOST, -r,
			    "%s: permission denied; join its group (ls -l %s), or run as root",
			    path, path);
	return r < 0 ? fail(STATUS_HOST, -r, "%s: %s", path, strerror(-r)) : r;
}

int vhost_open(struct vhost *vhost, const char *path)
{
	int r = opened(path);

	*vhost = (struct vhost){ .fd = -1, .path = path };
	if (r < 0)
		return r;
	vhost->fd = r;
	r = CALL(vhost, VHOST_SET_OWNER, NULL);
	return r ? r : CALL(vhost, VHOST_GET_FEATURES, &vhost->features);
}

void vhost_close(struct vhost *vhost)
{
	fd_close(&vhost->fd);
}

int vhost_set(struct vhost *vhost, uint64_t features, const struct vhost_ram *ram, unsigned n)
{
	union {
		struct vhost_memory table;
		uint8_t room[sizeof(struct vhost_memory) +
			     VHOST_RAM_MAX * sizeof(struct vhost_memory_region)];
	} memory = { .table.nregions = MIN(n, VHOST_RAM_MAX) };
	int r = CALL(vhost, VHOST_SET_FEATURES, &features);

	for (unsigned i = 0; i < memory.table.nregions; i++)
		memory.table.regions[i] = (struct vhost_memory_region){
			.guest_phys_addr = ram[i].base,
			.memory_size = ram[i].size,
			.userspace_addr = (uintptr_t)ram[i].hva,
		};
	return r ? r : CALL(vhost, VHOST_SET_MEM_TABLE, &memory.table);
}

int vhost_set_ring(struct vhost *vhost, unsigned index, const struct vhost_ring *ring)
{
	struct vhost_vring_state size = { index, ring->size }, begin = { index, 0 };
	struct vhost_vring_addr at = {
		.index = index,
		.desc_user_addr = (uintptr_t)ring->desc,
		.avail_user_addr = (uintptr_t)ring->driver,
		.used_user_addr = (uintptr_t)ring->device,
	};
	struct vhost_vring_file kick = { index, ring->kick_fd }, tell = { index, ring->call_fd };
	int r = CALL(vhost, VHOST_SET_VRING_NUM, &size);

	r = r ? r : CALL(vhost, VHOST_SET_VRING_BASE, &begin);
	r = r ? r : CALL(vhost, VHOST_SET_VRING_ADDR, &at);
	r = r ? r : CALL(vhost, VHOST_SET_VRING_CALL, &tell);
	return r ? r : CALL(vhost, VHOST_SET_VRING_KICK, &kick);
}

int vhost_net_run(struct vhost *vhost, unsigned index, int tap_fd)
{
	struct vhost_vring_file file = { index, tap_fd };

	return CALL(vhost, VHOST_NET_SET_BACKEND, &file);
}

int vhost_vsock_cid(struct vhost *vhost, uint64_t cid)
{
	int r = HOST_IOCTL(vhost->fd, VHOST_VSOCK_SET_GUEST_CID, &cid);

	if (r == -EADDRINUSE)
		return fail(STATUS_HOST, EADDRINUSE,
			    "--vsock %llu: another guest has this address; give another",
			    (unsigned long long)cid);
	return r < 0 ? refused(vhost, r, "VHOST_VSOCK_SET_GUEST_CID") : 0;
}

int vhost_vsock_run(struct vhost *vhost, bool on)
{
	int value = on;

	return CALL(vhost, VHOST_VSOCK_SET_RUNNING, &value);
}
