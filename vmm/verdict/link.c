/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What comes from init is checked against the one order that a run can have. The first line that does not fit
 * is kept as the lie that it is, and nothing is believed after it.
 */
#include <verdict/link.h>

#include <stdio.h>
#include <string.h>

int link_decode(struct link_decoder *d, uint8_t byte, uint8_t *ret_byte)
{
	unsigned stream = byte >> 4 & 3;

	*ret_byte = byte;
	if (!(byte & 0x80))
		return -1;
	if (byte & 0x40) {
		d->high[stream] = byte & 15;
		d->has_high[stream] = true;
		return -2;
	}
	if (!d->has_high[stream])
		return -1; /* a kernel's message that is not ASCII */
	d->has_high[stream] = false;
	*ret_byte = (uint8_t)(d->high[stream] << 4 | (byte & 15));
	return (int)stream;
}

void link_encode(unsigned stream, uint8_t byte, uint8_t ret[2])
{
	ret[0] = (uint8_t)(0xc0 | stream << 4 | byte >> 4);
	ret[1] = (uint8_t)(0x80 | stream << 4 | (byte & 15));
}

static bool state_is(struct link *c, enum link_state state)
{
	if (c->state != state)
		c->lie = "words in an order that init does not have";
	return c->state == state;
}

static void take_hello(struct link *c, const char *words)
{
	char way[8];
	int used = 0;

	if (!state_is(c, LINK_SILENT))
		return;
	if (sscanf(words, "hello 1 %7s %95s%n", way, c->release, &used) != 2 || words[used] ||
	    (strcmp(way, "ports") && strcmp(way, "serial"))) {
		c->lie = "a hello of another version";
		return;
	}
	c->serial = !strcmp(way, "serial");
	c->state = LINK_HELLO;
}

static void take_exit(struct link *c, const char *words)
{
	unsigned code, signal;
	unsigned long long out, err;
	int used = 0;

	if (!state_is(c, LINK_STARTED))
		return;
	if (sscanf(words, "exit %3u %3u %20llu %20llu%n", &code, &signal, &out, &err, &used) != 4 ||
	    words[used] || code > 255 || signal > 127 || (code && signal)) {
		c->lie = "an exit status that no command has";
		return;
	}
	c->code = (int)code;
	c->signal = (int)signal;
	c->totals[0] = out;
	c->totals[1] = err;
	c->state = LINK_EXITED;
}

static void take_ack(struct link *c, const char *words)
{
	unsigned n;

	if (sscanf(words, "ack %5u", &n) != 1 || n > c->sent - c->acknowledged)
		c->lie = "an acknowledgement of what was not sent";
	else
		c->acknowledged += n;
}

static void take_fail(struct link *c, const char *words)
{
	unsigned error;

	if (!state_is(c, LINK_HELLO))
		return;
	if (sscanf(words, "fail %4u %11s", &error, c->unmounted) < 1 || !error)
		c->lie = "a failure without a number";
	else
		c->failed = (int)error;
	c->state = LINK_EXITED;
}

static void take_line(struct link *c)
{
	char prefix[64];
	int n = snprintf(prefix, sizeof(prefix), "thru %s ", c->nonce);
	const char *words = c->line + n;

	if (strncmp(c->line, prefix, (size_t)n))
		c->lie = "a line that is not init's";
	else if (!strncmp(words, "hello ", 6))
		take_hello(c, words);
	else if (!strcmp(words, "start") && state_is(c, LINK_HELLO))
		c->state = LINK_STARTED;
	else if (!strncmp(words, "fail ", 5))
		take_fail(c, words);
	else if (!strncmp(words, "exit ", 5))
		take_exit(c, words);
	else if (!strncmp(words, "ack ", 4))
		take_ack(c, words);
	else if ((!strcmp(words, "end off") || !strcmp(words, "end reset")) &&
		 state_is(c, LINK_EXITED)) {
		c->by_reset = words[4] == 'r';
		c->state = LINK_ENDED;
	} else if (!c->lie)
		c->lie = "a word that it does not have";
}

void link_feed(struct link *c, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n && !c->lie; i++) {
		if (bytes[i] == '\n') {
			c->line[c->n] = 0;
			c->n = 0;
			take_line(c);
		} else if (!bytes[i] || c->n == sizeof(c->line) - 1) {
			c->lie = "a line that has no end";
		} else {
			c->line[c->n++] = bytes[i];
		}
	}
}
