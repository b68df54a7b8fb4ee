/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines on stderr: one write(2) each, so that lines of two threads, or of thru and the guest's
 * console, are never torn.
 */
#include <base/log.h>

#include <base/clock.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define LIMIT_LINES  5
#define LIMIT_WINDOW (10 * NS_PER_S)

static void line(const char *colour, const char *fmt, va_list ap)
{
	const char *on = isatty(STDERR_FILENO) ? colour : "";
	char text[1024];
	int n, m;

	n = snprintf(text, sizeof(text), "%sthru: ", on);
	m = vsnprintf(text + n, sizeof(text) - (size_t)n - 8, fmt, ap);
	if (m > 0)
		n += MIN(m, (int)sizeof(text) - n - 9);
	/* A terminal in raw mode needs the carriage return. */
	n += snprintf(text + n, sizeof(text) - (size_t)n, "%s", *on ? "\033[0m\r\n" : "\n");
	if (write(STDERR_FILENO, text, (size_t)n) < 0)
		return; /* nowhere left to say it */
}

void log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line("\033[33m", fmt, ap);
	va_end(ap);
}

void log_guest(struct ratelimit *rl, const char *fmt, ...)
{
	uint64_t now = clock_ns();
	va_list ap;

	if (!rl->window_ns || now - rl->window_ns > LIMIT_WINDOW) {
		rl->window_ns = now;
		rl->lines = 0;
	}
	if (rl->lines++ >= LIMIT_LINES)
		return;
	va_start(ap, fmt);
	line("\033[2m", fmt, ap);
	va_end(ap);
}
