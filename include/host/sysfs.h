/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the host's sysfs tells of PCI functions (Documentation/ABI/testing/sysfs-bus-pci, -vfio) and
 * the two writes that move one between drivers. No policy: `ready or not, and why` is the app's.
 * The root is "/sys" and "/dev"; tests give a directory with the same shape (sysfs_set_root()).
 */
#pragma once

#include <base/types.h>

struct bdf {
	uint16_t domain;
	uint8_t bus, device, function;
	uint8_t zero; /* no padding: equal ones are equal byte by byte */
};

/* "0000:00:02.0" or "00:02.0". False when malformed or out of range. */
bool bdf_parse(const char *text, struct bdf *ret);
#define BDF_TEXT 16
const char *bdf_format(struct bdf bdf, char text[BDF_TEXT]);

struct host_function {
	struct bdf bdf;
	uint16_t vendor, device;
	uint32_t class;           /* 24 bits: class, subclass, programming interface */
	int group;                /* IOMMU group, -1 when the function has none */
	char driver[32];          /* "" when not bound */
	char driver_override[32]; /* "" when none */
	char cdev[32];            /* "vfio0", "" when there is no VFIO device */
	uint32_t cdev_major, cdev_minor;
	char reset[64]; /* as in reset_method: "flr bus pm", "" when there is none */
	bool is_bridge; /* header type 1: never passed, harmless in a group */
};

/* Prefix for "/sys", "/proc" and "/dev" in this module, for tests; NULL is the real root. */
void sysfs_set_root(const char *root);

/* A file below the root, NUL-terminated, cut to `size`; "" and false when it cannot be read. */
bool sysfs_read(const char *path, char *text, size_t size);
bool sysfs_exists(const char *path);

/* Fill one function. -ENODEV (recorded) when no such function exists. */
int sysfs_function(struct bdf bdf, struct host_function *ret) _must_check_;

/* All functions in ascending order, malloc'ed; free(3) the result. */
int sysfs_functions(struct host_function **ret, unsigned *ret_n) _must_check_;

/* Members of an IOMMU group in ascending order, malloc'ed. */
int sysfs_group(int group, struct bdf **ret, unsigned *ret_n) _must_check_;

/*
 * What a reset of its bus or slot would hit beside it: all functions below the bridge that it is
 * below, in ascending order, malloc'ed. -ENODEV (not recorded) on a root bus: that is never reset.
 */
int sysfs_below_bridge(struct bdf bdf, struct bdf **ret, unsigned *ret_n) _must_check_;

/*
 * Open /dev/vfio/devices/NAME and check that it is the character device sysfs named
 * (major:minor), so that a stale node of another device is never taken.
 */
int sysfs_cdev_open(const struct host_function *fn, int *ret_fd) _must_check_;

/* The PCI function whose VFIO cdev has this device number; false when it is none of a function. */
bool sysfs_cdev_function(unsigned int major, unsigned int minor, struct bdf *ret);

/* Whether that function can signal PME from a state that it sleeps in: D3hot, D3cold. */
bool sysfs_cdev_can_wake(unsigned int major, unsigned int minor);

/* A boolean module parameter, and whether a word is on the kernel's command line; false: not there. */
bool sysfs_parameter(const char *module, const char *name);
bool sysfs_cmdline_has(const char *option);

/* driver_override, driver/unbind, drivers_probe. `driver` "" means "no override". */
int sysfs_bind(struct bdf bdf, const char *driver) _must_check_;
int sysfs_unbind(struct bdf bdf) _must_check_;
