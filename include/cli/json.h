/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the verbs with --json share.
 */
#pragma once

/* A JSON string on standard output, with its quotes (RFC 8259 §7). */
void json_print_string(const char *text);
