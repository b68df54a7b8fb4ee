/* SPDX-License-Identifier: BSD-2-Clause */
/* Main thread only; the process has no other when one forks. A try dies with us, and its VM with it. */
#include "test_try.h"

#include <base/error.h>
#include <base/fd.h>
#include <errno.h>
#include <fcntl.h>
#include <hostfn/cgroup.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <verdict/report.h>

#define BESIDE MIB(96) /* what a guest takes beside its memory, with its root twice */

static uint64_t memory_available(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	unsigned long long kib = 0;
	char line[128];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "MemAvailable: %llu", &kib) == 1)
			break;
	if (file)
		fclose(file);
	return KIB(kib);
}

/* What only one guest at a time can have. */
static bool has_what_is_once(const struct run_options *o)
{
	bool once = o->n_vfio || o->vsock || o->n_vhost_user;

	for (unsigned i = 0; i < o->n_disks; i++)
		once |= !o->disks[i].read_only;
	for (unsigned i = 0; i < o->n_nets; i++)
		once |= o->nets[i].kind != NET_PASST;
	return once;
}

unsigned test_try_jobs(const struct test_options *o)
{
	uint64_t each = o->run.mem + BESIDE, n = MIN(memory_available() / each, o->repeat);
	cpu_set_t set;

	if (o->jobs || has_what_is_once(&o->run))
		return o->jobs ? MIN(o->jobs, o->repeat) : 1;
	if (!sched_getaffinity(0, sizeof(set), &set))
		n = MIN(n, (uint64_t)CPU_COUNT(&set) / o->run.cpus);
	while (n > 1 && cgroup_check_memory(n * each, 0))
		n--;
	error_clear();
	return (unsigned)MAX(n, 1);
}

static int memory_file(bool wanted, int *ret_fd)
{
	*ret_fd = wanted ? memfd_create("report", MFD_CLOEXEC) : -1;
	return wanted && *ret_fd < 0 ? fail(STATUS_HOST, errno, "memfd_create: %s", strerror(errno))
				     : 0;
}

/* In the child: our streams are the try's, or a pipe; nobody types for one of many. */
static int become_try(int out, const sigset_t *signals, pid_t parent)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		return fail(STATUS_FAILURE, ESRCH, "thru test has ended");
	if (null < 0)
		return fail(STATUS_HOST, errno, "/dev/null: %s", strerror(errno));
	dup2(null, STDIN_FILENO);
	fd_close(&null);
	if (out >= 0) {
		dup2(out, STDOUT_FILENO);
		dup2(out, STDERR_FILENO);
	}
	fd_close(&out);
	sigprocmask(SIG_SETMASK, signals, NULL);
	return 0;
}

int test_try_begin(struct test_slot *s, const struct test_options *o, const sigset_t *signals,
		   bool *ret_child)
{
	struct test_try *try = &s->try;
	int pipe[2] = { -1, -1 }, r;
	pid_t parent = getpid();

	*try->result = (struct test_result){ .told = false };
	s->n = 0;
	*try->log = 0;
	if (o->log)
		snprintf(try->log, sizeof(try->log), try->number > 1 ? "%s.%u.%u" : "%s.%u", o->log,
			 try->run, try->number);
	r = memory_file(o->json, &try->json);
	if (!r)
		r = memory_file(o->junit, &try->junit);
	if (!r && o->repeat > 1 && pipe2(pipe, O_CLOEXEC))
		r = fail(STATUS_HOST, errno, "pipe: %s", strerror(errno));
	if (r)
		return r;
	s->out = pipe[0];
	if (s->out >= 0)
		fcntl(s->out, F_SETFL, O_NONBLOCK);
	fflush(NULL);
	s->pid = fork();
	if (s->pid < 0) {
		s->pid = 0;
		r = fail(STATUS_HOST, errno, "fork: %s", strerror(errno));
	}
	*ret_child = !r && !s->pid;
	if (*ret_child)
		return become_try(pipe[1], signals, parent);
	fd_close(&pipe[1]);
	return r;
}

bool test_try_read(struct test_slot *s)
{
	ssize_t n;

	if (s->n > sizeof(s->output) / 2) {
		s->n -= sizeof(s->output) / 2;
		memmove(s->output, s->output + sizeof(s->output) / 2, s->n);
	}
	n = read(s->out, s->output + s->n, sizeof(s->output) - s->n);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0)
		fd_close(&s->out);
	else
		s->n += (size_t)n;
	return n > 0;
}

/* What ended without a word of its own was ended by somebody. */
static void describe(struct test_result *result, int wait_status)
{
	if (result->told)
		return;
	result->verdict = VERDICT_RUNNER;
	result->status = STATUS_TEST_RUNNER;
	if (WIFSIGNALED(wait_status))
		snprintf(result->cause, sizeof(result->cause), "its process was ended by signal %d",
			 WTERMSIG(wait_status));
	else
		snprintf(result->cause, sizeof(result->cause), "its process ended with status %d",
			 WEXITSTATUS(wait_status));
}

void test_try_end(struct test_slot *s, int wait_status)
{
	s->pid = 0;
	while (s->out >= 0 && test_try_read(s))
		;
	fd_close(&s->out);
	describe(s->try.result, wait_status);
}

static void copy(int fd, FILE *out)
{
	char bytes[4096];
	ssize_t n;

	for (off_t at = 0; (n = pread(fd, bytes, sizeof(bytes), at)) > 0; at += n)
		fwrite(bytes, 1, (size_t)n, out);
}

/* Of one whose process could not write it. */
static void report_lost(const struct test_options *o, const struct test_try *try, FILE *json,
			FILE *junit)
{
	struct klog *log = calloc(1, sizeof(*log));
	struct link control = { .failed = 0 };
	struct tap tap = { .n = 0 };
	struct facts facts = { .log = log, .control = &control, .tap = &tap };
	struct decision decision = { .verdict = try->result->verdict };
	struct report report = { .decision = &decision,
				 .facts = &facts,
				 .kernel = o->run.kernel,
				 .cmdline = o->run.cmdline,
				 .command = o->command,
				 .devices = o->vfio.at,
				 .run = try->run,
				 .number = try->number };

	memcpy(decision.cause, try->result->cause, sizeof(decision.cause));
	if (log && json)
		report_json(&report, json);
	if (log && junit)
		report_junit(&report, junit);
	free(log);
}

void test_try_report(struct test_slot *s, const struct test_options *o, FILE *json, FILE *junit,
		     bool first)
{
	const struct test_try *try = &s->try;

	if (json)
		report_json_try(json, try->run, try->number, first);
	if (!try->result->told)
		report_lost(o, try, json, junit);
	if (json && try->result->told)
		copy(try->json, json);
	if (json)
		fputc('}', json);
	if (junit && try->result->told)
		copy(try->junit, junit);
	fd_close(&s->try.json);
	fd_close(&s->try.junit);
}
