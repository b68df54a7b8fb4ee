/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A command line: a byte that names the verb, then a word a line. What is accepted is within the bounds that the rest
 * of thru takes from it.
 *
 * Fuzzes: vmm/cli/options.c vmm/cli/options_run.c vmm/cli/options_test.c vmm/cli/options_table.c vmm/cli/options_values.c vmm/cli/device_option.c vmm/cli/disk_option.c vmm/cli/net_option.c vmm/cli/share_option.c vmm/cli/vhost_user_option.c
 */
#include "fuzz.h"

#include <cli/options.h>

#define WORDS 64

static void check_run(const struct run_options *o)
{
	MUST(o->kernel && o->cmdline && o->cpus && o->cpus <= OPTIONS_CPUS_MAX);
	MUST(o->mem && is_aligned(o->mem, MIB(1)));
	MUST(!o->hugepage || (is_power_of_two(o->hugepage) && is_aligned(o->mem, o->hugepage)));
	MUST(o->n_vfio <= OPTIONS_VFIO_MAX && o->n_disks <= OPTIONS_DISK_MAX);
	MUST(o->n_nets <= OPTIONS_NET_MAX && o->n_shares <= OPTIONS_SHARE_MAX);
	MUST(o->n_vhost_user <= OPTIONS_VHOST_USER_MAX);
	for (unsigned i = 0; i < o->n_vfio; i++) {
		MUST(o->vfio[i].bdf.device < 32 && o->vfio[i].bdf.function < 8);
		MUST(o->vfio[i].devfn < 256 && strlen(o->vfio[i].name) < DEVICE_NAME);
		for (unsigned j = 0; j < i; j++)
			MUST(!device_option_same(&o->vfio[i], &o->vfio[j]));
	}
	for (unsigned i = 0; i < o->n_disks; i++)
		MUST(*o->disks[i].path && strlen(o->disks[i].serial) <= DISK_SERIAL);
	for (unsigned i = 0; i < o->n_nets; i++)
		MUST(!o->nets[i].has_mac || !(o->nets[i].mac[0] & 1)); /* one station's */
	for (unsigned i = 0; i < o->n_shares; i++)
		MUST(*o->shares[i].path && strlen(o->shares[i].tag) <= SHARE_TAG);
	for (unsigned i = 0; i < o->n_vhost_user; i++)
		MUST(*o->vhost_user[i].socket && o->vhost_user[i].queues <= VHOST_USER_QUEUES &&
		     o->vhost_user[i].config <= VHOST_USER_CONFIG);
}

static int parse(unsigned verb, int argc, char **argv)
{
	static union {
		struct run_options run;
		struct test_options test;
		struct open_options open;
	} o;
	int r;

	memset(&o, 0xa5, sizeof(o));
	switch (verb) {
	case 0:
		r = options_parse_run(argc, argv, &o.run);
		if (!r)
			check_run(&o.run);
		return r;
	case 1:
		return options_parse_test(argc, argv, &o.test);
	default:
		return options_parse_open(argc, argv, &o.open);
	}
}

static void fuzz(struct input *in)
{
	static const char *const verbs[] = { "run", "test", "open" };
	static char text[WORDS][1200];
	unsigned verb = take8(in) % ARRAY_SIZE(verbs);
	char *argv[WORDS + 1] = { (char *)verbs[verb] };
	int argc = 1, r;

	while (in->n && argc < WORDS) {
		argv[argc] = take_line(in, text[argc], sizeof(text[argc]));
		argc++;
	}
	r = parse(verb, argc, argv);
	MUST(r <= 0);
	if (r)
		MUST(error_status() == STATUS_USAGE);
	MUST(fuzz_told(r));
}
