/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A record of every trapped access of the guest to a passed device (`thru run --trace`), and its
 * reader (`thru trace`). The file is a header and records, all of 32 bytes, little-endian; its form
 * is documented in thru(1), TRACE FORMAT.
 */
#pragma once

#include <machine/passthrough.h>

#include <stdio.h>

#define TRACE_MAGIC  "thrutrc1"
#define TRACE_RECORD 32
#define TRACE_NAME   24

enum trace_kind {
	TRACE_DEVICE = 1,     /* a device: its number and name */
	TRACE_CAPABILITY = 2, /* a capability that the guest sees: where, which */
	TRACE_STRUCTURE = 3,  /* its MSI-X table or PBA: in which BAR, where, how long */
	TRACE_ACCESS = 4,     /* a trapped access */
	TRACE_END = 5,        /* the last record: how many accesses it holds */
	TRACE_LOST = 6, /* accesses that are missing here: how many; to a pipe that was full */
};

enum {
	TRACE_AT_KIND = 0,
	TRACE_AT_FLAGS = 1,  /* access: 1 write; capability: 1 extended; structure: 1 PBA */
	TRACE_AT_REGION = 2, /* VFIO_PCI_*_REGION_INDEX */
	TRACE_AT_LEN = 3,
	TRACE_AT_DEVICE = 4, /* 16 bits */
	TRACE_AT_VCPU = 6,   /* 16 bits */
	TRACE_AT_TIME = 8, /* ns since the trace began; device: its name takes the last 24 bytes */
	TRACE_AT_OFFSET = 16,
	TRACE_AT_VALUE = 24, /* capability: its id; structure: its length; end: the number */
};

#define TRACE_DEVICES_MAX PASSTHROUGH_MAX

/* Writing: under the device lock once the guest runs. */
struct trace {
	const char *path;
	int fd;
	struct loop *loop;
	struct passthrough *pt;
	uint64_t began, accesses;
	uint64_t lost;     /* not yet told in the trace */
	uint64_t lost_all; /* told at its end */
};

/* Create the file. `path` and `pt` outlive it; STATUS_OUTPUT when it cannot be written. */
int trace_open(struct trace *trace, const char *path, struct loop *loop,
	       struct passthrough *pt) _must_check_;

/*
 * The functions of a new machine exist: write what the reader must know of them. A file that cannot be
 * written is known before the guest runs.
 */
int trace_devices(struct trace *trace) _must_check_;

/* Write the end. Harmless when nothing is open. */
int trace_close(struct trace *trace) _must_check_;

/* Print a trace to `out`. The file's bytes may be anything. `name` is for messages. */
int trace_print(int fd, const char *name, FILE *out) _must_check_;

/* A register of configuration space in words; trace_names.c. */
struct trace_capability {
	uint16_t at, id;
	bool extended;
};
#define TRACE_CAPABILITIES_MAX 96
void trace_config_name(const struct trace_capability *caps, unsigned n, unsigned offset,
		       unsigned len, char *text, size_t size);
