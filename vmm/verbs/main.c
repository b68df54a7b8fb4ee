/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verbs, and the only place that prints the final error and exits.
 */
#include <cli/options.h>
#include "run.h"
#include "terminal.h"
#include "verbs.h"

#include <base/error.h>
#include <base/log.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <verdict/verdict.h>

/* Verbs that do one thing and end: 0 or -errno. */
static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} verbs[] = {
	{ "devices", verb_devices }, { "bind", verb_bind },   { "unbind", verb_unbind },
	{ "open", verb_open },       { "trace", verb_trace }, { "probe", verb_probe },
};

/* Help asked for anywhere is help, whatever else is on the line. */
static bool asks_help(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			return true;
		if (!strcmp(argv[i], "--"))
			break;
	}
	return false;
}

static int dispatch(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : NULL, *near;

	if (!verb) {
		help_print(NULL, stderr);
		return STATUS_USAGE;
	}
	if (!strcmp(verb, "--help") || !strcmp(verb, "-h") || !strcmp(verb, "help")) {
		help_print(NULL, stdout);
		return STATUS_OK;
	}
	if (!strcmp(verb, "--version")) {
		puts("thru " THRU_VERSION);
		return STATUS_OK;
	}
	if (asks_help(argc, argv) && help_known(verb)) {
		help_print(verb, stdout);
		return STATUS_OK;
	}
	if (verb_check_stack())
		return strcmp(verb, "test") ? STATUS_HOST : STATUS_TEST_RUNNER;
	if (!strcmp(verb, "run"))
		return verb_run(argc - 1, argv + 1);
	if (!strcmp(verb, "test"))
		return verb_test(argc - 1, argv + 1);
	for (unsigned i = 0; i < ARRAY_SIZE(verbs); i++)
		if (!strcmp(verb, verbs[i].name))
			return verbs[i].run(argc - 1, argv + 1) ? (int)error_status() : STATUS_OK;
	near = options_nearest(verb, options_verbs);
	if (near)
		fail(STATUS_USAGE, EINVAL, "%s: no such verb; did you mean %s?", verb, near);
	else
		fail(STATUS_USAGE, EINVAL, "%s: no such verb; see thru --help", verb);
	return STATUS_USAGE;
}

/*
 * Whoever starts us with a standard stream closed has no use for it: it is not to be the next file that is
 * opened here. Open the other way round, so that it fails as a closed one does. Without /dev/null it stays closed;
 * `run` tells.
 */
static void fill_streams(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			open("/dev/null", fd ? O_RDONLY : O_WRONLY);
}

/*
 * A file that has grown to its limit is told by the write that finds it (EFBIG), in every verb. A handler, for
 * what thru starts would inherit that the signal is ignored.
 */
static void file_at_its_limit(int signal)
{
}

int main(int argc, char **argv)
{
	int status;

	fill_streams();
	signal(SIGXFSZ, file_at_its_limit);
	status = dispatch(argc, argv);
	if (*error_message())
		log_error(error_message());
	/* Output that could not be written is a failure although the work was done. */
	if (fflush(stdout)) {
		log_error("standard output could not be written; its disk is full, its reader is "
			  "gone, or it is a file at its limit (ulimit -f)");
		status = status ? status : STATUS_OUTPUT;
	}
	log_finish(run_abandoned() ? 200 : 1000);
	if (run_abandoned())
		_exit(status);
	return status;
}
