/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The devices a VM owns, in the order that the kernel wants (Documentation/driver-api/vfio.rst,
 * userspace-api/iommufd.rst, virt/kvm/devices/vfio.rst): KVM is told of the file before the bind,
 * an IOAS before the attach, IOVA ranges after it, and only then RAM is mapped. Main thread only.
 */
#include "passthrough.h"

#include "hostfn.h"
#include "hostsafe.h"

#include <base/error.h>
#include <base/fd.h>
#include <base/log.h>
#include <errno.h>
#include <fcntl.h>
#include <host/iommufd.h>
#include <host/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#define FIRST_DEVICE 2 /* the guest sees the first one at 00:02.0, and so on in order */

static int open_bdf(struct vfio_device *dev, struct bdf bdf)
{
	struct host_function fn;
	char why[512];
	int r = sysfs_function(bdf, &fn);

	if (!r && hostfn_ready(&fn, why, sizeof(why)))
		r = fail(STATUS_HOST, ENODEV, "%s %s", dev->name, why);
	return r ? r : sysfs_cdev_open(&fn, &dev->fd);
}

/* Its address for messages, where sysfs tells; else what it was called by. */
static void name_by_number(struct vfio_device *dev, const struct stat *st, const char *other)
{
	struct bdf bdf;

	if (sysfs_cdev_function(major(st->st_rdev), minor(st->st_rdev), &bdf))
		bdf_format(bdf, dev->name);
	else
		snprintf(dev->name, sizeof(dev->name), "%.31s", other);
}

static int open_path(struct vfio_device *dev, const char *path)
{
	const char *last = strrchr(path, '/') + 1;
	struct stat st;

	dev->fd = open(path, O_RDWR | O_CLOEXEC);
	if (dev->fd < 0 || fstat(dev->fd, &st) < 0)
		return fail(STATUS_HOST, errno, "%s: %s; see thru devices for what is there", path,
			    strerror(errno));
	name_by_number(dev, &st, last);
	return 0;
}

/* A device that somebody else opened, and perhaps bound. */
static int take_fd(struct vfio_device *dev, int fd, const char *what)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode))
		return fail(STATUS_HOST, EBADF,
			    "--vfio %s: not an open VFIO device; open one and hand it over, see "
			    "thru open",
			    what);
	dev->fd = fd;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	name_by_number(dev, &st, what);
	dev->bound = vfio_device_is_bound(dev);
	return 0;
}

static int open_fd(struct vfio_device *dev, int fd)
{
	char what[16];

	snprintf(what, sizeof(what), "fd=%d", fd);
	return take_fd(dev, fd, what);
}

/* See verb_open.c: one message, the device and perhaps its iommufd. */
static int receive(int from, int fds[2])
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(2 * sizeof(int))];
	} control = { 0 };
	char name[64];
	struct iovec text = { name, sizeof(name) };
	struct msghdr message = {
		.msg_iov = &text,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room),
	};
	struct cmsghdr *header;
	ssize_t n;

	do {
		n = recvmsg(from, &message, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	header = CMSG_FIRSTHDR(&message);
	if (n < 0)
		return -errno;
	if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
		return -ENODATA;
	memcpy(fds, CMSG_DATA(header),
	       MIN(header->cmsg_len - CMSG_LEN(0), 2 * sizeof(int)) / sizeof(int) * sizeof(int));
	return fds[0] < 0 ? -ENODATA : 0;
}

static int open_socket(struct passthrough *pt, struct vfio_device *dev, const char *path)
{
	_cleanup_fd_ int from = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fds[2] = { -1, -1 }, r = 0;

	if (strlen(path) >= sizeof(address.sun_path))
		return fail(STATUS_USAGE, ENAMETOOLONG, "--vfio socket=%s: too long; give another",
			    path);
	strcpy(address.sun_path, path);
	if (from < 0 || connect(from, (struct sockaddr *)&address, sizeof(address)))
		r = -errno;
	if (!r)
		r = receive(from, fds);
	if (r)
		return fail(STATUS_HOST, -r,
			    "--vfio socket=%s: %s; serve it with thru open --socket", path,
			    strerror(-r));
	if (pt->iommufd < 0) {
		pt->iommufd = fds[1];
		pt->iommufd_is_given = fds[1] >= 0;
	} else {
		fd_close(&fds[1]);
	}
	return take_fd(dev, fds[0], "socket");
}

static int open_one(struct passthrough *pt, const struct device_option *option)
{
	struct vfio_device *dev = &pt->devices[pt->n];
	int r = 0;

	*dev = (struct vfio_device){ .fd = -1, .no_reset = option->reset == DEVICE_RESET_NONE };
	dev->has_token = option->has_token;
	memcpy(dev->token, option->token, sizeof(dev->token));
	bdf_format(option->bdf, dev->name);
	pt->rom_fds[pt->n] = -1;
	pt->n++;
	switch (option->by) {
	case DEVICE_BY_BDF:
		r = open_bdf(dev, option->bdf);
		break;
	case DEVICE_BY_PATH:
		r = open_path(dev, option->path);
		break;
	case DEVICE_BY_FD:
		r = open_fd(dev, option->fd);
		break;
	case DEVICE_BY_SOCKET:
		r = open_socket(pt, dev, option->path);
		break;
	}
	if (*option->name)
		snprintf(dev->name, sizeof(dev->name), "%s", option->name);
	if (!r && *option->rom_path) {
		pt->rom_fds[pt->n - 1] = open(option->rom_path, O_RDONLY | O_CLOEXEC);
		if (pt->rom_fds[pt->n - 1] < 0)
			r = fail(STATUS_HOST, errno,
				 "%s: rom=%s: %s; give on, off, or a readable file", dev->name,
				 option->rom_path, strerror(errno));
	}
	return r;
}

/* Give each device its place: what was asked for, or the next device number that is free. */
static int place_all(struct passthrough *pt, const struct run_options *o)
{
	bool taken[32] = { false };
	unsigned next = FIRST_DEVICE;

	for (unsigned i = 0; i < o->n_vfio; i++)
		taken[o->vfio[i].devfn >> 3] = true;
	for (unsigned i = 0; i < o->n_vfio; i++) {
		pt->devfns[i] = o->vfio[i].devfn;
		if (pt->devfns[i])
			continue;
		while (next < ARRAY_SIZE(taken) && taken[next])
			next++;
		if (next == ARRAY_SIZE(taken))
			return fail(STATUS_USAGE, E2BIG,
				    "--vfio: at most %d devices fit on the guest's bus; put some "
				    "together as functions of one (addr=DD.F)",
				    PASSTHROUGH_MAX - FIRST_DEVICE);
		pt->devfns[i] = PCI_DEVFN(next++, 0);
	}
	return 0;
}

static int use_iommufd(struct passthrough *pt, int fd)
{
	struct stat st;

	if (fd < 0)
		return 0;
	if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode))
		return fail(
			STATUS_HOST, EBADF,
			"--iommufd fd=%d: not an open /dev/iommu; open it and hand it down, see "
			"thru open",
			fd);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	pt->iommufd = fd;
	pt->iommufd_is_given = true;
	return 0;
}

int passthrough_open(struct passthrough *pt, const struct run_options *o)
{
	int r;

	*pt = (struct passthrough){ .iommufd = -1, .kvm_vfio = -1 };
	pt->options = o->vfio;
	if (!o->n_vfio)
		return 0;
	r = place_all(pt, o);
	if (!r)
		r = hostsafe_check(o->allow);
	if (!r)
		r = use_iommufd(pt, o->iommufd);
	for (unsigned i = 0; !r && i < o->n_vfio; i++)
		r = open_one(pt, &o->vfio[i]);
	for (unsigned i = 0; !r && i < pt->n; i++)
		if (pt->devices[i].bound && !pt->iommufd_is_given)
			r = fail(STATUS_HOST, EINVAL,
				 "%s: is bound to an iommufd already; hand that over as well: "
				 "--iommufd fd=N",
				 pt->devices[i].name);
	if (!r && pt->iommufd < 0)
		r = iommufd_open(&pt->iommufd);
	return r;
}

void passthrough_close(struct passthrough *pt)
{
	while (pt->n) {
		struct vfio_device *dev = &pt->devices[--pt->n];

		vfio_events_deinit(&pt->events[pt->n]);
		fd_close(&pt->rom_fds[pt->n]);
		if (dev->attached)
			vfio_device_detach(dev);
		fd_close(&dev->fd);
	}
	if (pt->has_ioas)
		iommufd_destroy(pt->iommufd, pt->ioas);
	fd_close(&pt->iommufd);
}

int passthrough_bind(struct passthrough *pt, int vm_fd, struct loop *loop)
{
	int r;

	if (!pt->n)
		return 0;
	r = kvm_device_create(vm_fd, KVM_DEV_TYPE_VFIO, &pt->kvm_vfio);
	if (!r && !pt->has_ioas) {
		r = ioas_alloc(pt->iommufd, &pt->ioas);
		pt->has_ioas = !r;
	}
	for (unsigned i = 0; !r && i < pt->n; i++) {
		struct vfio_device *dev = &pt->devices[i];

		r = kvm_vfio_file_add(pt->kvm_vfio, dev->fd);
		if (!r && !dev->bound)
			r = vfio_device_bind(dev, pt->iommufd);
	}
	/* All bound, so that a reset of their bus finds them all ours; none attached: no DMA. */
	if (!r)
		r = vfio_reset_all(pt->devices, pt->n);
	if (r == -EAGAIN)
		return fail(STATUS_HOST, EAGAIN,
			    "devices: the host holds one for a moment; try again");
	for (unsigned i = 0; !r && i < pt->n; i++) {
		struct vfio_device *dev = &pt->devices[i];

		if (!dev->attached)
			r = vfio_device_attach(dev, pt->ioas);
		if (!r && !pt->events[i].dev)
			r = vfio_events_init(&pt->events[i], dev, loop);
	}
	return r;
}

static bool may_lock_any(void)
{
	char line[128];
	unsigned long long caps = 0;
	FILE *f = fopen("/proc/self/status", "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "CapEff: %llx", &caps) == 1)
			break;
	if (f)
		fclose(f);
	return caps & BIT64(14); /* CAP_IPC_LOCK: iommufd does not account then */
}

/*
 * Devices may write to any page of the guest's RAM at any time, so all of it is pinned, and pinned
 * pages count against RLIMIT_MEMLOCK of the user (iommufd.rst; pages.c, iopt_pages account_mode).
 * Say so beforehand, with the number: the refusal itself is a bare ENOMEM.
 */
static int check_memlock(const struct memory *memory)
{
	struct rlimit limit;

	/* Use what the operator allows (the hard limit). */
	if (!getrlimit(RLIMIT_MEMLOCK, &limit) && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_MEMLOCK, &limit);
	}
	if (getrlimit(RLIMIT_MEMLOCK, &limit) || limit.rlim_cur == RLIM_INFINITY ||
	    limit.rlim_cur >= memory->size || may_lock_any())
		return 0;
	return fail(STATUS_HOST, ENOMEM,
		    "memlock: passing a device pins the guest's memory, %llu KiB, and the limit is "
		    "%llu KiB; raise it: ulimit -l %llu",
		    (unsigned long long)(memory->size >> 10),
		    (unsigned long long)(limit.rlim_cur >> 10),
		    (unsigned long long)(memory->size >> 10));
}

/* Every region must lie in what all the attached IOMMUs can reach. */
static int check_iovas(struct passthrough *pt, const struct memory *memory)
{
	struct range reach[64], needed[MEMORY_RAM_MAX];
	unsigned n = ARRAY_SIZE(reach);
	int r = ioas_iova_ranges(pt->iommufd, pt->ioas, reach, &n);

	if (r)
		return fail(STATUS_HOST, -r,
			    "IOMMU: its reachable address ranges are not to be had: %s",
			    strerror(-r));
	for (unsigned i = 0; i < memory->n_ram; i++) {
		const struct ram_region *ram = &memory->ram[i];
		bool inside = false;

		needed[i] = (struct range){ ram->base, ram->size };

		for (unsigned k = 0; k < n; k++)
			inside |= range_holds(reach[k], ram->base, ram->size);
		if (!inside)
			return fail(
				STATUS_HOST, ERANGE,
				"IOMMU: it cannot reach guest memory at %#llx-%#llx; ask for less "
				"memory (--mem)",
				(unsigned long long)ram->base,
				(unsigned long long)(ram->base + ram->size - 1));
	}
	/* What an IOMMU of a later attachment reserves must not take it away again. */
	return ioas_allow_iovas(pt->iommufd, pt->ioas, needed, memory->n_ram);
}

int passthrough_map(struct passthrough *pt, const struct memory *memory)
{
	int r;

	if (!pt->n)
		return 0;
	r = check_memlock(memory);
	if (!r)
		r = check_iovas(pt, memory);
	for (unsigned i = 0; !r && i < memory->n_ram; i++) {
		const struct ram_region *ram = &memory->ram[i];

		r = ioas_map_file(pt->iommufd, pt->ioas, memory->memfd, ram->offset, ram->size,
				  ram->base);
		if (r == -EOPNOTSUPP || r == -ENOTTY)
			r = ioas_map(pt->iommufd, pt->ioas, ram->hva, ram->size, ram->base);
	}
	return r;
}

static bool has_siblings(const struct passthrough *pt, unsigned at)
{
	for (unsigned i = 0; i < pt->n; i++)
		if (i != at && pt->devfns[i] >> 3 == pt->devfns[at] >> 3)
			return true;
	return false;
}

int passthrough_add(struct passthrough *pt, struct board *board)
{
	int r = 0;

	while (!r && pt->n_functions < pt->n) {
		unsigned i = pt->n_functions;
		struct vfio_function_config config = {
			.dev = &pt->devices[i],
			.root = &board->pci,
			.memory = &board->memory,
			.irq = &board->irq,
			.loop = board->loop,
			.watch = &pt->watches[i],
			.devfn = pt->devfns[i],
			.multifunction = has_siblings(pt, i),
			.rom = pt->options[i].rom,
			.rom_fd = pt->rom_fds[i],
			.p2p = pt->options[i].p2p,
			.iommufd = pt->iommufd,
			.ioas = pt->ioas,
		};

		r = vfio_function_create(&config, &pt->functions[i]);
		if (!r)
			pt->n_functions++;
	}
	return r;
}

/*
 * What was used is reset, for whoever has it next. Whatever ended the VM stays the recorded reason.
 * EAGAIN: the host holds the device to take it back, and resets it itself as it closes.
 */
static void reset_after(struct passthrough *pt)
{
	bool had_reason = *error_message();
	int r = 0;

	for (unsigned i = 0; i < pt->n; i++)
		if (!pt->devices[i].bound)
			return;
	r = vfio_reset_all(pt->devices, pt->n);
	if (r && r != -EAGAIN)
		log_warn("after use: %s",
			 had_reason ? "a device could not be reset" : error_message());
	if (r && !had_reason)
		error_clear();
}

void passthrough_release(struct passthrough *pt, const struct memory *memory)
{
	bool used = pt->n_functions;

	while (pt->n_functions)
		vfio_function_destroy(pt->functions[--pt->n_functions]);
	if (used)
		reset_after(pt);
	for (unsigned i = 0; pt->has_ioas && i < memory->n_ram; i++)
		ioas_unmap(pt->iommufd, pt->ioas, memory->ram[i].base, memory->ram[i].size);
	for (unsigned i = 0; pt->kvm_vfio >= 0 && i < pt->n; i++)
		kvm_vfio_file_remove(pt->kvm_vfio, pt->devices[i].fd);
	fd_close(&pt->kvm_vfio);
}
