/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the host's sysfs tells of PCI functions (Documentation/ABI/testing/sysfs-bus-pci, -vfio) and the two
 * writes that move one between drivers. No policy: whether a function is ready, and why not, is for hostfn/
 * to say. The root is "/sys" and "/dev"; tests give a directory with the same shape (sysfs_set_root()).
 */
#pragma once

#include <base/types.h>

struct bdf {
	uint32_t domain;
	uint8_t bus, device, function;
	uint8_t zero; /* no padding: equal ones are equal byte by byte */
};

/* "0000:00:02.0", "10000:e1:00.0" or "00:02.0". False when malformed or out of range. */
bool bdf_parse(const char *text, struct bdf *ret);
#define BDF_TEXT 20
const char *bdf_format(struct bdf bdf, char text[BDF_TEXT]);

/*
 * A function that VFIO names with 16 bits of its domain, on the bus of `bdf` or below it: so that the other
 * bits are those of bdf's domain, where that is known.
 */
struct bdf bdf_near(struct bdf bdf, uint16_t segment, uint8_t bus, uint8_t devfn);

/* Negative, 0, positive: in the order of their addresses. */
int bdf_compare(const struct bdf *a, const struct bdf *b);

#define MDEV_TEXT 37 /* a UUID */

struct host_function {
	struct bdf bdf;
	char mdev[MDEV_TEXT]; /* a mediated device, which is no PCI function: its UUID; else "" */
	char mdev_type[32];   /* of such a one: what its parent calls it */
	uint16_t vendor, device;
	uint32_t class;           /* 24 bits: class, subclass, programming interface */
	int group;                /* IOMMU group, -1 when the function has none */
	char driver[32];          /* "" when not bound */
	char driver_override[32]; /* "" when none */
	bool has_vfio_dev;        /* VFIO has it, whatever its driver is called */
	char cdev[32];            /* "vfio0", "" when there is no character device of VFIO's */
	uint32_t cdev_major, cdev_minor;
	char reset[64]; /* as in reset_method: "flr bus pm", "" when there is none */
	bool is_bridge; /* header type 1: never passed, harmless in a group */
};

/* Prefix for "/sys", "/proc" and "/dev" in this module, for tests; NULL is the real root. */
void sysfs_set_root(const char *root);

/* A file below the root, NUL-terminated, cut to `size`; "" and false when it cannot be read. */
bool sysfs_read(const char *path, char *text, size_t size);
bool sysfs_exists(const char *path);

/* In the text of such a file, what follows `name` where a line begins with it; NULL: no line does. */
const char *sysfs_field(const char *text, const char *name);

/* Whether this process may read and write it. */
bool sysfs_may_open(const char *path);

/* What a directory below the root holds, sorted; none when it cannot be read. */
struct sysfs_names {
	char **at;
	unsigned n;
};

void sysfs_names(const char *path, struct sysfs_names *ret);
void sysfs_names_free(struct sysfs_names *names);

/* Where the two lead to, the first is the second, or below it. */
bool sysfs_is_below(const char *path, const char *above);

/* Fill one function. -ENODEV (recorded) when no such function exists. */
int sysfs_function(struct bdf bdf, struct host_function *ret) _must_check_;

/* A UUID as sysfs writes it; false when the text is none. One mediated device: -ENODEV (recorded). */
bool mdev_parse(const char *text, char ret[MDEV_TEXT]);
int sysfs_mdev(const char *uuid, struct host_function *ret) _must_check_;

/* A PCI address or a UUID. */
const char *host_function_name(const struct host_function *fn, char text[MDEV_TEXT]);

/* All of them, in the order of their UUIDs; as sysfs_functions(). */
int sysfs_mdevs(struct host_function **ret, unsigned *ret_n) _must_check_;

/* All functions in ascending order, malloc'ed; free(3) the result. */
int sysfs_functions(struct host_function **ret, unsigned *ret_n) _must_check_;

/* A member of an IOMMU group, which may be no PCI function (a platform device). */
struct group_member {
	char name[64]; /* a PCI address, or what its own bus calls it */
	char driver[32];
	bool is_function;
	struct bdf bdf; /* of a function */
};

/* Members of an IOMMU group, functions first and in ascending order; malloc'ed. */
int sysfs_group(int group, struct group_member **ret, unsigned *ret_n) _must_check_;

/* The types of the group's reserved regions (reserved_regions) include `type`, as a whole word. */
bool sysfs_group_reserves(int group, const char *type);

/* How many virtual functions it has made; the physical function that it is a virtual one of. */
unsigned sysfs_vfs(struct bdf bdf);
bool sysfs_physfn(struct bdf bdf, struct bdf *ret);

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

/*
 * The IOMMU group whose VFIO file has this device number, false when it is none: "noiommu" tells of one
 * that has no IOMMU behind it.
 */
bool sysfs_cdev_group(unsigned int major, unsigned int minor, int *ret, bool *ret_noiommu);

/* Whether the device of that number is one of VFIO's that has no IOMMU behind it. */
bool sysfs_cdev_noiommu(unsigned int major, unsigned int minor);

/* Whether that function can signal PME from a state that it sleeps in: D3hot, D3cold. */
bool sysfs_cdev_can_wake(unsigned int major, unsigned int minor);
bool sysfs_can_wake(struct bdf bdf); /* the same by its address */

/* The function's configuration space, whose first 64 bytes everybody may read; the caller's. -1: none. */
int sysfs_open_config(struct bdf bdf);

/*
 * Whether the function behind that file does not answer: command and status read as all-ones, which have bits that
 * are 0 (PCIe 6.0 §7.5.1.1.3). Identifiers tell nothing: those of a virtual function are all-ones (§9.3.4.1.1).
 * -1, or a function that is gone: no.
 */
bool sysfs_is_dead(int config);

/* A boolean module parameter, and whether a word is on the kernel's command line; false: not there. */
bool sysfs_parameter(const char *module, const char *name);
bool sysfs_cmdline_has(const char *option);

/*
 * The module of a vendor's variant of vfio-pci that is made for this function, and the driver that it
 * has registered, "" when it is not loaded. False when there is none: plain vfio-pci is the one.
 */
bool sysfs_variant(struct bdf bdf, char module[64], char driver[32]);

/* driver_override, driver/unbind, drivers_probe. `driver` "" means "no override". */
int sysfs_bind(struct bdf bdf, const char *driver) _must_check_;

/* What sysfs_bind() would be refused for, before anything is unbound: the driver, permission. */
int sysfs_bind_check(struct bdf bdf, const char *driver) _must_check_;
int sysfs_unbind(struct bdf bdf) _must_check_;
