/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `thru run`: from options to an exit status.
 */
#pragma once

#include <base/types.h>

/*
 * argv[0] is "run". Returns an exit status (base/error.h); the reason of a failure is recorded and
 * not yet printed. Everything that was opened, bound or changed is as it was.
 */
int verb_run(int argc, char **argv);
