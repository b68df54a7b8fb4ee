/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a function would be reset, told beforehand: the same ladder (devices/reset_ladder.h), by what
 * sysfs knows. `reset_method` names the ways that the kernel has for this function alone; that of its
 * bus follows from where it sits: below a bridge, with functions that vfio-pci has all of
 * (drivers/vfio/pci/vfio_pci_core.c, vfio_pci_is_device_in_set()). Which of them a guest is given,
 * and whether the bridge does its part, only the reset itself shows. Main thread only.
 */
#include <hostfn/hostfn.h>

#include <base/error.h>
#include <devices/reset_ladder.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * The kernel lists a reset of the bus as the function's own when that is alone there, and does not look
 * again when others come (pci_init_reset_methods()).
 */
static bool has_method(const struct host_function *fn, const char *name, bool alone)
{
	size_t len = strlen(name);

	if (!alone && strstr(name, "bus"))
		return false;
	for (const char *at = fn->reset; (at = strstr(at, name)); at += len)
		if ((at == fn->reset || at[-1] == ' ') && (!at[len] || at[len] == ' '))
			return true;
	return false;
}

/* The first that the kernel would try. */
static void first_method(const struct host_function *fn, bool alone, char *ret, size_t size)
{
	char text[sizeof(fn->reset)], *rest = text, *word;

	ret[0] = 0;
	memcpy(text, fn->reset, sizeof(text));
	while (!*ret && (word = strsep(&rest, " ")))
		if (*word && has_method(fn, word, alone))
			snprintf(ret, size, "%s", word);
}

/* Of those that a reset of the bus hits, the first that vfio-pci cannot be given, or does not have. */
static const struct bdf *in_the_way(const struct hostfn_reset *reset, struct host_function *ret)
{
	for (unsigned i = 0; i < reset->n_with; i++) {
		if (sysfs_function(reset->with[i], ret)) {
			error_clear();
			continue;
		}
		if (hostfn_is_bridge(ret) || !hostfn_is_vfio(ret))
			return &reset->with[i];
	}
	return NULL;
}

static size_t add(struct hostfn_reset *reset, size_t used, const char *before, const char *text)
{
	size_t room = sizeof(reset->words);
	int n = used < room ? snprintf(reset->words + used, room - used, "%s%s", before, text) : 0;

	return used + (n > 0 ? (size_t)n : 0);
}

static void tell_bus(const struct host_function *fn, struct hostfn_reset *reset)
{
	struct host_function other;
	const struct bdf *wrong = in_the_way(reset, &other);
	char name[BDF_TEXT];
	size_t used = add(reset, 0, "", "bus");

	for (unsigned i = 0; i < MIN(reset->n_with, 8u); i++)
		used = add(reset, used, i ? " " : ", together with ",
			   bdf_format(reset->with[i], name));
	if (reset->n_with > 8)
		used = add(reset, used, " ", "and more");
	if (wrong) {
		used = add(reset, used, ", of which vfio-pci does not have ",
			   bdf_format(*wrong, name));
		snprintf(reset->mend, sizeof(reset->mend),
			 hostfn_must_stay(fn, *wrong)
				 ? "choose another device: %s has virtual functions and has to stay"
				 : "thru bind %s",
			 name);
	}
	if (*reset->otherwise && reset->n_with)
		add(reset, used, "; else ", reset->otherwise);
}

static bool bridge_among(const struct hostfn_reset *reset)
{
	struct host_function other;

	for (unsigned i = 0; i < reset->n_with; i++) {
		if (sysfs_function(reset->with[i], &other))
			error_clear();
		else if (hostfn_is_bridge(&other))
			return true;
	}
	return false;
}

static void tell_none(const struct host_function *fn, struct hostfn_reset *reset)
{
	char name[BDF_TEXT];

	snprintf(reset->words, sizeof(reset->words), "none: pass it with reset=none");
	snprintf(reset->mend, sizeof(reset->mend),
		 "choose another device, or: --vfio %s,reset=none", bdf_format(fn->bdf, name));
}

void hostfn_reset(const struct host_function *fn, struct hostfn_reset *ret)
{
	enum reset_rung rungs[RESET_RUNGS];
	struct reset_abilities has;
	unsigned i = 0, n;
	char own[sizeof(ret->how)];
	bool bus;

	*ret = (struct hostfn_reset){ .with = NULL };
	bus = !sysfs_below_bridge(fn->bdf, &ret->with, &ret->n_with) && !bridge_among(ret);
	first_method(fn, !ret->n_with, own, sizeof(own));
	has = (struct reset_abilities){
		.own = *own,
		.flr = has_method(fn, "flr", true) || has_method(fn, "af_flr", true),
		.pm = has_method(fn, "pm", true),
	};
	n = reset_ladder(&has, rungs);
	while (i < n && rungs[i] == RESET_BUS && !bus)
		i++;
	if (i < n && rungs[i] == RESET_BUS) {
		snprintf(ret->how, sizeof(ret->how), "bus");
		memcpy(ret->otherwise, own, sizeof(own));
		tell_bus(fn, ret);
		return;
	}
	ret->n_with = 0;
	memcpy(ret->how, own, sizeof(own));
	if (*own)
		snprintf(ret->words, sizeof(ret->words), "%s", own);
	else
		tell_none(fn, ret);
}

void hostfn_reset_free(struct hostfn_reset *reset)
{
	free(reset->with);
	reset->with = NULL;
	reset->n_with = 0;
}

int hostfn_takes(const struct host_function *fn, const struct hostfn_reset *reset, char *why,
		 size_t size)
{
	int r = hostfn_ready(fn, why, size);

	if (r || !*reset->mend || *reset->otherwise)
		return r;
	if (*reset->how)
		snprintf(why, size,
			 "is reset with all of its bus, which vfio-pci does not have; %s%s",
			 strncmp(reset->mend, "thru ", 5) ? "" : "run: ", reset->mend);
	else
		snprintf(why, size, "cannot be reset; %s", reset->mend);
	return -ENOTTY;
}
