/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Options are "--name value" or "--name=value". Each may be given once unless its row says so: of
 * two contradicting values neither wins silently. Pure functions of argv.
 */
#include "options.h"

#include "hostsafe.h"

#include <base/error.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct option {
	const char *name;
	const char *arg; /* NULL: a flag */
	bool repeats;
	int (*set)(struct run_options *o, const char *value);
	const char *help; /* '\n' starts another line */
};

static _printf_(1, 2) int usage(const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return fail(STATUS_USAGE, EINVAL, "%s", text);
}

/* Decimal digits, all of the text up to *end; false on none or when 64 bits are too few. */
static bool parse_number(const char *text, uint64_t *ret, const char **end)
{
	uint64_t v = 0;

	if (*text < '0' || *text > '9')
		return false;
	for (; *text >= '0' && *text <= '9'; text++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*text - '0'), &v))
			return false;
	*ret = v;
	*end = text;
	return true;
}

static int set_kernel(struct run_options *o, const char *value)
{
	o->kernel = value;
	return *value ? 0 : usage("--kernel: the file's name is empty; give a bzImage or vmlinux");
}

static int set_initrd(struct run_options *o, const char *value)
{
	o->initrd = value;
	return *value ? 0 : usage("--initrd: the file's name is empty; leave the option out");
}

static int set_cmdline(struct run_options *o, const char *value)
{
	o->cmdline = value;
	return 0;
}

static int set_cpus(struct run_options *o, const char *value)
{
	const char *end;
	uint64_t n;

	if (!parse_number(value, &n, &end) || *end)
		return usage("--cpus %s: not a number; give 1 or more", value);
	if (!n || n > OPTIONS_CPUS_MAX)
		return usage("--cpus %s: out of range; give 1 or more, up to what KVM allows",
			     value);
	o->cpus = (unsigned)n;
	return 0;
}

/* Bytes, or with a suffix; up to the end of the text. */
static int parse_size(const char *option, const char *value, uint64_t *ret)
{
	static const char suffixes[] = "KMGT";
	const char *end, *suffix;
	unsigned shift = 0;
	uint64_t n;

	if (!parse_number(value, &n, &end))
		return usage("%s %s: not a size; give a number with K, M, G or T, as in 512M",
			     option, value);
	suffix = *end ? strchr(suffixes, *end) : NULL;
	if (suffix) {
		shift = 10 * (unsigned)(suffix - suffixes + 1);
		end++;
	}
	if (*end)
		return usage("%s %s: not a size; give a number with K, M, G or T, as in 512M",
			     option, value);
	if (n > (uint64_t)INT64_MAX >> shift)
		return usage("%s %s: larger than any address space; give less", option, value);
	*ret = n << shift;
	return 0;
}

static int set_mem_key(struct run_options *o, const char *word)
{
	if (!strcmp(word, "hugepages=2M"))
		o->hugepage = MIB(2);
	else if (!strcmp(word, "hugepages=1G"))
		o->hugepage = GIB(1);
	else if (!strcmp(word, "prealloc"))
		o->prealloc = true;
	else
		return usage("--mem: %s: not known; give hugepages=2M, hugepages=1G or prealloc",
			     word);
	return 0;
}

static int set_mem(struct run_options *o, const char *value)
{
	char text[64], *rest = text, *size;
	int r;

	if (strlen(value) >= sizeof(text))
		return usage("--mem: a value is too long; give SIZE[,hugepages=2M|1G][,prealloc]");
	strcpy(text, value);
	size = strsep(&rest, ",");
	r = parse_size("--mem", size, &o->mem);
	while (!r && rest)
		r = set_mem_key(o, strsep(&rest, ","));
	if (r)
		return r;
	if (!o->mem)
		return usage("--mem %s: a guest needs memory; give 1M or more", size);
	if (!is_aligned(o->mem, MIB(1)))
		return usage("--mem %s: not a multiple of 1 MiB; round it, as in %lluM", size,
			     (unsigned long long)(o->mem >> 20) + 1);
	if (o->hugepage && !is_aligned(o->mem, o->hugepage))
		return usage("--mem %s: not a multiple of its huge pages; give a multiple of %s",
			     value, o->hugepage == MIB(2) ? "2M" : "1G");
	return 0;
}

static int add_bdf(const char *option, const char *value, struct bdf *list, unsigned max,
		   unsigned *n)
{
	struct bdf bdf;

	if (!bdf_parse(value, &bdf))
		return usage("%s%s: not a PCI address; give DOMAIN:BUS:DEVICE.FUNCTION, as in "
			     "0000:01:00.0 (thru devices lists them)",
			     option, value);
	for (unsigned i = 0; i < *n; i++)
		if (!memcmp(&list[i], &bdf, sizeof(bdf)))
			return usage("%s%s: given twice; give each function once", option, value);
	if (*n == max)
		return usage("%s%s: more than %u functions; leave some out", option, value, max);
	list[(*n)++] = bdf;
	return 0;
}

static int set_vfio(struct run_options *o, const char *value)
{
	struct device_option *device = &o->vfio[o->n_vfio];

	if (o->n_vfio == OPTIONS_VFIO_MAX)
		return usage("--vfio %s: more than %u functions; leave some out", value,
			     OPTIONS_VFIO_MAX);
	if (device_option_parse(value, device))
		return -EINVAL;
	for (unsigned i = 0; i < o->n_vfio; i++) {
		if (device_option_same(&o->vfio[i], device))
			return usage("--vfio %s: given twice; give each function once", value);
		if (device->devfn && o->vfio[i].devfn == device->devfn)
			return usage("--vfio %s: another device has that place; give another addr",
				     value);
		if (*device->name && !strcmp(o->vfio[i].name, device->name))
			return usage("--vfio %s: another device has that name; give another",
				     value);
	}
	o->n_vfio++;
	return 0;
}

static int set_iommufd(struct run_options *o, const char *value)
{
	if (strncmp(value, "fd=", 3) || !device_option_fd(value + 3, &o->iommufd))
		return usage("--iommufd %s: not known; give fd=NUMBER", value);
	return 0;
}

static int parse_allow(const char *value, unsigned *allow)
{
	if (!strcmp(value, "unsafe-interrupts"))
		*allow |= HOSTSAFE_UNSAFE_INTERRUPTS;
	else if (!strcmp(value, "acs-override"))
		*allow |= HOSTSAFE_ACS_OVERRIDE;
	else
		return usage("--allow %s: not known; give unsafe-interrupts or acs-override",
			     value);
	return 0;
}

static int set_allow(struct run_options *o, const char *value)
{
	return parse_allow(value, &o->allow);
}

static int set_serial(struct run_options *o, const char *value)
{
	if (!strcmp(value, "stdio")) {
		o->serial = SERIAL_STDIO;
	} else if (!strcmp(value, "none")) {
		o->serial = SERIAL_NONE;
	} else if (!strncmp(value, "file:", 5) && value[5]) {
		o->serial = SERIAL_FILE;
		o->serial_path = value + 5;
	} else {
		return usage("--serial %s: not known; give stdio, none, or file:PATH", value);
	}
	return 0;
}

static int set_on_reboot(struct run_options *o, const char *value)
{
	o->restart = !strcmp(value, "restart");
	if (!o->restart && strcmp(value, "exit"))
		return usage("--on-reboot %s: not known; give exit or restart", value);
	return 0;
}

static int set_explain(struct run_options *o, const char *value)
{
	o->explain = true;
	return 0;
}

static int set_stats(struct run_options *o, const char *value)
{
	o->stats = true;
	return 0;
}

static int set_trace(struct run_options *o, const char *value)
{
	o->trace = value;
	return *value ? 0 : usage("--trace: the file's name is empty; leave the option out");
}

/* The common case first; help prints them in this order. */
static const struct option run_table[] = {
	{ "--kernel", "FILE", false, set_kernel, "what to boot: a bzImage or an ELF vmlinux" },
	{ "--initrd", "FILE", false, set_initrd, "initial RAM disk" },
	{ "--cmdline", "STRING", false, set_cmdline,
	  "kernel command line [" OPTIONS_CMDLINE_DEFAULT "]" },
	{ "--cpus", "N", false, set_cpus, "virtual processors [1]" },
	{ "--mem", "SIZE", false, set_mem,
	  "guest RAM, a multiple of 1 MiB; with K, M, G or T [512M]\n"
	  "SIZE[,hugepages=2M|1G][,prealloc]: pages, and when" },
	{ "--vfio", "DEVICE", true, set_vfio,
	  "give the guest a PCI function: its address, as in\n"
	  "0000:01:00.0, /dev/vfio/devices/vfioN, fd=N or\n"
	  "socket=PATH; [,name=NAME][,addr=DD.F][,reset=auto|none]\n"
	  "[,rom=on|off|FILE][,p2p=on|off][,vf-token=UUID]\n"
	  "once for each function; see thru devices, thru bind" },
	{ "--iommufd", "fd=N", false, set_iommufd, "use this open /dev/iommu; see thru open" },
	{ "--allow", "WHAT", true, set_allow,
	  "run although the host does not keep devices apart:\n"
	  "unsafe-interrupts or acs-override" },
	{ "--serial", "WHERE", false, set_serial,
	  "console: stdio, file:PATH or none [stdio]; in a\n"
	  "terminal Ctrl-A x ends the guest, Ctrl-A h helps" },
	{ "--on-reboot", "ACTION", false, set_on_reboot,
	  "exit (with status 12) or restart the guest [exit]" },
	{ "--explain", NULL, false, set_explain,
	  "tell every KVM, VFIO and iommufd call on standard\n"
	  "error, with the reason for it and where it is documented" },
	{ "--trace", "FILE", false, set_trace,
	  "record every trapped access to a passed device;\n"
	  "thru trace FILE prints it" },
	{ "--stats", NULL, false, set_stats,
	  "at the end tell exits by kind, trapped accesses by\n"
	  "region, interrupts by vector (at any time: SIGUSR1)" },
	{ 0 },
};

static const struct option devices_table[] = {
	{ "--json", NULL, false, NULL, "print a JSON array for programs; keys: see thru(1)" },
	{ 0 },
};

static const struct option open_table[] = {
	{ "--user", "NAME", false, NULL, "who is to have them; nothing of root's stays" },
	{ "--bind", NULL, false, NULL, "bind them to vfio-pci first, where they are not" },
	{ "--memlock", "SIZE", false, NULL,
	  "how much memory COMMAND may lock, or unlimited: that\n"
	  "of its guest; without it the limit stays as it is" },
	{ "--socket", "PATH", false, NULL,
	  "instead of COMMAND: send them to whoever connects,\n"
	  "which only the user may (thru run --vfio socket=PATH)" },
	{ "--allow", "WHAT", true, NULL, "as for thru run" },
	{ 0 },
};

static const struct option probe_table[] = {
	{ "--json", NULL, false, NULL, "print a JSON object for programs; keys: see thru(1)" },
	{ 0 },
};

static const struct option no_options[] = { { 0 } };

static const struct {
	const char *name, *synopsis, *about;
	const struct option *table;
} verb_table[] = {
	{ "run", "--kernel FILE [OPTION...]", "boot a guest and stay until it ends", run_table },
	{ "devices", "[--json]", "list PCI functions, and what each lacks to be given to a guest",
	  devices_table },
	{ "bind", "BDF...", "take PCI functions from their host drivers: bind them to vfio-pci",
	  no_options },
	{ "unbind", "BDF...", "give PCI functions back to the drivers that the host has for them",
	  no_options },
	{ "open", "--user NAME [OPTION...] BDF... [-- COMMAND...]",
	  "open PCI functions for a command that has no privilege", open_table },
	{ "probe", "[--json] [BDF...]", "tell what this host offers, and what a function lacks",
	  probe_table },
	{ "trace", "FILE", "print what thru run --trace recorded, registers by name", no_options },
};

const char *const options_verbs[] = { "run",  "devices", "bind",  "unbind",
				      "open", "probe",   "trace", NULL };

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	return MIN(MIN(a, b), c);
}

/* Edits that turn one word into the other (Levenshtein); words here are short. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[33], la = (unsigned)strlen(a), lb = (unsigned)strlen(b);

	if (la > 32 || lb > 32)
		return 99;
	for (unsigned j = 0; j <= lb; j++)
		row[j] = j;
	for (unsigned i = 1; i <= la; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= lb; j++) {
			unsigned above = row[j];

			row[j] = min3(row[j] + 1, row[j - 1] + 1,
				      diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[lb];
}

const char *options_nearest(const char *word, const char *const *candidates)
{
	const char *best = NULL;
	unsigned best_distance = 4;

	for (; *candidates; candidates++) {
		unsigned d = distance(word, *candidates);

		/* "--memory" for "--mem" is more edits than a slip, and still plain. */
		if (strlen(*candidates) > 3 && !strncmp(word, *candidates, strlen(*candidates)))
			d = 1;
		if (d < best_distance && d < strlen(*candidates)) {
			best = *candidates;
			best_distance = d;
		}
	}
	return best;
}

static int fail_unknown(const char *verb, const struct option *table, const char *word)
{
	const char *names[16] = { NULL }, *nearest;
	char name[40];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, "="), word);
	for (unsigned i = 0; table[i].name && i < ARRAY_SIZE(names) - 1; i++)
		names[i] = table[i].name;
	nearest = options_nearest(name, names);
	if (nearest)
		return usage("%s: no such option; did you mean %s?", name, nearest);
	return usage("%s: no such option; see thru %s --help", name, verb);
}

/* The option that argv[*i] names, and its value; *i then stands on its last word. */
static int match(const char *verb, const struct option *table, int argc, char **argv, int *i,
		 const struct option **ret, const char **ret_value)
{
	const char *word = argv[*i];
	size_t len = strcspn(word, "=");

	for (; table->name; table++)
		if (strlen(table->name) == len && !strncmp(table->name, word, len))
			break;
	*ret = table;
	*ret_value = NULL;
	if (!table->name)
		return -ENOENT;
	if (!table->arg)
		return word[len]
			       ? usage("%s: takes no value; leave out %s", table->name, word + len)
			       : 0;
	if (word[len])
		*ret_value = word + len + 1;
	else if (*i + 1 < argc)
		*ret_value = argv[++*i];
	else
		return usage("%s: its value is missing; give %s %s", table->name, table->name,
			     table->arg);
	return 0;
}

static bool is_option(const char *word)
{
	return word[0] == '-' && word[1];
}

/* A guest looks for functions 1 to 7 only where there is a function 0 (PCIe 6.0 §7.5.1.1.9). */
static int check_addresses(const struct run_options *o)
{
	for (unsigned i = 0; i < o->n_vfio; i++) {
		unsigned devfn = o->vfio[i].devfn;
		bool found = !(devfn & 7);

		for (unsigned k = 0; k < o->n_vfio && !found; k++)
			found = o->vfio[k].devfn == (devfn & ~7u);
		if (!found)
			return usage("--vfio: addr=%02x.%x: the guest finds no function without a "
				     "function 0 beside it; give another device addr=%02x.0",
				     devfn >> 3, devfn & 7, devfn >> 3);
	}
	return 0;
}

int options_parse_run(int argc, char **argv, struct run_options *ret)
{
	struct run_options o = { .cmdline = OPTIONS_CMDLINE_DEFAULT,
				 .cpus = 1,
				 .mem = OPTIONS_MEM_DEFAULT,
				 .iommufd = -1 };
	bool seen[ARRAY_SIZE(run_table)] = { false };
	const struct option *option;
	const char *value;
	int r;

	for (int i = 1; i < argc; i++) {
		if (!is_option(argv[i]))
			return usage("%s: unexpected; a kernel is given as --kernel FILE, a device "
				     "as --vfio BDF",
				     argv[i]);
		r = match("run", run_table, argc, argv, &i, &option, &value);
		if (r == -ENOENT)
			return fail_unknown("run", run_table, argv[i]);
		if (r)
			return r;
		if (seen[option - run_table] && !option->repeats)
			return usage("%s: given twice; give it once", option->name);
		seen[option - run_table] = true;
		r = option->set(&o, value);
		if (r)
			return r;
	}
	if (!o.kernel)
		return usage("--kernel is missing; give --kernel FILE, a bzImage or vmlinux");
	r = check_addresses(&o);
	if (!r)
		*ret = o;
	return r;
}

int options_parse_devices(int argc, char **argv, bool *ret_json)
{
	const struct option *option;
	const char *value;
	bool json = false;
	int r;

	for (int i = 1; i < argc; i++) {
		if (!is_option(argv[i]))
			return usage("%s: unexpected; thru devices lists all functions", argv[i]);
		r = match("devices", devices_table, argc, argv, &i, &option, &value);
		if (r == -ENOENT)
			return fail_unknown("devices", devices_table, argv[i]);
		if (r)
			return r;
		json = true;
	}
	*ret_json = json;
	return 0;
}

int options_parse_bdfs(int argc, char **argv, struct bdf *ret, unsigned *ret_n)
{
	unsigned n = 0;
	int r;

	for (int i = 1; i < argc; i++) {
		if (is_option(argv[i]))
			return fail_unknown(argv[0], no_options, argv[i]);
		r = add_bdf("", argv[i], ret, (unsigned)argc, &n);
		if (r)
			return r;
	}
	if (!n)
		return usage("%s: which function? give its PCI address, as in thru %s 0000:01:00.0",
			     argv[0], argv[0]);
	*ret_n = n;
	return 0;
}

static int set_open(struct open_options *o, const char *name, const char *value)
{
	if (!strcmp(name, "--user"))
		o->user = value;
	else if (!strcmp(name, "--bind"))
		o->bind = true;
	else if (!strcmp(name, "--socket"))
		o->socket = value;
	else if (!strcmp(name, "--allow"))
		return parse_allow(value, &o->allow);
	else if (!strcmp(value, "unlimited"))
		o->memlock = UINT64_MAX;
	else
		return parse_size("--memlock", value, &o->memlock);
	return 0;
}

static int check_open(const struct open_options *o)
{
	if (!o->n)
		return usage("open: which function? give its PCI address, as in thru open "
			     "0000:01:00.0");
	if (!o->user)
		return usage("--user is missing; give --user NAME, who is to have the functions");
	if (!o->socket == !o->command)
		return usage("open: give either -- COMMAND or --socket PATH: where the functions "
			     "are to go");
	if (o->socket && (!*o->socket || strlen(o->socket) > 100))
		return usage("--socket %s: not a path of 1 to 100 bytes; give another", o->socket);
	return 0;
}

int options_parse_open(int argc, char **argv, struct open_options *ret)
{
	bool seen[ARRAY_SIZE(open_table)] = { false };
	struct open_options o = { .n = 0 };
	const struct option *option;
	const char *value;
	int r = 0;

	for (int i = 1; !r && i < argc; i++) {
		if (!strcmp(argv[i], "--")) {
			o.command = i + 1 < argc ? argv + i + 1 : NULL;
			break;
		}
		if (!is_option(argv[i])) {
			r = add_bdf("", argv[i], o.bdfs, OPTIONS_VFIO_MAX, &o.n);
			continue;
		}
		r = match("open", open_table, argc, argv, &i, &option, &value);
		if (r == -ENOENT)
			return fail_unknown("open", open_table, argv[i]);
		if (!r && seen[option - open_table] && !option->repeats)
			return usage("%s: given twice; give it once", option->name);
		if (!r) {
			seen[option - open_table] = true;
			r = set_open(&o, option->name, value);
		}
	}
	if (!r)
		r = check_open(&o);
	if (!r)
		*ret = o;
	return r;
}

int options_parse_probe(int argc, char **argv, struct bdf *ret, unsigned *ret_n, bool *ret_json)
{
	const struct option *option;
	const char *value;
	int r = 0;

	*ret_n = 0;
	*ret_json = false;
	for (int i = 1; !r && i < argc; i++) {
		if (!is_option(argv[i])) {
			r = add_bdf("", argv[i], ret, (unsigned)argc, ret_n);
			continue;
		}
		r = match("probe", probe_table, argc, argv, &i, &option, &value);
		if (r == -ENOENT)
			return fail_unknown("probe", probe_table, argv[i]);
		*ret_json = true;
	}
	return r;
}

int options_parse_trace(int argc, char **argv, const char **ret_path)
{
	for (int i = 1; i < argc; i++)
		if (is_option(argv[i]))
			return fail_unknown(argv[0], no_options, argv[i]);
	if (argc != 2)
		return usage("trace: give one file, as in thru trace FILE");
	*ret_path = argv[1];
	return 0;
}

bool help_known(const char *verb)
{
	for (unsigned i = 0; i < ARRAY_SIZE(verb_table); i++)
		if (!strcmp(verb_table[i].name, verb))
			return true;
	return false;
}

static void print_option(const struct option *option, FILE *out)
{
	const char *line = option->help;
	char name[40];
	int len;

	snprintf(name, sizeof(name), "%s %s", option->name, option->arg ? option->arg : "");
	do {
		len = (int)strcspn(line, "\n");
		fprintf(out, "  %-20s  %.*s\n", name, len, line);
		name[0] = 0;
		line += len + (line[len] == '\n');
	} while (*line);
}

static void print_verb(unsigned i, FILE *out)
{
	fprintf(out, "usage: thru %s %s\n%s\n", verb_table[i].name, verb_table[i].synopsis,
		verb_table[i].about);
	if (verb_table[i].table[0].name)
		fputc('\n', out);
	for (const struct option *option = verb_table[i].table; option->name; option++)
		print_option(option, out);
}

void help_print(const char *verb, FILE *out)
{
	for (unsigned i = 0; verb && i < ARRAY_SIZE(verb_table); i++)
		if (!strcmp(verb_table[i].name, verb)) {
			print_verb(i, out);
			return;
		}
	fputs("usage: thru run --kernel FILE [--initrd FILE] [--vfio BDF]...\n", out);
	for (unsigned i = 1; i < ARRAY_SIZE(verb_table); i++)
		fprintf(out, "       thru %s %s\n", verb_table[i].name, verb_table[i].synopsis);
	fputs("A small virtual machine monitor for guests that own real PCI devices.\n\n", out);
	for (unsigned i = 0; i < ARRAY_SIZE(verb_table); i++)
		fprintf(out, "  %-8s  %s\n", verb_table[i].name, verb_table[i].about);
	fputs("\nthru VERB --help tells more, thru(1) all; thru --version names the version.\n",
	      out);
}
