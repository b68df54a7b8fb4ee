/* SPDX-License-Identifier: BSD-2-Clause */
/* Values that more than one option takes. Pure functions of their text. */
#include "options_table.h"

#include <hostfn/hostsafe.h>
#include <host/way.h>

#include <errno.h>
#include <string.h>

bool options_number(const char *text, uint64_t *ret, const char **ret_end)
{
	uint64_t v = 0;

	if (*text < '0' || *text > '9')
		return false;
	for (; *text >= '0' && *text <= '9'; text++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*text - '0'), &v))
			return false;
	*ret = v;
	*ret_end = text;
	return true;
}

int options_size(const char *option, const char *text, uint64_t *ret)
{
	static const char suffixes[] = "KMGT";
	const char *end, *suffix;
	unsigned shift = 0;
	uint64_t n;

	if (!options_number(text, &n, &end))
		return options_refuse(
			"%s %s: not a size; give a number with K, M, G or T, as in 512M", option,
			text);
	suffix = *end ? strchr(suffixes, *end) : NULL;
	if (suffix) {
		shift = 10 * (unsigned)(suffix - suffixes + 1);
		end++;
	}
	if (*end)
		return options_refuse(
			"%s %s: not a size; give a number with K, M, G or T, as in 512M", option,
			text);
	if (n > (uint64_t)INT64_MAX >> shift)
		return options_refuse("%s %s: larger than any address space; give less", option,
				      text);
	*ret = n << shift;
	return 0;
}

int options_vfio_api(const char *text, int *ret)
{
	for (int way = 0; way < VFIO_WAYS; way++)
		if (!strcmp(text, vfio_way_name((enum vfio_way)way))) {
			*ret = way;
			return 0;
		}
	return options_refuse("--vfio-api %s: not known; give cdev, group-iommufd or group", text);
}

int options_allow(const char *text, unsigned *allow)
{
	if (!strcmp(text, "unsafe-interrupts"))
		*allow |= HOSTSAFE_UNSAFE_INTERRUPTS;
	else if (!strcmp(text, "acs-override"))
		*allow |= HOSTSAFE_ACS_OVERRIDE;
	else
		return options_refuse(
			"--allow %s: not known; give unsafe-interrupts or acs-override", text);
	return 0;
}

int options_bdf(struct bdf_list *list, const char *text)
{
	struct bdf bdf;

	if (!bdf_parse(text, &bdf))
		return options_refuse("%s: not a PCI address; give DOMAIN:BUS:DEVICE.FUNCTION, as "
				      "in 0000:01:00.0 (thru devices lists them)",
				      text);
	for (unsigned i = 0; i < list->n; i++)
		if (!memcmp(&list->at[i], &bdf, sizeof(bdf)))
			return options_refuse("%s: given twice; give each function once", text);
	if (list->n == list->max)
		return options_refuse("%s: more than %u functions; leave some out", text,
				      list->max);
	list->at[list->n++] = bdf;
	return 0;
}
