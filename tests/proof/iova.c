/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What iommufd says a device reaches, spans with their last address in them, becomes spans with a size of the same
 * addresses, none of which wraps; of one that ends with the last address of all that one is lost. And those that are
 * kept for RAM are told with their last address again.
 *
 * files: vmm/host/iommufd.c
 * unwind: 2, one span
 */
#include <host/call.h>
#include <host/iommufd.h>
#include <linux/iommufd.h>
#include <proof.h>

static struct iommu_iova_range said, heard;

int host_ioctl(int fd, unsigned long request, void *arg, const char *name)
{
	if (request == IOMMU_IOAS_IOVA_RANGES) {
		struct iommu_ioas_iova_ranges *ranges = arg;

		if (any(bool))
			return -90;
		prove(ranges->num_iovas == 1, "room for as many as were asked for");
		*(struct iommu_iova_range *)(uintptr_t)ranges->allowed_iovas = said;
	} else {
		struct iommu_ioas_allow_iovas *allow = arg;

		prove(allow->num_iovas == 1, "as many as there are");
		heard = *(struct iommu_iova_range *)(uintptr_t)allow->allowed_iovas;
	}
	return 0;
}

int main(void)
{
	uint64_t at = any_number();
	struct range range;
	unsigned n = 1;

	said = (struct iommu_iova_range){ any_number(), any_number() };
	assume(said.start <= said.last && said.last != said.start);
	if (ioas_iova_ranges(3, 4, &range, &n))
		return 0;
	prove(n == 1 && range.size && range.base <= UINT64_MAX - range.size, "it does not wrap");
	prove(at == UINT64_MAX || (at - range.base < range.size) == (at >= said.start && at <= said.last), "the same addresses");
	if (ioas_allow_iovas(3, 4, &range, 1))
		return 0;
	prove(heard.start == said.start && heard.last == said.last - (said.last == UINT64_MAX), "told again");
	reach("told");
	return 0;
}
