/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Verbs beside `run`: argv[0] is the verb's name. 0, or -errno with the reason recorded.
 */
#pragma once

/* An exit status, as verb_run(): its reason is recorded, and whatever was asked for in files written. */
int verb_test(int argc, char **argv);

int verb_devices(int argc, char **argv);
int verb_bind(int argc, char **argv);
int verb_unbind(int argc, char **argv);
int verb_open(int argc, char **argv);
int verb_probe(int argc, char **argv);
int verb_trace(int argc, char **argv);

/* Before any verb's work: that the limit on the stack is enough for it. */
int verb_check_stack(void);
