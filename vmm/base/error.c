/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The recorded reason of a failure: one line, one status, each thread's own; its first record wins. A name
 * with a line's end in it, or with what a terminal takes for a command, is printed with question marks.
 *
 * A line says what to do. Where a call was refused that nothing of the operator's should make fail, the
 * place that knows has no advice of its own, and the line ends with the errno's text: then it gets one
 * here, by the errno.
 */
#include <base/error.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local struct error record = { .status = STATUS_FAILURE };

static const struct {
	int errnum;
	const char *what_to_do;
} remedies[] = {
	{ ENOMEM, "free memory on the host, or raise what limits this process: ulimit -v, -d" },
	{ EMFILE, "raise the limit on open files: ulimit -n" },
	{ ENFILE, "all open files of the host are in use: raise fs.file-max (sysctl)" },
	{ EAGAIN,
	  "end other processes, or raise the limits on them and their memory: ulimit -u, -v" },
	{ ENOSPC,
	  "a limit of the host is reached: see its kernel log (dmesg), or end other programs" },
	{ EFBIG, "raise the limit on the size of files: ulimit -f" },
	{ EPERM, "something on the host forbids it (seccomp, a security module): run as root" },
	{ EACCES,
	  "something on the host forbids it (permissions, a security module): run as root" },
};

static const char *remedy(int errnum)
{
	for (unsigned i = 0; i < ARRAY_SIZE(remedies); i++)
		if (remedies[i].errnum == errnum)
			return remedies[i].what_to_do;
	return "this is a fault of the host, of its kernel or of thru: look into the kernel's log "
	       "(dmesg), and report it with that";
}

static bool ends_with(const char *text, size_t len, const char *end)
{
	size_t n = strlen(end);

	return len >= n && !strcmp(text + len - n, end);
}

/*
 * What there is to do about some errnos wherever they happen, whatever else may be wrong with what was to be
 * opened: that there are no more open files, and of files, that the host has no memory. Of guest memory, and of
 * what is locked for a device, the place knows better.
 */
static bool speaks_for_itself(enum exit_status status, int errnum)
{
	return errnum == EMFILE || errnum == ENFILE ||
	       (errnum == ENOMEM && status != STATUS_FAILURE && status != STATUS_HOST);
}

/* What the operator typed wrong is told by whoever found it. */
static void advise(struct error *error, int errnum)
{
	const char *why = strerror(errnum);
	char *rest = strstr(error->text, why);
	bool alone = rest && speaks_for_itself(error->status, errnum);
	size_t len;

	if (alone)
		rest[strlen(why)] = 0;
	len = strlen(error->text);
	if ((error->status == STATUS_USAGE && !alone) || strchr(error->text, ';'))
		return;
	if (errnum == ENOMEM || ends_with(error->text, len, why))
		snprintf(error->text + len, sizeof(error->text) - len, "; %s", remedy(errnum));
}

static void make_printable(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

int fail(enum exit_status why, int errnum, const char *fmt, ...)
{
	va_list ap;

	if (!record.text[0]) {
		va_start(ap, fmt);
		vsnprintf(record.text, sizeof(record.text), fmt, ap);
		va_end(ap);
		make_printable(record.text);
		record.status = why;
		advise(&record, errnum);
	}
	return -errnum;
}

const char *error_message(void)
{
	return record.text;
}

enum exit_status error_status(void)
{
	return record.status;
}

void error_clear(void)
{
	record.text[0] = 0;
	record.status = STATUS_FAILURE;
}

void error_take(struct error *ret)
{
	*ret = record;
	error_clear();
}

void error_put(const struct error *error)
{
	record = *error;
}
