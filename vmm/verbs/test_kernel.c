/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A kernel by its file, or by the tree that it was built in; its modules; its command line.
 */
#include "test.h"

#include <base/error.h>
#include <base/fd.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __x86_64__
#define OWN_ARCH "x86"
#define EARLYCON "earlycon=uart8250,io,0x3f8,115200n8 "
#define TARGET   "bzImage"
static const char *const images[] = { "arch/x86/boot/bzImage" };
static const char *const others[] = { "arch/arm64/boot/Image", "arch/riscv/boot/Image" };
#else
#define OWN_ARCH "arm64"
#define EARLYCON "earlycon "
#define TARGET   "Image"
static const char *const images[] = { "arch/arm64/boot/Image", "arch/arm64/boot/Image.gz",
				      "arch/arm64/boot/vmlinuz.efi" };
static const char *const others[] = { "arch/x86/boot/bzImage", "arch/riscv/boot/Image" };
#endif

static bool join(const char *folder, const char *name, char *ret)
{
	struct stat st;

	return snprintf(ret, PATH_MAX, "%s/%s", folder, name) < PATH_MAX && !stat(ret, &st) &&
	       S_ISREG(st.st_mode);
}

/* A vmlinux starts sooner than a bzImage, which unpacks itself; where it has a PVH entry it can. */
static bool has_pvh(const char *tree)
{
	char path[PATH_MAX], line[256];
	bool found = false;
	FILE *config;

	if (!join(tree, ".config", path) || !(config = fopen(path, "re")))
		return false;
	while (!found && fgets(line, sizeof(line), config))
		found = !strcmp(line, "CONFIG_PVH=y\n");
	fclose(config);
	return found;
}

static int find_image(const char *tree, char *ret)
{
	char other[PATH_MAX];

	if (!strcmp(OWN_ARCH, "x86") && has_pvh(tree) && join(tree, "vmlinux", ret))
		return 0;
	for (unsigned i = 0; i < ARRAY_SIZE(images); i++)
		if (join(tree, images[i], ret))
			return 0;
	for (unsigned i = 0; i < ARRAY_SIZE(others); i++)
		if (join(tree, others[i], other))
			return fail(STATUS_IMAGE, ENOENT,
				    "--kernel %s: was built for another architecture (%s); build "
				    "it for " OWN_ARCH,
				    tree, others[i]);
	/* Last: each architecture's tree has one, and the loader looks whose it is. */
	if (!strcmp(OWN_ARCH, "x86") && join(tree, "vmlinux", ret))
		return 0;
	return fail(STATUS_IMAGE, ENOENT,
		    "--kernel %s: no kernel was built there; run: make -C %s " TARGET, tree, tree);
}

/* The version that a bzImage tells (Documentation/arch/x86/boot.rst, kernel_version), for its modules. */
static bool read_release(const char *path, char *ret, size_t size)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	uint8_t head[0x210];
	unsigned offset;
	ssize_t n;

	if (fd < 0 || fd_read_at(fd, head, sizeof(head), 0) || memcmp(head + 0x202, "HdrS", 4))
		return false;
	offset = (unsigned)(head[0x20e] | head[0x20f] << 8) + 0x200;
	n = pread(fd, ret, size - 1, offset);
	if (n <= 0)
		return false;
	ret[n] = 0;
	ret[strcspn(ret, " ")] = 0;
	return *ret && !strchr(ret, '/');
}

static int find_modules(const struct test_options *o, struct test_kernel *k)
{
	char release[128], path[PATH_MAX];
	struct stat st;

	if (!strcmp(o->modules, "none"))
		return 0;
	if (strcmp(o->modules, "auto")) {
		snprintf(k->modules, sizeof(k->modules), "%s", o->modules);
	} else if (*k->tree) {
		if (join(k->tree, "modules.order", path))
			strcpy(k->modules, k->tree);
	} else if (read_release(k->path, release, sizeof(release))) {
		snprintf(path, sizeof(path), "/lib/modules/%s", release);
		if (!stat(path, &st))
			strcpy(k->modules, path);
	}
	return 0;
}

/* Does the operator say what is printed before there is a console, or that nothing is? strchr() finds the end, too. */
static bool has_earlycon(const char *cmdline)
{
	bool quoted = false, start = true;

	for (const char *c = cmdline; *c; c++) {
		if (start && !quoted && !strncmp(c, "earlycon", 8) && strchr("= ", c[8]))
			return true;
		quoted ^= *c == '"';
		start = *c == ' ';
	}
	return false;
}

int test_kernel_find(const struct test_options *o, struct test_kernel *ret)
{
	struct stat st;
	int r = 0;

	*ret = (struct test_kernel){ 0 };
	if (strlen(o->run.kernel) >= PATH_MAX - 64)
		return fail(STATUS_USAGE, ENAMETOOLONG, "--kernel: its path is too long");
	strcpy(ret->path, o->run.kernel);
	if (!stat(o->run.kernel, &st) && S_ISDIR(st.st_mode)) {
		strcpy(ret->tree, o->run.kernel);
		r = find_image(ret->tree, ret->path);
	}
	if (!r)
		r = find_modules(o, ret);
	if (!r && asprintf(&ret->cmdline, "console=ttyS0 %spanic=-1 sysrq_always_enabled%s%s",
			   has_earlycon(o->run.cmdline) ? "" : EARLYCON, *o->run.cmdline ? " " : "",
			   o->run.cmdline) < 0) {
		ret->cmdline = NULL;
		r = fail(STATUS_HOST, ENOMEM, "--cmdline: no memory for it");
	}
	return r;
}
