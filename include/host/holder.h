/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who has a device open: the kernel refuses or waits without saying for whom (proc(5), /proc/PID/fd).
 * Found by the device's number: nodes have aliases, other mount namespaces, and successors, and a file
 * of that name need not be the device.
 */
#pragma once

#include <host/sysfs.h>
#include <sys/types.h>

/* A device by its number; `type` is S_IFCHR or S_IFBLK. */
struct holder_node {
	mode_t type;
	dev_t number;
};

/*
 * Another process that has one of the `n` open or mapped, 0 when there is none or it may not be looked
 * at; *ret_which (may be NULL) is the one that it has. Walks all of /proc: for error messages, `bind`
 * and `unbind`, not for a boot.
 */
pid_t holder_of(const struct holder_node *nodes, unsigned n, unsigned *ret_which);

/* The same for a function that VFIO has: its cdev, its group, a file that the group gave for it. */
pid_t holder_of_function(const struct host_function *fn);
