/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The devices a VM owns, in the order that the kernel wants (Documentation/driver-api/vfio.rst,
 * userspace-api/iommufd.rst, virt/kvm/devices/vfio.rst): KVM is told of the file before the bind,
 * an IOAS before the attach, IOVA ranges after it, and only then RAM is mapped. Main thread only.
 */
#include "passthrough.h"

#include "hostfn.h"

#include <base/error.h>
#include <base/fd.h>
#include <errno.h>
#include <host/iommufd.h>
#include <host/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define FIRST_DEVICE 2 /* the guest sees the first one at 00:02.0, and so on in order */

static int open_one(struct passthrough *pt, struct bdf bdf)
{
	struct vfio_device *dev = &pt->devices[pt->n];
	struct host_function fn;
	char why[512];
	int r;

	r = sysfs_function(bdf, &fn);
	if (r)
		return r;
	r = hostfn_ready(&fn, why, sizeof(why));
	*dev = (struct vfio_device){ .fd = -1 };
	bdf_format(bdf, dev->name);
	if (r)
		return fail(STATUS_HOST, -r, "%s %s", dev->name, why);
	r = sysfs_cdev_open(&fn, &dev->fd);
	if (!r)
		pt->n++;
	return r;
}

int passthrough_open(struct passthrough *pt, const struct bdf *bdfs, unsigned n)
{
	int r = 0;

	*pt = (struct passthrough){ .iommufd = -1, .kvm_vfio = -1 };
	if (n > PASSTHROUGH_MAX - FIRST_DEVICE)
		return fail(STATUS_USAGE, E2BIG,
			    "--vfio: at most %d devices fit on the guest's bus",
			    PASSTHROUGH_MAX - FIRST_DEVICE);
	if (n)
		r = iommufd_open(&pt->iommufd);
	for (unsigned i = 0; !r && i < n; i++)
		r = open_one(pt, bdfs[i]);
	return r;
}

void passthrough_close(struct passthrough *pt)
{
	while (pt->n) {
		struct vfio_device *dev = &pt->devices[--pt->n];

		vfio_events_deinit(&pt->events[pt->n]);
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
		if (!r && !dev->attached)
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
	struct range reach[64];
	unsigned n = ARRAY_SIZE(reach);
	int r = ioas_iova_ranges(pt->iommufd, pt->ioas, reach, &n);

	if (r)
		return fail(STATUS_HOST, -r,
			    "IOMMU: its reachable address ranges are not to be had: %s",
			    strerror(-r));
	for (unsigned i = 0; i < memory->n_ram; i++) {
		const struct ram_region *ram = &memory->ram[i];
		bool inside = false;

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
	return 0;
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
			.devfn = PCI_DEVFN(FIRST_DEVICE + i, 0),
		};

		r = vfio_function_create(&config, &pt->functions[i]);
		if (!r)
			pt->n_functions++;
	}
	return r;
}

void passthrough_release(struct passthrough *pt, const struct memory *memory)
{
	while (pt->n_functions)
		vfio_function_destroy(pt->functions[--pt->n_functions]);
	for (unsigned i = 0; pt->has_ioas && i < memory->n_ram; i++)
		ioas_unmap(pt->iommufd, pt->ioas, memory->ram[i].base, memory->ram[i].size);
	for (unsigned i = 0; pt->kvm_vfio >= 0 && i < pt->n; i++)
		kvm_vfio_file_remove(pt->kvm_vfio, pt->devices[i].fd);
	fd_close(&pt->kvm_vfio);
}
