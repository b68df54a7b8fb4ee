/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process that reads kernel and initrd (vmm/machine/loader.c): what it puts into RAM and reports arrives; one that was
 * taken over, lies, dies or never ends is told of, and the guest is not started.
 */
#include <vmm/machine/loader.h>

#include <base/clock.h>
#include <errno.h>
#include <fcntl.h>
#include <host/seal.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "test.h"

static struct board board;
static struct board_config config;
static struct loop loop;
static int (*reader)(struct board *b);
static unsigned found, kept;

void arch_boot_find(struct board *b)
{
	found++;
	b->kept.unpacked = false;
}

void arch_boot_keep(struct board *b)
{
	kept += b->kept.unpacked;
}

int arch_boot_load(struct board *b)
{
	return reader(b);
}

static int reads(struct board *b)
{
	char bytes[4] = "";
	void *to = memory_at(&b->memory, 4096, sizeof(bytes));

	if (!to || pread(b->config->kernel_fd, bytes, sizeof(bytes), 0) != sizeof(bytes))
		return fail(STATUS_IMAGE, EIO, "no bytes");
	memcpy(to, bytes, sizeof(bytes));
	b->boot = (struct boot_info){ .entry = 0x1234, .initrd = { 8192, 4096 } };
	b->layout.pci.no_cf8 = true;
	b->kept.unpacked = true;
	b->kept.size = 77;
	return 0;
}

static int refuses(struct board *b)
{
	return fail(STATUS_IMAGE, ENOEXEC, "KERNEL: is a \033[31mpicture\n; give a kernel");
}

static int opens(struct board *b)
{
	return open("/etc/passwd", O_RDONLY) >= 0 ? 0 : -1;
}

static int crashes(struct board *b)
{
	raise(SIGKILL);
	return 0;
}

static int never_ends(struct board *b)
{
	while (!__atomic_load_n(&b->boot.entry, __ATOMIC_RELAXED))
		;
	return 0;
}

static int points_outside(struct board *b)
{
	b->boot.initrd = (struct range){ MIB(8) - 4096, 8192 };
	return 0;
}

static int says_nothing_of_it(struct board *b)
{
	return -EIO;
}

static bool set_up(void)
{
	const struct range ram = { 0, MIB(8) };
	char path[] = "/tmp/thru-unit-XXXXXX";

	memset(&board, 0, sizeof(board));
	found = kept = 0;
	config = (struct board_config){ .kernel_fd = mkstemp(path),
					.initrd_fd = -1,
					.mem_size = MIB(8) };
	unlink(path);
	board.config = &config;
	board.loop = &loop;
	return write(config.kernel_fd, "ABCD", 4) == 4 && !loop_init(&loop, NULL) &&
	       !memory_init(&board.memory, -1, &ram, 1);
}

static int load(int (*by)(struct board *b))
{
	int stderr_fd = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY), r;

	reader = by;
	dup2(null, STDERR_FILENO); /* a refused call is told there */
	r = loader_load(&board);
	dup2(stderr_fd, STDERR_FILENO);
	close(stderr_fd);
	close(null);
	return r;
}

static void tear_down(void)
{
	memory_deinit(&board.memory);
	loop_deinit(&loop);
	close(config.kernel_fd);
}

static void arrives(void)
{
	CHECK(set_up());
	CHECK_EQ(load(reads), 0);
	CHECK_EQ(board.boot.entry, 0x1234);
	CHECK(board.layout.pci.no_cf8);
	CHECK(!memcmp(memory_at(&board.memory, 4096, 4), "ABCD", 4));
	CHECK_EQ(board.kept.size, 77);
	CHECK_EQ(found, 1);
	CHECK_EQ(kept, 1);
	tear_down();
}

static void refusal(void)
{
	CHECK(set_up());
	CHECK_EQ(load(refuses), -ENOEXEC);
	CHECK_EQ(error_status(), STATUS_IMAGE);
	if (seal_wanted())
		CHECK(!strcmp(error_message(), "KERNEL: is a ?[31mpicture?; give a kernel"));
	error_clear();
	CHECK_EQ(kept, 0);
	tear_down();
}

/* One that does what it must not, or reports what cannot be. */
static void bad_readers(void)
{
	static const struct {
		int (*by)(struct board *b);
		enum exit_status status;
		const char *text;
	} bad[] = {
		{ opens, STATUS_SEALED, "did what it must not" },
		{ crashes, STATUS_FAILURE, "killed by signal 9" },
		{ points_outside, STATUS_SEALED, "says what cannot be" },
		{ says_nothing_of_it, STATUS_SEALED, "says what cannot be" },
	};

	if (!seal_wanted())
		SKIP("a sanitizer makes calls of its own");
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		CHECK(set_up());
		CHECK(load(bad[i].by) < 0);
		CHECK_EQ(error_status(), bad[i].status);
		CHECK_ERROR(bad[i].text);
		CHECK_EQ(board.boot.initrd.size, 0);
		tear_down();
	}
}

static void *stop_it(void *arg)
{
	nanosleep(&(struct timespec){ 0, 50000000 }, NULL);
	loop_post(&loop, VM_EVENT_SIGNAL, SIGTERM);
	pthread_kill(*(pthread_t *)arg, SIGUSR2);
	return NULL;
}

static void on_kick(int number)
{
	(void)number;
}

/* The operator does not wait for it. */
static void told_to_stop(void)
{
	struct sigaction action = { .sa_handler = on_kick };
	pthread_t self = pthread_self(), thread;

	if (!seal_wanted())
		SKIP("a sanitizer makes calls of its own");
	CHECK(set_up());
	sigaction(SIGUSR2, &action, NULL);
	CHECK(!pthread_create(&thread, NULL, stop_it, &self));
	CHECK_EQ(load(never_ends), -ECANCELED);
	pthread_join(thread, NULL);
	tear_down();
}

static const struct test tests[] = {
	TEST(arrives),
	TEST(refusal),
	TEST(bad_readers),
	TEST(told_to_stop),
};

int main(void)
{
	seal_prepare(SEAL_ON, NULL);
	return test_main(tests, ARRAY_SIZE(tests));
}
