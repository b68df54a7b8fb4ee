/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two settings with which a host gives devices away that its IOMMU cannot confine:
 *
 *   allow_unsafe_interrupts  (iommufd, vfio_iommu_type1) binds devices although nothing remaps their
 *                            interrupts: a guest's device can then raise any vector of the host's
 *   pcie_acs_override        (a patch that distributions carry) splits IOMMU groups that the hardware
 *                            does not: members reach each other behind the IOMMU's back
 *
 * Main thread.
 */
#include <hostfn/hostsafe.h>

#include <base/error.h>
#include <errno.h>
#include <host/sysfs.h>

static int check_interrupts(void)
{
	static const char *const modules[] = { "iommufd", "vfio_iommu_type1" };

	for (unsigned i = 0; i < ARRAY_SIZE(modules); i++)
		if (sysfs_parameter(modules[i], "allow_unsafe_interrupts"))
			return fail(STATUS_HOST, EPERM,
				    "host: allow_unsafe_interrupts is on, so a passed device may "
				    "raise any interrupt of the host; turn it off: echo 0 > "
				    "/sys/module/%s/parameters/allow_unsafe_interrupts, or accept "
				    "it: --allow unsafe-interrupts",
				    modules[i]);
	return 0;
}

static int check_acs(void)
{
	if (!sysfs_cmdline_has("pcie_acs_override"))
		return 0;
	return fail(
		STATUS_HOST, EPERM,
		"host: pcie_acs_override is on its command line, so IOMMU groups are not what "
		"they seem and a passed device may reach others; boot without it, or accept it: "
		"--allow acs-override");
}

int hostsafe_check(unsigned allow)
{
	int r = allow & HOSTSAFE_UNSAFE_INTERRUPTS ? 0 : check_interrupts();

	if (!r && !(allow & HOSTSAFE_ACS_OVERRIDE))
		r = check_acs();
	return r;
}
