/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The expansion ROM (PCIe 6.0 §7.5.1.2.4): a copy, read once, from a file or from the device when the
 * guest first looks at it; so that the guest's reading disturbs nothing: many devices decode their ROM
 * and their BARs with the same logic. Until then the ROM is trapped, then in a read-only memory slot;
 * one that is smaller than a page stays trapped. Writes are dropped. What cannot be read is ffh, as
 * erased flash is.
 *
 * Main thread, or under the device lock; loading: a vcpu that is alone with the function.
 */
#include "rom.h"

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

/* Room for `bytes`, as large as a BAR can be: a power of two, 2 KiB at least (§7.5.1.2.4). */
static int make_room(struct vfio_rom *rom, uint64_t bytes)
{
	uint64_t size = KIB(2);

	if (!bytes || bytes > ROM_MAX)
		return fail(STATUS_HOST, EINVAL,
			    "%s: a ROM of %" PRIu64 " bytes: it must have 1 to 16 MiB; leave rom= "
			    "out",
			    rom->io->dev->name, bytes);
	while (size < bytes)
		size *= 2;
	rom->data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (rom->data == MAP_FAILED) {
		rom->data = NULL;
		return fail(STATUS_FAILURE, ENOMEM, "%s: out of memory", rom->io->dev->name);
	}
	rom->size = size;
	rom->bytes = bytes;
	return 0;
}

static int read_file(struct vfio_rom *rom, int fd)
{
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return fail(STATUS_HOST, errno, "%s: its ROM's file: %s", rom->io->dev->name,
			    strerror(errno));
	r = make_room(rom, (uint64_t)st.st_size);
	if (!r)
		memset(rom->data, 0xff, rom->size);
	rom->loaded = true;
	if (!r && fd_read_at(fd, rom->data, (size_t)st.st_size, 0))
		r = fail(STATUS_HOST, EIO, "%s: its ROM's file cannot be read; give another (rom=)",
			 rom->io->dev->name);
	return r;
}

/* How large it is; what is in it is read when somebody looks. */
static int find_device(struct vfio_rom *rom)
{
	struct vfio_region_info info;
	unsigned no_mmaps = 0;
	int r = vfio_region_info(rom->io->dev, VFIO_PCI_ROM_REGION_INDEX, &info, NULL, &no_mmaps);

	if (!r && !info.size) {
		log_warn("%s: it has no expansion ROM to show", rom->io->dev->name);
		return 0;
	}
	rom->at = info.offset;
	return r ? r : make_room(rom, info.size);
}

/*
 * For each read vfio-pci maps the ROM and turns its decode on (vfio_pci_bar_rw()), so as few as
 * possible. It wants memory decode, which is on: the guest reads the ROM.
 */
static void load(struct vfio_rom *rom)
{
	uint64_t at = 0;
	int n = 0;

	memset(rom->data, 0xff, rom->size);
	vfio_io_begin(rom->io);
	while (at < rom->bytes && !rom->io->lost) {
		n = vfio_region_read_some(rom->io->dev, rom->at + at, rom->data + at,
					  (unsigned)(rom->bytes - at));
		if (n <= 0)
			break;
		at += (unsigned)n;
	}
	vfio_io_end(rom->io);
	rom->loaded = true;
	if (at < rom->bytes && !rom->io->lost)
		log_warn("%s: its expansion ROM cannot be read past %" PRIu64 " bytes: %s",
			 rom->io->dev->name, at, n < 0 ? strerror(-n) : "it ends there");
}

int vfio_rom_init(struct vfio_rom *rom, struct pci_function *pci, int fd)
{
	int r = fd < 0 ? find_device(rom) : read_file(rom, fd);

	if (!r && rom->size)
		pci_function_bar(pci, PCI_BAR_ROM, PCI_BAR_ROM_MEM, false, rom->size);
	return r;
}

void vfio_rom_deinit(struct vfio_rom *rom)
{
	if (rom->data)
		munmap(rom->data, rom->size);
	rom->data = NULL;
	rom->size = 0;
}

int vfio_rom_map(struct vfio_rom *rom, uint64_t address)
{
	int r = -ENOSPC;

	rom->address = address;
	if (rom->loaded && is_aligned(rom->size, (uint64_t)sysconf(_SC_PAGESIZE)))
		r = memory_slot_add(rom->memory, address, rom->size, rom->data, KVM_MEM_READONLY,
				    &rom->slot);
	rom->in_slot = !r;
	if (r != -ENOSPC)
		return r;
	error_clear();
	rom->region = (struct bus_region){
		.base = address,
		.size = rom->size,
		.handler = rom->handler,
		.ctx = rom,
		.name = rom->io->dev->name,
	};
	r = bus_add(rom->mmio, &rom->region);
	rom->on_bus = !r;
	return r;
}

void vfio_rom_unmap(struct vfio_rom *rom)
{
	if (rom->in_slot)
		memory_slot_remove(rom->memory, rom->slot);
	if (rom->on_bus)
		bus_remove(rom->mmio, &rom->region);
	rom->in_slot = rom->on_bus = false;
}

/* The copy is there: where the ROM still decodes, it takes the trap's place. */
static void settle(struct vfio_rom *rom)
{
	if (!rom->on_bus)
		return;
	vfio_rom_unmap(rom);
	if (!vfio_rom_map(rom, rom->address))
		return;
	log_warn("%s: its expansion ROM is out of the guest's reach: %s", rom->io->dev->name,
		 error_message());
	error_clear();
}

void vfio_rom_access(struct vfio_rom *rom, uint64_t offset, void *data, unsigned len, bool is_write)
{
	if (is_write)
		return;
	if (!rom->loaded) {
		load(rom);
		settle(rom);
	}
	memcpy(data, rom->data + offset, len);
}
