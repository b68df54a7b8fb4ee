/* SPDX-License-Identifier: BSD-2-Clause */
/* Files for thru, after the command's end. The records are told of in include/verdict/collect.h. */
#pragma once

#include "link.h"

/* What is at each path, by its place among them: a file, or all files of a folder. */
void files_send(struct link *link, char *const *paths, unsigned n);
