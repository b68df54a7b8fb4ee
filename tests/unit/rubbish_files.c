/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files that nobody would make, to whatever reads them for the root of a guest of `thru test`: programs and
 * libraries that name each other, the loader's index, modules and the lists of them, and paths of a tree. What
 * must hold is told beside each; the rest is for the sanitizers.
 */
#include "files.h"
#include "rubbish.h"

#include <fcntl.h>
#include <initramfs/closure.h>
#include <initramfs/cpio.h>
#include <initramfs/modules.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/initramfs/ldcache.h"

#define FILES   8
#define ROUNDS  200u
#define STRINGS 1024

static void start_over(void)
{
	fresh();
	error_clear();
}

static void put(const char *name, const void *bytes, size_t len)
{
	int fd = open(at(name), O_WRONLY | O_CREAT | O_TRUNC, 0755);

	if (fd < 0 || write(fd, bytes, len) != (ssize_t)len)
		abort();
	close(fd);
}

/* A number that is right, or one of those that break sums. */
static uint64_t number(uint64_t right)
{
	static const uint64_t bad[] = {
		0,         1,          7,         0xff,       4096,          UINT16_MAX,
		INT32_MAX, UINT32_MAX, INT64_MAX, UINT64_MAX, UINT64_MAX - 1
	};

	switch (any(12)) {
	case 0:
		return bad[any(ARRAY_SIZE(bad))];
	case 1:
		return right + any(64) - 32;
	default:
		return right;
	}
}

/* Of the folder's files, of elsewhere, and of nothing. */
static const char *name_of_any(void)
{
	static char name[PATH_MAX];

	switch (any(10)) {
	case 0:
		return "";
	case 1:
		return any(2) ? "/" : "..";
	case 2:
		return any(2) ? "/bin/sh" : "/dev/null";
	case 3:
		memset(name, 'x', 600);
		name[600] = 0;
		return name;
	case 4:
		snprintf(name, sizeof(name), "%s/f%u", folder, any(FILES));
		return name;
	default:
		snprintf(name, sizeof(name), "f%u", any(FILES));
		return name;
	}
}

static const char *search_path(void)
{
	static const char *const paths[] = { "$ORIGIN",  "${ORIGIN}/.", "$ORIGIN:/lib",
					     ":::",      "${ORIGIN",    "$ORIGIN/..",
					     "",         "/",           "$LIB:$PLATFORM",
					     "relative", folder,        "/dev" };

	return paths[any(ARRAY_SIZE(paths))];
}

/* --- programs --- */

struct program {
	Elf64_Ehdr header;
	Elf64_Phdr segments[4];
	Elf64_Dyn dynamic[24];
	char strings[STRINGS];
};

static uint64_t string(struct program *p, size_t *used, const char *text)
{
	size_t len = strlen(text) + 1, start = *used;

	if (start + len > STRINGS)
		return number(0);
	memcpy(p->strings + start, text, len);
	*used += len;
	return number(start);
}

static size_t make_program(struct program *p)
{
	static const int64_t tags[] = { DT_NEEDED,  DT_NEEDED, DT_NEEDED, DT_RPATH,
					DT_RUNPATH, DT_DEBUG,  DT_NULL };
	size_t used = 1;
	unsigned i = 0;

	*p = (struct program){ .header = {
				       .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB },
				       .e_machine = any(20) ? MACHINE : (uint16_t)any(300) } };
	p->header.e_phoff = number(offsetof(struct program, segments));
	p->header.e_phentsize = (uint16_t)number(sizeof(Elf64_Phdr));
	p->header.e_phnum = (uint16_t)number(ARRAY_SIZE(p->segments));
	p->segments[0] = (Elf64_Phdr){ .p_type = PT_LOAD,
				       .p_offset = number(0),
				       .p_vaddr = number(0),
				       .p_filesz = number(sizeof(*p)) };
	p->segments[1] = (Elf64_Phdr){ .p_type = PT_DYNAMIC,
				       .p_offset = number(offsetof(struct program, dynamic)),
				       .p_filesz = number(sizeof(p->dynamic)) };
	if (!any(3)) {
		uint64_t interpreter = string(p, &used, at(name_of_any()));

		p->segments[2] = (Elf64_Phdr){
			.p_type = PT_INTERP,
			.p_offset = number(offsetof(struct program, strings)) + interpreter
		};
	}
	for (unsigned n = any(ARRAY_SIZE(p->dynamic)); i < n; i++) {
		int64_t tag = tags[any(any(6) ? 3 : ARRAY_SIZE(tags))];

		p->dynamic[i].d_tag = tag;
		p->dynamic[i].d_un.d_val = string(p, &used,
						  tag == DT_NEEDED ? name_of_any() : search_path());
	}
	p->dynamic[any(i + 1)] = (Elf64_Dyn){
		.d_tag = DT_STRTAB, .d_un.d_ptr = number(offsetof(struct program, strings))
	};
	return any(6) ? sizeof(*p) : any(sizeof(*p));
}

static size_t make_script(char *text, size_t size)
{
	static const char *const forms[] = {
		"#!%s\n", "#! %s -x\n", "#!%s", "#!/usr/bin/env %s\n", "#!/usr/bin/env -S %s a\n",
		"#!\n%s", "#!\t \n%s"
	};
	const char *form = forms[any(ARRAY_SIZE(forms))], *name = name_of_any();
	int n = snprintf(text, size, form, strchr(form, 'v') ? name : at(name));

	return MIN((size_t)n, size - 1);
}

static void make_file(unsigned i)
{
	struct program p;
	char name[8], text[1200];

	snprintf(name, sizeof(name), "f%u", i);
	switch (any(12)) {
	case 0:
		put(name, text, make_script(text, sizeof(text)));
		return;
	case 1: /* of another, of itself, of nothing */
		if (symlink(name_of_any(), at(name)))
			put(name, "", 0);
		return;
	case 2:
		if (any(2) ? mkdir(at(name), 0755) : mkfifo(at(name), 0755))
			abort();
		return;
	case 3:
		return;
	default:
		put(name, &p, make_program(&p));
	}
}

/* A failure has one line, a reason that an operator can read. */
static bool told(int r)
{
	const char *text = error_message();
	bool ok = r < 0 ? *text && !strchr(text, '\n') : !*text;

	error_clear();
	return ok;
}

static bool is_folder(const char *path, size_t len)
{
	for (unsigned i = 0; i < tree.n; i++)
		if (strlen(tree.at[i].path) == len && !memcmp(tree.at[i].path, path, len))
			return S_ISDIR(tree.at[i].mode);
	return false;
}

/*
 * What the guest's kernel unpacks in order: each path once, without "." or "..", in a folder that was made before.
 */
static bool well_ordered(void)
{
	unsigned all = tree.n;
	bool ok = true;

	for (unsigned i = 0; ok && i < all; i++) {
		const char *path = tree.at[i].path, *slash = strrchr(path, '/');
		char around[PATH_MAX + 2];

		snprintf(around, sizeof(around), "/%s/", path);
		tree.n = i;
		ok = *path && !strstr(around, "//") && !strstr(around, "/./") &&
		     !strstr(around, "/../") && (!slash || is_folder(path, (size_t)(slash - path)));
		tree.n = all;
	}
	return ok;
}

static unsigned hex8(const char *text)
{
	char word[9] = { 0 };

	memcpy(word, text, 8);
	return (unsigned)strtoul(word, NULL, 16);
}

/* A second opinion: the archive has the tree's entries in their order, with their lengths, and ends there. */
static bool reads_back(const char *bytes, size_t size)
{
	size_t i = 0;

	for (unsigned k = 0; k <= tree.n; k++) {
		const char *name = k < tree.n ? tree.at[k].path : "TRAILER!!!";
		size_t len = strlen(name) + 1, data = i + ((110 + len + 3) & ~3u), n;

		if (data > size || memcmp(bytes + i, "070701", 6) || hex8(bytes + i + 94) != len ||
		    memcmp(bytes + i + 110, name, len))
			return false;
		n = hex8(bytes + i + 54);
		if (n > size - data || (k < tree.n && hex8(bytes + i + 14) != tree.at[k].mode))
			return false;
		i = data + ((n + 3) & ~(size_t)3);
	}
	return i == size;
}

static bool archived(void)
{
	int fd = memfd_create("rubbish", MFD_CLOEXEC), r = cpio_write(&tree, fd);
	off_t size = lseek(fd, 0, SEEK_END);
	bool ok = told(r);
	char *bytes;

	if (!r && ok) {
		bytes = malloc((size_t)size + 1);
		ok = bytes && pread(fd, bytes, (size_t)size, 0) == size &&
		     reads_back(bytes, (size_t)size);
		free(bytes);
	}
	close(fd);
	return ok;
}

static void programs(void)
{
	for (unsigned round = 0; round < ROUNDS * times; round++) {
		unsigned whole = 0;

		start_over();
		for (unsigned i = 0; i < FILES; i++)
			make_file(i);
		for (unsigned i = 0; i < FILES; i++) {
			char name[8];
			int r;

			snprintf(name, sizeof(name), "f%u", i);
			r = closure_add(&tree, at(name), folder);
			whole += !r;
			CHECK(told(r));
		}
		CHECK(well_ordered());
		if (whole)
			CHECK(archived());
	}
}

/* A chain of libraries as long as any that loads, and one that goes round. */
static void long_chains(void)
{
	struct program p = { .header = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64,
						      ELFDATA2LSB },
					 .e_machine = MACHINE,
					 .e_phoff = offsetof(struct program, segments),
					 .e_phentsize = sizeof(Elf64_Phdr),
					 .e_phnum = 2 },
			     .segments = { { .p_type = PT_LOAD, .p_filesz = sizeof(p) },
					   { .p_type = PT_DYNAMIC,
					     .p_offset = offsetof(struct program, dynamic),
					     .p_filesz = sizeof(p.dynamic) } },
			     .dynamic = { { DT_NEEDED, { 1 } },
					  { DT_STRTAB, { offsetof(struct program, strings) } },
					  { DT_RUNPATH, { 100 } } } };
	char name[32];

	strcpy(p.strings + 100, "$ORIGIN");
	start_over();
	for (unsigned i = 0; i < 300; i++) {
		snprintf(p.strings + 1, 90, "lib%u", (i + 1) % 300);
		snprintf(name, sizeof(name), "lib%u", i);
		put(name, &p, sizeof(p));
	}
	CHECK_EQ(closure_add(&tree, at("lib0"), ""), 0);
	for (unsigned i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "lib%u", i);
		CHECK(tree_find(&tree, at(name)));
	}
}

/* --- the loader's index --- */

static void store(uint8_t *bytes, size_t offset, uint64_t value)
{
	uint32_t v = (uint32_t)value;

	memcpy(bytes + offset, &v, 4);
}

/* sysdeps/generic/dl-cache.h: 48 bytes of header, 24 an entry, strings by their distance from the header. */
static size_t make_index(uint8_t *bytes, size_t size)
{
	size_t n = any(9), text = 48 + n * 24, start = any(4) ? 0 : 8 * any(8);

	memset(bytes, any(3) ? 0 : 'x', size);
	memcpy(bytes + start, "glibc-ld.so.cache1.1", 20);
	store(bytes + start, 20, number(n));
	for (size_t i = 0; i < n; i++) {
		uint8_t *entry = bytes + start + 48 + i * 24;
		int len = snprintf((char *)bytes + start + text, 64, "lib%u.so%c/lib/lib%u.so",
				   any(4), any(9) ? 0 : 'y', any(4));

		memset(entry, 0, 24);
		store(entry, 4, number(text));
		store(entry, 8, number(text + 9));
		store(entry, 16, any(6) ? 0 : 1);
		text += (size_t)len + (any(5) ? 1 : 0);
	}
	for (unsigned i = any(3); i; i--)
		bytes[any((unsigned)(start + text))] = (uint8_t)any(256);
	return any(5) ? start + text : any((unsigned)(start + text) + 1);
}

static void index_of_libraries(void)
{
	uint8_t bytes[2048];

	start_over();
	for (unsigned round = 0; round < 10 * ROUNDS * times; round++) {
		struct ldcache cache;
		unsigned found = 0;

		put("cache", bytes, make_index(bytes, sizeof(bytes)));
		ldcache_read(at("cache"), &cache);
		for (unsigned i = 0; i < 4; i++) {
			const char *path;
			char name[16];

			snprintf(name, sizeof(name), "lib%u.so", i);
			while (found < 100 && (path = ldcache_find(&cache, name, found))) {
				found++;
				CHECK(path >= cache.bytes &&
				      path + strlen(path) < cache.bytes + cache.size);
			}
		}
		CHECK(found <= cache.n);
		ldcache_deinit(&cache);
	}
}

/* A large one, and no string in it has an end: it is done with in a moment all the same. */
static void index_without_ends(void)
{
	const size_t n = 100000, tail = 48 + n * 24, size = 16u << 20;
	uint8_t *bytes = malloc(size);
	struct ldcache cache;

	CHECK(bytes);
	start_over();
	memset(bytes, 'x', size);
	memcpy(bytes, "glibc-ld.so.cache1.1", 20);
	store(bytes, 20, n);
	for (size_t i = 0; i < n; i++)
		store(bytes, 48 + i * 24 + 4, tail);
	put("cache", bytes, size);
	free(bytes);
	ldcache_read(at("cache"), &cache);
	CHECK_EQ(cache.n, n);
	CHECK(!ldcache_find(&cache, "libc.so.6", 0));
	ldcache_deinit(&cache);
}

/* --- modules --- */

struct module {
	Elf64_Ehdr header;
	Elf64_Shdr sections[3];
	char names[32], info[512];
};

static void make_module(const char *name)
{
	struct module m = { .header = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB },
					.e_shoff = number(offsetof(struct module, sections)),
					.e_shentsize = (uint16_t)number(sizeof(Elf64_Shdr)),
					.e_shnum = (uint16_t)number(3),
					.e_shstrndx = (uint16_t)number(1) },
			    .names = "\0.shstrtab\0.modinfo" };
	int n = snprintf(m.info, sizeof(m.info), "alias=a%u%cdepends=m%u,m%u,,m%u%c", any(3), 0,
			 any(FILES), any(FILES), any(20), any(9) ? 0 : 'x');

	m.sections[1] = (Elf64_Shdr){ .sh_name = (uint32_t)number(1),
				      .sh_offset = number(offsetof(struct module, names)),
				      .sh_size = number(sizeof(m.names)) };
	m.sections[2] = (Elf64_Shdr){ .sh_name = (uint32_t)number(11),
				      .sh_offset = number(offsetof(struct module, info)),
				      .sh_size = number((size_t)n) };
	put(name, &m, any(9) ? sizeof(m) : any(sizeof(m)));
}

/* Lines of a list, in `form`, cut and with bytes that a list has not. */
static void make_list(const char *name, const char *form)
{
	static char text[20000];
	size_t n = 0;

	for (unsigned i = any(12); i && n + 8000 < sizeof(text); i--) {
		switch (any(12)) {
		case 0:
			n += (size_t)sprintf(text + n, "../../%s/m0.ko\n", folder);
			break;
		case 1:
			memset(text + n, 'y', 5000);
			n += 5000;
			break;
		case 2:
			text[n++] = (char)any(256);
			break;
		default:
			n += (size_t)sprintf(text + n, form, any(FILES), any(3));
		}
	}
	put(name, text, n);
}

static void modules(void)
{
	static const char *const all[] = { "m0", "m-1", "m_2", "", "absent", NULL };
	static const char *const aliases[] = { "a0", "a2", "[", NULL };
	static const char *const none[] = { NULL };

	for (unsigned round = 0; round < ROUNDS * times; round++) {
		unsigned n, seen = 0;
		char name[16];
		int r;

		start_over();
		for (unsigned i = 0; i < FILES; i++) {
			snprintf(name, sizeof(name), any(9) ? "m%u.ko" : "m%u.ko.gz", i);
			if (any(8))
				make_module(name);
			else if (any(2) && mkdir(at(name), 0755))
				abort();
		}
		if (any(2))
			make_list("modules.order", any(2) ? "m%u.o\n" : "kernel/m%u.ko\n");
		if (any(2))
			make_list("modules.alias", "alias a%2$u* m%1$u\n");
		r = modules_add(&tree, folder, all, any(2) ? aliases : none, &n);
		CHECK(told(r));
		CHECK(n <= FILES);
		for (unsigned i = 0; i < tree.n; i++)
			seen += !strncmp(tree.at[i].path, "thru/modules/", 13);
		CHECK_EQ(seen, n);
		CHECK(well_ordered());
		if (!r)
			CHECK(archived());
	}
}

/* --- paths --- */

static const char *path_of_any(void)
{
	static const char *const parts[] = { "/",  "a",  "b",   "c",  "/..", "/.", "//",
					     "..", "/a", "/b/", "/l", "/k",  ".",  "/x y\n" };
	static char path[2 * PATH_MAX];
	size_t n = 0;

	path[n++] = '/';
	path[n] = 0;
	for (unsigned i = any(9); i; i--)
		n += (size_t)sprintf(path + n, "%s", parts[any(ARRAY_SIZE(parts))]);
	if (!any(40)) {
		memset(path + n, 'z', PATH_MAX);
		n += 3000 + any(PATH_MAX - 3000);
		path[n] = 0;
	}
	return path;
}

static void paths(void)
{
	static char target[2 * PATH_MAX];

	for (unsigned round = 0; round < 2 * ROUNDS * times; round++) {
		start_over();
		put("file", target, any(sizeof(target)));
		for (unsigned i = 1 + any(60); i; i--) {
			const char *path = path_of_any();
			int r = 0;

			switch (any(6)) {
			case 0:
				r = tree_dir(&tree, path, 0755);
				break;
			case 1:
				r = tree_node(&tree, path, S_IFCHR | 0600, any(300), any(300));
				break;
			case 2:
				r = tree_data(&tree, path, 0644, path, any(100));
				break;
			case 3:
				r = tree_add(&tree, at("file"), path);
				break;
			case 4:
				tree_find(&tree, path);
				error_clear();
				break;
			default:
				strcpy(target, path_of_any() + any(2));
				r = tree_link(&tree, path_of_any(), target);
			}
			CHECK(told(r));
		}
		CHECK(well_ordered());
		if (any(4))
			CHECK(archived());
		put("file", "x",
		    any(2)); /* another length than when it was added: its own is told */
		CHECK(archived());
	}
}

static const struct test tests[] = {
	TEST(programs),           TEST(long_chains), TEST(index_of_libraries),
	TEST(index_without_ends), TEST(modules),     TEST(paths)
};

int main(void)
{
	int r;

	if (!mkdtemp(folder))
		return 1;
	rubbish_init();
	r = test_main(tests, ARRAY_SIZE(tests));
	tree_deinit(&tree);
	remove_all();
	return r;
}
