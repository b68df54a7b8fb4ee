/* SPDX-License-Identifier: BSD-2-Clause */
/* The verbs, and the help, printed from the tables that argv is read by. */
#include "options_table.h"

#include <string.h>

static const struct {
	const char *name, *synopsis, *about;
	const struct option *table;
} verb_table[] = {
	{ "run", "--kernel FILE [OPTION...]", "boot a guest and stay until it ends", options_run },
	{ "test", "--kernel FILE|TREE [OPTION...] [-- COMMAND...]",
	  "boot a kernel, run a command in it, and say what became of it", options_test },
	{ "devices", "[--json]", "list PCI functions, and what each lacks to be given to a guest",
	  options_devices },
	{ "bind", "[--force] BDF...",
	  "take PCI functions from their host drivers: bind them to vfio-pci", options_bind },
	{ "unbind", "BDF...", "give PCI functions back to the drivers that the host has for them",
	  options_none },
	{ "open", "--user NAME [OPTION...] BDF[,vf-token=UUID]... [-- COMMAND...]",
	  "open PCI functions for a command that has no privilege", options_open },
	{ "probe", "[--json] [BDF...]", "tell what this host offers, and what a function lacks",
	  options_probe },
	{ "trace", "FILE", "print what thru run --trace recorded, registers by name",
	  options_none },
};

const char *const options_verbs[] = { "run",  "test",  "devices", "bind", "unbind",
				      "open", "probe", "trace",   NULL };

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
