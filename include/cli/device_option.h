/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The value of one --vfio, or a word of thru open: which device, and how it is to be had. Pure, as
 * options.h.
 */
#pragma once

#include <base/types.h>
#include <host/sysfs.h>

enum device_by {
	DEVICE_BY_BDF,    /* 0000:01:00.0 */
	DEVICE_BY_PATH,   /* /dev/vfio/devices/vfio0 */
	DEVICE_BY_FD,     /* fd=3: a cdev that somebody else opened */
	DEVICE_BY_SOCKET, /* socket=PATH: whoever listens there sends it */
	DEVICE_BY_MDEV,   /* a UUID, or /sys/bus/mdev/devices/UUID; in `path` */
	DEVICE_BY_GROUP,  /* group-fd=3: the one VFIO device of a group that somebody else opened */
};

enum device_reset {
	DEVICE_RESET_AUTO, /* whatever works; refused when nothing does */
	DEVICE_RESET_NONE, /* thru asks for none: the operator answers for what the device holds */
};

#define DEVICE_NAME 32
#define DEVICE_PATH 256

struct device_option {
	enum device_by by;
	struct bdf bdf;
	char path[DEVICE_PATH];
	int fd;
	int group_fd, container_fd; /* of its VFIO group; -1: none given */
	char name[DEVICE_NAME];     /* for messages; "": the PCI address */
	unsigned devfn;             /* where the guest sees it; 0: the next free place */
	enum device_reset reset;
	bool rom;
	char rom_path[DEVICE_PATH]; /* "": the device's own */
	bool p2p;
	bool no_d3cold;
	bool has_token;
	uint8_t token[16]; /* RFC 9562 §4: bytes in the order of the text */
};

/* WHICH[,KEY=VALUE...]. -EINVAL with the reason recorded (STATUS_USAGE). */
int device_option_parse(const char *value, struct device_option *ret) _must_check_;

/* What thru open takes: BDF[,vf-token=UUID]. The same. */
int device_option_parse_open(const char *value, struct device_option *ret) _must_check_;

/* Do the two mean the same device, as far as the words tell? */
bool device_option_same(const struct device_option *a, const struct device_option *b);

/* A file descriptor's number, all of `text`. */
bool device_option_fd(const char *text, int *ret);
