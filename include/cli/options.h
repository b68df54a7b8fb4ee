/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line: options by one table, which the help is printed from, and every refusal as one
 * line that names the option. Nothing is opened or asked of the host here.
 */
#pragma once

#include <cli/device_option.h>
#include <cli/disk_option.h>
#include <cli/net_option.h>
#include <cli/share_option.h>
#include <cli/vhost_user_option.h>

#include <base/types.h>
#include <devices/pci.h>
#include <host/seal.h>
#include <host/sysfs.h>
#include <stdio.h>

#define OPTIONS_VFIO_MAX        32
#define OPTIONS_DISK_MAX        8
#define OPTIONS_NET_MAX         4
#define OPTIONS_SHARE_MAX       8
#define OPTIONS_VHOST_USER_MAX  4
#define OPTIONS_CPUS_MAX        65535 /* a sanity bound: KVM and the board say what they allow */
#define OPTIONS_MEM_DEFAULT     MIB(512)
#define OPTIONS_CMDLINE_DEFAULT "console=ttyS0"

enum serial_kind { SERIAL_STDIO, SERIAL_FILE, SERIAL_NONE };

/* Strings are argv's own. */
struct run_options {
	const char *kernel;
	const char *initrd;  /* NULL: none */
	const char *cmdline; /* never NULL */
	unsigned cpus;
	uint64_t mem;      /* bytes, a multiple of 1 MiB */
	uint64_t hugepage; /* bytes; 0: ordinary pages */
	bool prealloc;     /* all of it before the guest starts */
	struct device_option vfio[OPTIONS_VFIO_MAX];
	unsigned n_vfio;
	struct disk_option disks[OPTIONS_DISK_MAX];
	unsigned n_disks;
	struct net_option nets[OPTIONS_NET_MAX];
	unsigned n_nets;
	uint32_t vsock;                                    /* the guest's CID; 0: no sockets */
	struct share_option shares[OPTIONS_SHARE_MAX + 1]; /* one more for --root of thru test */
	unsigned n_shares;
	struct vhost_user_option vhost_user[OPTIONS_VHOST_USER_MAX];
	unsigned n_vhost_user;
	const char *virtiofsd; /* NULL: the one of this host */
	int iommufd;           /* given by --iommufd; -1: open /dev/iommu */
	unsigned allow;        /* HOSTSAFE_* that --allow named */
	int vfio_api;          /* an enum vfio_way; HOSTWAY_ANY: the best */
	enum serial_kind serial;
	char serial_path[4096]; /* SERIAL_FILE only */
	uint64_t serial_max;    /* bytes; 0: as large as it gets */
	bool restart;           /* --on-reboot restart */
	bool nested, pmu;       /* --cpu-nested, --pmu */
	enum pci_cf8 pci_cf8;
	bool kernel_unpack; /* --kernel-unpack auto */
	enum seal_mode sandbox;
	bool panic_on_console;
	bool explain;
	bool stats;
	const char *trace; /* NULL: none */
};

struct open_options {
	struct device_option devices[OPTIONS_VFIO_MAX];
	unsigned n;
	const char *user;
	const char *socket; /* NULL: run `command` */
	char **command;     /* argv's own end, NULL at its end; NULL: none */
	uint64_t memlock;   /* bytes; 0: as it is; UINT64_MAX: unlimited */
	unsigned allow;     /* HOSTSAFE_* */
	int vfio_api;       /* as of run_options */
	bool bind;          /* to vfio-pci, where they are not */
	bool force;         /* with that, what the host uses, too */
	bool bound;         /* hand them over bound to the iommufd */
};

#define OPTIONS_LIST_MAX 256
#define TEST_JOBS_MAX    256 /* guests of thru test at once */

/* A list of values in the order given; strings are argv's own. */
struct option_list {
	const char *at[OPTIONS_LIST_MAX + 1]; /* NULL behind the last */
	unsigned n;
};

struct test_options {
	struct run_options
		run; /* its kernel may be a build tree; its cmdline is only what was added */
	struct option_list vfio;    /* as they were given */
	const char *modules;        /* "auto", "none", or a folder */
	struct option_list add;     /* HOSTPATH[:GUESTPATH] */
	struct option_list env;     /* K=V */
	struct option_list collect; /* GUESTPATH:HOSTDIR */
	const char *cwd, *user;     /* NULL: as thru's own; root */
	const char *root;        /* a folder that is the guest's root; NULL: one made in memory */
	unsigned boot_timeout;   /* seconds, as all of these; `slow` is in them already */
	unsigned timeout, stall; /* 0: none */
	struct option_list fail_on, ignore;
	const char *json, *junit, *log; /* NULL: none */
	unsigned repeat, jobs, retry;   /* jobs 0: as many as there is room for */
	bool bisect, no_boot_skips, dry_run, verbose, fail_fast;
	char **command; /* argv's own end; NULL: a shell */
};

/* argv[0] is the verb. 0, or -EINVAL with the reason recorded (STATUS_USAGE). */
int options_parse_run(int argc, char **argv, struct run_options *ret) _must_check_;

/* `test`: the options of a guest, those of a test, then -- and a command. */
int options_parse_test(int argc, char **argv, struct test_options *ret) _must_check_;

/* `devices`: only --json. */
int options_parse_devices(int argc, char **argv, bool *ret_json) _must_check_;

/* `probe`: --json and any number of BDFs, each once. *ret has room for argc. */
int options_parse_probe(int argc, char **argv, struct bdf *ret, unsigned *ret_n,
			bool *ret_json) _must_check_;

/* `trace`: one file. */
int options_parse_trace(int argc, char **argv, const char **ret_path) _must_check_;

/* `bind`: one BDF or more, each once, and --force. *ret has room for argc. */
int options_parse_bind(int argc, char **argv, struct bdf *ret, unsigned *ret_n,
		       bool *ret_force) _must_check_;

/* `unbind`: one BDF or more, each once. The same. */
int options_parse_bdfs(int argc, char **argv, struct bdf *ret, unsigned *ret_n) _must_check_;

/* `open`: options and functions, then -- and a command. */
int options_parse_open(int argc, char **argv, struct open_options *ret) _must_check_;

/* The candidate that `word` is likely a slip of the finger for, or NULL. NULL ends the list. */
const char *options_nearest(const char *word, const char *const *candidates);

/* The verbs that exist, NULL at the end; whether one is among them. */
extern const char *const options_verbs[];
bool help_known(const char *verb);

/* Help of a verb, or of the program for NULL. */
void help_print(const char *verb, FILE *out);
