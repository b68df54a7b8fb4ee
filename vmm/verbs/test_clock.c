/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which of the limits of a run has passed: for its boot, its command, a silence, its power-off; then for an
 * answer to where it stands, and for the end of the VMM. Pure.
 */
#include "test_clock.h"

#include <base/clock.h>

#define GRACE_S 5 /* for the guest's power-off, and for the VMM's end */
#define ANSWER_NS \
	((uint64_t)NS_PER_S) /* for init, or the kernel, to begin to say where it stands */
#define TELL_NS ((uint64_t)(3 * NS_PER_S)) /* for what a guest that hangs prints then */

static uint64_t after(uint64_t start, unsigned seconds)
{
	return start + seconds * NS_PER_S;
}

static enum test_due stopping(const struct test_clock *c, uint64_t now, uint64_t *ret_next)
{
	*ret_next = after(c->stopped, GRACE_S);
	return now >= *ret_next ? TEST_DUE_KILL : TEST_DUE_NOTHING;
}

static enum test_due asking(const struct test_clock *c, uint64_t now, uint64_t *ret_next)
{
	uint64_t end = MAX(c->asked, c->broke[1]) + TELL_NS, answer = end;
	enum test_due due = TEST_DUE_END;

	if (!c->broke[0] && c->last_byte < c->asked) {
		answer = c->asked + ANSWER_NS;
		due = TEST_DUE_BREAK;
	} else if (c->broke[0] && !c->broke[1]) {
		answer = c->last_byte > c->broke[0] ? now : c->broke[0] + ANSWER_NS;
		due = TEST_DUE_ANOTHER;
	}
	*ret_next = answer;
	return now >= answer ? due : TEST_DUE_NOTHING;
}

/* As long as files come the guest may take its time, but for no longer than its command may. */
static uint64_t off_due(const struct test_clock *c, unsigned timeout, unsigned seconds)
{
	uint64_t end = c->moments[MOMENT_END], due = after(MAX(end, c->last_file), seconds);

	return timeout ? MIN(due, after(end, MAX(timeout, seconds))) : due;
}

/* When what the guest does now has to be done. */
static uint64_t limit(const struct test_clock *c, const struct test_options *o,
		      enum link_state state, struct test_patience *ret)
{
	*ret = (struct test_patience){ WAITED_NOT, 0 };
	if (state < LINK_STARTED && o->boot_timeout) {
		*ret = (struct test_patience){ WAITED_BOOT, o->boot_timeout };
		return after(c->moments[MOMENT_VM], ret->seconds);
	}
	if (state == LINK_STARTED && o->timeout) {
		*ret = (struct test_patience){ WAITED_COMMAND, o->timeout };
		return after(c->moments[MOMENT_START], ret->seconds);
	}
	if (state >= LINK_EXITED) {
		*ret = (struct test_patience){ WAITED_OFF, MAX(GRACE_S, o->boot_timeout / 4) };
		return off_due(c, o->timeout, ret->seconds);
	}
	return UINT64_MAX;
}

enum test_due test_clock_due(struct test_clock *c, const struct test_options *o,
			     enum link_state state, bool room, uint64_t now, uint64_t *ret_next,
			     struct test_patience *ret_patience)
{
	uint64_t due, quiet = UINT64_MAX;
	struct test_patience patience;

	if (c->stopped)
		return stopping(c, now, ret_next);
	if (c->asked)
		return asking(c, now, ret_next);
	due = limit(c, o, state, &patience);
	/* Who is not read is not silent: our own reader may take its time. */
	if (!room)
		c->heard = 0;
	else if (!c->heard)
		c->heard = now;
	if (room && o->stall && state == LINK_STARTED)
		quiet = after(MAX(MAX(c->last_byte, c->heard), c->moments[MOMENT_START]), o->stall);
	if (now < due && now >= quiet) {
		patience = (struct test_patience){ WAITED_STALL, o->stall };
		due = quiet;
	}
	*ret_next = MIN(due, quiet);
	if (now < due)
		return TEST_DUE_NOTHING;
	*ret_patience = patience;
	return TEST_DUE_QUESTION;
}
