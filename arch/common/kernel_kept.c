/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * With --sandbox on the kernel's file is read by a process that may open nothing (machine/loader.h), so what the cache wants of files
 * is done before it and after it. The file's first bytes are looked at only to see whether it could be packed.
 *
 * Machine's thread.
 */
#include "kernel_kept.h"

#include "kernel_cache.h"

#include <base/fd.h>
#include <elf.h>
#include <linux/memfd.h>
#include <string.h>
#include <sys/mman.h>

void kernel_kept_find(struct board *board)
{
	const struct board_config *config = board->config;
	struct kernel_kept *kept = &board->kept;
	char magic[SELFMAG];

	*kept = (struct kernel_kept){ .looked = true, .folder = -1, .fd = -1, .memory = -1 };
	if (!config->kernel_cache || fstat(config->kernel_fd, &kept->source) ||
	    !S_ISREG(kept->source.st_mode))
		return;
	if (fd_read_at(config->kernel_fd, magic, sizeof(magic), 0) ||
	    !memcmp(magic, ELFMAG, SELFMAG))
		return;
	kept->folder = config->kernel_cache();
	if (kept->folder >= 0)
		kept->fd = kernel_cache_find(kept->folder, &kept->source, &kept->size);
	if (kept->folder >= 0 && kept->fd < 0)
		kept->memory = memfd_create("vmlinux", MFD_CLOEXEC);
}

void kernel_kept_store(struct board *board)
{
	struct kernel_kept *kept = &board->kept;
	void *bytes = MAP_FAILED;

	if (!kept->looked)
		return;
	if (kept->memory >= 0 && kept->unpacked)
		bytes = mmap(NULL, kept->size, PROT_READ, MAP_SHARED, kept->memory, 0);
	if (bytes != MAP_FAILED) {
		kernel_cache_store(kept->folder, &kept->source, board->config->kernel_fd, bytes,
				   kept->size);
		munmap(bytes, kept->size);
	}
	fd_close(&kept->memory);
	fd_close(&kept->fd);
	fd_close(&kept->folder);
	kept->looked = false;
}
