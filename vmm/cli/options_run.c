/* SPDX-License-Identifier: BSD-2-Clause */
/* The options of `thru run`: how each is taken, and the table. Pure functions of argv. */
#include "options_table.h"

#include <devices/virtio_vsock.h>
#include <hostfn/hostway.h>

#include <errno.h>
#include <string.h>

static int set_kernel(void *to, const char *value)
{
	struct run_options *o = to;

	o->kernel = value;
	return *value ? 0
		      : options_refuse(
				"--kernel: the file's name is empty; give a bzImage or vmlinux");
}

static int set_initrd(void *to, const char *value)
{
	struct run_options *o = to;

	o->initrd = value;
	return *value ? 0
		      : options_refuse("--initrd: the file's name is empty; leave the option out");
}

static int set_cmdline(void *to, const char *value)
{
	struct run_options *o = to;

	o->cmdline = value;
	return 0;
}

static int set_cpus(void *to, const char *value)
{
	struct run_options *o = to;
	const char *end;
	uint64_t n;

	if (!options_number(value, &n, &end) || *end)
		return options_refuse("--cpus %s: not a number; give 1 or more", value);
	if (!n || n > OPTIONS_CPUS_MAX)
		return options_refuse(
			"--cpus %s: out of range; give 1 or more, up to what KVM allows", value);
	o->cpus = (unsigned)n;
	return 0;
}

/* Which sizes there are is the host's to say: it depends on its pages, of 4, 16 or 64 KiB. */
static int set_hugepages(struct run_options *o, const char *size)
{
	int r = options_size("--mem: hugepages", size, &o->hugepage);

	if (!r && (!is_power_of_two(o->hugepage) || o->hugepage < KIB(64)))
		return options_refuse("--mem: hugepages=%s: no host has such; give 2M, 1G or "
				      "another size that is in /sys/kernel/mm/hugepages",
				      size);
	return r;
}

static int set_mem_key(struct run_options *o, const char *word)
{
	if (!strncmp(word, "hugepages=", 10))
		return set_hugepages(o, word + 10);
	if (strcmp(word, "prealloc"))
		return options_refuse("--mem: %s: not known; give hugepages=SIZE or prealloc",
				      word);
	o->prealloc = true;
	return 0;
}

static int set_mem(void *to, const char *value)
{
	struct run_options *o = to;
	char text[64], *rest = text, *size;
	int r;

	if (strlen(value) >= sizeof(text))
		return options_refuse(
			"--mem: a value is too long; give SIZE[,hugepages=SIZE][,prealloc]");
	strcpy(text, value);
	size = strsep(&rest, ",");
	r = options_size("--mem", size, &o->mem);
	while (!r && rest)
		r = set_mem_key(o, strsep(&rest, ","));
	if (r)
		return r;
	if (!o->mem)
		return options_refuse("--mem %s: a guest needs memory; give 1M or more", size);
	if (!is_aligned(o->mem, MIB(1)))
		return options_refuse("--mem %s: not a multiple of 1 MiB; round it, as in %lluM",
				      size, (unsigned long long)(o->mem >> 20) + 1);
	if (o->hugepage && !is_aligned(o->mem, o->hugepage))
		return options_refuse("--mem %s: not a multiple of its huge pages; round it",
				      value);
	return 0;
}

static int set_vfio(void *to, const char *value)
{
	struct run_options *o = to;
	struct device_option *device = &o->vfio[o->n_vfio];

	if (o->n_vfio == OPTIONS_VFIO_MAX)
		return options_refuse("--vfio %s: more than %u functions; leave some out", value,
				      OPTIONS_VFIO_MAX);
	if (device_option_parse(value, device))
		return -EINVAL;
	for (unsigned i = 0; i < o->n_vfio; i++) {
		if (device_option_same(&o->vfio[i], device))
			return options_refuse("--vfio %s: given twice; give each function once",
					      value);
		if (device->devfn && o->vfio[i].devfn == device->devfn)
			return options_refuse(
				"--vfio %s: another device has that place; give another addr",
				value);
		if (*device->name && !strcmp(o->vfio[i].name, device->name))
			return options_refuse(
				"--vfio %s: another device has that name; give another", value);
	}
	o->n_vfio++;
	return 0;
}

static int set_disk(void *to, const char *value)
{
	struct run_options *o = to;

	if (o->n_disks == OPTIONS_DISK_MAX)
		return options_refuse("--disk %s: more than %u disks; leave some out", value,
				      OPTIONS_DISK_MAX);
	if (disk_option_parse(value, &o->disks[o->n_disks]))
		return -EINVAL;
	o->n_disks++;
	return 0;
}

/* Tags are checked when all are there: thru test has its own. */
static int set_share(void *to, const char *value)
{
	struct run_options *o = to;

	if (o->n_shares == OPTIONS_SHARE_MAX)
		return options_refuse("--share %s: more than %u folders; leave some out", value,
				      OPTIONS_SHARE_MAX);
	if (share_option_parse(value, &o->shares[o->n_shares]))
		return -EINVAL;
	o->n_shares++;
	return 0;
}

static int set_vhost_user(void *to, const char *value)
{
	struct run_options *o = to;

	if (o->n_vhost_user == OPTIONS_VHOST_USER_MAX)
		return options_refuse("--vhost-user %s: more than %u; leave some out", value,
				      OPTIONS_VHOST_USER_MAX);
	if (vhost_user_option_parse(value, &o->vhost_user[o->n_vhost_user]))
		return -EINVAL;
	o->n_vhost_user++;
	return 0;
}

static int set_virtiofsd(void *to, const char *value)
{
	struct run_options *o = to;

	o->virtiofsd = value;
	return *value ? 0
		      : options_refuse("--virtiofsd: the file's name is empty; leave the option "
				       "out");
}

static int set_iommufd(void *to, const char *value)
{
	struct run_options *o = to;

	if (strncmp(value, "fd=", 3) || !device_option_fd(value + 3, &o->iommufd))
		return options_refuse("--iommufd %s: not known; give fd=NUMBER", value);
	return 0;
}

static int set_vfio_api(void *to, const char *value)
{
	struct run_options *o = to;

	return options_vfio_api(value, &o->vfio_api);
}

static int set_allow(void *to, const char *value)
{
	struct run_options *o = to;

	return options_allow(value, &o->allow);
}

/* PATH[,max=SIZE]; a path may have commas of its own. */
static int set_serial_file(struct run_options *o, const char *value)
{
	const char *max = strrchr(value, ',');
	size_t len = strlen(value);
	int r = 0;

	o->serial_max = 0;
	if (max && !strncmp(max, ",max=", 5)) {
		len = (size_t)(max - value);
		r = options_size("--serial: max", max + 5, &o->serial_max);
		if (!r && o->serial_max < KIB(4))
			return options_refuse("--serial: max=%s: too small; give 4K or more",
					      max + 5);
	}
	if (!r && (!len || len >= sizeof(o->serial_path)))
		return options_refuse("--serial file:%s: not a path; give file:PATH[,max=SIZE]",
				      value);
	if (r)
		return r;
	memcpy(o->serial_path, value, len);
	o->serial_path[len] = 0;
	o->serial = SERIAL_FILE;
	return 0;
}

static int set_serial(void *to, const char *value)
{
	struct run_options *o = to;

	if (!strcmp(value, "stdio")) {
		o->serial = SERIAL_STDIO;
	} else if (!strcmp(value, "none")) {
		o->serial = SERIAL_NONE;
	} else if (!strncmp(value, "file:", 5) && value[5]) {
		return set_serial_file(o, value + 5);
	} else {
		return options_refuse(
			"--serial %s: not known; give stdio, none, or file:PATH[,max=SIZE]", value);
	}
	return 0;
}

static int set_on_reboot(void *to, const char *value)
{
	struct run_options *o = to;

	o->restart = !strcmp(value, "restart");
	if (!o->restart && strcmp(value, "exit"))
		return options_refuse("--on-reboot %s: not known; give exit or restart", value);
	return 0;
}

static int set_panic_on_console(void *to, const char *value)
{
	struct run_options *o = to;

	o->panic_on_console = true;
	return 0;
}

static int set_nested(void *to, const char *value)
{
	struct run_options *o = to;

	o->nested = true;
	return 0;
}

static int set_pci_cf8(void *to, const char *value)
{
	static const char *const words[] = { "auto", "on", "off" };
	struct run_options *o = to;

	for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(value, words[i])) {
			o->pci_cf8 = (enum pci_cf8)i;
			return 0;
		}
	return options_refuse("--pci-cf8 %s: not known; give auto, on or off", value);
}

static int set_sandbox(void *to, const char *value)
{
	static const char *const modes[] = { "off", "on", "log" };
	struct run_options *o = to;

	for (unsigned i = 0; i < ARRAY_SIZE(modes); i++)
		if (!strcmp(value, modes[i])) {
			o->sandbox = (enum seal_mode)i;
			return 0;
		}
	return options_refuse("--sandbox %s: not known; give on, off or log", value);
}

static int set_kernel_unpack(void *to, const char *value)
{
	struct run_options *o = to;

	o->kernel_unpack = !strcmp(value, "auto");
	if (!o->kernel_unpack && strcmp(value, "off"))
		return options_refuse("--kernel-unpack %s: not known; give auto or off", value);
	return 0;
}

static int set_pmu(void *to, const char *value)
{
	struct run_options *o = to;

	o->pmu = true;
	return 0;
}

static int set_explain(void *to, const char *value)
{
	struct run_options *o = to;

	o->explain = true;
	return 0;
}

static int set_stats(void *to, const char *value)
{
	struct run_options *o = to;

	o->stats = true;
	return 0;
}

static int set_trace(void *to, const char *value)
{
	struct run_options *o = to;

	o->trace = value;
	return *value ? 0
		      : options_refuse("--trace: the file's name is empty; leave the option out");
}

static int set_net(void *to, const char *value)
{
	struct run_options *o = to;
	struct net_option *net = &o->nets[o->n_nets];

	if (o->n_nets == OPTIONS_NET_MAX)
		return options_refuse("--net %s: more than %u cards; leave some out", value,
				      OPTIONS_NET_MAX);
	if (net_option_parse(value, net))
		return -EINVAL;
	o->n_nets += net->kind != NET_NONE;
	return 0;
}

static int set_vsock(void *to, const char *value)
{
	uint64_t cid;
	const char *end;

	if (!options_number(value, &cid, &end) || *end || cid < VIRTIO_VSOCK_CID_MIN ||
	    cid > VIRTIO_VSOCK_CID_MAX)
		return options_refuse("--vsock %s: give the guest's address, a number from %u to "
				      "%u",
				      value, VIRTIO_VSOCK_CID_MIN, VIRTIO_VSOCK_CID_MAX);
	((struct run_options *)to)->vsock = (uint32_t)cid;
	return 0;
}

/* The common case first; help prints them in this order. */
const struct option options_run[] = {
	{ "--kernel", "FILE", false, set_kernel, "what to boot: a bzImage or an ELF vmlinux" },
	{ "--initrd", "FILE", false, set_initrd, "initial RAM disk" },
	{ "--cmdline", "STRING", false, set_cmdline,
	  "kernel command line [" OPTIONS_CMDLINE_DEFAULT "]" },
	{ "--cpus", "N", false, set_cpus, "virtual processors [1]" },
	{ "--mem", "SIZE", false, set_mem,
	  "guest RAM, a multiple of 1 MiB; with K, M, G or T [512M]\n"
	  "SIZE[,hugepages=2M|1G|...][,prealloc]: pages, and when" },
	{ "--vfio", "DEVICE", true, set_vfio,
	  "give the guest a PCI function: its address, as in\n"
	  "0000:01:00.0, /dev/vfio/devices/vfioN, fd=N or\n"
	  "socket=PATH; [,name=NAME][,addr=DD.F][,reset=auto|none]\n"
	  "[,rom=on|off|FILE][,p2p=on|off][,d3cold=on|off]\n"
	  "[,vf-token=UUID][,group-fd=N][,container-fd=N];\n"
	  "or group-fd=N alone;\n"
	  "once for each function; see thru devices, thru bind" },
	{ "--disk", "FILE", true, set_disk,
	  "a raw image or block device as a virtio disk, /dev/vda\n"
	  "first; FILE[,ro][,serial=TEXT][,discard=on]" },
	{ "--net", "WHAT", true, set_net,
	  "a virtio network card: none, passt, tap=NAME or fd=N;\n"
	  "[,mac=ADDRESS][,mtu=N], passt[,host=on] [none]" },
	{ "--vsock", "CID", false, set_vsock,
	  "sockets between host and guest, whose address is CID" },
	{ "--share", "DIR", true, set_share,
	  "a folder, served by virtiofsd: DIR[:TAG][,ro]; in the\n"
	  "guest: mount -t virtiofs TAG /mnt [share0, share1, ...]" },
	{ "--virtiofsd", "FILE", false, set_virtiofsd, "that program [found on this host]" },
	{ "--vhost-user", "TYPE", true, set_vhost_user,
	  "TYPE,socket=PATH: a device whose back end listens there;\n"
	  "fs, block, net or a number; [,queues=N][,tag=TEXT]\n"
	  "[,config=BYTES]" },
	{ "--iommufd", "fd=N", false, set_iommufd, "use this open /dev/iommu; see thru open" },
	{ "--vfio-api", "WAY", false, set_vfio_api,
	  "how devices are had: cdev, group-iommufd or group\n"
	  "[the first of these that the host has]" },
	{ "--allow", "WHAT", true, set_allow,
	  "run although the host does not keep devices apart:\n"
	  "unsafe-interrupts or acs-override" },
	{ "--serial", "WHERE", false, set_serial,
	  "console: stdio, file:PATH or none [stdio]; in a\n"
	  "terminal Ctrl-A x ends the guest, Ctrl-A h helps" },
	{ "--on-reboot", "ACTION", false, set_on_reboot,
	  "exit (with status 12) or restart the guest [exit]" },
	{ "--panic-on-console", NULL, false, set_panic_on_console,
	  "a kernel panic that is told on the console ends the\n"
	  "guest, with status 10, also before it has pvpanic" },
	{ "--cpu-nested", NULL, false, set_nested,
	  "let the guest run virtual machines (VMX, SVM)" },
	{ "--pmu", NULL, false, set_pmu, "give the guest performance counters" },
	{ "--pci-cf8", "WHEN", false, set_pci_cf8,
	  "PCI by the ports CF8 and CFC beside ECAM: on, off or\n"
	  "auto, off for Linux, which is faster without [auto]" },
	{ "--kernel-unpack", "WHEN", false, set_kernel_unpack,
	  "unpack a bzImage of Linux before the guest starts, and\n"
	  "keep it for the next time: auto or off [auto]" },
	{ "--sandbox", "MODE", false, set_sandbox,
	  "what thru may not do any more once the guest runs:\n"
	  "on, off, or log, which only tells [off]" },
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
OPTION_TABLE_FITS(options_run);

/* A guest looks for functions 1 to 7 only where there is a function 0 (PCIe 6.0 §7.5.1.1.9). */
static int check_addresses(const struct run_options *o)
{
	for (unsigned i = 0; i < o->n_vfio; i++) {
		unsigned devfn = o->vfio[i].devfn;
		bool found = !(devfn & 7);

		for (unsigned k = 0; k < o->n_vfio && !found; k++)
			found = o->vfio[k].devfn == (devfn & ~7u);
		if (!found)
			return options_refuse(
				"--vfio: addr=%02x.%x: the guest finds no function without a "
				"function 0 beside it; give another device addr=%02x.0",
				devfn >> 3, devfn & 7, devfn >> 3);
	}
	return 0;
}

/* A share has a tag by what was said, or by its place. */
static int check_tags(struct run_options *o)
{
	for (unsigned i = 0; i < o->n_shares; i++) {
		struct share_option *share = &o->shares[i];

		if (strlen(share->at) > SHARE_TAG)
			return options_refuse("--share %s:%s: a tag has at most %u bytes; give "
					      "a shorter one",
					      share->path, share->at, SHARE_TAG);
		if (*share->at)
			memcpy(share->tag, share->at, strlen(share->at) + 1);
		else
			snprintf(share->tag, sizeof(share->tag), "share%u", i);
		for (unsigned k = 0; k < i; k++)
			if (!strcmp(o->shares[k].tag, share->tag))
				return options_refuse("--share %s: another folder has the tag %s; "
						      "give DIR:TAG with another",
						      share->path, share->tag);
	}
	return 0;
}

/* A guest that is started again needs all that the sandbox takes away. */
static int check_sandbox(struct run_options *o)
{
	if (o->sandbox && o->restart)
		return options_refuse(
			"--sandbox: not with --on-reboot restart, which opens all again; leave "
			"one of the two out");
	return 0;
}

static int unexpected(void *to, const char *word)
{
	(void)to;
	return options_refuse("%s: unexpected; a kernel is given as --kernel FILE, a device as "
			      "--vfio BDF",
			      word);
}

int options_parse_run(int argc, char **argv, struct run_options *ret)
{
	struct run_options o = { .cmdline = OPTIONS_CMDLINE_DEFAULT,
				 .cpus = 1,
				 .mem = OPTIONS_MEM_DEFAULT,
				 .iommufd = -1,
				 .kernel_unpack = true,
				 .vfio_api = HOSTWAY_ANY };
	int r = options_walk(argc, argv, options_run, unexpected, &o, NULL);

	if (!r && !o.kernel)
		r = options_refuse("--kernel is missing; give --kernel FILE, a bzImage or vmlinux");
	if (!r)
		r = check_addresses(&o);
	if (!r)
		r = check_tags(&o);
	if (!r)
		r = check_sandbox(&o);
	if (!r)
		*ret = o;
	return r;
}
