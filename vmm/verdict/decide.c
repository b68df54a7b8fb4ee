/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verdict as a list of questions in a fixed order; the first that has an answer decides. Failures of the
 * VMM itself come first, then what the kernel's log and the machine's end show. What init and the command say
 * is asked last, since a guest can say anything there.
 */
#include <verdict/decide.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool say(struct decision *d, enum verdict verdict, const char *fmt, ...) _printf_(3, 4);

static bool say(struct decision *d, enum verdict verdict, const char *fmt, ...)
{
	va_list ap;

	d->verdict = verdict;
	va_start(ap, fmt);
	vsnprintf(d->cause, sizeof(d->cause), fmt, ap);
	va_end(ap);
	return true;
}

static const char *where(const struct facts *f)
{
	if (f->control->state >= LINK_HELLO)
		return "init ran and the command did not start";
	if (f->log->has_init)
		return "the kernel started init and nothing was heard of it";
	if (f->log->has_kernel)
		return "the kernel said its version and was not heard to start init";
	if (f->log->bytes)
		return "something is on the console, but not a kernel's version";
	return "there was nothing on the console";
}

/* The VMM's own failures: nothing was learnt of the kernel. */
static bool runner(const struct facts *f, struct decision *d)
{
	switch (f->vm) {
	case STATUS_FAILURE:
	case STATUS_USAGE:
	case STATUS_HOST:
	case STATUS_IMAGE:
	case STATUS_OUTPUT:
	case STATUS_SEALED:
		return say(d, f->device ? VERDICT_DEVICE : VERDICT_RUNNER, "%s", f->vm_message);
	case STATUS_DEVICE_LOST:
		return say(d, VERDICT_DEVICE_LOST, "%s", f->vm_message);
	case -1:
	case STATUS_OK:
	case STATUS_GUEST_PANIC:
	case STATUS_GUEST_CRASH:
	case STATUS_GUEST_REBOOT:
	case STATUS_GUEST_STUCK:
		return false;
	default:
		if (f->vm > STATUS_SIGNAL)
			return say(d, VERDICT_RUNNER, "the VMM was ended by signal %d",
				   f->vm - STATUS_SIGNAL);
		return say(d, VERDICT_RUNNER, "the VMM ended with status %d", f->vm);
	}
}

static bool log_says(const struct facts *f, struct decision *d)
{
	bool survived = f->control->state >= LINK_EXITED && !f->control->failed &&
			!f->control->code && !f->control->signal;

	d->finding = klog_decisive(f->log, survived);
	if (!d->finding)
		return false;
	return say(d, d->finding->verdict, "line %llu of the kernel's log: %s%s%s",
		   (unsigned long long)d->finding->line, pattern_message(d->finding->text),
		   d->finding->reason ? ": " : "", d->finding->reason ? d->finding->reason : "");
}

static bool machine_says(const struct facts *f, struct decision *d)
{
	switch (f->vm) {
	case STATUS_GUEST_PANIC:
		return say(d, VERDICT_PANIC, "the kernel reported a panic and printed none");
	case STATUS_GUEST_CRASH:
		return say(d, VERDICT_CRASH,
			   "triple fault: a processor could not deliver an "
			   "exception");
	case STATUS_GUEST_STUCK:
		return say(d, VERDICT_STUCK, "%s", f->vm_message);
	default:
		return false;
	}
}

static bool time_says(const struct facts *f, struct decision *d)
{
	switch (f->waited) {
	case WAITED_BOOT:
		return say(d, VERDICT_BOOT_TIMEOUT, "the command had not started after %u s: %s",
			   f->seconds, where(f));
	case WAITED_COMMAND:
		return say(d, VERDICT_TIMEOUT, "the command had not ended after %u s", f->seconds);
	case WAITED_STALL:
		return say(d, VERDICT_STALL, "no output for %u s, of the command or the kernel%s%s",
			   f->seconds, f->control->state < LINK_STARTED ? ": " : "",
			   f->control->state < LINK_STARTED ? where(f) : "");
	case WAITED_OFF:
		return say(
			d, VERDICT_TIMEOUT,
			"the command ended, and %u s later the guest had not switched itself off",
			f->seconds);
	default:
		return false;
	}
}

/* The command was not started: for want of a file system, or by a fault of its own. */
static bool failed(const struct link *c, struct decision *d)
{
	bool overlay = !strcmp(c->unmounted, "overlay");

	if (!*c->unmounted)
		return say(d, VERDICT_RUNNER, "the command cannot be executed in the guest: %s",
			   strerror(c->failed));
	if (c->failed == ENODEV)
		return say(d, VERDICT_RUNNER,
			   "--%s: the guest's kernel has no %s, built in or as a module",
			   overlay || !strcmp(c->unmounted, "root") ? "root" : "share",
			   overlay ? "overlayfs (CONFIG_OVERLAY_FS)"
				   : "virtiofs (CONFIG_VIRTIO_FS)");
	return say(d, VERDICT_RUNNER, "--%s: cannot be mounted in the guest: %s",
		   overlay || !strcmp(c->unmounted, "root") ? "root" : "share",
		   strerror(c->failed));
}

/* The guest chose to end: when was that? */
static bool end_says(const struct facts *f, struct decision *d)
{
	const struct link *c = f->control;

	/* A closed pipe: it was we who ended it. */
	if (f->vm < 0 && f->output_lost && c->state < LINK_EXITED)
		return say(d, VERDICT_RUNNER, "%s could not be written", f->output_lost);
	if (f->vm == STATUS_GUEST_REBOOT && !(c->state == LINK_ENDED && c->by_reset))
		return say(d, VERDICT_RESET, "the guest was reset%s%s",
			   c->state < LINK_STARTED ? ": " : " before the command ended",
			   c->state < LINK_STARTED ? where(f) : "");
	if (c->failed)
		return failed(c, d);
	if (c->state < LINK_STARTED)
		return say(d, VERDICT_NO_BOOT, "the guest switched itself off: %s", where(f));
	if (c->state < LINK_EXITED)
		return say(d, VERDICT_GONE,
			   "the guest switched itself off before the command "
			   "ended");
	if (c->state != LINK_ENDED || f->vm < 0)
		return say(d, VERDICT_LIE, "init told of the command's end and not of its own");
	if (f->bytes[0] != c->totals[0] || f->bytes[1] != c->totals[1])
		return say(d, VERDICT_LIE,
			   "init told of %llu and %llu bytes of output, and %llu and %llu came",
			   (unsigned long long)c->totals[0], (unsigned long long)c->totals[1],
			   (unsigned long long)f->bytes[0], (unsigned long long)f->bytes[1]);
	return false;
}

static void command_says(const struct facts *f, struct decision *d)
{
	const struct link *c = f->control;

	if (c->signal) {
		d->status = c->signal;
		say(d, VERDICT_KILLED, "the command was killed by signal %d", c->signal);
	} else if (c->code) {
		d->status = c->code;
		say(d, VERDICT_FAILED, "the command ended with status %d", c->code);
	} else if (tap_failed(f->tap)) {
		say(d, VERDICT_TAP,
		    "the command's test output: %llu not ok, %llu plans that do "
		    "not hold%s",
		    (unsigned long long)f->tap->counts[TAP_NOT_OK],
		    (unsigned long long)f->tap->broken, f->tap->bailed ? ", bailed out" : "");
	} else if (f->output_lost) {
		say(d, VERDICT_RUNNER, "%s could not be written", f->output_lost);
	} else {
		say(d, VERDICT_PASS, "the command ended with status 0");
	}
}

void decide(const struct facts *f, struct decision *ret)
{
	*ret = (struct decision){ .verdict = VERDICT_PASS };
	if (f->signal) {
		ret->status = f->signal;
		say(ret, VERDICT_INTERRUPTED, "ended by signal %d", f->signal);
		return;
	}
	if (runner(f, ret) || log_says(f, ret) || machine_says(f, ret))
		return;
	if (f->control->lie) {
		say(ret, VERDICT_LIE, "from the guest's init came %s", f->control->lie);
		return;
	}
	if (!time_says(f, ret) && !end_says(f, ret))
		command_says(f, ret);
}
