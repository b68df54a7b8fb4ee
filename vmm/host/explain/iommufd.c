/* SPDX-License-Identifier: BSD-2-Clause */
/* Arguments of iommufd's calls in words. Pure functions of their arguments. */
#include "args.h"

#include <linux/iommufd.h>

void tell_ioas_alloc(struct told *t, const void *arg, int result)
{
	const struct iommu_ioas_alloc *a = arg;

	if (!result)
		told_add(t, "IOAS %u", a->out_ioas_id);
}

void tell_destroy(struct told *t, const void *arg, int result)
{
	told_add(t, "object %u", ((const struct iommu_destroy *)arg)->id);
}

void tell_vfio_ioas(struct told *t, const void *arg, int result)
{
	if (!result)
		told_add(t, "IOAS %u", ((const struct iommu_vfio_ioas *)arg)->ioas_id);
}

void tell_iova_ranges(struct told *t, const void *arg, int result)
{
	const struct iommu_ioas_iova_ranges *r = arg;
	const struct iommu_iova_range *list = (const void *)(uintptr_t)r->allowed_iovas;

	told_add(t, "IOAS %u", r->ioas_id);
	for (unsigned i = 0; !result && i < MIN(r->num_iovas, 8u); i++)
		told_add(t, "%s%#llx-%#llx", i ? ", " : ": ", list[i].start, list[i].last);
}

void tell_allow_iovas(struct told *t, const void *arg, int result)
{
	const struct iommu_ioas_allow_iovas *r = arg;
	const struct iommu_iova_range *list = (const void *)(uintptr_t)r->allowed_iovas;

	told_add(t, "IOAS %u", r->ioas_id);
	for (unsigned i = 0; i < MIN(r->num_iovas, 8u); i++)
		told_add(t, "%s%#llx-%#llx", i ? ", " : ": ", list[i].start, list[i].last);
}

static const struct told_name map_flags[] = {
	{ IOMMU_IOAS_MAP_FIXED_IOVA, "fixed", NULL },
	{ IOMMU_IOAS_MAP_READABLE, "read", NULL },
	{ IOMMU_IOAS_MAP_WRITEABLE, "write", NULL },
};

void tell_ioas_map_file(struct told *t, const void *arg, int result)
{
	const struct iommu_ioas_map_file *m = arg;

	told_add(t, "IOAS %u, iova ", m->ioas_id);
	told_span(t, m->iova, m->length);
	told_add(t, " is ");
	told_fd(t, m->fd);
	told_add(t, " from %#llx, ", m->start);
	TELL_FLAGS(t, m->flags, map_flags);
}

void tell_ioas_map(struct told *t, const void *arg, int result)
{
	const struct iommu_ioas_map *m = arg;

	told_add(t, "IOAS %u, iova ", m->ioas_id);
	told_span(t, m->iova, m->length);
	told_add(t, " is host %#llx, ", m->user_va);
	TELL_FLAGS(t, m->flags, map_flags);
}

void tell_ioas_unmap(struct told *t, const void *arg, int result)
{
	const struct iommu_ioas_unmap *m = arg;

	/* On success the length is how much was unmapped. */
	told_add(t, "IOAS %u, iova ", m->ioas_id);
	told_span(t, m->iova, m->length);
}

void tell_option(struct told *t, const void *arg, int result)
{
	const struct iommu_option *o = arg;

	told_add(t, "%s %s: %llu", o->op == IOMMU_OPTION_OP_SET ? "set" : "get",
		 o->option_id == IOMMU_OPTION_RLIMIT_MODE  ? "RLIMIT_MODE"
		 : o->option_id == IOMMU_OPTION_HUGE_PAGES ? "HUGE_PAGES"
							   : "?",
		 o->val64);
}

void tell_hwpt_alloc(struct told *t, const void *arg, int result)
{
	static const struct told_name flags[] = {
		{ IOMMU_HWPT_ALLOC_NEST_PARENT, "NEST_PARENT", NULL },
		{ IOMMU_HWPT_ALLOC_DIRTY_TRACKING, "DIRTY_TRACKING", NULL },
		{ IOMMU_HWPT_FAULT_ID_VALID, "FAULT_ID_VALID", NULL },
		{ IOMMU_HWPT_ALLOC_PASID, "PASID", NULL },
	};
	const struct iommu_hwpt_alloc *a = arg;

	told_add(t, "device %u, IOAS %u, ", a->dev_id, a->pt_id);
	TELL_FLAGS(t, a->flags, flags);
}

void tell_hw_info(struct told *t, const void *arg, int result)
{
	const struct iommu_hw_info *info = arg;

	told_add(t, "device %u", info->dev_id);
	if (!result)
		told_add(t, ", type %u, capabilities %#llx", info->out_data_type,
			 info->out_capabilities);
}
