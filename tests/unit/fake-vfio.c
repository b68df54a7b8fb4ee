/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See fake-vfio.h. Implements include/host/vfio.h in place of vmm/host/vfio.c.
 */
#include "fake-vfio.h"

#include <base/bytes.h>
#include <base/error.h>
#include <base/fd.h>
#include <errno.h>
#include <host/way.h>
#include <linux/pci_regs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct fake_vfio fake;

#define REGION_SHIFT 40 /* VFIO_PCI_OFFSET_SHIFT */

static int _printf_(2, 3) wrong(int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(fake.why, sizeof(fake.why), fmt, ap);
	va_end(ap);
	fake.wrongs++;
	return fail(STATUS_HOST, -err, "fake: %s", fake.why);
}

void fake_init(void)
{
	fake_free();
	memset(&fake, 0, sizeof(fake));
	fake.config_size = 4096;
	fake.unmask_fd = fake.wake_fd = -1;
	fake.has_reset = true;
	fake.irq_limit = FAKE_VECTORS;
	for (unsigned i = 0; i < VFIO_PCI_NUM_IRQS; i++) {
		memset(fake.irqs[i].fds, 0xff, sizeof(fake.irqs[i].fds));
		fake.irqs[i].flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE;
	}
	store_le32(fake.config, 0x15ab8086);
	store_le16(fake.config + PCI_COMMAND, PCI_COMMAND_MASTER);
	store_le16(fake.config + PCI_STATUS, 0x0010);
	store_le32(fake.config + PCI_CLASS_REVISION, 0x02000003);
	fake.config[PCI_HEADER_TYPE] = 0x80;
	store_le32(fake.config + PCI_SUBSYSTEM_VENDOR_ID, 0x00018086);
	store_le32(fake.config + PCI_ROM_ADDRESS, 0xfffc0000);
	fake.config[PCI_INTERRUPT_LINE] = 42;
	fake.config[PCI_INTERRUPT_PIN] = 1;
	fake.irqs[VFIO_PCI_INTX_IRQ_INDEX].count = 1;
	fake.irqs[VFIO_PCI_REQ_IRQ_INDEX].count = 1;
	fake.irqs[VFIO_PCI_ERR_IRQ_INDEX].count = 1;
}

void fake_free(void)
{
	for (unsigned i = 0; i < FAKE_REGIONS; i++) {
		free(fake.regions[i].data);
		fake.regions[i].data = NULL;
	}
	if (fake.wake_fd > 0)
		fd_close(&fake.wake_fd);
}

unsigned fake_cap(unsigned at, unsigned id)
{
	unsigned link = PCI_CAPABILITY_LIST;

	while (fake.config[link])
		link = fake.config[link] + 1;
	fake.config[link] = (uint8_t)at;
	fake.config[at] = (uint8_t)id;
	return at;
}

unsigned fake_ext_cap(unsigned at, unsigned id)
{
	unsigned last = PCI_CFG_SPACE_SIZE;

	while (load_le32(fake.config + last) >> 20)
		last = load_le32(fake.config + last) >> 20;
	if (at != PCI_CFG_SPACE_SIZE)
		store_le32(fake.config + last, load_le32(fake.config + last) | at << 20);
	store_le32(fake.config + at, 1 << 16 | id);
	return at;
}

unsigned fake_msi(unsigned at, unsigned log2_vectors, bool wide, bool masks)
{
	fake_cap(at, PCI_CAP_ID_MSI);
	store_le16(fake.config + at + 2,
		   (uint16_t)(log2_vectors << 1 | (wide ? 0x80 : 0) | (masks ? 0x100 : 0)));
	fake.irqs[VFIO_PCI_MSI_IRQ_INDEX].count = BIT(log2_vectors);
	return at;
}

unsigned fake_msix(unsigned at, unsigned n, unsigned table_bar, uint32_t table, unsigned pba_bar,
		   uint32_t pba)
{
	fake_cap(at, PCI_CAP_ID_MSIX);
	store_le16(fake.config + at + 2, (uint16_t)(n - 1));
	store_le32(fake.config + at + 4, table | table_bar);
	store_le32(fake.config + at + 8, pba | pba_bar);
	fake.irqs[VFIO_PCI_MSIX_IRQ_INDEX].count = n;
	fake.irqs[VFIO_PCI_MSIX_IRQ_INDEX].flags = VFIO_IRQ_INFO_EVENTFD;
	return at;
}

unsigned fake_express(unsigned at, bool flr)
{
	fake_cap(at, PCI_CAP_ID_EXP);
	store_le16(fake.config + at + PCI_EXP_FLAGS, 0x0102); /* version 2, endpoint, slot */
	store_le32(fake.config + at + PCI_EXP_DEVCAP,
		   0x0ffc8000 | (flr ? (uint32_t)PCI_EXP_DEVCAP_FLR : 0));
	store_le32(fake.config + at + PCI_EXP_LNKCAP, 0x12345678);
	store_le32(fake.config + at + PCI_EXP_LNKCTL, 0x30110040);
	store_le32(fake.config + at + PCI_EXP_DEVCAP2, 0xffffffff);
	store_le32(fake.config + at + PCI_EXP_LNKCAP2, 0x0000000e);
	return at;
}

void fake_bar(unsigned index, uint32_t flags, uint64_t size, bool mappable)
{
	fake.regions[index] = (struct fake_region){ .size = size, .mappable = mappable };
	store_le32(fake.config + PCI_BASE_ADDRESS_0 + 4 * index, 0xa0000000 | flags);
}

bool fake_raise(unsigned index, unsigned vector)
{
	if (fake.irqs[index].fds[vector] < 0)
		return false;
	fd_event_signal(fake.irqs[index].fds[vector]);
	return true;
}

/* include/host/vfio.h */

int vfio_device_info(const struct vfio_device *dev, struct vfio_device_info *ret)
{
	(void)dev;
	*ret = (struct vfio_device_info){
		.flags = VFIO_DEVICE_FLAGS_PCI | (fake.has_reset ? VFIO_DEVICE_FLAGS_RESET : 0),
		.num_regions = FAKE_REGIONS,
		.num_irqs = VFIO_PCI_NUM_IRQS,
	};
	return 0;
}

int vfio_irq_info(const struct vfio_device *dev, unsigned index, struct vfio_irq_info *ret)
{
	(void)dev;
	*ret = (struct vfio_irq_info){
		.index = index,
		.flags = fake.irqs[index].flags,
		.count = fake.irqs[index].count,
	};
	return 0;
}

int vfio_region_info(const struct vfio_device *dev, unsigned index, struct vfio_region_info *ret,
		     struct range *mmaps, unsigned *n_mmaps)
{
	const struct fake_region *region = &fake.regions[index];
	unsigned room = *n_mmaps;

	(void)dev;
	*ret = (struct vfio_region_info){
		.index = index,
		.size = index == VFIO_PCI_CONFIG_REGION_INDEX ? fake.config_size : region->size,
		.offset = (uint64_t)index << REGION_SHIFT,
	};
	*n_mmaps = 0;
	if (!region->mappable || !room)
		return 0;
	if (!region->n_mmaps)
		mmaps[(*n_mmaps)++] = (struct range){ 0, region->size };
	for (unsigned i = 0; i < region->n_mmaps && *n_mmaps < room; i++)
		mmaps[(*n_mmaps)++] = region->mmaps[i];
	return 0;
}

static bool decodes(unsigned index)
{
	uint16_t bit = fake.config[PCI_BASE_ADDRESS_0 + 4 * index] & 1 ? PCI_COMMAND_IO
								       : PCI_COMMAND_MEMORY;

	return fake.no_memory_enable || load_le16(fake.config + PCI_COMMAND) & bit;
}

static void ask(const char *what, uint64_t offset, uint32_t value)
{
	if (fake.asked)
		fake.asked(what, offset, value);
}

/* As VFIO does: the device lost its BARs, and its user says that it wants to decode them. */
static void command_written(uint64_t offset, const void *buf, unsigned len)
{
	if (offset > PCI_COMMAND || offset + len <= PCI_COMMAND)
		return;
	if (fake.reset_itself &&
	    load_le(buf, len) >> (8 * (PCI_COMMAND - offset)) & PCI_COMMAND_MEMORY) {
		fake.reset_itself = false;
		fake.restored++;
	}
}

static int region_rw(uint64_t at, void *buf, unsigned len, bool is_write)
{
	unsigned index = (unsigned)(at >> REGION_SHIFT);
	uint64_t offset = at & (BIT64(REGION_SHIFT) - 1);
	struct fake_region *region = &fake.regions[index];

	if (fake.gone)
		return -EIO;
	fake_wake();
	if ((len != 1 && len != 2 && len != 4 && len != 8) || offset % len)
		return wrong(-EINVAL, "access of %u bytes at %#lx", len, (long)offset);
	if (index == VFIO_PCI_CONFIG_REGION_INDEX) {
		if (offset + len > fake.config_size)
			return wrong(-EFAULT, "config access at %#lx", (long)offset);
		ask(is_write ? "config write" : "config read", offset,
		    is_write ? (uint32_t)load_le(buf, len) : 0);
		if (fake.config_error)
			return fake.config_error;
		fake.config_reads += !is_write;
		fake.config_writes += is_write;
		if (is_write)
			command_written(offset, buf, len);
		if (!is_write && fake.silent) {
			fake.silent--;
			memset(buf, 0xff, len);
			return 0;
		}
		memcpy(is_write ? fake.config + offset : buf, is_write ? buf : fake.config + offset,
		       len);
		return 0;
	}
	if (offset + len > region->size)
		return wrong(-EINVAL, "BAR %u access at %#lx", index, (long)offset);
	if (index < 6 && fake.bar_busy[index])
		return -EBUSY;
	if (!decodes(index))
		return wrong(-EIO, "BAR %u access while decode is off", index);
	if (!region->data)
		region->data = calloc(1, FAKE_BAR_DATA);
	region->reads += !is_write;
	region->writes += is_write;
	region->last_len = len;
	region->last_offset = offset;
	region->last_value = is_write ? load_le(buf, len) : 0;
	if (offset + len > FAKE_BAR_DATA) {
		if (!is_write)
			memset(buf, 0, len);
		return 0;
	}
	memcpy(is_write ? region->data + offset : buf, is_write ? buf : region->data + offset, len);
	return 0;
}

int vfio_region_read(const struct vfio_device *dev, uint64_t at, void *buf, unsigned len)
{
	(void)dev;
	return region_rw(at, buf, len, false);
}

int vfio_region_read_some(const struct vfio_device *dev, uint64_t at, void *buf, unsigned len)
{
	unsigned index = (unsigned)(at >> REGION_SHIFT);
	uint64_t offset = at & (BIT64(REGION_SHIFT) - 1);
	struct fake_region *region = &fake.regions[index];

	(void)dev;
	if (fake.gone)
		return -EIO;
	if (index != VFIO_PCI_ROM_REGION_INDEX || offset + len > region->size)
		return wrong(-EINVAL, "long read of region %u at %#lx", index, (long)offset);
	if (!(load_le16(fake.config + PCI_COMMAND) & PCI_COMMAND_MEMORY))
		return wrong(-EIO, "ROM read while decode is off");
	ask("rom", offset, len);
	region->reads++;
	if (fake.rom_stop && offset >= fake.rom_stop)
		return fake.rom_error;
	len = MIN(len, fake.rom_piece ? fake.rom_piece : len);
	memcpy(buf, region->data + offset, len);
	return (int)len;
}

int vfio_region_write(const struct vfio_device *dev, uint64_t at, const void *buf, unsigned len)
{
	uint8_t copy[8] = { 0 };

	(void)dev;
	memcpy(copy, buf, MIN(len, 8u));
	return region_rw(at, copy, len, true);
}

int vfio_region_mmap(const struct vfio_device *dev, uint64_t at, uint64_t size, uint64_t align,
		     void **ret_hva)
{
	unsigned index = (unsigned)(at >> REGION_SHIFT);
	uint64_t offset = at & (BIT64(REGION_SHIFT) - 1), page = (uint64_t)sysconf(_SC_PAGESIZE);
	const struct fake_region *region = &fake.regions[index];
	bool offered = region->mappable && !region->n_mmaps && offset + size <= region->size;
	void *hva;

	(void)dev;
	for (unsigned i = 0; i < region->n_mmaps; i++)
		offered |= range_holds(region->mmaps[i], offset, size);
	if (!offered || offset % page || size % page || !size)
		return wrong(-EINVAL, "mmap of BAR %u at %#lx", index, (long)offset);
	if (fake.bar_busy[index])
		return fail(STATUS_HOST, EBUSY, "fake: mmap of BAR %u", index);
	hva = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (hva == MAP_FAILED)
		return wrong(-ENOMEM, "mmap of BAR %u", index);
	fake.mmaps++;
	fake.mmap_align = align;
	fake.mmap_at = at;
	*ret_hva = hva;
	return 0;
}

void vfio_region_munmap(void *hva, uint64_t size)
{
	fake.munmaps++;
	munmap(hva, size);
}

/* Another of INTx, MSI and MSI-X is on. */
static bool other_kind_on(unsigned index)
{
	for (unsigned i = 0; i <= VFIO_PCI_MSIX_IRQ_INDEX; i++)
		if (i != index && fake.irqs[i].on)
			return true;
	return false;
}

int vfio_irq_set_trigger(const struct vfio_device *dev, unsigned index, unsigned start,
			 unsigned count, const int32_t *fds)
{
	struct fake_irq_kind *kind = &fake.irqs[index];

	(void)dev;
	kind->calls++;
	ask("irqs", index, count);
	if (fake.gone)
		return fail(STATUS_HOST, ENODEV, "fake: gone");
	if (!count)
		return vfio_irq_disable(dev, index);
	if (index <= VFIO_PCI_MSIX_IRQ_INDEX && other_kind_on(index))
		return wrong(-EINVAL, "irq kind %u while another is on", index);
	if (start + count > kind->count)
		return wrong(-EINVAL, "irq kind %u: vectors %u to %u", index, start, start + count);
	if (start + count > fake.irq_limit)
		return fail(STATUS_HOST, ENOSPC, "fake: no vectors left");
	if (kind->on && start + count > kind->allocated && kind->flags & VFIO_IRQ_INFO_NORESIZE)
		return wrong(-EINVAL, "irq kind %u cannot grow", index);
	kind->on = true;
	kind->allocated = MAX(kind->allocated, start + count);
	for (unsigned i = 0; i < count; i++)
		kind->fds[start + i] = fds ? fds[i] : -1;
	return 0;
}

int vfio_irq_set_unmask_fd(const struct vfio_device *dev, unsigned index, int fd)
{
	(void)dev;
	if (index != VFIO_PCI_INTX_IRQ_INDEX || !fake.irqs[index].on)
		return wrong(-EINVAL, "unmask fd of irq kind %u", index);
	if (fake.no_unmask_fd)
		return -ENOTTY;
	fake.unmask_fd = fd;
	return 0;
}

int vfio_irq_unmask(const struct vfio_device *dev, unsigned index)
{
	(void)dev;
	if (index != VFIO_PCI_INTX_IRQ_INDEX || !fake.irqs[index].on || !fake.no_unmask_fd)
		return wrong(-EINVAL, "unmask of irq kind %u", index);
	fake.unmasked++;
	if (fake.loop)
		loop_post(fake.loop, VM_EVENT_POWEROFF, 0);
	return 0;
}

int vfio_irq_disable(const struct vfio_device *dev, unsigned index)
{
	struct fake_irq_kind *kind = &fake.irqs[index];

	(void)dev;
	if (fake.gone)
		return fail(STATUS_HOST, ENODEV, "fake: gone");
	if (!kind->on)
		return wrong(-EINVAL, "irq kind %u is not on", index);
	kind->on = false;
	kind->allocated = 0;
	memset(kind->fds, 0xff, sizeof(kind->fds));
	if (index == VFIO_PCI_INTX_IRQ_INDEX)
		fake.unmask_fd = -1;
	return 0;
}

int vfio_device_reset(struct vfio_device *dev)
{
	if (!fake.has_reset)
		return -ENOTTY;
	ask("reset", 0, 0);
	if (fake.reset_again) {
		fake.reset_again--;
		return -EAGAIN;
	}
	if (load_le16(fake.config + PCI_COMMAND) & PCI_COMMAND_MASTER)
		wrong(-EINVAL, "reset with bus mastering on");
	for (unsigned i = 0; i <= VFIO_PCI_MSIX_IRQ_INDEX; i++)
		if (fake.irqs[i].on)
			wrong(-EINVAL, "reset with interrupts on");
	fake.resets++;
	if (fake.dead_by_reset)
		memset(fake.config, 0xff, sizeof(fake.config));
	return 0;
}

int vfio_hot_reset_info(const struct vfio_device *dev, struct vfio_pci_hot_reset_info **ret)
{
	struct vfio_pci_hot_reset_info *info;

	(void)dev;
	if (!fake.n_bus)
		return -ENODEV;
	info = calloc(1, sizeof(*info) + sizeof(fake.bus));
	if (!info)
		return -ENOMEM;
	info->flags = VFIO_PCI_HOT_RESET_FLAG_DEV_ID | VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED;
	info->count = fake.n_bus;
	for (unsigned i = 0; i < fake.n_bus; i++) {
		info->devices[i] = fake.bus[i];
		if (fake.bus[i].devid == (uint32_t)VFIO_PCI_DEVID_NOT_OWNED)
			info->flags &= ~(uint32_t)VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED;
	}
	*ret = info;
	return 0;
}

int vfio_hot_reset(const struct vfio_device *dev)
{
	(void)dev;
	for (unsigned i = 0; i < fake.n_bus; i++)
		if (fake.bus[i].devid == (uint32_t)VFIO_PCI_DEVID_NOT_OWNED)
			return wrong(-EINVAL, "hot reset of a function that is not ours");
	fake.hot_resets++;
	return fake.hot_error;
}

void fake_wake(void)
{
	if (!fake.low_power)
		return;
	if (fake.wake_fd >= 0) {
		fd_event_signal(fake.wake_fd);
		fd_close(&fake.wake_fd);
		fake.low_power = false;
	}
}

int vfio_low_power_enter(const struct vfio_device *dev, int wake_fd)
{
	(void)dev;
	if (!fake.has_low_power || (wake_fd >= 0 && !fake.can_wake))
		return -ENOTTY;
	if (fake.low_power)
		return wrong(-EINVAL, "low power entry twice");
	fake.low_power = true;
	fake.low_powers++;
	fake.wake_fd = wake_fd >= 0 ? dup(wake_fd) : -1;
	return 0;
}

int vfio_low_power_exit(const struct vfio_device *dev)
{
	(void)dev;
	fake_wake(); /* as every call does, before it comes to what is asked */
	fake.low_power = false;
	return 0;
}

bool vfio_can_wake(const struct vfio_device *dev)
{
	(void)dev;
	return fake.can_wake;
}

/* include/host/way.h, what p2p.c uses of it: one mapping for each call. */

int vfio_space_map_bar(struct vfio_space *space, const struct vfio_device *dev, unsigned index,
		       struct range part, void *hva, iova_t iova)
{
	(void)space, (void)dev;
	if (!fake.has_dmabuf)
		return -ENOTTY;
	if (!decodes(index))
		return wrong(-ENODEV, "BAR %u for peers while decode is off", index);
	if (!range_holds((struct range){ 0, fake.regions[index].size }, part.base, part.size))
		return wrong(-EINVAL, "outside BAR %u for peers", index);
	if (!hva || fake.n_ioas == ARRAY_SIZE(fake.ioas))
		return wrong(-EINVAL, "map of %#lx", (long)iova);
	fake.dmabufs++;
	for (unsigned i = 0; i < fake.n_ioas; i++)
		if (range_overlaps(fake.ioas[i], (struct range){ iova, part.size }))
			return wrong(-EEXIST, "map over %#lx", (long)iova);
	fake.ioas[fake.n_ioas++] = (struct range){ iova, part.size };
	return 0;
}

int vfio_space_unmap(struct vfio_space *space, iova_t iova, uint64_t size)
{
	(void)space;
	for (unsigned i = 0; i < fake.n_ioas; i++)
		if (fake.ioas[i].base == iova && fake.ioas[i].size == size) {
			fake.ioas[i] = fake.ioas[--fake.n_ioas];
			return 0;
		}
	return wrong(-ENOENT, "unmap of %#lx", (long)iova);
}
