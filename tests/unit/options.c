/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line: every value that it takes, and every refusal with the option's name in it. */
#include <cli/options.h>
#include <hostfn/hostway.h>

#include <hostfn/hostsafe.h>

#include <cli/cache_folder.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

#define ARGS_MAX 64

static struct run_options o;

/* Words separated by '|', after the verb. */
static int parse(const char *line)
{
	static char text[4096];
	char *argv[ARGS_MAX] = { (char *)"run" }, *rest = text;
	int argc = 1;

	snprintf(text, sizeof(text), "%s", line);
	while (*line && rest && argc < ARGS_MAX - 1)
		argv[argc++] = strsep(&rest, "|");
	memset(&o, 0xa5, sizeof(o));
	return options_parse_run(argc, argv, &o);
}

static void defaults(void)
{
	CHECK(!parse("--kernel|vmlinuz"));
	CHECK(!strcmp(o.kernel, "vmlinuz"));
	CHECK(!o.initrd);
	CHECK(!strcmp(o.cmdline, "console=ttyS0"));
	CHECK_EQ(o.cpus, 1);
	CHECK_EQ(o.mem, MIB(512));
	CHECK_EQ(o.n_vfio, 0);
	CHECK_EQ(o.serial, SERIAL_STDIO);
	CHECK(!o.restart);
	CHECK(o.kernel_unpack);
	CHECK_EQ(o.sandbox, SEAL_OFF);
}

static void everything(void)
{
	CHECK(!parse(
		"--vfio|0000:00:02.0|--kernel=k=1|--initrd|i|--cmdline|a=b --c|--cpus=4|--mem|"
		"3G|--vfio=01:00.1|--serial|file:/x/log|--on-reboot=restart|--kernel-unpack=off"));
	CHECK(!o.kernel_unpack);
	CHECK_EQ(o.sandbox, SEAL_OFF);
	CHECK(!strcmp(o.kernel, "k=1"));
	CHECK(!strcmp(o.initrd, "i"));
	CHECK(!strcmp(o.cmdline, "a=b --c"));
	CHECK_EQ(o.cpus, 4);
	CHECK_EQ(o.mem, GIB(3));
	CHECK_EQ(o.n_vfio, 2);
	CHECK_EQ(o.vfio[0].bdf.device, 2);
	CHECK_EQ(o.vfio[1].bdf.bus, 1);
	CHECK_EQ(o.vfio[1].bdf.function, 1);
	CHECK_EQ(o.serial, SERIAL_FILE);
	CHECK(!strcmp(o.serial_path, "/x/log"));
	CHECK_EQ(o.serial_max, 0);
	CHECK(o.restart);
	CHECK(!parse("--kernel|k|--cmdline=|--serial=none|--on-reboot|exit"));
	CHECK(!strcmp(o.cmdline, ""));
	CHECK_EQ(o.serial, SERIAL_NONE);
	CHECK(!parse("--kernel|k|--serial|file:/x/a,b,max=3M"));
	CHECK(!strcmp(o.serial_path, "/x/a,b"));
	CHECK_EQ(o.serial_max, MIB(3));
	CHECK(!parse("--kernel|k|--cmdline|--quiet")); /* a value may look like an option */
	CHECK(!strcmp(o.cmdline, "--quiet"));
}

static void device_values(void)
{
	CHECK(!parse(
		"--kernel|k|--vfio|00:02.0|--vfio|/dev/vfio/devices/vfio3,name=a.b-1|--vfio|"
		"fd=17,addr=1f.0,reset=none,d3cold=off|--vfio|00:03.0,addr=1F.7,reset=auto,d3cold=on|--iommufd|"
		"fd=9|--allow|acs-override|--allow=unsafe-interrupts"));
	CHECK_EQ(o.n_vfio, 4);
	CHECK_EQ(o.vfio[0].by, DEVICE_BY_BDF);
	CHECK_EQ(o.vfio[0].devfn, 0);
	CHECK_EQ(o.vfio[0].reset, DEVICE_RESET_AUTO);
	CHECK_EQ(o.vfio[0].name[0], 0);
	CHECK_EQ(o.vfio[1].by, DEVICE_BY_PATH);
	CHECK(!strcmp(o.vfio[1].path, "/dev/vfio/devices/vfio3"));
	CHECK(!strcmp(o.vfio[1].name, "a.b-1"));
	CHECK_EQ(o.vfio[2].by, DEVICE_BY_FD);
	CHECK_EQ(o.vfio[2].fd, 17);
	CHECK_EQ(o.vfio[2].devfn, 0xf8);
	CHECK_EQ(o.vfio[2].reset, DEVICE_RESET_NONE);
	CHECK(o.vfio[2].no_d3cold && !o.vfio[3].no_d3cold && !o.vfio[0].no_d3cold);
	CHECK_EQ(o.vfio[3].devfn, 0xff);
	CHECK(!o.vfio[3].has_token);
	CHECK_EQ(o.iommufd, 9);
	CHECK_EQ(o.allow, HOSTSAFE_ACS_OVERRIDE | HOSTSAFE_UNSAFE_INTERRUPTS);
}

static void mediated(void)
{
	CHECK(!parse("--kernel|k|--vfio|D69E3F51-4e0f-4b8f-9c6e-0d7f6c2f3f11,addr=05.0|--vfio|"
		     "/sys/bus/mdev/devices/d69e3f51-4e0f-4b8f-9c6e-0d7f6c2f3f12"));
	CHECK_EQ(o.vfio[0].by, DEVICE_BY_MDEV);
	CHECK(!strcmp(o.vfio[0].path, "d69e3f51-4e0f-4b8f-9c6e-0d7f6c2f3f11"));
	CHECK_EQ(o.vfio[0].devfn, 0x28);
	CHECK_EQ(o.vfio[1].by, DEVICE_BY_MDEV);
	CHECK(!strcmp(o.vfio[1].path, "d69e3f51-4e0f-4b8f-9c6e-0d7f6c2f3f12"));
	CHECK(parse("--kernel|k|--vfio|d69e3f51-4e0f-4b8f-9c6e-0d7f6c2f3f1"));
	CHECK_ERROR("not a PCI address");
}

static void ways(void)
{
	CHECK(!parse("--kernel|k|--vfio|00:02.0"));
	CHECK_EQ(o.vfio_api, HOSTWAY_ANY);
	CHECK_EQ(o.vfio[0].group_fd, -1);
	CHECK_EQ(o.vfio[0].container_fd, -1);
	CHECK(!parse("--kernel|k|--vfio-api|group-iommufd|--vfio|00:02.0,group-fd=4,container-fd=3"
		     "|--vfio|group-fd=5,p2p=on"));
	CHECK_EQ(o.vfio_api, VFIO_WAY_GROUP_IOMMUFD);
	CHECK_EQ(o.vfio[0].by, DEVICE_BY_BDF);
	CHECK_EQ(o.vfio[0].group_fd, 4);
	CHECK_EQ(o.vfio[0].container_fd, 3);
	CHECK_EQ(o.vfio[1].by, DEVICE_BY_GROUP);
	CHECK_EQ(o.vfio[1].group_fd, 5);
	CHECK(!parse("--kernel|k|--vfio-api=group"));
	CHECK_EQ(o.vfio_api, VFIO_WAY_GROUP);
	CHECK(!parse("--kernel|k|--vfio-api=cdev"));
	CHECK_EQ(o.vfio_api, VFIO_WAY_CDEV);
}

static void sizes(void)
{
	static const struct {
		const char *text;
		uint64_t size;
	} cases[] = {
		{ "1048576", MIB(1) }, { "1024K", MIB(1) }, { "1M", MIB(1) },
		{ "2G", GIB(2) },      { "1T", TIB(1) },    { "0512M", MIB(512) },
	};
	char line[64];

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(line, sizeof(line), "--kernel|k|--mem|%s", cases[i].text);
		CHECK(!parse(line));
		CHECK_EQ(o.mem, cases[i].size);
	}
}

static void tokens(void)
{
	static const uint8_t want[] = { 0xd6, 0x9e, 0x3f, 0x51, 0x4e, 0x0f, 0x4b, 0x8f,
					0x9c, 0x6e, 0x0d, 0x7f, 0x6c, 0x2f, 0x3f, 0x11 };

	CHECK(!parse("--kernel|k|--vfio|00:02.0,vf-token=d69e3f51-4E0F-4b8f-9c6e-0d7f6c2f3f11"));
	CHECK(o.vfio[0].has_token);
	CHECK(!memcmp(o.vfio[0].token, want, sizeof(want)));
	CHECK(parse("--kernel|k|--vfio|00:02.0,vf-token=d69e3f51-4e0f-4b8f-9c6e-0d7f6c2f3f1"));
	CHECK_ERROR("not a UUID");
	CHECK(parse("--kernel|k|--vfio|00:02.0,vf-token=d69e3f51-4e0f-4b8f-9c6e-0d7f6c2f3f111"));
	CHECK_ERROR("not a UUID");
	CHECK(parse("--kernel|k|--vfio|00:02.0,vf-token=d69e3f514e0f4b8f9c6e0d7f6c2f3f11"));
	CHECK_ERROR("not a UUID");
}

static void pages(void)
{
	CHECK(!parse("--kernel|k|--mem|2G"));
	CHECK_EQ(o.hugepage, 0);
	CHECK(!o.prealloc);
	CHECK(!parse("--kernel|k|--mem|2G,prealloc,hugepages=1G"));
	CHECK_EQ(o.mem, GIB(2));
	CHECK_EQ(o.hugepage, GIB(1));
	CHECK(o.prealloc);
	CHECK(!parse("--kernel|k|--mem=4M,hugepages=2M"));
	CHECK_EQ(o.hugepage, MIB(2));
}

static struct open_options opened;

static int parse_open(const char *line)
{
	static char text[1024];
	static char *argv[ARGS_MAX];
	char *rest = text;
	int argc = 1;

	memset(argv, 0, sizeof(argv));
	argv[0] = (char *)"open";
	snprintf(text, sizeof(text), "%s", line);
	while (rest && argc < ARGS_MAX - 1)
		argv[argc++] = strsep(&rest, "|");
	return options_parse_open(argc, argv, &opened);
}

#define TOKEN "d69e3f51-4e0f-4b8f-9c6e-0d7f6c2f3f11"

static void open_verb(void)
{
	static const struct {
		const char *line, *error;
	} cases[] = {
		{ "--user|u|--|true", "open: which function?" },
		{ "00:02.0|--|true", "--user is missing" },
		{ "00:02.0|--user|u", "give either -- COMMAND or --socket PATH" },
		{ "00:02.0|--user|u|--", "give either -- COMMAND" },
		{ "00:02.0|--user|u|--socket=/s|--|true", "give either -- COMMAND" },
		{ "00:02.0|--user|u|--socket=", "--socket : not a path" },
		{ "00:02.0|00:02.0|--user|u|--|true", "given twice" },
		{ "00:02.0|--user|u|--user|v|--|true", "--user: given twice" },
		{ "00:02.0|--usr|u", "--usr: no such option; did you mean --user?" },
		{ "00:02.0|--user|u|--memlock|all|--|true", "--memlock all: not a size" },
		{ "00:02.0|--user|u|--allow|all|--|true", "--allow all: not known" },
		{ "00:02.0|--user|u|--bind=1|--|true", "--bind: takes no value" },
		{ "00:02.0,vf-token=" TOKEN "|--user|u|--|true", "vf-token: goes with the bind" },
		{ "00:02.0,vf-token=1|--user|u|--bound|--|true", "vf-token=1: not a UUID" },
		{ "00:02.0,addr=3.0|--user|u|--|true", "addr: no such key; see thru open --help" },
		{ "00:02.0,vf-tokn=1|--user|u|--|true", "vf-tokn: no such key; did you mean" },
		{ "fd=3|--user|u|--|true", "fd=3: not a PCI address" },
		{ "/dev/vfio/devices/vfio0|--user|u|--|true", "not a PCI address" },
		{ "00:02.0|00:02.0,vf-token=" TOKEN "|--user|u|--bound|--|true", "given twice" },
	};

	CHECK(!parse_open("--user|u|00:02.0|--bind|--memlock=2G|00:03.0|--|run|--user|x"));
	CHECK_EQ(opened.n, 2);
	CHECK_EQ(opened.devices[1].bdf.device, 3);
	CHECK(opened.bind && !opened.socket);
	CHECK_EQ(opened.memlock, GIB(2));
	CHECK(!strcmp(opened.user, "u"));
	CHECK(!strcmp(opened.command[0], "run") && !strcmp(opened.command[2], "x"));
	CHECK(!opened.command[3]);
	CHECK(!parse_open("00:02.0|--user=u|--socket|/s|--allow|acs-override|--memlock|unlimited"));
	CHECK(!opened.command && !opened.bind);
	CHECK_EQ(opened.allow, HOSTSAFE_ACS_OVERRIDE);
	CHECK_EQ(opened.memlock, UINT64_MAX);
	CHECK(!opened.bound && !opened.devices[0].has_token);
	CHECK(!parse_open("00:02.0|00:03.0,vf-token=" TOKEN "|--user=u|--bound|--|true"));
	CHECK(opened.bound && !opened.devices[0].has_token && opened.devices[1].has_token);
	CHECK_EQ(opened.devices[1].token[0], 0xd6);
	CHECK_EQ(opened.devices[1].token[15], 0x11);
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		CHECK_EQ(parse_open(cases[i].line), -EINVAL);
		CHECK_EQ(error_status(), STATUS_USAGE);
		CHECK_ERROR(cases[i].error);
	}
}

static void networks(void)
{
	static const uint8_t mac[6] = { 0x52, 0x54, 0, 0x12, 0x34, 0x5a };

	CHECK(!parse("--kernel|k"));
	CHECK(!o.n_nets && !o.vsock);
	CHECK(!parse(
		"--kernel|k|--net|none|--net|passt|--net=passt,host=on,mtu=1500|"
		"--net=tap=br-lan.5,mac=52:54:00:12:34:5A|--net|fd=9,mtu=68|--vsock|4294967294"));
	CHECK_EQ(o.n_nets, 4);
	CHECK_EQ(o.nets[0].kind, NET_PASST);
	CHECK(!o.nets[0].host && !o.nets[0].mtu && !o.nets[0].has_mac);
	CHECK(o.nets[1].host);
	CHECK_EQ(o.nets[1].mtu, 1500);
	CHECK_EQ(o.nets[2].kind, NET_TAP);
	CHECK(!strcmp(o.nets[2].name, "br-lan.5"));
	CHECK(o.nets[2].has_mac && !memcmp(o.nets[2].mac, mac, sizeof(mac)));
	CHECK_EQ(o.nets[3].kind, NET_FD);
	CHECK_EQ(o.nets[3].fd, 9);
	CHECK_EQ(o.nets[3].mtu, 68);
	CHECK_EQ(o.vsock, 4294967294u);
}

static void refusals(void)
{
	static const struct {
		const char *line, *error;
	} cases[] = {
		{ "", "--kernel is missing" },
		{ "--kernel", "--kernel: its value is missing; give --kernel FILE" },
		{ "--kernel=", "--kernel: the file's name is empty" },
		{ "--kernel|k|--initrd=", "--initrd: the file's name is empty" },
		{ "--kernel|a|--kernel|b", "--kernel: given twice" },
		{ "--kernel|k|--mem|1G|--mem=1G", "--mem: given twice" },
		{ "--kernel|k|--mem|0", "--mem 0: a guest needs memory" },
		{ "--kernel|k|--mem|0G", "--mem 0G: a guest needs memory" },
		{ "--kernel|k|--mem|1000000", "--mem 1000000: not a multiple of 1 MiB" },
		{ "--kernel|k|--mem|1025K", "round it, as in 2M" },
		{ "--kernel|k|--mem|1.5G", "--mem 1.5G: not a size" },
		{ "--kernel|k|--mem|1GB", "--mem 1GB: not a size" },
		{ "--kernel|k|--mem|-1", "--mem -1: not a size" },
		{ "--kernel|k|--mem|", "--mem : not a size" },
		{ "--kernel|k|--mem|lots", "--mem lots: not a size" },
		{ "--kernel|k|--mem|99999999999999999999", "not a size" },
		{ "--kernel|k|--mem|9999999999T", "--mem 9999999999T: larger than any" },
		{ "--kernel|k|--mem|8388608T", "larger than any" },
		{ "--kernel|k|--mem|3M,hugepages=2M", "not a multiple of its huge pages" },
		{ "--kernel|k|--mem|1G,hugepages=4K", "--mem: hugepages=4K: no host has such" },
		{ "--kernel|k|--mem|3G,hugepages=3M", "--mem: hugepages=3M: no host has such" },
		{ "--kernel|k|--mem|1G,hugepages=", "--mem: hugepages : not a size" },
		{ "--kernel|k|--mem|1G,", "--mem: : not known" },
		{ "--kernel|k|--mem|,prealloc", "not a size" },
		{ "--kernel|k|--vfio|socket=", "not a path" },
		{ "--kernel|k|--sandbox|yes", "--sandbox yes: not known; give on, off or log" },
		{ "--kernel|k|--sandbox|on|--on-reboot|restart",
		  "--sandbox: not with --on-reboot restart" },
		{ "--kernel|k|--sandbox|log|--on-reboot|restart",
		  "--sandbox: not with --on-reboot restart" },
		{ "--kernel|k|--kernel-unpack|on",
		  "--kernel-unpack on: not known; give auto or off" },
		{ "--kernel|k|--cpus|0", "--cpus 0: out of range" },
		{ "--kernel|k|--cpus|70000", "--cpus 70000: out of range" },
		{ "--kernel|k|--cpus|two", "--cpus two: not a number" },
		{ "--kernel|k|--cpus|2x", "--cpus 2x: not a number" },
		{ "--kernel|k|--cpus|-1", "--cpus -1: not a number" },
		{ "--kernel|k|--vfio|eth0", "--vfio eth0: not a PCI address" },
		{ "--kernel|k|--vfio|00:02.0|--vfio|0000:00:02.0",
		  "--vfio 0000:00:02.0: given twice" },
		{ "--kernel|k|--vfio|fd=", "--vfio fd=: not a file descriptor" },
		{ "--kernel|k|--vfio|fd=-1", "not a file descriptor; give fd=NUMBER" },
		{ "--kernel|k|--vfio|fd=3,fd=4", "--vfio fd=3,fd=4: fd: no such key" },
		{ "--kernel|k|--vfio|fd=3|--vfio=fd=3", "given twice" },
		{ "--kernel|k|--vfio|00:02.0,", ": no such key; see thru run --help" },
		{ "--kernel|k|--vfio|00:02.0,nam=x", "nam: no such key; did you mean name?" },
		{ "--kernel|k|--vfio|00:02.0,name", "name: its value is missing" },
		{ "--kernel|k|--vfio|00:02.0,name=", "name=: not a name" },
		{ "--kernel|k|--vfio|00:02.0,name=a b", "name=a b: not a name" },
		{ "--kernel|k|--vfio|00:02.0,name=a,name=b", "name: given twice" },
		{ "--kernel|k|--vfio|00:02.0,name=a|--vfio|00:03.0,name=a", "has that name" },
		{ "--kernel|k|--vfio|00:02.0,addr=00.1", "host bridge is there" },
		{ "--kernel|k|--vfio|00:02.0,addr=20.0", "addr=20.0: not a place" },
		{ "--kernel|k|--vfio|00:02.0,addr=02.8", "addr=02.8: not a place" },
		{ "--kernel|k|--vfio|00:02.0,addr=2", "addr=2: not a place" },
		{ "--kernel|k|--vfio|00:02.0,addr=02.00", "addr=02.00: not a place" },
		{ "--kernel|k|--vfio|00:02.0,addr=05.0|--vfio|00:03.0,addr=05.0",
		  "has that place" },
		{ "--kernel|k|--vfio|00:02.0,addr=05.1", "give another device addr=05.0" },
		{ "--kernel|k|--vfio|00:02.0,reset=maybe", "reset=maybe: not known; give auto" },
		{ "--kernel|k|--iommufd|5", "--iommufd 5: not known; give fd=NUMBER" },
		{ "--kernel|k|--vfio-api|type1",
		  "--vfio-api type1: not known; give cdev, group-iommufd or group" },
		{ "--kernel|k|--vfio|group-fd=x", "not a file descriptor; give group-fd=NUMBER" },
		{ "--kernel|k|--vfio|00:02.0,group-fd=", "group-fd=: not a file descriptor" },
		{ "--kernel|k|--vfio|fd=3,group-fd=4", "group-fd: goes with a PCI address" },
		{ "--kernel|k|--vfio|00:02.0,container-fd=3", "container-fd: goes with a group" },
		{ "--kernel|k|--vfio|group-fd=4|--vfio|group-fd=4", "given twice" },
		{ "--kernel|k|--allow|all", "--allow all: not known" },
		{ "--kernel|k|--serial|tty", "--serial tty: not known" },
		{ "--kernel|k|--serial|file:", "--serial file:: not known" },
		{ "--kernel|k|--serial|file:,max=1M", "--serial file:,max=1M: not a path" },
		{ "--kernel|k|--serial|file:x,max=1M,max=2", "--serial: max=2: too small" },
		{ "--kernel|k|--serial|file:x,max=big", "--serial: max big: not a size" },
		{ "--kernel|k|--on-reboot|die", "--on-reboot die: not known" },
		{ "--kernle|k", "--kernle: no such option; did you mean --kernel?" },
		{ "--memory=1G", "--memory: no such option; did you mean --mem?" },
		{ "--cpu=1", "--cpu: no such option; did you mean --cpus?" },
		{ "--frobnicate", "--frobnicate: no such option; see thru run --help" },
		{ "--kernel|k|--net=",
		  "--net : nothing: not known; give none, passt, tap=NAME or fd=N" },
		{ "--kernel|k|--net|user", "--net user: user: not known" },
		{ "--kernel|k|--net|tap=", "not the name of an interface" },
		{ "--kernel|k|--net|tap=a/b", "not the name of an interface" },
		{ "--kernel|k|--net|tap=0123456789abcdef", "not the name of an interface" },
		{ "--kernel|k|--net|fd=2", "give a number from 3" },
		{ "--kernel|k|--net|fd=x", "give a number from 3" },
		{ "--kernel|k|--net|fd=99999999999999999999", "give a number from 3" },
		{ "--kernel|k|--net|passt,mac=1:2:3:4:5:6", "mac=1:2:3:4:5:6: give six bytes" },
		{ "--kernel|k|--net|passt,mac=52:54:00:12:34:5g", "give six bytes" },
		{ "--kernel|k|--net|passt,mac=52:54:00:12:34:567", "give six bytes" },
		{ "--kernel|k|--net|passt,mac=53:54:00:12:34:56", "whose first byte is even" },
		{ "--kernel|k|--net|passt,mac=00:00:00:00:00:00", "whose first byte is even" },
		{ "--kernel|k|--net|passt,mtu=67", "give a number from 68 to 65520" },
		{ "--kernel|k|--net|passt,mtu=65521", "give a number from 68 to 65520" },
		{ "--kernel|k|--net|passt,", "nothing: not known; give mac=" },
		{ "--kernel|k|--net|tap=a,host=on", "host=on: not known" },
		{ "--kernel|k|--net|none,mtu=1500", "none has no keys" },
		{ "--kernel|k|--net=fd=4|--net=fd=5|--net=fd=6|--net=fd=7|--net=fd=8",
		  "more than 4 cards" },
		{ "--kernel|k|--vsock|2", "--vsock 2: give the guest's address" },
		{ "--kernel|k|--vsock|4294967295", "a number from 3 to 4294967294" },
		{ "--kernel|k|--vsock|-3", "give the guest's address" },
		{ "--kernel|k|--vsock|5|--vsock|6", "--vsock: given twice" },
		{ "-k|k", "-k: no such option" },
		{ "vmlinuz", "vmlinuz: unexpected; a kernel is given as --kernel FILE" },
		{ "--kernel|k|-", "-: unexpected" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		CHECK_EQ(parse(cases[i].line), -EINVAL);
		CHECK_EQ(error_status(), STATUS_USAGE);
		CHECK(!strchr(error_message(), '\n'));
		CHECK_ERROR(cases[i].error);
	}
}

static void too_many_devices(void)
{
	char line[4096] = "--kernel|k";

	for (unsigned i = 0; i <= OPTIONS_VFIO_MAX; i++) {
		if (i == OPTIONS_VFIO_MAX)
			CHECK(!parse(line));
		snprintf(line + strlen(line), 32, "|--vfio=%02x:00.0", i + 1);
	}
	CHECK_EQ(parse(line), -EINVAL);
	CHECK_ERROR("more than 32 functions");
}

static void devices(void)
{
	char *plain[] = { (char *)"devices", NULL };
	char *json[] = { (char *)"devices", (char *)"--json", NULL };
	char *value[] = { (char *)"devices", (char *)"--json=1", NULL };
	char *slip[] = { (char *)"devices", (char *)"--jason", NULL };
	char *word[] = { (char *)"devices", (char *)"all", NULL };
	bool b = true;

	CHECK(!options_parse_devices(1, plain, &b) && !b);
	CHECK(!options_parse_devices(2, json, &b) && b);
	CHECK_EQ(options_parse_devices(2, value, &b), -EINVAL);
	CHECK_ERROR("--json: takes no value");
	CHECK_EQ(options_parse_devices(2, slip, &b), -EINVAL);
	CHECK_ERROR("did you mean --json?");
	CHECK_EQ(options_parse_devices(2, word, &b), -EINVAL);
	CHECK_ERROR("all: unexpected");
}

static void bdfs(void)
{
	char *none[] = { (char *)"bind", NULL };
	char *two[] = { (char *)"bind", (char *)"00:02.0", (char *)"0000:00:03.0", NULL };
	char *twice[] = { (char *)"bind", (char *)"00:02.0", (char *)"0000:00:02.0", NULL };
	char *wrong[] = { (char *)"unbind", (char *)"nic", NULL };
	char *option[] = { (char *)"bind", (char *)"--force", (char *)"00:02.0", NULL };
	struct bdf list[4];
	unsigned n = 0;

	CHECK(!options_parse_bdfs(3, two, list, &n));
	CHECK_EQ(n, 2);
	CHECK_EQ(list[1].device, 3);
	CHECK_EQ(options_parse_bdfs(1, none, list, &n), -EINVAL);
	CHECK_ERROR("bind: which function?");
	CHECK_EQ(options_parse_bdfs(3, twice, list, &n), -EINVAL);
	CHECK_ERROR("0000:00:02.0: given twice");
	CHECK_EQ(options_parse_bdfs(2, wrong, list, &n), -EINVAL);
	CHECK_ERROR("nic: not a PCI address");
	CHECK_EQ(options_parse_bdfs(3, option, list, &n), -EINVAL);
	CHECK_ERROR("--force: no such option");
}

static void nearest(void)
{
	CHECK(!strcmp(options_nearest("devcies", options_verbs), "devices"));
	CHECK(!strcmp(options_nearest("unbnid", options_verbs), "unbind"));
	CHECK(!strcmp(options_nearest("rnu", options_verbs), "run"));
	CHECK(!options_nearest("frobnicate", options_verbs));
	CHECK(!options_nearest("", options_verbs));
}

static void shares(void)
{
	static const struct {
		const char *line, *error;
	} refused[] = {
		{ "--kernel|k|--share=", "--share : a name is missing" },
		{ "--kernel|k|--share|a:", "--share a:: a name is missing" },
		{ "--kernel|k|--share|:t", "--share :t: a name is missing" },
		{ "--kernel|k|--share|a|--share|b:share0", "another folder has the tag share0" },
		{ "--kernel|k|--share|a:t|--share|b:t", "another folder has the tag t" },
		{ "--kernel|k|--share|a:1234567890123456789012345678901234567",
		  "a tag has at most 36 bytes" },
		{ "--kernel|k|--virtiofsd=", "--virtiofsd: the file's name is empty" },
		{ "--kernel|k|--share|a|--share|a|--share|a|--share|a|--share|a|--share|a|"
		  "--share|a|--share|a|--share|a",
		  "more than 8 folders" },
		{ "--kernel|k|--root|/", "--root: no such option" },
		{ "--kernel|k|--vhost-user|fs", "give TYPE,socket=PATH" },
		{ "--kernel|k|--vhost-user|,socket=/s", "not a kind of device" },
		{ "--kernel|k|--vhost-user|gpu,socket=/s", "gpu: not a kind of device" },
		{ "--kernel|k|--vhost-user|64,socket=/s", "64: not a kind of device" },
		{ "--kernel|k|--vhost-user|block,socket=", "socket=: give 1 to 107 bytes" },
		{ "--kernel|k|--vhost-user|block,socket=/s,tag=a", "tag=a: not known" },
		{ "--kernel|k|--vhost-user|26,socket=/s,queues=65", "queues=65: give a number" },
		{ "--kernel|k|--vhost-user|26,socket=/s,queues=0", "queues=0: give a number" },
		{ "--kernel|k|--vhost-user|26,socket=/s,config=65", "config=65: give a number" },
		{ "--kernel|k|--vhost-user|26,socket=/s,ro", "ro: not known" },
		{ "--kernel|k|--vhost-user|fs,socket=/s,queues=1", "give 2 or more" },
	};

	CHECK(!parse("--kernel|k|--vhost-user|fs,socket=/s,tag=t,queues=3|--vhost-user|2,socket=b|"
		     "--vhost-user|33,config=8,socket=c"));
	CHECK(o.n_vhost_user == 3 && o.vhost_user[0].type == 26 && o.vhost_user[0].queues == 3);
	CHECK(!strcmp(o.vhost_user[0].tag, "t") && !strcmp(o.vhost_user[0].socket, "/s"));
	CHECK(o.vhost_user[1].type == 2 && !o.vhost_user[1].queues && !*o.vhost_user[1].tag);
	CHECK(o.vhost_user[2].type == 33 && o.vhost_user[2].config == 8);

	CHECK(!parse("--kernel|k|--share|/a:b:123456789012345678901234567890123456,ro|--share|c,ro|"
		     "--share|d,x"));
	CHECK_EQ(o.n_shares, 3);
	CHECK(!strcmp(o.shares[0].path, "/a:b") && o.shares[0].read_only && !o.shares[0].whole);
	CHECK(!strcmp(o.shares[0].tag, "123456789012345678901234567890123456"));
	CHECK(!strcmp(o.shares[1].path, "c") && o.shares[1].read_only);
	CHECK(!strcmp(o.shares[1].tag, "share1"));
	CHECK(!strcmp(o.shares[2].path, "d,x") && !o.shares[2].read_only && !o.virtiofsd);
	for (unsigned i = 0; i < ARRAY_SIZE(refused); i++) {
		CHECK_EQ(parse(refused[i].line), -EINVAL);
		CHECK_ERROR(refused[i].error);
	}
}

static struct test_options test;

static int parse_test(const char *line)
{
	static char text[4096];
	char *argv[ARGS_MAX] = { (char *)"test" }, *rest = text;
	int argc = 1;

	snprintf(text, sizeof(text), "%s", line);
	while (*line && rest && argc < ARGS_MAX - 1)
		argv[argc++] = strsep(&rest, "|");
	memset(&test, 0xa5, sizeof(test));
	return options_parse_test(argc, argv, &test);
}

static void test_verb(void)
{
	static const struct {
		const char *line, *error;
	} refused[] = {
		{ "--|true", "--kernel is missing" },
		{ "--kernel|k|true", "true: unexpected; the command comes after --" },
		{ "--kernel|k|--cpus|0", "--cpus 0: out of range" },
		{ "--kernel|k|--vfio|0000:00:02.0|--vfio|0000:00:02.0", "given twice" },
		{ "--kernel|k|--serial|none", "--serial: no such option" },
		{ "--kernel|k|--env|A", "--env A: has no value" },
		{ "--kernel|k|--cwd|tmp", "--cwd tmp: not a path from the guest's root" },
		{ "--kernel|k|--add|a:b", "--add a:b: not known" },
		{ "--kernel|k|--timeout|soon", "--timeout soon: not a time" },
		{ "--kernel|k|--slow|0", "--slow 0: not a factor" },
		{ "--kernel|k|--slow|1.5x", "--slow 1.5x: not a factor" },
		{ "--kernel|k|--no-boot-skips", "with --bisect only" },
		{ "--kernel|k|--log=", "--log: is empty" },
		{ "--kernel|k|--collect|a:b", "--collect a:b: not known" },
		{ "--kernel|k|--collect|/a", "--collect /a: not known" },
		{ "--kernel|k|--collect|/a:", "--collect /a:: not known" },
		{ "--kernel|k|--repeat|0|--|a", "--repeat 0: not a number from 1 to 1000000" },
		{ "--kernel|k|--retry|-1|--|a", "--retry -1: not a number" },
		{ "--kernel|k|--repeat|2|--jobs|257|--|a",
		  "--jobs 257: not a number from 1 to 256" },
		{ "--kernel|k|--repeat|2|--jobs|0|--|a", "--jobs 0: not a number" },
		{ "--kernel|k|--jobs|2|--|a", "--jobs: means something with --repeat only" },
		{ "--kernel|k|--fail-fast|--|a", "--fail-fast: means something with --repeat" },
		{ "--kernel|k|--repeat|2", "--repeat: means something with a command only" },
		{ "--kernel|k|--retry|2", "--retry: means something with a command only" },
		{ "--kernel|k|--share|/a:b", "b is not a path from the guest's root" },
		{ "--kernel|k|--share|,ro", "--share ,ro: a name is missing" },
		{ "--kernel|k|--root=", "--root: is empty" },
		{ "--kernel|k|--root|/|--add|/a", "--add /a: means nothing with --root" },
		{ "--kernel|k|--repeat|4|--jobs|2|--vfio|0000:00:02.0|--|a",
		  "--jobs 2: a device is in one guest at a time" },
	};

	CHECK(!parse_test("--kernel|k|--|a|--b"));
	CHECK(!strcmp(test.run.kernel, "k") && !strcmp(test.modules, "auto"));
	CHECK_EQ(test.boot_timeout, 60);
	CHECK_EQ(test.timeout, 3600);
	CHECK_EQ(test.stall, 0);
	CHECK(!strcmp(test.command[0], "a") && !strcmp(test.command[1], "--b"));
	CHECK(!strcmp(test.run.cmdline, "") && test.run.mem == OPTIONS_MEM_DEFAULT);
	CHECK(!parse_test(
		"--slow|1.5|--kernel=t|--timeout=3|--stall|1|--cpus|2|--mem|1G|--cmdline|x y|"
		"--vfio|0000:00:02.0|--env|A=|--add|/a|--add|b:/c|--bisect|--no-boot-skips|-v"));
	CHECK_EQ(test.boot_timeout, 90);
	CHECK_EQ(test.timeout, 5); /* never less than was asked for */
	CHECK_EQ(test.stall, 2);
	CHECK(test.run.cpus == 2 && test.run.mem == GIB(1) && test.run.n_vfio == 1);
	CHECK(!strcmp(test.vfio.at[0], "0000:00:02.0") && !test.vfio.at[1]);
	CHECK(!strcmp(test.run.cmdline, "x y") && test.add.n == 2 && test.env.n == 1);
	CHECK(!test.run.nested && !test.run.pmu);
	CHECK(!parse_test(
		"--kernel|k|--cpu-nested|--pmu|--vfio|0000:00:02.0|--vfio-api|group|--|a"));
	CHECK(test.run.nested && test.run.pmu && test.run.vfio_api == VFIO_WAY_GROUP);
	CHECK(test.run.kernel_unpack && test.run.pci_cf8 == PCI_CF8_AUTO);
	CHECK_EQ(test.run.sandbox, SEAL_OFF);
	CHECK(!parse_test("--kernel|k|--sandbox|log|--|a"));
	CHECK_EQ(test.run.sandbox, SEAL_LOG);
	CHECK(!parse_test("--kernel|k|--sandbox|off|--|a"));
	CHECK_EQ(test.run.sandbox, SEAL_OFF);
	CHECK(!parse_test("--kernel|k|--kernel-unpack|off|--pci-cf8|on|--|a"));
	CHECK(!test.run.kernel_unpack && test.run.pci_cf8 == PCI_CF8_ON);
	CHECK(!parse_test("--kernel|t|--bisect|--no-boot-skips|-v"));
	CHECK(test.bisect && test.no_boot_skips && test.verbose && !test.command);
	CHECK(test.repeat == 1 && !test.retry && !test.jobs && !test.fail_fast);
	CHECK(!parse_test("--kernel|k|--repeat|9|--jobs|3|--retry|2|--fail-fast|--|a"));
	CHECK(test.repeat == 9 && test.jobs == 3 && test.retry == 2 && test.fail_fast);
	CHECK(!parse_test("--kernel|k|--repeat|9|--jobs|1|--vfio|0000:00:02.0|--|a"));
	CHECK(!parse_test("--kernel|k|--root|/|--share|a,b:/c,ro|--share|d|--virtiofsd|v"));
	CHECK(!strcmp(test.root, "/") && !strcmp(test.run.virtiofsd, "v"));
	CHECK(test.run.n_shares == 2 && test.run.shares[0].read_only);
	CHECK(!strcmp(test.run.shares[0].path, "a,b") && !strcmp(test.run.shares[0].at, "/c"));
	CHECK(!strcmp(test.run.shares[1].path, "d") && !*test.run.shares[1].at);
	CHECK(strcmp(test.run.shares[0].tag, test.run.shares[1].tag));
	for (unsigned i = 0; i < ARRAY_SIZE(refused); i++) {
		CHECK_EQ(parse_test(refused[i].line), -EINVAL);
		CHECK_ERROR(refused[i].error);
	}
}

static void help(void)
{
	static const char *const wanted[] = {
		"--kernel FILE", "--initrd FILE",  "--cmdline STRING",  "--cpus N",
		"--mem SIZE",    "--vfio DEVICE",  "--iommufd fd=N",    "--vfio-api WAY",
		"--allow WHAT",  "--serial WHERE", "--on-reboot ACTION"
	};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	CHECK(out);
	help_print("run", out);
	fflush(out);
	for (unsigned i = 0; i < ARRAY_SIZE(wanted); i++)
		CHECK(strstr(text, wanted[i]));
	for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1)
		CHECK(end - line <= 80);
	rewind(out);
	help_print("test", out);
	fflush(out);
	for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1)
		CHECK(end - line <= 80);
	rewind(out);
	help_print(NULL, out);
	fflush(out);
	for (unsigned i = 0; options_verbs[i]; i++) {
		CHECK(strstr(text, options_verbs[i]));
		CHECK(help_known(options_verbs[i]));
	}
	CHECK(!help_known("frobnicate"));
	fclose(out);
	free(text);
}

/* What the cache's folder is in: made for this user alone, or not used. */
static void cache_folder(void)
{
	char home[] = "/tmp/thru-home-XXXXXX", path[64];
	struct stat st;
	int fd;

	CHECK(mkdtemp(home));
	unsetenv("XDG_CACHE_HOME");
	setenv("HOME", home, 1);
	fd = cache_folder_open();
	snprintf(path, sizeof(path), "%s/.cache/thru/kernels", home);
	CHECK(fd >= 0 && !stat(path, &st));
	CHECK_EQ(st.st_mode & 07777, 0700);
	close(fd);
	fd = cache_folder_open(); /* the second time it is there */
	CHECK(fd >= 0);
	close(fd);
	CHECK(!chmod(path, 0750));
	CHECK_EQ(cache_folder_open(), -1);
	CHECK(!chmod(path, 0700));
	if (!geteuid()) {
		CHECK(!chown(path, 1, 1));
		CHECK_EQ(cache_folder_open(), -1);
		CHECK(!chown(path, 0, 0) && !chown(home, 1, 1));
		CHECK_EQ(cache_folder_open(), -1);
		CHECK(!chown(home, 0, 0));
	}
	/* A link of somebody's to another folder. */
	CHECK(!rmdir(path) && !symlink("..", path));
	CHECK_EQ(cache_folder_open(), -1);
	CHECK(!unlink(path));
	/* The other variable counts when it is an absolute path. */
	setenv("XDG_CACHE_HOME", "relative", 1);
	fd = cache_folder_open();
	CHECK(fd >= 0 && !rmdir(path));
	close(fd);
	setenv("XDG_CACHE_HOME", home, 1);
	fd = cache_folder_open();
	CHECK(fd >= 0 && rmdir(path) < 0);
	close(fd);
	snprintf(path, sizeof(path), "rm -r %s", home);
	CHECK_EQ(system(path), 0);
	/* None of them. */
	setenv("XDG_CACHE_HOME", "/proc/no", 1);
	CHECK_EQ(cache_folder_open(), -1);
	unsetenv("XDG_CACHE_HOME");
	setenv("HOME", "/nonexistent", 1);
	CHECK_EQ(cache_folder_open(), -1);
	unsetenv("HOME");
	CHECK_EQ(cache_folder_open(), -1);
}

static const struct test tests[] = {
	TEST(defaults), TEST(everything), TEST(device_values), TEST(ways),
	TEST(mediated), TEST(tokens),     TEST(pages),         TEST(open_verb),
	TEST(sizes),    TEST(networks),   TEST(refusals),      TEST(too_many_devices),
	TEST(devices),  TEST(bdfs),       TEST(nearest),       TEST(help),
	TEST(shares),   TEST(test_verb),  TEST(cache_folder),
};
TEST_MAIN(tests)
