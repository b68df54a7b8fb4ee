/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What connects init to thru: four streams, over ports of a virtio console where the kernel drives one,
 * else all over the serial port beside the kernel's own messages. include/verdict/link.h in thru is the
 * other side and tells of the bytes.
 */
#pragma once

#include "sys.h"

enum { LINK_CONTROL, LINK_STDOUT, LINK_STDERR, LINK_FILES };
enum { LINK_STDIN = LINK_STDOUT }; /* the same number, the other way */

struct link {
	char nonce[40];             /* with each control line: what a test prints is not taken for one */
	long control, in, out, err; /* serial: all one */
	long files;                 /* -1: nothing is to be collected */
	int serial;
	unsigned long sent[4];
	/* What came and is not used yet. */
	char line[128];      /* a control line, as far as it came */
	unsigned line_n;
	char input[4096];    /* for COMMAND's standard input */
	unsigned input_n;
	unsigned used;       /* bytes of both that thru does not know to be used */
	int high[2];         /* serial: the first half of a byte, -1: none */
	unsigned long in_total;
};

/* Waits for the ports, where the kernel has a driver for them. Negative: no way at all. */
long link_open(struct link *link, const char *nonce, int wants_files);

/* A control line, without its end. */
void link_tell(struct link *link, const char *text);

void link_send(struct link *link, int stream, const void *bytes, size_t n);

/*
 * Read what is there: input goes to link->input, each whole control line to `line`. `polled` is the
 * descriptor that has something.
 */
void link_receive(struct link *link, long polled, void (*line)(const char *text));

/* `n` bytes of link->input were used. */
void link_used(struct link *link, unsigned n);

/* Until the last byte has left. */
void link_drain(struct link *link);
