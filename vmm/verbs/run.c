/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `thru run`: check and open everything that can be refused before a VM exists, run one machine
 * after the other for as long as the guest reboots, and turn what ended it into an exit status.
 */
#include "run.h"

#include <machine/machine.h>
#include <cli/options.h>
#include <watch/stats.h>
#include "terminal.h"

#include <watch/trace.h>
#include <base/error.h>
#include <base/fd.h>
#include <base/log.h>
#include <errno.h>
#include <fcntl.h>
#include <host/explain.h>
#include <host/kvm.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

struct run {
	struct run_options options;
	struct board_config config;
	struct lock lock;
	struct loop loop;
	struct loop_source signals;
	struct passthrough passthrough;
	struct machine machine;
	struct stats stats;
	struct trace trace;
	struct terminal terminal;
	int kvm_fd, serial_fd;
};

static int open_image(const char *what, const char *path, int *ret_fd)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(STATUS_IMAGE, errno, "%s %s: %s; give the path of a readable file",
			    what, path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return fail(STATUS_IMAGE, EINVAL, "%s %s: not a regular file; give the path of one",
			    what, path);
	*ret_fd = fd;
	fd = -1;
	return 0;
}

/* A signal is an event like any other: read by the loop, never handled asynchronously. */
static void on_signal(struct loop_source *source, uint32_t events)
{
	struct run *run = container_of(source, struct run, signals);
	struct signalfd_siginfo info;

	if (read(source->fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGPWR)
		arch_board_button(&run->machine.board);
	else if (info.ssi_signo == SIGUSR1)
		stats_print(&run->stats, &run->machine.vcpus, STDERR_FILENO);
	else
		loop_post(&run->loop, VM_EVENT_SIGNAL, (int)info.ssi_signo);
}

static int watch_signals(struct run *run)
{
	sigset_t set;
	int r;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGPWR);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL); /* before any thread: all inherit it */
	signal(SIGPIPE, SIG_IGN);
	run->signals = (struct loop_source){
		.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
		.handler = on_signal,
	};
	if (run->signals.fd < 0)
		return fail(STATUS_FAILURE, errno, "signalfd: %s", strerror(errno));
	r = loop_add(&run->loop, &run->signals, EPOLLIN);
	return r ? fail(STATUS_FAILURE, -r, "signals: %s", strerror(-r)) : 0;
}

static void press_button(void *ctx)
{
	struct run *run = ctx;

	arch_board_button(&run->machine.board);
}

static int open_serial(struct run *run)
{
	struct serial_config *serial = &run->config.serial;
	int r;

	*serial = (struct serial_config){ .in_fd = -1, .out_fd = -1 };
	switch (run->options.serial) {
	case SERIAL_NONE:
		return 0;
	case SERIAL_FILE:
		run->serial_fd = open(run->options.serial_path,
				      O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0644);
		if (run->serial_fd < 0)
			return fail(STATUS_OUTPUT, errno,
				    "--serial file:%s: %s; choose a path that can be written",
				    run->options.serial_path, strerror(errno));
		serial->out_fd = run->serial_fd;
		serial->out_name = run->options.serial_path;
		return 0;
	case SERIAL_STDIO:
		break;
	}
	serial->in_fd = STDIN_FILENO;
	r = terminal_init(&run->terminal, &run->loop, press_button, run);
	serial->out_fd = run->terminal.out_fd;
	serial->out_name = "standard output";
	serial->filter = run->terminal.raw ? terminal_filter : NULL;
	serial->filter_ctx = &run->terminal;
	return r;
}

/*
 * The numbers 0 to 2 must be taken before anything is opened, or the first thing opened (the
 * kernel, a device) would be what the console writes to.
 */
static int check_standard_fds(struct run *run)
{
	if (run->options.serial == SERIAL_STDIO && fcntl(STDOUT_FILENO, F_GETFD) < 0)
		return fail(STATUS_OUTPUT, EBADF,
			    "standard output is closed; open it, or use --serial file:PATH or "
			    "--serial none");
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return fail(STATUS_HOST, ENODEV, "/dev/null cannot be opened");
	return 0;
}

static int prepare(struct run *run)
{
	struct run_options *o = &run->options;
	int r;

	run->config = (struct board_config){
		.cpus = o->cpus,
		.mem_size = o->mem,
		.hugepage = o->hugepage,
		.prealloc = o->prealloc,
		.kernel_path = o->kernel,
		.initrd_path = o->initrd,
		.cmdline = o->cmdline,
		.kernel_fd = -1,
		.initrd_fd = -1,
	};
	r = check_standard_fds(run);
	if (!r && o->explain)
		explain_start(STDERR_FILENO);
	explain_phase("what can be refused before there is a VM");
	if (!r)
		r = open_image("kernel", o->kernel, &run->config.kernel_fd);
	if (!r && o->initrd)
		r = open_image("initrd", o->initrd, &run->config.initrd_fd);
	if (!r)
		r = kvm_open(&run->kvm_fd);
	if (!r)
		r = run_open_devices(&run->passthrough, o);
	if (!r)
		r = loop_init(&run->loop, &run->lock);
	if (!r)
		r = watch_signals(run);
	if (!r)
		r = open_serial(run);
	if (!r)
		stats_init(&run->stats, &run->passthrough, o->stats);
	if (!r && o->trace)
		r = trace_open(&run->trace, o->trace, &run->loop, &run->passthrough);
	return r;
}

/* One machine from assembly to the event that ended it. */
static int run_machine(struct run *run, enum vm_event *ret_event, int *ret_value)
{
	struct error why;
	int r;

	lock_restart(&run->lock);
	r = machine_init(&run->machine, run->kvm_fd, &run->loop, &run->config, &run->passthrough);
	if (!r && run->options.trace)
		r = trace_devices(&run->trace);
	if (!r)
		r = machine_run(&run->machine);
	if (!r)
		*ret_event = loop_run(&run->loop, ret_value);
	error_take(&why); /* whatever goes wrong on the way down is not the reason */
	vcpu_set_stop(&run->machine.vcpus);
	stats_gather(&run->stats, &run->machine.vcpus);
	machine_deinit(&run->machine);
	if (*error_message())
		log_warn("%s", error_message());
	error_put(&why);
	loop_forget(&run->loop, VM_EVENT_SIGNAL);
	return r;
}

static int event_status(enum vm_event event, int value)
{
	switch (event) {
	case VM_EVENT_POWEROFF:
		return STATUS_OK;
	case VM_EVENT_REBOOT:
		return STATUS_GUEST_REBOOT;
	case VM_EVENT_PANIC:
		fail(STATUS_GUEST_PANIC, ECANCELED, "guest: its kernel panicked; see its console");
		return STATUS_GUEST_PANIC;
	case VM_EVENT_CRASH:
		fail(STATUS_GUEST_CRASH, ECANCELED,
		     "guest: triple fault: its processor could not deliver an exception");
		return STATUS_GUEST_CRASH;
	case VM_EVENT_SIGNAL:
		return STATUS_SIGNAL + value;
	default:
		return (int)error_status(); /* whoever posted it recorded why */
	}
}

int verb_run(int argc, char **argv)
{
	struct run run = { .kvm_fd = -1,
			   .serial_fd = -1,
			   .signals.fd = -1,
			   .stats.interrupts_fd = -1,
			   .trace.fd = -1 };
	enum vm_event event = VM_EVENT_NONE;
	int r, value = 0;

	lock_init(&run.lock);
	run.loop.epoll_fd = run.loop.wake_fd = -1;
	passthrough_init(&run.passthrough);
	run.config.kernel_fd = run.config.initrd_fd = -1;
	r = options_parse_run(argc, argv, &run.options);
	if (!r)
		r = prepare(&run);
	do {
		if (!r)
			r = run_machine(&run, &event, &value);
	} while (!r && event == VM_EVENT_REBOOT && run.options.restart);

	terminal_deinit(&run.terminal);
	if (run.options.trace && run.trace.path && trace_close(&run.trace) && !r)
		r = -EIO;
	if (run.options.stats && run.stats.pt)
		stats_print(&run.stats, NULL, STDERR_FILENO);
	stats_deinit(&run.stats);
	explain_phase("the devices go back; closing a file undoes its bind");
	passthrough_close(&run.passthrough);
	explain_stop();
	if (run.loop.epoll_fd >= 0)
		loop_deinit(&run.loop);
	lock_deinit(&run.lock);
	fd_close(&run.signals.fd);
	fd_close(&run.serial_fd);
	fd_close(&run.kvm_fd);
	fd_close(&run.config.kernel_fd);
	fd_close(&run.config.initrd_fd);
	return r ? (int)error_status() : event_status(event, value);
}
