/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `thru run`: check and open everything that can be refused before a VM exists, run one machine
 * after the other for as long as the guest reboots, and turn what ended it into an exit status. All that
 * is the machine's thread; the main thread is control (control.c).
 */
#include "run.h"

#include "control.h"
#include "run_serial.h"
#include "run_virtio.h"
#include "terminal.h"

#include <base/clock.h>
#include <base/error.h>
#include <base/fd.h>
#include <base/log.h>
#include <cli/cache_folder.h>
#include <errno.h>
#include <fcntl.h>
#include <host/explain.h>
#include <host/kvm.h>
#include <host/seal.h>
#include <machine/machine.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <watch/stats.h>
#include <watch/trace.h>

#define REBOOT_QUICK_NS (5 * NS_PER_S)
#define REBOOTS_TOLD    5u

struct run {
	struct run_options options;
	struct board_config config;
	struct control control;
	struct lock lock; /* the device lock */
	struct loop loop; /* the machine's thread runs it */
	struct loop_source asking;
	unsigned asked; /* ASK_*; atomic */
	struct passthrough passthrough;
	struct machine machine;
	struct stats stats;
	struct trace trace;
	struct terminal terminal;
	struct run_serial serial;
	const struct virtio_console_port *ports; /* n_ports of them */
	unsigned n_ports;
	struct run_virtio virtio;
	struct run_account *account;    /* NULL: nobody asks */
	unsigned reboots, reboots_told; /* in a row, each soon after its start */
	const char *lost;               /* the option whose words could not be written */
	int status;
	int kvm_fd;
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

/*
 * What control asks of a machine that runs on: done on the machine's thread, with the device lock, when
 * its loop runs.
 */
enum { ASK_BUTTON = BIT(0), ASK_STATS = BIT(1) };

static void ask(struct run *run, unsigned what)
{
	__atomic_fetch_or(&run->asked, what, __ATOMIC_RELEASE);
	fd_event_signal(run->asking.fd);
}

static void ask_button(void *ctx)
{
	ask(ctx, ASK_BUTTON);
}

static void ask_stats(void *ctx)
{
	ask(ctx, ASK_STATS);
}

static void on_asked(struct loop_source *source, uint32_t events)
{
	struct run *run = container_of(source, struct run, asking);
	unsigned asked;

	(void)events;
	fd_event_take(source->fd);
	asked = __atomic_exchange_n(&run->asked, 0, __ATOMIC_ACQUIRE);
	if (asked & ASK_BUTTON)
		arch_board_button(&run->machine.board);
	if (asked & ASK_STATS && stats_print(&run->stats, &run->machine.vcpus, STDERR_FILENO))
		log_warn("SIGUSR1: the counters could not be written");
}

static int watch_asked(struct run *run)
{
	int r = fd_event(&run->asking.fd);

	run->asking.handler = on_asked;
	if (r)
		return r;
	r = loop_add(&run->loop, &run->asking, EPOLLIN);
	return r ? fail(STATUS_HOST, -r, "epoll: %s", strerror(-r)) : 0;
}

/* Closed, or open the wrong way round, as main() leaves what was closed. */
static bool is_closed(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 || (flags & O_ACCMODE) == (fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

static bool open_null(int fd)
{
	int null = open("/dev/null", O_RDWR);
	bool ok = null >= 0 && dup2(null, fd) == fd;

	if (null >= 0 && null != fd)
		close(null);
	return ok;
}

/*
 * The numbers 0 to 2 must be taken before anything is opened, or the first thing opened (the
 * kernel, a device) would be what the console writes to.
 */
static int check_standard_fds(struct run *run)
{
	if (run->options.serial == SERIAL_STDIO && is_closed(STDOUT_FILENO))
		return fail(STATUS_OUTPUT, EBADF,
			    "standard output is closed; open it, or use --serial file:PATH or "
			    "--serial none");
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (is_closed(fd) && !open_null(fd))
			return fail(
				STATUS_HOST, ENODEV,
				"/dev/null: cannot be opened; make it (mknod -m 666 /dev/null c 1 3), or start "
				"thru with its standard descriptors open");
	return 0;
}

/* What control needs, and what has to be there before other threads are. */
static int start(struct run *run)
{
	int r = check_standard_fds(run);

	if (!r)
		r = loop_init(&run->loop, &run->lock);
	if (!r)
		r = control_init(&run->control, &run->loop);
	if (!r)
		r = log_start();
	if (!r)
		r = watch_asked(run);
	run->control.button = ask_button;
	run->control.stats = ask_stats;
	if (!r && run->options.serial == SERIAL_STDIO)
		r = terminal_init(&run->terminal, &run->control.loop, ask_button, run);
	return r;
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
		.nested = o->nested,
		.pci_cf8 = o->pci_cf8,
		.kernel_unpack = o->kernel_unpack,
		.kernel_cache = cache_folder_open,
		.pmu = o->pmu,
		.kernel_path = o->kernel,
		.initrd_path = o->initrd,
		.cmdline = o->cmdline,
		.kernel_fd = -1,
		.initrd_fd = -1,
	};
	if (o->explain)
		explain_start(STDERR_FILENO);
	explain_phase("what can be refused before there is a VM");
	r = open_image("kernel", o->kernel, &run->config.kernel_fd);
	if (!r && o->initrd)
		r = open_image("initrd", o->initrd, &run->config.initrd_fd);
	if (!r)
		r = kvm_open(&run->kvm_fd);
	if (!r)
		r = run_open_devices(&run->passthrough, o);
	if (!r && run->account && o->n_vfio)
		snprintf(run->account->way, sizeof(run->account->way), "%s",
			 vfio_way_name(run->passthrough.space.way));
	if (!r)
		r = run_serial_open(&run->serial, o, run->terminal.in_fd, run->terminal.out_fd,
				    &run->loop, &run->config.serial);
	/* thru test asks a kernel that way where it stands. */
	run->config.serial.breaks = run->account;
	if (!r)
		r = run_virtio_open(&run->virtio, o, run->ports, run->n_ports, &run->loop,
				    &run->config);
	if (!r)
		stats_init(&run->stats, &run->passthrough, o->stats);
	if (!r && o->trace)
		r = trace_open(&run->trace, o->trace, &run->loop, &run->passthrough);
	return r;
}

static bool goes_on(const struct run *run, enum vm_event event)
{
	return event == VM_EVENT_REBOOT && run->options.restart;
}

/* One machine from assembly to the event that ended it. */
static int run_machine(struct run *run, enum vm_event *ret_event, int *ret_value)
{
	struct error why;
	int r;

	lock_restart(&run->lock);
	r = machine_init(&run->machine, run->kvm_fd, &run->loop, &run->control.loop, &run->config,
			 &run->passthrough);
	if (!r && run->options.trace)
		r = trace_devices(&run->trace);
	if (!r && run->account && !run->account->first_ns)
		run->account->first_ns = clock_ns();
	if (!r)
		r = machine_run(&run->machine);
	/* Whoever was told to end meanwhile has nothing to complain of. */
	if (!r || loop_ending(&run->loop)) {
		*ret_event = loop_run(&run->loop, ret_value);
		r = 0;
	}
	/* A kernel with panic=-1 reboots after its panic without another word. */
	if (!r && *ret_event == VM_EVENT_REBOOT && run->serial.panic.panicked)
		*ret_event = VM_EVENT_PANIC;
	error_take(&why); /* whatever goes wrong on the way down is not the reason */
	vcpu_set_stop(&run->machine.vcpus);
	stats_gather(&run->stats, &run->machine.vcpus);
	run->passthrough.last = r || !goes_on(run, *ret_event);
	machine_deinit(&run->machine);
	if (*error_message())
		log_warn("%s", error_message());
	error_put(&why);
	loop_forget(&run->loop, VM_EVENT_SIGNAL);
	return r;
}

/* A guest that comes up only to go down again goes on for ever: the operator is told, now and then. */
static void count_reboots(struct run *run, uint64_t began)
{
	run->reboots = clock_ns() - began < REBOOT_QUICK_NS ? run->reboots + 1 : 0;
	if (run->reboots < run->reboots_told)
		return;
	if (run->reboots_told)
		log_warn(
			"guest: it has rebooted %u times in a row, each time within %u s of its start; "
			"see its console, or leave --on-reboot restart out",
			run->reboots, (unsigned)(REBOOT_QUICK_NS / NS_PER_S));
	run->reboots_told = MAX(run->reboots_told * 10, REBOOTS_TOLD);
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
		return (int)error_status(); /* whoever posted it told why */
	}
}

/* The machine's thread: all that may wait in the kernel, from the first file to the last. */
static void run_all(void *ctx)
{
	struct run *run = ctx;
	enum vm_event event = VM_EVENT_NONE;
	struct error why;
	uint64_t began;
	int value = 0, r = prepare(run);

	if (r && loop_ending(&run->loop)) {
		event = loop_run(&run->loop, &value);
	} else {
		do {
			began = clock_ns();
			if (!r)
				r = run_machine(run, &event, &value);
			if (!r && goes_on(run, event))
				count_reboots(run, began);
		} while (!r && goes_on(run, event));
		if (r)
			event = VM_EVENT_FAILED;
	}
	run->status = event_status(event, value);
	error_take(&why);
	if (run->options.trace && run->trace.path && trace_close(&run->trace) && !why.text[0]) {
		run->status = (int)error_status();
		error_take(&why);
	}
	if (run->options.stats && run->stats.pt &&
	    stats_print(&run->stats, NULL, STDERR_FILENO) < 0)
		run->lost = "--stats";
	if (run->account)
		memcpy(run->account->exits, run->stats.exits, sizeof(run->account->exits));
	stats_deinit(&run->stats);
	explain_phase("the devices go back; closing a file undoes its bind");
	passthrough_close(&run->passthrough);
	run_virtio_close(&run->virtio);
	if (explain_stop())
		run->lost = "--explain";
	error_put(&why);
}

static bool abandoned;

bool run_abandoned(void)
{
	return abandoned;
}

/* The machine's thread stands in a call to the kernel, and nothing that it uses may be touched. */
static int abandon(struct run *run)
{
	struct control *c = &run->control;

	abandoned = true;
	terminal_restore();
	if (!c->wish_why.text[0]) /* else that is the line */
		log_warn(
			"a call to the kernel has not returned, and is not waited for; with it go the "
			"devices and the memory of the guest");
	error_put(&c->wish_why);
	return event_status(c->wish, c->wish_value);
}

static int finish(struct run *run, int r)
{
	bool asked = run->control.asked_ns;

	terminal_deinit(&run->terminal, asked ? 200 : 1000);
	if (log_finish(asked ? 200 : 1000) && (run->options.stats || run->options.explain))
		run->lost = run->options.stats ? "--stats" : "--explain";
	if (!r && run->lost && run->status == STATUS_OK) {
		fail(STATUS_OUTPUT, EIO,
		     "%s: standard error could not be written; its disk is full or its reader is gone",
		     run->lost);
		run->status = STATUS_OUTPUT;
	}
	control_deinit(&run->control);
	if (run->loop.epoll_fd >= 0)
		loop_deinit(&run->loop);
	lock_deinit(&run->lock);
	fd_close(&run->asking.fd);
	run_serial_close(&run->serial);
	fd_close(&run->kvm_fd);
	fd_close(&run->config.kernel_fd);
	fd_close(&run->config.initrd_fd);
	return r ? (int)error_status() : run->status;
}

int run_guest(const struct run_options *options, const struct virtio_console_port *ports,
	      unsigned n, struct run_account *account)
{
	/* Not on this stack: when the machine's thread is left behind it goes on using it. */
	static struct run run;
	int r;

	run.kvm_fd = run.asking.fd = -1;
	run_serial_init(&run.serial);
	run.stats.interrupts_fd = run.trace.fd = -1;
	run.loop.epoll_fd = run.loop.wake_fd = -1;
	run.config.kernel_fd = run.config.initrd_fd = -1;
	passthrough_init(&run.passthrough);
	lock_init(&run.lock);
	run.options = *options;
	run.ports = ports;
	run.n_ports = n;
	run.account = account;
	seal_prepare(options->sandbox, terminal_restore);
	r = start(&run);
	if (!r)
		r = control_run(&run.control, run_all, &run);
	return r == -ETIMEDOUT ? abandon(&run) : finish(&run, r);
}

int verb_run(int argc, char **argv)
{
	struct run_options options;
	int r = options_parse_run(argc, argv, &options);

	return r ? (int)error_status() : run_guest(&options, NULL, 0, NULL);
}
