/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The narrator of `--explain`: one line for a call (when, how long, which, on what, arguments,
 * result), and below the first line with that reason, the reason and where the kernel documents it.
 * What is called very often (accesses to a device's regions, emulated interrupt lines) is counted,
 * and the sum told before the next call. KVM_RUN does not pass the door (vmm/machine/vcpu.c).
 *
 * A descriptor is named by what /proc/self/fd says it is: nothing has to be remembered, and what is
 * told is what is there. Any thread; a lock orders the lines.
 */
#include "tell.h"

#include <base/clock.h>
#include <base/log.h>
#include <errno.h>
#include <linux/vfio.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define INDENT "                          "

bool explain_on;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int out = -1;
static bool lost; /* something could not be written */
static uint64_t start;
static const char *phase;     /* not yet told */
static const char *said[256]; /* reasons given already */
static unsigned n_said;

/* Where a device's regions are in its cdev, as VFIO_DEVICE_GET_REGION_INFO said. */
static struct region {
	int fd;
	unsigned index;
	struct range at;
} regions[32 * VFIO_PCI_NUM_REGIONS];
static unsigned n_regions;

/* Which device a descriptor is. */
static struct device {
	int fd;
	struct bdf bdf;
} devices[32];
static unsigned n_devices;

/* Counted since the last line. */
static struct sum {
	const char *name;
	int fd;
	int region; /* -1: none, or not known */
	uint64_t n, failed;
} sums[32];
static unsigned n_sums;

static _printf_(1, 2) void say(const char *fmt, ...)
{
	/* A terminal in raw mode needs the carriage return. */
	const char *end = isatty(out) ? "\r\n" : "\n";
	char text[1600];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text) - 3, fmt, ap);
	va_end(ap);
	n = MIN(MAX(n, 0), (int)sizeof(text) - 4);
	n += snprintf(text + n, sizeof(text) - (size_t)n, "%s", end);
	/* Standard error has a queue, so that nobody waits for its reader. */
	if (out == STDERR_FILENO)
		n = log_text(text, (size_t)n);
	else if (write(out, text, (size_t)n) < 0)
		n = -errno;
	lost |= n < 0 && n != -ENOBUFS;
}

/* "-- guest memory --" stands before the first call made for it. */
static void say_phase(void)
{
	if (!phase)
		return;
	say("%s", "");
	say("-- %s --", phase);
	phase = NULL;
}

static void say_sums(void)
{
	for (unsigned i = 0; i < n_sums; i++) {
		const struct sum *s = &sums[i];
		char on[64], where[32] = "", bad[48] = "";

		told_fd_name(s->fd, on, sizeof(on));
		if (s->region >= VFIO_PCI_BAR0_REGION_INDEX &&
		    s->region <= VFIO_PCI_BAR5_REGION_INDEX)
			snprintf(where, sizeof(where), "BAR %d: ", s->region);
		else if (s->region == VFIO_PCI_CONFIG_REGION_INDEX)
			snprintf(where, sizeof(where), "configuration space: ");
		else if (s->region == VFIO_PCI_ROM_REGION_INDEX)
			snprintf(where, sizeof(where), "expansion ROM: ");
		if (s->failed)
			snprintf(bad, sizeof(bad), ", %llu of them failed",
				 (unsigned long long)s->failed);
		say("%25s %-30s %-10s %s%llu time%s%s", "", s->name, on, where,
		    (unsigned long long)s->n, s->n == 1 ? "" : "s", bad);
	}
	n_sums = 0;
}

static bool first_time(const char *why)
{
	for (unsigned i = 0; i < n_said; i++)
		if (said[i] == why)
			return false;
	if (n_said < ARRAY_SIZE(said))
		said[n_said++] = why;
	return true;
}

/* Break at spaces so that a page of 100 columns holds it. */
static void say_wrapped(const char *text)
{
	while (*text) {
		size_t n = strlen(text), room = 72;

		if (n > room)
			for (n = room; n > 1 && text[n] != ' '; n--)
				;
		say(INDENT "| %.*s", (int)n, text);
		text += n + (text[n] == ' ');
	}
}

static void say_why(const struct told *t)
{
	if (!t->why || !first_time(t->why))
		return;
	say_wrapped(t->why);
	if (t->see)
		say(INDENT "| %s", t->see);
}

static void say_call(const char *name, const struct told *t, int result, bool gives_fd,
		     uint64_t began)
{
	uint64_t now = clock_ns();
	char answer[96];

	if (result < 0)
		snprintf(answer, sizeof(answer), "%s (%s)", strerrorname_np(-result) ?: "-1",
			 strerror(-result));
	else
		snprintf(answer, sizeof(answer), gives_fd ? "fd %d" : "%d", result);
	say_phase();
	say_sums();
	say("%11.3f ms %7llu us  %-30s %-10s %s%s= %s", (double)(began - start) / 1e6,
	    (unsigned long long)((now - began + 500) / 1000), name, t->on, t->args, t->n ? " " : "",
	    answer);
	say_why(t);
}

static void count(const char *name, int fd, int region, int result)
{
	struct sum *s = NULL;

	for (unsigned i = 0; i < n_sums && !s; i++)
		if (sums[i].name == name && sums[i].fd == fd && sums[i].region == region)
			s = &sums[i];
	if (!s) {
		say_phase();
		if (n_sums == ARRAY_SIZE(sums))
			say_sums();
		s = &sums[n_sums++];
		*s = (struct sum){ .name = name, .fd = fd, .region = region };
	}
	s->n++;
	s->failed += result < 0;
}

static void learn_region(int fd, const struct vfio_region_info *info)
{
	unsigned i = 0;

	while (i < n_regions && (regions[i].fd != fd || regions[i].index != info->index))
		i++;
	if (i == ARRAY_SIZE(regions))
		return;
	n_regions = MAX(n_regions, i + 1);
	regions[i] = (struct region){ fd, info->index, { info->offset, info->size } };
}

static struct device *device_of(int fd)
{
	for (unsigned i = 0; i < n_devices; i++)
		if (devices[i].fd == fd)
			return &devices[i];
	return NULL;
}

void explain_device(int fd, struct bdf bdf)
{
	struct device *device;

	pthread_mutex_lock(&lock);
	device = device_of(fd);
	if (!device && n_devices < ARRAY_SIZE(devices))
		device = &devices[n_devices++];
	if (device)
		*device = (struct device){ fd, bdf };
	pthread_mutex_unlock(&lock);
}

void explain_ioctl(const char *name, int fd, const void *arg, int result, uint64_t began)
{
	const struct explain_row *row = explain_row(name);
	const struct device *device;
	struct told t = { .n = 0 };

	pthread_mutex_lock(&lock);
	device = device_of(fd);
	if (device)
		t.bdf = device->bdf;
	if (!result && !strcmp(name, "VFIO_DEVICE_GET_REGION_INFO"))
		learn_region(fd, arg);
	if (row && row->often) {
		count(row->name, fd, -1, result);
	} else {
		t.why = row ? row->why : NULL;
		t.see = row ? row->see : NULL;
		told_fd_name(fd, t.on, sizeof(t.on));
		if (row && row->decode)
			row->decode(&t, arg, result);
		say_call(name, &t, result, row && row->gives_fd, began);
	}
	pthread_mutex_unlock(&lock);
}

/* Some files have a row of their own; groups have numbers for names. */
static const struct explain_row *file_row(const char *path)
{
	if (!strncmp(path, "/dev/vfio/", 10) && path[10] >= '0' && path[10] <= '9')
		return explain_row("/dev/vfio/GROUP");
	return explain_row(path);
}

void explain_call(const char *name, int fd, int result, uint64_t began, const char *fmt, ...)
{
	const struct explain_row *row;
	struct told t = { .n = 0 };
	va_list ap;

	va_start(ap, fmt);
	told_vadd(&t, fmt, ap);
	va_end(ap);
	row = file_row(t.args) ?: explain_row(name);
	t.why = row ? row->why : NULL;
	t.see = row ? row->see : NULL;
	told_fd_name(fd, t.on, sizeof(t.on));
	pthread_mutex_lock(&lock);
	say_call(name, &t, result, row && row->gives_fd, began);
	pthread_mutex_unlock(&lock);
}

void explain_access(int fd, uint64_t at, bool is_write, int result)
{
	int region = -1;

	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < n_regions && region < 0; i++)
		if (regions[i].fd == fd && range_holds(regions[i].at, at, 1))
			region = (int)regions[i].index;
	count(is_write ? "pwrite" : "pread", fd, region, result);
	pthread_mutex_unlock(&lock);
}

void explain_phase(const char *what)
{
	if (!explain_on)
		return;
	pthread_mutex_lock(&lock);
	say_sums();
	phase = what;
	pthread_mutex_unlock(&lock);
}

void explain_start(int fd)
{
	out = fd;
	start = clock_ns();
	phase = NULL;
	n_said = n_regions = n_sums = 0;
	explain_on = true;
	say("thru: every KVM, VFIO and iommufd call, in order: when since the start, how long it took, "
	    "the");
	say("call, what it was made on, its arguments = its result. Below the first of a kind: why, "
	    "and the");
	say("kernel's document. KVM_RUN, which runs the guest, is not told; an eventfd is told where "
	    "it is used.");
}

int explain_stop(void)
{
	int r;

	if (!explain_on)
		return 0;
	pthread_mutex_lock(&lock);
	say_sums();
	explain_on = false;
	r = lost ? -EIO : 0;
	lost = false;
	pthread_mutex_unlock(&lock);
	return r;
}
