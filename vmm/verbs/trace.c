/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `thru trace`: print a file that `thru run --trace` wrote.
 */
#include <cli/options.h>
#include <watch/trace.h>
#include "verbs.h"

#include <base/error.h>
#include <base/fd.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

int verb_trace(int argc, char **argv)
{
	_cleanup_fd_ int fd = -1;
	const char *path;
	int r = options_parse_trace(argc, argv, &path);

	if (r)
		return r;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail(STATUS_FAILURE, errno,
			    "%s: %s; give a file that thru run --trace wrote", path,
			    strerror(errno));
	return trace_print(fd, path, stdout);
}
