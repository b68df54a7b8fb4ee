/* SPDX-License-Identifier: BSD-2-Clause */
#include "files.h"

#include <base/fd.h>
#include <errno.h>
#include <fcntl.h>
#include <initramfs/closure.h>
#include <initramfs/cpio.h>
#include <initramfs/modules.h>
#include <initramfs/modules_farm.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void put(const char *name, const void *bytes, size_t len, mode_t mode)
{
	int fd = open(at(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || write(fd, bytes, len) != (ssize_t)len || fchmod(fd, mode))
		abort();
	close(fd);
}

static unsigned hex8(const char *text)
{
	char word[9] = { 0 };

	memcpy(word, text, 8);
	return (unsigned)strtoul(word, NULL, 16);
}

/* A second opinion on the format: the data of one path in an archive, after walking to it. */
static const char *unpacked(const char *archive, size_t size, const char *path, unsigned *ret_mode,
			    unsigned *ret_len)
{
	for (size_t i = 0; i + 110 < size;) {
		unsigned mode = hex8(archive + i + 14), len = hex8(archive + i + 54);
		unsigned name = hex8(archive + i + 94);
		size_t data = i + ((110 + name + 3) & ~3u);

		if (memcmp(archive + i, "070701", 6) || archive[i + 110 + name - 1])
			return NULL;
		if (!strcmp(archive + i + 110, path)) {
			*ret_mode = mode;
			*ret_len = len;
			return archive + data;
		}
		i = data + ((len + 3) & ~3u);
	}
	return NULL;
}

static const char *write_archive(size_t *ret_size)
{
	static char bytes[1 << 20];
	int fd = memfd_create("test", 0);
	ssize_t n;

	if (write(fd, "abc", 3) != 3 || cpio_write(&tree, fd))
		return NULL;
	n = pread(fd, bytes, sizeof(bytes), 0);
	close(fd);
	*ret_size = n < 4 ? 0 : (size_t)n - 4;
	return bytes + 4; /* behind what was there, at a multiple of 4 */
}

static void archive(void)
{
	unsigned mode, len;
	const char *bytes, *data;
	size_t size;

	fresh();
	put("file", "contents", 8, 0754);
	CHECK_EQ(tree_node(&tree, "/dev/console", S_IFCHR | 0600, 5, 1), 0);
	CHECK_EQ(tree_data(&tree, "/etc/passwd", 0644, "root", 4), 0);
	CHECK_EQ(tree_add(&tree, at("file"), "/a/b/c"), 0);
	CHECK_EQ(tree_link(&tree, "/lib", "usr/lib"), 0);
	CHECK_EQ(tree_data(&tree, "/lib/x", 0600, "", 0), 0);
	CHECK((bytes = write_archive(&size)));
	CHECK((data = unpacked(bytes, size, "a/b/c", &mode, &len)));
	CHECK_EQ(mode, S_IFREG | 0754);
	CHECK(len == 8 && !memcmp(data, "contents", 8));
	CHECK((data = unpacked(bytes, size, "etc/passwd", &mode, &len)) && len == 4);
	CHECK((data = unpacked(bytes, size, "lib", &mode, &len)));
	CHECK(S_ISLNK(mode) && len == 7 && !memcmp(data, "usr/lib", 7));
	CHECK(unpacked(bytes, size, "usr/lib/x", &mode, &len) && S_ISREG(mode));
	CHECK(!unpacked(bytes, size, "lib/x", &mode, &len));
	CHECK(unpacked(bytes, size, "dev/console", &mode, &len) && S_ISCHR(mode));
	CHECK(unpacked(bytes, size, "TRAILER!!!", &mode, &len));
}

static void paths(void)
{
	fresh();
	CHECK_EQ(tree_data(&tree, "/a/../b/./c", 0644, "1", 1), 0);
	CHECK(tree_find(&tree, "/b/c"));
	CHECK_EQ(tree_data(&tree, "/b/c", 0644, "22", 2), 0); /* the first counts */
	CHECK_EQ(tree_find(&tree, "/b/c")->size, 1);
	CHECK_EQ(tree_link(&tree, "/x", "y"), 0);
	CHECK_EQ(tree_link(&tree, "/y", "/x"), 0);
	CHECK(tree_data(&tree, "/x/z", 0644, "", 0) < 0);
	CHECK_ERROR("go in a circle");
	CHECK_EQ(tree_data(&tree, "/b/c/d", 0644, "", 0), -ENOTDIR);
	CHECK_ERROR("is a file in the guest");
	for (unsigned i = 0; i < 5000; i++) {
		char path[32];

		snprintf(path, sizeof(path), "/many/%u", i);
		CHECK_EQ(tree_data(&tree, path, 0644, "", 0), 0);
	}
	CHECK(tree_find(&tree, "/many/0") && tree_find(&tree, "/many/4999"));
}

static void refused_files(void)
{
	int fd;

	fresh();
	CHECK(tree_add(&tree, "/dev/null", "/n") < 0);
	CHECK_ERROR("is a device file");
	mkdir(at("d"), 0755);
	CHECK_EQ(mkfifo(at("d/fifo"), 0600), 0);
	CHECK(tree_add(&tree, at("d"), "/d") < 0);
	CHECK_ERROR("FIFO");
	CHECK(tree_add(&tree, at("absent"), "/d") < 0);
	CHECK_ERROR("--add ");

	fresh(); /* looked at, and gone or another thing before it is read */
	fd = memfd_create("test", 0);
	put("file", "x", 1, 0644);
	CHECK_EQ(tree_add(&tree, at("file"), "/file"), 0);
	unlink(at("file"));
	CHECK(cpio_write(&tree, fd) < 0);
	CHECK_ERROR("No such file");
	CHECK_EQ(mkfifo(at("file"), 0600), 0);
	CHECK(cpio_write(&tree, fd) < 0);
	CHECK_ERROR("changed while it was read");
	close(fd);
}

static void folders(void)
{
	fresh();
	mkdir(at("d"), 0755);
	mkdir(at("d/e"), 0700);
	put("d/e/f", "x", 1, 0755);
	CHECK_EQ(symlink("e/f", at("d/link")), 0);
	CHECK_EQ(tree_add(&tree, at("d"), "/opt/d"), 0);
	CHECK(tree_find(&tree, "/opt/d/e/f"));
	CHECK_EQ(tree_find(&tree, "/opt/d/e")->mode, S_IFDIR | 0700);
	CHECK(S_ISLNK(tree_find(&tree, "/opt/d/link")->mode));
}

static void links_of_the_host(void)
{
	char real[PATH_MAX], link[PATH_MAX], want[PATH_MAX];

	fresh();
	mkdir(at("usr"), 0755);
	put("usr/prog-1", "x", 1, 0755);
	CHECK_EQ(symlink("usr", at("bin")), 0);
	CHECK_EQ(symlink("prog-1", at("usr/prog")), 0);
	strcpy(link, at("bin/prog"));
	strcpy(want, at("usr/prog-1"));
	CHECK_EQ(tree_host_file(&tree, link, real), 0);
	CHECK(!strcmp(real, want));
	CHECK(S_ISLNK(tree_find(&tree, at("bin"))->mode));
	CHECK(S_ISLNK(tree_find(&tree, at("usr/prog"))->mode));
	CHECK(S_ISREG(tree_find(&tree, want)->mode));
	CHECK_EQ(tree_host_file(&tree, at("bin/absent"), real), -ENOENT);
	CHECK_EQ(symlink("loop", at("loop")), 0);
	CHECK(tree_host_file(&tree, at("loop"), real) < 0);
	CHECK_ERROR("circle");
}

/* A program of one segment at address 0, with a dynamic section and its strings. */
struct program {
	Elf64_Ehdr header;
	Elf64_Phdr segments[3];
	Elf64_Dyn dynamic[8];
	char strings[512];
};

static void dynamic(struct program *p, unsigned i, int64_t tag, const char *text, size_t *used)
{
	p->dynamic[i].d_tag = tag;
	p->dynamic[i].d_un.d_val = *used;
	strcpy(p->strings + *used, text);
	*used += strlen(text) + 1;
}

static struct program program(const char *needed, int64_t tag, const char *where)
{
	struct program p = { .header = {
				     .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB },
				     .e_machine = MACHINE,
				     .e_phoff = offsetof(struct program, segments),
				     .e_phentsize = sizeof(Elf64_Phdr),
				     .e_phnum = 2 } };
	size_t used = 1;

	p.segments[0] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_filesz = sizeof(p) };
	p.segments[1] = (Elf64_Phdr){ .p_type = PT_DYNAMIC,
				      .p_offset = offsetof(struct program, dynamic),
				      .p_filesz = sizeof(p.dynamic) };
	if (needed)
		dynamic(&p, 0, DT_NEEDED, needed, &used);
	if (where)
		dynamic(&p, 1, tag, where, &used);
	else
		p.dynamic[1].d_tag = DT_DEBUG;
	p.dynamic[2] = (Elf64_Dyn){ .d_tag = DT_STRTAB,
				    .d_un.d_ptr = offsetof(struct program, strings) };
	return p;
}

static void libraries(void)
{
	struct program p = program("libours.so.1", DT_RUNPATH, "$ORIGIN/../lib");
	struct program lib = program(NULL, 0, NULL), wrong = lib;

	fresh();
	mkdir(at("bin"), 0755);
	mkdir(at("lib"), 0755);
	put("bin/prog", &p, sizeof(p), 0755);
	CHECK_EQ(closure_add(&tree, at("bin/prog"), ""), -ENOENT);
	CHECK_ERROR("needs libours.so.1, which is not found");
	wrong.header.e_machine = EM_RISCV; /* passed by, as the loader does */
	put("lib/libours.so.1", &wrong, sizeof(wrong), 0644);
	fresh();
	mkdir(at("bin"), 0755);
	mkdir(at("lib"), 0755);
	put("bin/prog", &p, sizeof(p), 0755);
	put("lib/libours.so.1.2", &lib, sizeof(lib), 0644);
	CHECK_EQ(symlink("libours.so.1.2", at("lib/libours.so.1")), 0);
	CHECK_EQ(closure_add(&tree, at("bin/prog"), ""), 0);
	CHECK(S_ISLNK(tree_find(&tree, at("lib/libours.so.1"))->mode));
	CHECK(tree_find(&tree, at("lib/libours.so.1.2")));

	fresh(); /* RPATH, which libraries of libraries are looked for in, too */
	mkdir(at("lib"), 0755);
	p = program("liba.so", DT_RPATH, "${ORIGIN}/lib");
	put("prog", &p, sizeof(p), 0755);
	p = program("libb.so", 0, NULL);
	put("lib/liba.so", &p, sizeof(p), 0644);
	put("lib/libb.so", &lib, sizeof(lib), 0644);
	CHECK_EQ(closure_add(&tree, at("prog"), ""), 0);
	CHECK(tree_find(&tree, at("lib/libb.so")));
}

static void other_machine(void)
{
	struct program p = program(NULL, 0, NULL);

	fresh();
	p.header.e_machine = EM_RISCV;
	put("prog", &p, sizeof(p), 0755);
	CHECK_EQ(closure_add(&tree, at("prog"), ""), -ENOEXEC);
	CHECK_ERROR("is a program for RISC-V");
	p.header.e_ident[EI_CLASS] = ELFCLASS32;
	p.header.e_machine = EM_386;
	fresh();
	put("prog", &p, sizeof(p), 0755);
	CHECK_EQ(closure_add(&tree, at("prog"), ""), -ENOEXEC);
	CHECK_ERROR("32-bit x86");
}

static void scripts(void)
{
	char found[PATH_MAX], search[PATH_MAX];
	struct program p = program(NULL, 0, NULL);

	fresh();
	put("interp", &p, sizeof(p), 0755);
	snprintf(found, sizeof(found), "#! %s -x\necho\n", at("interp"));
	put("script", found, strlen(found), 0755);
	CHECK_EQ(closure_add(&tree, at("script"), ""), 0);
	CHECK(tree_find(&tree, at("interp")));
	put("absent", "#!/absent/sh\n", 13, 0755);
	CHECK_EQ(closure_add(&tree, at("absent"), ""), -ENOENT);
	CHECK_ERROR("its interpreter /absent/sh is not here");
	fresh();
	put("env", &p, sizeof(p), 0755);
	put("interp", &p, sizeof(p), 0755);
	snprintf(found, sizeof(found), "#!%s interp\n", at("env"));
	put("script", found, strlen(found), 0755);
	snprintf(search, sizeof(search), "/absent:%s", folder);
	CHECK_EQ(closure_add(&tree, at("script"), search), 0);
	CHECK(tree_find(&tree, at("interp")));
	tree_deinit(&tree);
	snprintf(found, sizeof(found), "#!%s -iS A=1 B=2 interp -x\n", at("env"));
	put("script", found, strlen(found), 0755);
	CHECK_EQ(closure_add(&tree, at("script"), search), 0);
	CHECK(tree_find(&tree, at("interp")));
	snprintf(found, sizeof(found), "#!%s\n", at("script"));
	put("script", found, strlen(found), 0755);
	fresh();
	put("script", found, strlen(found), 0755); /* its own interpreter */
	CHECK_EQ(closure_add(&tree, at("script"), ""), 0);
}

static void found_or_not(void)
{
	char found[PATH_MAX];

	fresh();
	put("prog", "x", 1, 0755);
	put("data", "x", 1, 0644);
	CHECK_EQ(closure_find("prog", folder, found), 0);
	CHECK(!strcmp(found, at("prog")));
	CHECK_EQ(closure_find("data", folder, found), -ENOENT);
	CHECK_ERROR("not found in PATH");
	CHECK_EQ(closure_find(at("absent"), "", found), -ENOENT);
	CHECK_ERROR("No such file");
	if (!geteuid())
		return; /* X_OK is true for root where any x bit is, and no bit is here: */
	CHECK_EQ(closure_find(at("data"), "", found), -EACCES);
	CHECK_ERROR("is not executable");
}

/* Ourselves: what the C library's loader would load is there, and nothing that is not. */
static void real_program(void)
{
	char self[PATH_MAX], real[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	bool has_libc = false;

	CHECK(n > 0);
	self[n] = 0;
	fresh();
	CHECK_EQ(closure_add(&tree, self, ""), 0);
	CHECK(tree_find(&tree, self));
	for (unsigned i = 0; i < tree.n; i++) {
		has_libc |= strstr(tree.at[i].path, "libc.so") != NULL;
		if (S_ISREG(tree.at[i].mode)) {
			snprintf(real, sizeof(real), "/%s", tree.at[i].path);
			CHECK(!access(real, R_OK));
		}
	}
	if (access("/etc/ld.so.cache", R_OK))
		SKIP("linked statically, or another C library");
	CHECK(has_libc);
}

/* Cut at every length and with every byte changed: one line or none, and no fault. */
static void broken_programs(void)
{
	struct program good = program("libours.so.1", DT_RUNPATH, "$ORIGIN"), bad;

	for (size_t i = 0; i < sizeof(good); i += 3) {
		fresh();
		put("prog", &good, i, 0755);
		if (closure_add(&tree, at("prog"), ""))
			CHECK_ERROR(folder);
	}
	for (size_t i = 4; i < offsetof(struct program, strings) + 40; i++)
		for (unsigned bit = 0; bit < 8; bit += 7) {
			bad = good;
			((uint8_t *)&bad)[i] ^= (uint8_t)(1u << bit);
			fresh();
			put("prog", &bad, sizeof(bad), 0755);
			if (closure_add(&tree, at("prog"), ""))
				CHECK_ERROR(folder);
		}
}

/* A module: three sections, of which one is .modinfo. */
struct module {
	Elf64_Ehdr header;
	Elf64_Shdr sections[3];
	char names[32];
	char info[512];
};

static struct module module(const char *depends, const char *alias)
{
	struct module m = { .header = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB },
					.e_shoff = offsetof(struct module, sections),
					.e_shentsize = sizeof(Elf64_Shdr),
					.e_shnum = 3,
					.e_shstrndx = 1 },
			    .names = "\0.shstrtab\0.modinfo" };
	int n = snprintf(m.info, sizeof(m.info), "license=GPL%calias=%s%cdepends=%s%c", 0, alias, 0,
			 depends, 0);

	m.sections[1] = (Elf64_Shdr){ .sh_name = 1,
				      .sh_offset = offsetof(struct module, names),
				      .sh_size = sizeof(m.names) };
	m.sections[2] = (Elf64_Shdr){ .sh_name = 11,
				      .sh_offset = offsetof(struct module, info),
				      .sh_size = (size_t)n };
	return m;
}

static void put_module(const char *name, const char *depends, const char *alias)
{
	struct module m = module(depends, alias);

	put(name, &m, sizeof(m), 0644);
}

static const char *const none[] = { NULL };

static void modules(void)
{
	const char *names[] = { "virtio-pci", "absent", NULL };
	const char *aliases[] = { "pci:v00008086d000010D3sv00008086sd0000A01Fbc02sc00i00", NULL };
	unsigned n;

	fresh();
	mkdir(at("drivers"), 0755);
	put_module("drivers/virtio_pci.ko", "virtio_ring,virtio", "x");
	put_module("drivers/virtio_ring.ko", "virtio", "x");
	put_module("drivers/virtio.ko", "virtio_pci", "x"); /* a circle ends */
	put_module("drivers/e1000e.ko", "ptp", "pci:v00008086d000010D3sv*sd*bc*sc*i*");
	put_module("drivers/ptp.ko", "", "x");
	put_module("drivers/other.ko", "", "pci:v00008086d000010D4sv*sd*bc*sc*i*");
	CHECK_EQ(modules_add(&tree, folder, names, aliases, &n), 0);
	CHECK_EQ(n, 5);
	CHECK(tree_find(&tree, "/thru/modules/000-virtio"));
	CHECK(tree_find(&tree, "/thru/modules/001-virtio_ring"));
	CHECK(tree_find(&tree, "/thru/modules/002-virtio_pci"));
	CHECK(tree_find(&tree, "/thru/modules/003-ptp"));
	CHECK(tree_find(&tree, "/thru/modules/004-e1000e"));

	tree_deinit(&tree); /* by a build tree's list, which names objects */
	put("modules.order", "kernel/drivers/ptp.ko\ndrivers/virtio.o\n", 39, 0644);
	names[0] = "virtio";
	CHECK_EQ(modules_add(&tree, folder, names, none, &n), 0);
	CHECK_EQ(n, 1);
	tree_deinit(&tree);
	put("modules.order", "drivers/gone.o\n", 15, 0644);
	names[0] = "gone";
	CHECK_EQ(modules_add(&tree, folder, names, none, &n), -ENOENT);
	CHECK_ERROR("modules.order names drivers/gone.ko, which is not there");
	CHECK_EQ(modules_add(&tree, at("absent"), names, none, &n), -ENOENT);
	CHECK_ERROR("no folder of modules");

	tree_deinit(&tree); /* by depmod's list */
	put("modules.order", "drivers/ptp.o\ndrivers/other.o\n", 30, 0644);
	put("modules.alias", "# x\nalias pci:v00008086d*sv*sd*bc*sc*i* other\n", 46, 0644);
	CHECK_EQ(modules_add(&tree, folder, none, aliases, &n), 0);
	CHECK(n == 1 && tree_find(&tree, "/thru/modules/000-other"));
}

static void packed_modules(void)
{
	const char *names[] = { "virtio", NULL };
	char command[PATH_MAX * 2], where[PATH_MAX];
	unsigned n;

	fresh();
	put_module("virtio.ko", "", "x");
	snprintf(command, sizeof(command), "xz -f %s", at("virtio.ko"));
	if (system(command))
		SKIP("no xz here");
	CHECK_EQ(modules_add(&tree, folder, names, none, &n), 0);
	CHECK(n == 1 &&
	      tree_find(&tree, "/thru/modules/000-virtio")->size == sizeof(struct module));
	/* a folder whose path is longer than the name of a file in memory can be */
	memset(command, 'n', 250);
	command[250] = 0;
	mkdir(at(command), 0755);
	strcpy(where, at(command));
	strcat(command, "/virtio.ko.xz");
	CHECK_EQ(rename(at("virtio.ko.xz"), at(command)), 0);
	tree_deinit(&tree);
	CHECK_EQ(modules_add(&tree, where, names, none, &n), 0);
	CHECK_EQ(n, 1);
	tree_deinit(&tree);
	put("virtio.ko.xz", "rubbish", 7, 0644);
	CHECK(modules_add(&tree, folder, names, none, &n) < 0);
	CHECK_ERROR("xz cannot unpack it");
}

static void broken_modules(void)
{
	const char *names[] = { "m", NULL };
	struct module good = module("", "a"), bad;
	unsigned n;

	for (size_t i = 0; i < offsetof(struct module, info); i++) {
		bad = good;
		((uint8_t *)&bad)[i] ^= 0x81;
		fresh();
		put("m.ko", &bad, sizeof(bad), 0644);
		if (modules_add(&tree, folder, names, none, &n))
			CHECK_ERROR("is no kernel module");
	}
	fresh();
	put("m.ko", &good, 100, 0644);
	CHECK(modules_add(&tree, folder, names, none, &n) < 0);
	CHECK_ERROR("is no kernel module");
}

/* A tree as make leaves it, and another module's name for each place. */
static void build_tree(void)
{
	fresh();
	mkdir(at("fs"), 0755);
	mkdir(at("include"), 0755);
	mkdir(at("include/config"), 0755);
	put_module("fs/fat.ko", "", "x");
	put_module("fs/vfat-x.ko", "fat,nls_base", "fs-vfat");
	put_module("nls_base.ko", "lowest", "y");
	put_module("lowest.ko", "", "pci:v00008086d000010D3sv*sd*bc0[1-2]sc*i*");
	put("rubbish.ko", "rubbish", 7, 0644);
	put("modules.order",
	    "fs/fat.o\nkernel/fs/vfat-x.ko\nnls_base.o\nlowest.o\nrubbish.o\ngone.o\n", 66, 0644);
	put("modules.builtin", "kernel/fs/built-in.ko\n", 22, 0644);
	put("include/config/kernel.release", "7.3.0-x\n", 8, 0644);
}

static const char *text_of(const char *name)
{
	static char path[PATH_MAX], text[8192];
	struct tree_entry *entry;

	snprintf(path, sizeof(path), "/lib/modules/7.3.0-x/%s", name);
	entry = tree_find(&tree, path);
	snprintf(text, sizeof(text), "%.*s", entry ? (int)entry->size : 0,
		 entry ? (const char *)entry->data : "");
	return text;
}

static void farm(void)
{
	struct modules_farm f;
	struct tree_entry *link;
	char release[32];

	build_tree();
	CHECK(modules_farm_wanted(folder, release, sizeof(release)) && !strcmp(release, "7.3.0-x"));
	CHECK(!modules_farm_wanted(at("fs"), release, sizeof(release)));
	CHECK_EQ(modules_farm_add(&tree, folder, "7.3.0-x", 1 << 20, &f), 0);
	CHECK(f.n == 4 && f.gone == 2 && f.bytes == 4 * sizeof(struct module));
	CHECK(strstr(text_of("modules.dep"), "kernel/fs/fat.ko:\n"));
	CHECK(strstr(
		text_of("modules.dep"),
		"kernel/fs/vfat-x.ko: kernel/nls_base.ko kernel/lowest.ko kernel/fs/fat.ko\n"));
	CHECK(strstr(text_of("modules.alias"), "alias fs_vfat vfat_x\n"));
	CHECK(strstr(text_of("modules.alias"), "bc0[1-2]sc*i* lowest\n"));
	CHECK(!strcmp(text_of("modules.builtin"), "kernel/fs/built-in.ko\n"));
	CHECK(!memcmp(text_of("modules.dep.bin"), "\xb0\x07\xf4\x57", 3));
	tree_deinit(&tree); /* links, into the tree */
	CHECK_EQ(modules_farm_add(&tree, folder, "7.3.0-x", 0, &f), 0);
	link = tree_find(&tree, "/lib/modules/7.3.0-x/kernel/fs/fat.ko");
	CHECK(link && S_ISLNK(link->mode) && !strcmp(link->source, at("fs/fat.ko")));
	tree_deinit(&tree); /* no room */
	CHECK_EQ(modules_farm_add(&tree, folder, "7.3.0-x", 100, &f), 0);
	CHECK(f.n == 4 && f.bytes > 100 && !tree.n);
	put("include/config/kernel.release", "../x\n", 5, 0644);
	CHECK(!modules_farm_wanted(folder, release, sizeof(release)));
}

/* Modules that each need the next, more than a stack could follow: the list of one ends somewhere. */
static void farm_of_a_long_chain(void)
{
	enum { CHAIN = 4000, STACK = 1 << 19 };
	static char order[CHAIN * 8];
	struct rlimit before, small;
	struct modules_farm f;
	size_t n = 0;
	int r;

	fresh();
	for (unsigned i = 0; i < CHAIN; i++) {
		char file[16], next[16];

		snprintf(file, sizeof(file), "m%u.ko", i);
		snprintf(next, sizeof(next), "m%u", i + 1);
		put_module(file, next, "x");
		n += (size_t)snprintf(order + n, sizeof(order) - n, "m%u.o\n", i);
	}
	put("modules.order", order, n, 0644);
	CHECK(!getrlimit(RLIMIT_STACK, &before));
	small = (struct rlimit){ .rlim_cur = STACK, .rlim_max = before.rlim_max };
	CHECK(!setrlimit(RLIMIT_STACK, &small));
	r = modules_farm_add(&tree, folder, "7.3.0-x", 1 << 30, &f);
	CHECK(!setrlimit(RLIMIT_STACK, &before));
	CHECK_EQ(r, 0);
	CHECK_EQ(f.n, CHAIN);
}

/* What kmod's modprobe would do with it. */
static const char *modprobe(const char *name)
{
	static char answer[4096];
	char command[2 * PATH_MAX];
	FILE *out;
	size_t n;

	snprintf(
		command, sizeof(command),
		"modprobe -C /dev/null -d %s/out -S 7.3.0-x --show-depends '%s' 2>&1 | sed 's,.*/kernel/,,' | "
		"tr -d '\n'",
		folder, name);
	out = popen(command, "r");
	n = out ? fread(answer, 1, sizeof(answer) - 1, out) : 0;
	answer[n] = 0;
	if (out)
		pclose(out);
	return answer;
}

static void farm_read_by_kmod(void)
{
	char command[2 * PATH_MAX], name[64];
	struct modules_farm f;
	int fd;

	if (system("PATH=$PATH:/usr/sbin:/sbin; command -v modprobe cpio >/dev/null"))
		SKIP("no kmod, or no cpio here");
	build_tree();
	for (unsigned i = 0; i < 300; i++) { /* names that part early and late */
		snprintf(name, sizeof(name), "m%x%s.ko", i * 7919, i % 3 ? "_tail" : "");
		put_module(name, "fat", i % 2 ? "acpi*:PNP0C0A:*" : "of:N*T*Cvendor,thing");
		snprintf(command, sizeof(command), "echo %s >>%s", name, at("modules.order"));
		CHECK(!system(command));
	}
	CHECK_EQ(modules_farm_add(&tree, folder, "7.3.0-x", 1 << 20, &f), 0);
	fd = open(at("archive"), O_RDWR | O_CREAT, 0600);
	CHECK_EQ(cpio_write(&tree, fd), 0);
	close(fd);
	mkdir(at("out"), 0755);
	snprintf(command, sizeof(command), "cd %s/out && cpio -id --quiet <../archive", folder);
	CHECK(!system(command));
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);

	CHECK(!strcmp(modprobe("fat"), "fs/fat.ko "));
	CHECK(!strcmp(modprobe("vfat-x"), "fs/fat.ko lowest.ko nls_base.ko fs/vfat-x.ko "));
	CHECK(!strcmp(modprobe("fs-vfat"), "fs/fat.ko lowest.ko nls_base.ko fs/vfat-x.ko "));
	CHECK(!strcmp(modprobe("pci:v00008086d000010D3sv0sd0bc02sc00i00"), "lowest.ko "));
	CHECK(!strcmp(modprobe("built_in"), "builtin built_in"));
	CHECK(strstr(modprobe("absent"), "not found"));
	for (unsigned i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "m%x%s", i * 7919, i % 3 ? "_tail" : "");
		snprintf(command, sizeof(command), "fs/fat.ko %s.ko ", name);
		if (i % 50 < 2)
			CHECK(!strcmp(modprobe(name), command));
	}
}

static const struct test tests[] = {
	TEST(archive),
	TEST(paths),
	TEST(refused_files),
	TEST(folders),
	TEST(links_of_the_host),
	TEST(libraries),
	TEST(other_machine),
	TEST(scripts),
	TEST(found_or_not),
	TEST(real_program),
	TEST(broken_programs),
	TEST(modules),
	TEST(packed_modules),
	TEST(broken_modules),
	TEST(farm),
	TEST(farm_of_a_long_chain),
	TEST(farm_read_by_kmod),
};

int main(void)
{
	int r;

	if (!mkdtemp(folder))
		return 1;
	r = test_main(tests, ARRAY_SIZE(tests));
	tree_deinit(&tree);
	remove_all();
	return r;
}
