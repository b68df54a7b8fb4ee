/* SPDX-License-Identifier: BSD-2-Clause */
/* What the forms of a report share. */
#pragma once

#include <verdict/report.h>

const char *report_moment_name(enum report_moment moment);
