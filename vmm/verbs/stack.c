/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The limit on the stack (getrlimit(2)), which every verb's thread has and, by default, each that it starts.
 */
#include "verbs.h"

#include <base/error.h>
#include <base/types.h>
#include <errno.h>
#include <sys/resource.h>

/* Whoever runs out of it is killed without a word. */
int verb_check_stack(void)
{
	const rlim_t need = KIB(512);
	struct rlimit limit;

	if (getrlimit(RLIMIT_STACK, &limit) || limit.rlim_cur >= need)
		return 0;
	return fail(
		STATUS_HOST, ENOMEM,
		"the limit on the stack is %llu KiB, and thru needs %llu; raise it: ulimit -s %llu",
		(unsigned long long)limit.rlim_cur >> 10, (unsigned long long)need >> 10,
		(unsigned long long)need >> 10);
}
