/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * This machine is described by ACPI, as one without the old hardware: interrupts come by the IOAPIC and
 * messages, ticks from the local APIC. A few words of Linux's command line, meant for broken PCs, make it use
 * neither, and such a guest hangs without a message. They are recognised here, as Linux parses its command line:
 * words at white space outside double quotes, `-` and `_` alike in names, what follows `--` is init's
 * (next_arg() in lib/cmdline.c, parse_args() and parameq() in kernel/params.c).
 *
 * Without ACPI (acpi=off, or a kernel that has none) a guest falls back on the 8259s and the 8254
 * (irqchip.c) and lives with them: then the same words do no harm. Not recognised: what a kernel
 * has built in (CONFIG_CMDLINE).
 *
 * Main thread, before the guest.
 */
#include "cmdline.h"

#include <base/error.h>
#include <base/log.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct word {
	const char *name, *value; /* value NULL: none */
	size_t name_len, value_len;
};

static const char *skip_space(const char *at)
{
	while (isspace((unsigned char)*at))
		at++;
	return at;
}

/* The word at `at`, and where the next one begins. Quotes around the whole or the value are taken off. */
static const char *next_word(const char *at, struct word *ret)
{
	bool quoted = *at == '"', in_quote = quoted;
	const char *start = at + quoted, *equals = NULL, *end;

	for (at = start; *at && (in_quote || !isspace((unsigned char)*at)); at++) {
		if (!equals && *at == '=' && at > start)
			equals = at;
		if (*at == '"')
			in_quote = !in_quote;
	}
	end = at;
	if (end > start && end[-1] == '"' && (quoted || (equals && equals[1] == '"')))
		end--;
	*ret = (struct word){ .name = start,
			      .name_len = (size_t)((equals ? equals : end) - start) };
	if (equals) {
		ret->value = equals + 1 + (equals[1] == '"');
		ret->value_len = end > ret->value ? (size_t)(end - ret->value) : 0;
	}
	return skip_space(at);
}

static bool name_is(const struct word *word, const char *name)
{
	for (size_t i = 0; i < word->name_len; i++)
		if ((word->name[i] == '-' ? '_' : word->name[i]) != name[i])
			return false;
	return !name[word->name_len];
}

static bool value_is(const struct word *word, const char *value)
{
	return word->value && strlen(value) == word->value_len &&
	       !memcmp(word->value, value, word->value_len);
}

/* One of those between commas (pci_setup() in drivers/pci/pci.c). */
static bool value_has(const struct word *word, const char *value)
{
	const char *at = word->value, *end = at + word->value_len;
	size_t len = strlen(value);

	while (at && at < end) {
		const char *comma = memchr(at, ',', (size_t)(end - at));
		const char *stop = comma ? comma : end;

		if ((size_t)(stop - at) == len && !memcmp(at, value, len))
			return true;
		at = stop + 1;
	}
	return false;
}

/*
 * What leaves the guest without an IOAPIC, its two ways not to start other processors and to leave ACPI's
 * routing alone included (arch_disable_smp_support(), acpi_noirq_set()), without a local APIC, or without ticks
 * from that. The last part is the value that it takes, where it is not any.
 */
static const struct {
	const char *told, *name, *value;
} deadly[] = {
	{ "noapic", "noapic", NULL },           { "nosmp", "nosmp", NULL },
	{ "maxcpus=0", "maxcpus", "0" },        { "acpi=noirq", "acpi", "noirq" },
	{ "pci=noacpi", "pci", "noacpi" },      { "nolapic", "nolapic", NULL },
	{ "disableapic", "disableapic", NULL }, { "nolapic_timer", "nolapic_timer", NULL },
	{ "noapictimer", "noapictimer", NULL },
};

void cmdline_read(const char *text, struct cmdline_words *ret)
{
	struct word word;

	*ret = (struct cmdline_words){ .acpi_off = false };
	for (text = skip_space(text); *text;) {
		text = next_word(text, &word);
		if (name_is(&word, "__") && !word.value)
			break;
		if (name_is(&word, "acpi") && value_is(&word, "off"))
			ret->acpi_off = true;
		if (name_is(&word, "acpi") && value_is(&word, "force"))
			ret->acpi_off = false;
		if (name_is(&word, "pci") &&
		    (value_has(&word, "nommconf") || value_has(&word, "conf1") ||
		     value_has(&word, "conf2")))
			ret->no_ecam = true;
		for (unsigned i = 0; i < ARRAY_SIZE(deadly); i++)
			if (!ret->no_interrupts && name_is(&word, deadly[i].name) &&
			    (!deadly[i].value || value_has(&word, deadly[i].value)))
				ret->no_interrupts = deadly[i].told;
	}
}

/*
 * It knows no quotes and reads on past `--` (arch/x86/boot/cmdline.c of Linux); the words are those of kaslr.c,
 * acpi.c and misc.c in arch/x86/boot/compressed, since Linux 6.0.
 */
void cmdline_read_unpacker(const char *text, struct cmdline_unpacker *ret)
{
	static const char *const own[] = { "mem",          "memmap",    "hugepages",  "hugepagesz",
					   "movable_node", "acpi_rsdp", "mem_encrypt" };

	*ret = (struct cmdline_unpacker){ false };
	for (; *text; text += strcspn(text, " \t\n\v\f\r")) {
		size_t len;

		text = skip_space(text);
		len = strcspn(text, "= \t\n\v\f\r");
		if (len == strlen("nokaslr") && !memcmp(text, "nokaslr", len) && text[len] != '=')
			ret->nokaslr = true;
		for (unsigned i = 0; i < ARRAY_SIZE(own); i++)
			if (strlen(own[i]) == len && !memcmp(text, own[i], len))
				ret->own = true;
	}
}

int cmdline_check(const char *text)
{
	struct cmdline_words words;

	cmdline_read(text, &words);
	if (words.no_interrupts && !words.acpi_off)
		return fail(
			STATUS_USAGE, EINVAL,
			"--cmdline: %s: this machine is described by ACPI, as one with local APICs "
			"and an IOAPIC only, and without them the guest would stand still; leave the "
			"word out, or give acpi=off too",
			words.no_interrupts);
	if (words.acpi_off)
		log_warn(
			"--cmdline: acpi=off: this machine is described by ACPI: without it the guest "
			"has one processor, no INTx and no power-off; a reboot ends it");
	return 0;
}
