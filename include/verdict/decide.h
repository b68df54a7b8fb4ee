/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From all that was seen of a run to one verdict. Pure.
 *
 * A pass needs all of: init's words in their order, the command's status 0, as many bytes of output as
 * init says there were, no line in the kernel's log that decides otherwise, no failed test in the output,
 * and a machine that switched itself off after that, by the VMM's own word. No single one is believed.
 */
#pragma once

#include <verdict/klog.h>
#include <verdict/link.h>
#include <verdict/tap.h>

/* What thru waited for when it had waited long enough. */
enum waited { WAITED_NOT, WAITED_BOOT, WAITED_COMMAND, WAITED_STALL, WAITED_OFF };

struct facts {
	const struct klog *log;
	const struct link *control;
	const struct tap *tap;
	enum waited waited;
	unsigned seconds;        /* how long */
	int signal;              /* that thru got; 0: none */
	int vm;                  /* how the VM ended: enum exit_status; -1: it was ended */
	const char *vm_message;  /* what the VMM said of it, or "" */
	bool device;             /* ... and that is of a device */
	uint64_t bytes[2];       /* of stdout and stderr that came */
	const char *output_lost; /* what of ours could not be written; NULL: nothing */
};

struct decision {
	enum verdict verdict;
	int status;                         /* as verdict_status() takes it */
	char cause[768];                    /* one line */
	const struct klog_finding *finding; /* or NULL */
};

void decide(const struct facts *facts, struct decision *ret);
