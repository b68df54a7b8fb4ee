/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Control: an end that is asked for is heard while the machine's thread stands in a call, and the terminal
 * is read whatever the guest does. The machine here is a thread that waits; no KVM.
 */
#include "test.h"

#include <base/clock.h>
#include <base/fd.h>
#include <core/kick.h>
#include <core/loop.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "vmm/verbs/control.h"
#include "vmm/verbs/terminal.h"

#define MS (NS_PER_S / 1000)

/* A machine: its lock, its loop, and a device that is being reset for a while, with the lock held. */
static struct lock device;
static struct loop machine;
static struct control control;
static uint64_t asked, heard, reset_ns;
static bool let_go, working;

static bool is(const bool *flag)
{
	return __atomic_load_n(flag, __ATOMIC_ACQUIRE);
}

static void set(bool *flag)
{
	__atomic_store_n(flag, true, __ATOMIC_RELEASE);
}

/* A call to the kernel that no signal ends, as a function level reset is. */
static void reset_device(void *ctx)
{
	uint64_t until = clock_ns() + reset_ns;

	(void)ctx;
	lock_take(&device);
	set(&working);
	while (clock_ns() < until && !is(&let_go))
		poll(NULL, 0, 5);
	lock_drop(&device);
	fail(STATUS_DEVICE_LOST, EIO, "what the machine said last");
}

static void *operator_main(void *arg)
{
	while (!is(&working))
		poll(NULL, 0, 1);
	asked = clock_ns();
	kill(getpid(), (int)(intptr_t)arg);
	while (!loop_ending(&machine) && clock_ns() - asked < NS_PER_S)
		poll(NULL, 0, 1);
	heard = clock_ns();
	return NULL;
}

static sigset_t mask;

static int begin(uint64_t ns)
{
	asked = heard = 0;
	reset_ns = ns;
	let_go = working = false;
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	lock_init(&device);
	return loop_init(&machine, &device) || control_init(&control, &machine);
}

static void end(void)
{
	control_deinit(&control);
	loop_deinit(&machine);
	lock_deinit(&device);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
}

/*
 * 100 ms to be heard. This machine may be busy with other things, so what is late once is tried again; what
 * waits for a device is late each time.
 */
static void heard_at_once(void (*test)(void))
{
	unsigned tries = 0;

	do
		test();
	while ((!asked || heard - asked >= 100 * MS) && ++tries < 5);
	CHECK(tries < 5);
}

/* The machine does not come back: it is heard all the same, and no longer than control's patience to be gone. */
static void reset_of_60_s_once(void)
{
	pthread_t operator;
	uint64_t took;

	CHECK(!begin(60 * NS_PER_S));
	CHECK(!pthread_create(&operator, NULL, operator_main, (void *)(intptr_t)SIGTERM));
	CHECK_EQ(control_run(&control, reset_device, NULL), -ETIMEDOUT);
	took = clock_ns();
	pthread_join(operator, NULL);
	took -= asked;
	CHECK(took >= CONTROL_PATIENCE_MS * MS && took < 2 * NS_PER_S);
	CHECK_EQ(control.wish, VM_EVENT_SIGNAL);
	CHECK_EQ(control.wish_value, SIGTERM);
	CHECK(!*error_message());
	set(&let_go);
	pthread_join(control.thread, NULL);
	end();
}

static void reset_of_60_s(void)
{
	heard_at_once(reset_of_60_s_once);
}

/* It comes back late, but in time: its own words count. */
static void reset_of_1_s_once(void)
{
	pthread_t operator;
	int value;

	CHECK(!begin(NS_PER_S));
	CHECK(!pthread_create(&operator, NULL, operator_main, (void *)(intptr_t)SIGINT));
	CHECK_EQ(control_run(&control, reset_device, NULL), 0);
	pthread_join(operator, NULL);
	CHECK_EQ(loop_run(&machine, &value), VM_EVENT_SIGNAL);
	CHECK_EQ(value, SIGINT);
	error_put(&control.why);
	CHECK_EQ(error_status(), STATUS_DEVICE_LOST);
	CHECK_ERROR("what the machine said last");
	end();
}

static void reset_of_1_s(void)
{
	heard_at_once(reset_of_1_s_once);
}

/* The host's wish for its device comes with its reason, and a signal after it takes nothing of that. */
static void *host_main(void *arg)
{
	(void)arg;
	while (!is(&working))
		poll(NULL, 0, 1);
	loop_post_why(&control.loop, VM_EVENT_DEVICE_LOST, STATUS_DEVICE_LOST, "the host wants it");
	return operator_main((void *)(intptr_t)SIGTERM);
}

static void host_wants_it(void)
{
	pthread_t host;
	int value;

	CHECK(!begin(60 * NS_PER_S));
	CHECK(!pthread_create(&host, NULL, host_main, NULL));
	CHECK_EQ(control_run(&control, reset_device, NULL), -ETIMEDOUT);
	pthread_join(host, NULL);
	CHECK_EQ(control.wish, VM_EVENT_DEVICE_LOST);
	CHECK(!strcmp(control.wish_why.text, "the host wants it"));
	CHECK_EQ(loop_run(&machine, &value), VM_EVENT_DEVICE_LOST);
	CHECK_EQ(error_status(), STATUS_DEVICE_LOST);
	CHECK_ERROR("the host wants it");
	set(&let_go);
	pthread_join(control.thread, NULL);
	end();
}

/* What a signal can end is ended by it: a FIFO that nobody opens for reading. */
static char fifo[] = "/tmp/thru-unit-XXXXXX";

static void open_fifo(void *ctx)
{
	int *r = ctx, fd;

	set(&working);
	*r = fd_open_output(fifo, &fd);
}

static void waits_for_a_reader(void)
{
	pthread_t operator;
	int r = 0;

	CHECK(mkdtemp(fifo));
	rmdir(fifo);
	CHECK(!mkfifo(fifo, 0600));
	CHECK(!begin(0));
	CHECK(!pthread_create(&operator, NULL, operator_main, (void *)(intptr_t)SIGTERM));
	CHECK_EQ(control_run(&control, open_fifo, &r), 0);
	pthread_join(operator, NULL);
	CHECK(clock_ns() - asked < NS_PER_S);
	CHECK_EQ(r, -EINTR);
	unlink(fifo);
	end();
}

/* What runs on is asked for on the main thread, whatever the machine does: SIGUSR1, SIGPWR. */
static unsigned presses, prints;

static void press(void *ctx)
{
	(void)ctx;
	presses++;
	kill(getpid(), SIGUSR1);
}

static void print(void *ctx)
{
	(void)ctx;
	prints++;
	set(&let_go);
}

/* What would leave a raw terminal behind ends the guest in order, a limit on processor time among them. */
static void signals_that_end(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGXCPU };

	for (unsigned i = 0; i < ARRAY_SIZE(signals); i++) {
		pthread_t operator;

		CHECK(!begin(60 * NS_PER_S));
		CHECK(!pthread_create(&operator, NULL, operator_main,
				      (void *)(intptr_t)signals[i]));
		CHECK_EQ(control_run(&control, reset_device, NULL), -ETIMEDOUT);
		pthread_join(operator, NULL);
		CHECK_EQ(control.wish, VM_EVENT_SIGNAL);
		CHECK_EQ(control.wish_value, signals[i]);
		set(&let_go);
		pthread_join(control.thread, NULL);
		end();
	}
}

static void asked_meanwhile(void)
{
	pthread_t operator;

	CHECK(!begin(60 * NS_PER_S));
	control.button = press;
	control.stats = print;
	CHECK(!pthread_create(&operator, NULL, operator_main, (void *)(intptr_t)SIGPWR));
	CHECK_EQ(control_run(&control, reset_device, NULL), 0);
	pthread_join(operator, NULL);
	CHECK_EQ(presses, 1);
	CHECK_EQ(prints, 1);
	CHECK(!loop_ending(&machine));
	error_clear();
	end();
}

/* --- the terminal --- */

static int keyboard = -1, saved_in = -1;

static int open_terminal(struct terminal *t)
{
	struct termios raw;
	int terminal;

	keyboard = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (keyboard < 0 || grantpt(keyboard) || unlockpt(keyboard))
		return -1;
	terminal = open(ptsname(keyboard), O_RDWR | O_NOCTTY | O_CLOEXEC);
	saved_in = dup(STDIN_FILENO);
	if (terminal < 0 || dup2(terminal, STDIN_FILENO) < 0)
		return -1;
	/* It is not the terminal of this process, so that terminal_init() leaves its settings alone. */
	tcgetattr(terminal, &raw);
	cfmakeraw(&raw);
	tcsetattr(terminal, TCSANOW, &raw);
	close(terminal);
	return terminal_init(t, &control.loop, press, NULL);
}

static void close_terminal(struct terminal *t)
{
	terminal_deinit(t, 100);
	dup2(saved_in, STDIN_FILENO);
	fd_close(&saved_in);
	fd_close(&keyboard);
}

static void *typist_main(void *arg)
{
	char line[64];

	(void)arg;
	memset(line, 'k', sizeof(line));
	while (!is(&working))
		poll(NULL, 0, 1);
	/* More than any pipe holds: nobody reads it. */
	for (unsigned i = 0; i < MIB(1) / 4 / sizeof(line); i++)
		if (write(keyboard, line, sizeof(line)) < 0)
			return NULL;
	asked = clock_ns();
	if (write(keyboard, "\1x", 2) < 0)
		return NULL;
	while (!loop_ending(&machine) && clock_ns() - asked < NS_PER_S)
		poll(NULL, 0, 1);
	heard = clock_ns();
	set(&let_go);
	return NULL;
}

/* Ctrl-A x after keys that the guest never takes, while a device is being reset. */
static void escape_is_heard_once(void)
{
	struct terminal t;
	pthread_t typist;
	int value, err = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	CHECK(!begin(60 * NS_PER_S));
	CHECK_EQ(open_terminal(&t), 0);
	dup2(null, STDERR_FILENO); /* it tells of the keys that are lost */
	CHECK(!pthread_create(&typist, NULL, typist_main, NULL));
	CHECK_EQ(control_run(&control, reset_device, NULL), 0);
	pthread_join(typist, NULL);
	dup2(err, STDERR_FILENO);
	close(err);
	close(null);
	CHECK_EQ(loop_run(&machine, &value), VM_EVENT_SIGNAL);
	CHECK_EQ(value, SIGTERM);
	CHECK(t.dropped > 0 && t.dropped < MIB(1) / 4);
	close_terminal(&t);
	CHECK_EQ(t.in_fd, -1);
	error_clear();
	end();
}

static void escape_is_heard(void)
{
	heard_at_once(escape_is_heard_once);
}

/* The escapes, in one piece and cut anywhere; other keys reach the guest as they were typed. */
static void escapes(void)
{
	struct terminal t = { .power_button = press };
	uint8_t keys[] = "ab\1ac\1\1d\1pe\1qf", byte;
	size_t n;

	presses = 0;
	signal(SIGUSR1, SIG_IGN);
	n = terminal_filter(&t, keys, sizeof(keys) - 1);
	CHECK_EQ(n, 8);
	CHECK(!memcmp(keys, "ab\1c\1def", 8));
	CHECK_EQ(presses, 1);
	byte = 1;
	CHECK_EQ(terminal_filter(&t, &byte, 1), 0);
	byte = 'p';
	CHECK_EQ(terminal_filter(&t, &byte, 1), 0);
	CHECK_EQ(presses, 2);
	byte = 'p';
	CHECK_EQ(terminal_filter(&t, &byte, 1), 1);
	signal(SIGUSR1, SIG_DFL);
}

static const struct test tests[] = {
	TEST(reset_of_60_s),      TEST(reset_of_1_s),     TEST(host_wants_it),
	TEST(waits_for_a_reader), TEST(signals_that_end), TEST(asked_meanwhile),
	TEST(escape_is_heard),    TEST(escapes),
};
TEST_MAIN(tests)
