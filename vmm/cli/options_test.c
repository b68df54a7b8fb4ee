/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The options of `thru test`. Those of the guest are words of `thru run` and parsed as such, so that they
 * mean the same and are refused in the same words. Pure functions of argv.
 */
#include "options_table.h"

#include <errno.h>
#include <string.h>

#define BOOT_TIMEOUT 60
#define TIMEOUT      3600
#define SECONDS_MAX  (7 * 24 * 3600)
#define REPEAT_MAX   1000000

struct words {
	struct test_options o;
	char *run[2 * (OPTIONS_VFIO_MAX + OPTIONS_DISK_MAX + OPTIONS_NET_MAX +
		       OPTIONS_VHOST_USER_MAX + 16) +
		  1]; /* argv of `thru run` */
	int n;
	uint64_t slow; /* in thousandths */
	struct share_option shares[OPTIONS_SHARE_MAX];
	unsigned n_shares;
};

static int pass(void *to, const char *name, const char *value)
{
	struct words *w = to;

	if (w->n + 2 >= (int)ARRAY_SIZE(w->run))
		return options_refuse("%s: given too often; leave some out", name);
	w->run[w->n++] = (char *)(uintptr_t)name;
	if (value) /* else it is a word of its own */
		w->run[w->n++] = (char *)(uintptr_t)value;
	return 0;
}

static int append(struct option_list *list, const char *name, const char *value)
{
	if (list->n == OPTIONS_LIST_MAX)
		return options_refuse("%s: given more than %u times; leave some out", name,
				      OPTIONS_LIST_MAX);
	list->at[list->n++] = value;
	return 0;
}

/* An option of `thru run`, which that will judge. */
#define PASSED_AS(name, option)                            \
	static int set_##name(void *to, const char *value) \
	{                                                  \
		return pass(to, option, value);            \
	}
#define PASSED(name) PASSED_AS(name, "--" #name)
PASSED(kernel)
PASSED(initrd)
PASSED(cpus)
PASSED(mem)
PASSED(iommufd)
PASSED(allow)
PASSED(disk)
PASSED(net)
PASSED(vsock)
PASSED(virtiofsd)
PASSED(pmu)
PASSED_AS(vfio_api, "--vfio-api")
PASSED_AS(nested, "--cpu-nested")
PASSED_AS(vhost_user, "--vhost-user")
PASSED_AS(pci_cf8, "--pci-cf8")
PASSED_AS(kernel_unpack, "--kernel-unpack")
PASSED(sandbox)

static int set_vfio(void *to, const char *value)
{
	int r = pass(to, "--vfio", value);

	return r ? r : append(&((struct words *)to)->o.vfio, "--vfio", value);
}

/* A text that is taken as it is, but not an empty one. */
#define TEXT(name, field, what)                                                          \
	static int set_##name(void *to, const char *value)                               \
	{                                                                                \
		((struct words *)to)->o.field = value;                                   \
		return *value ? 0 : options_refuse("--" #name ": is empty; give " what); \
	}
TEXT(modules, modules, "auto, none, or a folder")
TEXT(user, user, "a user's name")
TEXT(root, root, "a folder")
TEXT(json, json, "a file's name")
TEXT(junit, junit, "a file's name")
TEXT(log, log, "a file's name")

static int set_share(void *to, const char *value)
{
	struct words *w = to;
	struct share_option *share = &w->shares[w->n_shares];

	if (w->n_shares == OPTIONS_SHARE_MAX)
		return options_refuse("--share %s: more than %u folders; leave some out", value,
				      OPTIONS_SHARE_MAX);
	if (share_option_parse(value, share))
		return -EINVAL;
	if (*share->at && *share->at != '/')
		return options_refuse("--share %s: %s is not a path from the guest's root; give "
				      "DIR:/GUESTPATH",
				      value, share->at);
	snprintf(share->tag, sizeof(share->tag), "thru-share%u", w->n_shares++);
	return 0;
}

static int set_cmdline(void *to, const char *value)
{
	((struct words *)to)->o.run.cmdline = value;
	return 0;
}

static int set_cwd(void *to, const char *value)
{
	((struct words *)to)->o.cwd = value;
	return *value == '/' ? 0
			     : options_refuse("--cwd %s: not a path from the guest's root; give "
					      "one that begins with a slash",
					      value);
}

static int set_add(void *to, const char *value)
{
	const char *colon = strchr(value, ':');

	if (!*value || colon == value || (colon && colon[1] != '/'))
		return options_refuse("--add %s: not known; give HOSTPATH or "
				      "HOSTPATH:/GUESTPATH",
				      value);
	return append(&((struct words *)to)->o.add, "--add", value);
}

static int set_env(void *to, const char *value)
{
	if (!strchr(value, '=') || *value == '=')
		return options_refuse("--env %s: has no value; give NAME=VALUE", value);
	return append(&((struct words *)to)->o.env, "--env", value);
}

static int set_collect(void *to, const char *value)
{
	const char *colon = strchr(value, ':');

	if (*value != '/' || !colon || !colon[1])
		return options_refuse("--collect %s: not known; give /GUESTPATH:HOSTDIR", value);
	return append(&((struct words *)to)->o.collect, "--collect", value);
}

static int set_fail_on(void *to, const char *value)
{
	return append(&((struct words *)to)->o.fail_on, "--fail-on", value);
}

static int set_ignore(void *to, const char *value)
{
	return append(&((struct words *)to)->o.ignore, "--ignore", value);
}

static int seconds(const char *name, const char *value, unsigned *ret)
{
	const char *end;
	uint64_t n;

	if (!options_number(value, &n, &end) || *end || n > SECONDS_MAX)
		return options_refuse("%s %s: not a time; give whole seconds, 0 for no limit", name,
				      value);
	*ret = (unsigned)n;
	return 0;
}

static int set_boot_timeout(void *to, const char *value)
{
	return seconds("--boot-timeout", value, &((struct words *)to)->o.boot_timeout);
}

static int set_timeout(void *to, const char *value)
{
	return seconds("--timeout", value, &((struct words *)to)->o.timeout);
}

static int set_stall(void *to, const char *value)
{
	return seconds("--stall", value, &((struct words *)to)->o.stall);
}

/* A factor with up to three decimals, as in 2 or 1.5. */
static int set_slow(void *to, const char *value)
{
	struct words *w = to;
	uint64_t whole, part = 0, unit = 1000;
	const char *end;
	bool ok = options_number(value, &whole, &end) && whole <= 1000;

	if (ok && *end == '.') {
		for (end++; *end >= '0' && *end <= '9' && unit > 1; end++)
			part += (uint64_t)(*end - '0') * (unit /= 10);
	}
	w->slow = whole * 1000 + part;
	if (!ok || *end || !w->slow)
		return options_refuse("--slow %s: not a factor; give a number, as in 2 or 1.5",
				      value);
	return 0;
}

static int count(const char *name, const char *value, unsigned min, unsigned max, unsigned *ret)
{
	const char *end;
	uint64_t n;

	if (!options_number(value, &n, &end) || *end || n < min || n > max)
		return options_refuse("%s %s: not a number from %u to %u", name, value, min, max);
	*ret = (unsigned)n;
	return 0;
}

static int set_repeat(void *to, const char *value)
{
	return count("--repeat", value, 1, REPEAT_MAX, &((struct words *)to)->o.repeat);
}

static int set_jobs(void *to, const char *value)
{
	return count("--jobs", value, 1, TEST_JOBS_MAX, &((struct words *)to)->o.jobs);
}

static int set_retry(void *to, const char *value)
{
	return count("--retry", value, 0, REPEAT_MAX, &((struct words *)to)->o.retry);
}

static int set_fail_fast(void *to, const char *value)
{
	((struct words *)to)->o.fail_fast = true;
	return 0;
}

static int set_bisect(void *to, const char *value)
{
	((struct words *)to)->o.bisect = true;
	return 0;
}

static int set_no_boot_skips(void *to, const char *value)
{
	((struct words *)to)->o.no_boot_skips = true;
	return 0;
}

static int set_dry_run(void *to, const char *value)
{
	((struct words *)to)->o.dry_run = true;
	return 0;
}

static int set_verbose(void *to, const char *value)
{
	((struct words *)to)->o.verbose = true;
	return 0;
}

const struct option options_test[] = {
	{ "--kernel", "FILE|TREE", false, set_kernel,
	  "a kernel as for thru run, or the tree it was built in" },
	{ "--initrd", "FILE", false, set_initrd, "unpacked before what thru makes" },
	{ "--modules", "WHERE", false, set_modules,
	  "auto (of TREE, or /lib/modules/RELEASE), none, or a\n"
	  "folder: those that the guest's devices need [auto]" },
	{ "--add", "HOSTPATH", true, set_add,
	  "a file or folder for the guest's root; :GUESTPATH puts\n"
	  "it elsewhere" },
	{ "--root", "DIR", false, set_root,
	  "a folder as the guest's root, below a layer in memory\n"
	  "that takes what is written: / for this host's tools" },
	{ "--share", "DIR", true, set_share,
	  "a folder in the guest, at the same path;\n"
	  "DIR[:/GUESTPATH][,ro]" },
	{ "--virtiofsd", "FILE", false, set_virtiofsd, "who serves both [found on this host]" },
	{ "--cpus", "N", false, set_cpus, "as for thru run, like the next eleven" },
	{ "--mem", "SIZE", false, set_mem, "[512M]" },
	{ "--vfio", "DEVICE", true, set_vfio, "give the guest a PCI function" },
	{ "--disk", "FILE", true, set_disk, "a virtio disk, as for thru run" },
	{ "--net", "WHAT", true, set_net,
	  "a virtio network card, as for thru run; with passt the\n"
	  "guest's addresses are set" },
	{ "--vsock", "CID", false, set_vsock, "sockets between host and guest" },
	{ "--vhost-user", "TYPE", true, set_vhost_user, "TYPE,socket=PATH, as for thru run" },
	{ "--iommufd", "fd=N", false, set_iommufd, "use this open /dev/iommu" },
	{ "--vfio-api", "WAY", false, set_vfio_api, "insist on a way to the devices" },
	{ "--allow", "WHAT", true, set_allow, "unsafe-interrupts or acs-override" },
	{ "--cpu-nested", NULL, false, set_nested, "let the guest have guests" },
	{ "--pmu", NULL, false, set_pmu, "give the guest performance counters" },
	{ "--pci-cf8", "WHEN", false, set_pci_cf8, "PCI by ports: auto, on or off [auto]" },
	{ "--kernel-unpack", "WHEN", false, set_kernel_unpack,
	  "who unpacks a bzImage: auto or off [auto]" },
	{ "--sandbox", "MODE", false, set_sandbox, "as for thru run: on, off or log [off]" },
	{ "--cmdline", "STRING", false, set_cmdline, "more for the kernel's command line" },
	{ "--env", "NAME=VALUE", true, set_env, "for COMMAND" },
	{ "--cwd", "DIR", false, set_cwd, "COMMAND's folder in the guest [where thru is]" },
	{ "--user", "NAME", false, set_user, "of this host, who runs COMMAND [root]" },
	{ "--boot-timeout", "S", false, set_boot_timeout,
	  "seconds until COMMAND has started, 0 for ever [60]" },
	{ "--timeout", "S", false, set_timeout, "seconds until COMMAND has ended [3600]" },
	{ "--stall", "S", false, set_stall, "seconds without any output [0: not looked at]" },
	{ "--slow", "FACTOR", false, set_slow, "all of these times FACTOR: a slow machine [1]" },
	{ "--fail-on", "FILE", true, set_fail_on,
	  "lines of the kernel's log that fail the run:\n"
	  "REGEX # REASON, expires YYYY-MM-DD" },
	{ "--ignore", "FILE", true, set_ignore, "lines that do not, in the same form" },
	{ "--log", "FILE", false, set_log, "the kernel's console, from its first byte" },
	{ "--json", "FILE", false, set_json, "the verdict for programs; keys: see thru-test(1)" },
	{ "--junit", "FILE", false, set_junit,
	  "the same for CI, with the cases of KTAP or TAP in\n"
	  "COMMAND's output" },
	{ "--collect", "FROM:DIR", true, set_collect,
	  "copy a file, or the files of a folder, out of the\n"
	  "guest, to DIR" },
	{ "--repeat", "N", false, set_repeat, "run it N times" },
	{ "--jobs", "N", false, set_jobs,
	  "with --repeat: N guests at once [as many as processors\n"
	  "and memory allow]" },
	{ "--retry", "N", false, set_retry,
	  "try up to N times more what fails; it is then flaky\n"
	  "when it passes" },
	{ "--fail-fast", NULL, false, set_fail_fast, "with --repeat: end with the first failure" },
	{ "--bisect", NULL, false, set_bisect,
	  "for git bisect run: end with 0, 1, or 125 for what is\n"
	  "not the kernel's fault" },
	{ "--no-boot-skips", NULL, false, set_no_boot_skips,
	  "with --bisect: 125 also for a kernel that does not boot" },
	{ "--dry-run", NULL, false, set_dry_run, "only list what the guest would get" },
	{ "-v", NULL, false, set_verbose, "show the kernel's console as it comes" },
	{ 0 },
};
OPTION_TABLE_FITS(options_test);

static int unexpected(void *to, const char *word)
{
	(void)to;
	return options_refuse("%s: unexpected; the command comes after --", word);
}

static unsigned scaled(unsigned seconds, uint64_t slow)
{
	return (unsigned)MIN((seconds * slow + 999) / 1000, SECONDS_MAX);
}

static int check_repeated(const struct test_options *o)
{
	if ((o->jobs || o->fail_fast) && o->repeat == 1)
		return options_refuse("%s: means something with --repeat only",
				      o->jobs ? "--jobs" : "--fail-fast");
	if (o->jobs > 1 && o->vfio.n)
		return options_refuse("--jobs %u: a device is in one guest at a time; leave --jobs "
				      "or --vfio out",
				      o->jobs);
	if ((o->repeat > 1 || o->retry) && !o->command)
		return options_refuse(
			"--%s: means something with a command only; give one after --",
			o->retry ? "retry" : "repeat");
	return 0;
}

int options_parse_test(int argc, char **argv, struct test_options *ret)
{
	static char run[] = "run";
	struct words w = { .o = { .boot_timeout = BOOT_TIMEOUT,
				  .timeout = TIMEOUT,
				  .modules = "auto",
				  .repeat = 1 },
			   .run = { run },
			   .n = 1,
			   .slow = 1000 };
	const char *cmdline;
	int rest, r = options_walk(argc, argv, options_test, unexpected, &w, &rest);

	if (r)
		return r;
	if (rest < argc)
		w.o.command = argv + rest;
	if (w.o.no_boot_skips && !w.o.bisect)
		return options_refuse("--no-boot-skips: means something with --bisect only");
	if (w.o.root && w.o.add.n)
		return options_refuse("--add %s: means nothing with --root, which has its own "
				      "files; give --share DIR:/GUESTPATH",
				      w.o.add.at[0]);
	r = check_repeated(&w.o);
	if (r)
		return r;
	cmdline = w.o.run.cmdline;
	r = options_parse_run(w.n, w.run, &w.o.run);
	if (r)
		return r;
	w.o.run.cmdline = cmdline ? cmdline : "";
	memcpy(w.o.run.shares, w.shares, w.n_shares * sizeof(*w.shares));
	w.o.run.n_shares = w.n_shares;
	w.o.boot_timeout = scaled(w.o.boot_timeout, w.slow);
	w.o.timeout = scaled(w.o.timeout, w.slow);
	w.o.stall = scaled(w.o.stall, w.slow);
	*ret = w.o;
	return 0;
}
