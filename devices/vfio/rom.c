/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The expansion ROM (PCIe 6.0 §7.5.1.2.4): a copy, read once, from a file or from the device when the
 * guest first turns the ROM's decode on; so that the guest's reading disturbs nothing: many devices
 * decode their ROM and their BARs with the same logic. In a read-only memory slot, or trapped when it
 * is smaller than a page. Writes are dropped. What cannot be read is ffh, as erased flash is.
 *
 * Main thread, or under the device lock.
 */
#include "function.h"

#include <base/error.h>
#include <base/fd.h>
#include <base/log.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROM_MAX MIB(16) /* §7.5.1.2.4 */

static void rom_access(void *ctx, uint64_t offset, void *data, unsigned len, bool is_write)
{
	const struct vfio_rom *rom = ctx;

	if (!is_write)
		memcpy(data, rom->data + offset, len);
}

/* Room for `bytes`, as large as a BAR can be: a power of two, 2 KiB at least (§7.5.1.2.4). */
static int make_room(struct vfio_function *fn, uint64_t bytes)
{
	struct vfio_rom *rom = &fn->rom;
	uint64_t size = KIB(2);

	if (!bytes || bytes > ROM_MAX)
		return fail(STATUS_HOST, EINVAL,
			    "%s: a ROM of %" PRIu64 " bytes: it must have 1 to 16 MiB; leave rom= "
			    "out",
			    fn->dev->name, bytes);
	while (size < bytes)
		size *= 2;
	rom->data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (rom->data == MAP_FAILED) {
		rom->data = NULL;
		return fail(STATUS_FAILURE, ENOMEM, "%s: out of memory", fn->dev->name);
	}
	rom->size = size;
	rom->bytes = bytes;
	return 0;
}

static int read_file(struct vfio_function *fn, int fd)
{
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return fail(STATUS_HOST, errno, "%s: its ROM's file: %s", fn->dev->name,
			    strerror(errno));
	r = make_room(fn, (uint64_t)st.st_size);
	if (!r)
		memset(fn->rom.data, 0xff, fn->rom.size);
	fn->rom.loaded = true;
	if (!r && fd_read_at(fd, fn->rom.data, (size_t)st.st_size, 0))
		r = fail(STATUS_HOST, EIO, "%s: its ROM's file cannot be read", fn->dev->name);
	return r;
}

/* How large it is; what is in it is read when somebody looks. */
static int find_device(struct vfio_function *fn)
{
	struct vfio_region_info info;
	unsigned no_mmaps = 0;
	int r = vfio_region_info(fn->dev, VFIO_PCI_ROM_REGION_INDEX, &info, NULL, &no_mmaps);

	if (!r && !info.size) {
		log_warn("%s: it has no expansion ROM to show", fn->dev->name);
		return 0;
	}
	fn->rom.at = info.offset;
	return r ? r : make_room(fn, info.size);
}

/*
 * For each read vfio-pci maps the ROM and turns its decode on (vfio_pci_bar_rw()), so as few as
 * possible. It wants memory decode, which is on: the guest has just had the ROM's BAR decode.
 */
static void load(struct vfio_function *fn)
{
	struct vfio_rom *rom = &fn->rom;
	uint64_t at = 0;
	int n = 0;

	rom->loaded = true;
	memset(rom->data, 0xff, rom->size);
	while (at < rom->bytes && !fn->lost) {
		n = vfio_region_read_some(fn->dev, rom->at + at, rom->data + at,
					  (unsigned)(rom->bytes - at));
		if (n <= 0)
			break;
		at += (unsigned)n;
	}
	if (at < rom->bytes && !fn->lost)
		log_warn("%s: its expansion ROM cannot be read past %" PRIu64 " bytes: %s",
			 fn->dev->name, at, n < 0 ? strerror(-n) : "it ends there");
}

int vfio_rom_init(struct vfio_function *fn, int fd)
{
	int r = fd < 0 ? find_device(fn) : read_file(fn, fd);

	if (!r && fn->rom.size)
		pci_function_bar(&fn->pci, PCI_BAR_ROM, PCI_BAR_ROM_MEM, false, fn->rom.size);
	return r;
}

void vfio_rom_deinit(struct vfio_function *fn)
{
	if (fn->rom.data)
		munmap(fn->rom.data, fn->rom.size);
	fn->rom = (struct vfio_rom){ 0 };
}

int vfio_rom_map(struct vfio_function *fn, uint64_t address)
{
	struct vfio_rom *rom = &fn->rom;
	int r = -ENOSPC;

	if (!rom->loaded)
		load(fn);
	if (is_aligned(rom->size, (uint64_t)sysconf(_SC_PAGESIZE)))
		r = memory_slot_add(fn->memory, address, rom->size, rom->data, KVM_MEM_READONLY,
				    &rom->slot);
	rom->in_slot = !r;
	if (r != -ENOSPC)
		return r;
	error_clear();
	rom->region = (struct bus_region){
		.base = address,
		.size = rom->size,
		.handler = rom_access,
		.ctx = rom,
		.name = fn->dev->name,
	};
	r = bus_add(fn->root->config.mmio, &rom->region);
	rom->on_bus = !r;
	return r;
}

void vfio_rom_unmap(struct vfio_function *fn)
{
	struct vfio_rom *rom = &fn->rom;

	if (rom->in_slot)
		memory_slot_remove(fn->memory, rom->slot);
	if (rom->on_bus)
		bus_remove(fn->root->config.mmio, &rom->region);
	rom->in_slot = rom->on_bus = false;
}
