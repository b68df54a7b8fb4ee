/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the guest's init (guest-images/init) says, and how it comes over a serial port. Pure.
 *
 * Where the kernel drives a virtio console each stream has a port of its own: thru.control, thru.stdin,
 * thru.stdout, thru.stderr, and thru.files where something is to be collected (collect.h). Where it does not, all share the serial port with the kernel's messages, which
 * are ASCII: each byte of a stream is two bytes `1 H CC NNNN`, the high half (H = 1) first. So a message
 * of the kernel may come between any two bytes, and none is lost. Towards the guest the stream 1 is the
 * command's standard input, and thru sends no more than LINK_WINDOW bytes that init has not acknowledged:
 * a serial line has no other way to say stop.
 *
 * Control lines of the guest: `thru NONCE WORD...`, in this order:
 *	hello 1 ports|serial RELEASE    init runs, and this is the way it found
 *	start | fail ERRNO [WHAT]       the command was executed, or could not be; WHAT: what of the host
 *	                                could not be mounted (root, share), or the layer over it (overlay)
 *	exit CODE SIGNAL OUT ERR        it ended, after so many bytes of output on each stream
 *	end off|reset                   the machine is switched off now, or reset where it cannot be
 * and `ack N` at any time between. Everything else is a lie. The guest can be hostile: what it says is
 * necessary for a pass and never enough (decide.h).
 */
#pragma once

#include <base/types.h>

#define LINK_CONTROL 0
#define LINK_STDIN   1
#define LINK_STDOUT  1
#define LINK_STDERR  2
#define LINK_FILES   3
#define LINK_STREAMS 4
#define LINK_WINDOW  1024

struct link_decoder {
	unsigned high[LINK_STREAMS];
	bool has_high[LINK_STREAMS];
};

/* What one byte of the serial port is: a byte of a stream (its number), the kernel's (-1), or half (-2). */
int link_decode(struct link_decoder *decoder, uint8_t byte, uint8_t *ret_byte);

/* The two bytes that stand for one. */
void link_encode(unsigned stream, uint8_t byte, uint8_t ret[2]);

enum link_state { LINK_SILENT, LINK_HELLO, LINK_STARTED, LINK_EXITED, LINK_ENDED };

/* What init has said on the control stream so far, as far as it can be believed. */
struct link {
	char nonce[40];
	enum link_state state;
	const char *lie; /* NULL: none yet; what was wrong with it */
	bool serial;
	char release[96];
	int failed;         /* errno: the command was not executed */
	char unmounted[12]; /* for want of this; "": of itself */
	int code, signal;   /* of the command */
	uint64_t totals[2]; /* bytes of stdout, stderr */
	bool by_reset;
	uint64_t sent, acknowledged; /* towards the guest, where there is a window */
	char line[512];
	unsigned n;
};

void link_feed(struct link *link, const char *bytes, size_t n);
