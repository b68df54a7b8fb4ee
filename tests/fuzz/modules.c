/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A kernel's folder of modules: its lists, and three modules that say of themselves what they like. What comes of it is
 * a tree that the guest's kernel unpacks in order, and an index that kmod can read: a trie of whole words. Bytes:
 * lengths of the files (16 bits each, see names), then what is in them; of a module that is what its section .modinfo
 * has, or all of it when the first byte is 127 (ELF's).
 *
 * Fuzzes: vmm/initramfs/modules.c vmm/initramfs/modules_farm.c vmm/initramfs/module_list.c vmm/initramfs/module_index.c vmm/initramfs/modinfo.c
 */
#include "jail.h"

#include <elf.h>
#include <initramfs/modules.h>
#include <initramfs/modules_farm.h>
#include <spawn.h>

#define NAMES_AT 0x100
#define INFO_AT  0x120

int __wrap_posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
			const posix_spawnattr_t *attr, char *const argv[], char *const env[]);

/* Nothing is unpacked by the host's programs here. */
int __wrap_posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
			const posix_spawnattr_t *attr, char *const argv[], char *const env[])
{
	return ENOENT;
}

static void put(const char *name, const uint8_t *bytes, size_t n)
{
	char path[300];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", fuzz_folder(), name);
	unlink(path);
	if (!n)
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0 || write(fd, bytes, n) != (ssize_t)n)
		abort();
	close(fd);
}

static void put_module(const char *name, const uint8_t *info, size_t n)
{
	static uint8_t file[INFO_AT + 65536];
	Elf64_Ehdr header = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB },
			      .e_shoff = sizeof(Elf64_Ehdr),
			      .e_shentsize = sizeof(Elf64_Shdr),
			      .e_shnum = 3,
			      .e_shstrndx = 1 };
	Elf64_Shdr sections[3] = {
		[1] = { .sh_name = 1, .sh_offset = NAMES_AT, .sh_size = 0x20 },
		[2] = { .sh_name = 11, .sh_offset = INFO_AT, .sh_size = n },
	};

	if (!n || *info == 0x7f) {
		put(name, info, n);
		return;
	}
	memset(file, 0, INFO_AT);
	memcpy(file, &header, sizeof(header));
	memcpy(file + sizeof(header), sections, sizeof(sections));
	memcpy(file + NAMES_AT, "\0.shstrtab\0.modinfo", 20);
	memcpy(file + INFO_AT, info, n);
	put(name, file, INFO_AT + n);
}

static bool is_folder(const struct tree *tree, unsigned before, const char *path, size_t len)
{
	for (unsigned i = 0; i < before; i++)
		if (strlen(tree->at[i].path) == len && !memcmp(tree->at[i].path, path, len))
			return S_ISDIR(tree->at[i].mode);
	return false;
}

static void check_tree(const struct tree *tree)
{
	for (unsigned i = 0; i < tree->n; i++) {
		const char *path = tree->at[i].path, *slash = strrchr(path, '/');
		char around[PATH_MAX + 2];

		snprintf(around, sizeof(around), "/%s/", path);
		MUST(*path && !strstr(around, "//") && !strstr(around, "/./") &&
		     !strstr(around, "/../"));
		MUST(!slash || is_folder(tree, i, path, (size_t)(slash - path)));
	}
}

static uint32_t load_be32(const uint8_t *b)
{
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* kmod's form: magic, version, root; of each node a prefix, children, values, as the root's high bits say. */
static void check_node(const uint8_t *file, size_t size, uint32_t at, unsigned depth)
{
	uint32_t flags = at >> 28, i = at & 0x0fffffff;

	MUST(depth < 4096 && i >= 12 &&
	     (flags ? i < size : i == size)); /* nothing is in an empty one */
	if (flags & 8) {
		const uint8_t *end = memchr(file + i, 0, size - i);

		MUST(end);
		i = (uint32_t)(end + 1 - file);
	}
	if (flags & 2) {
		uint8_t from = file[i], to = file[i + 1];

		MUST(i + 2u <= size && from <= to && i + 2u + 4u * (to - from + 1u) <= size);
		i += 2;
		for (unsigned k = from; k <= to; k++, i += 4)
			if (load_be32(file + i))
				check_node(file, size, load_be32(file + i), depth + 1);
	}
	if (flags & 4) {
		uint32_t n;

		MUST(i + 4u <= size);
		n = load_be32(file + i);
		for (i += 4; n; n--) {
			const uint8_t *end = i + 4u < size ? memchr(file + i + 4, 0, size - i - 4)
							   : NULL;

			MUST(end);
			i = (uint32_t)(end + 1 - file);
		}
	}
}

static void check_indices(struct tree *tree)
{
	static const char *const names[] = { "modules.dep.bin", "modules.alias.bin",
					     "modules.builtin.bin", "modules.symbols.bin" };
	char path[64];

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		const struct tree_entry *entry;

		snprintf(path, sizeof(path), "/lib/modules/r/%s", names[i]);
		entry = tree_find(tree, path);
		if (!entry)
			continue;
		MUST(entry->size >= 12 && load_be32(entry->data) == 0xb007f457);
		check_node(entry->data, entry->size, load_be32((uint8_t *)entry->data + 8), 0);
	}
}

static void fuzz(struct input *in)
{
	static const char *const names[] = { "modules.order", "modules.alias", "modules.builtin",
					     "a.ko",          "b-1.ko",        "c.ko" };
	static const char *const wanted[] = { "a", "b_1", "x", NULL };
	static const char *const aliases[] = { "pci:v00008086d000010D3sv", "a[b]", NULL };
	size_t lengths[ARRAY_SIZE(names)], n;
	struct tree tree = { .n = 0 };
	struct modules_farm farm;
	char release[64];
	unsigned added;
	int r;

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		lengths[i] = take16(in);
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		const uint8_t *bytes = take(in, lengths[i], &n);

		if (i < 3)
			put(names[i], bytes, n);
		else
			put_module(names[i], bytes, n);
	}
	modules_farm_wanted(fuzz_folder(), release, sizeof(release));
	r = modules_add(&tree, fuzz_folder(), wanted, aliases, &added);
	MUST(fuzz_told(r));
	check_tree(&tree);
	tree_deinit(&tree);
	r = modules_farm_add(&tree, fuzz_folder(), "r", MIB(1), &farm);
	MUST(fuzz_told(r));
	check_tree(&tree);
	if (!r)
		check_indices(&tree);
	tree_deinit(&tree);
}
