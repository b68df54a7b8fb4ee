/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Output to a file of bounded size. What is full becomes PATH.1 and the one before it goes, so that the
 * last `max` bytes are there and at most twice as many. Both files are open from the beginning and
 * exchange their names: nothing is opened while the guest runs.
 */
#pragma once

#include <base/types.h>
#include <sys/types.h>

struct rotate {
	int fd;           /* PATH; -1: not open */
	int spare;        /* PATH.1 */
	const char *path; /* the owner's */
	char spare_path[4096];
	uint64_t max, size;  /* of PATH */
	uint64_t spare_size; /* what goes when PATH is full */
	uint64_t lost;
};

/* Make both, empty. 0 or -errno with the reason recorded (STATUS_OUTPUT). `path` outlives it. */
int rotate_open(struct rotate *rotate, const char *path, uint64_t max) _must_check_;
void rotate_close(struct rotate *rotate);

/* As write(2), also in what it returns. What went for it is told, now and then. */
ssize_t rotate_write(struct rotate *rotate, const void *bytes, size_t len);
