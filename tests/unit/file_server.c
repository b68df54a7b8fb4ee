/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process that serves a folder: shell scripts in place of virtiofsd, and virtiofsd itself where there is
 * one (THRU_VIRTIOFSD), asked by a driver written here in the words of FUSE.
 */
#include "virtio-driver.h"
#include "virtio-events.h"

#include "../../vmm/verbs/file_server.h"

#include <base/clock.h>
#include <base/log.h>
#include <devices/virtio/device.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE 64

static char folder[] = "/tmp/thru-unit-XXXXXX";
static struct file_server server;
static struct share_option share;
static struct lock lock;
static struct loop loop;
static struct ring ring;
static struct virtio_device *dev;

static void config_interrupt(void *ctx)
{
	fd_event_signal(event_fd);
}

static const struct virtio_transport_ops transport = { queue_interrupt, config_interrupt, NULL };

static void make_folders(void)
{
	static bool made;
	char path[200];

	events_init();
	if (!made && !mkdtemp(folder))
		abort();
	made = true;
	setenv("TMPDIR", folder, 1);
	snprintf(path, sizeof(path), "%s/share", folder);
	if (mkdir(path, 0755) && errno != EEXIST)
		abort();
	share = (struct share_option){ .tag = "share0" };
	strcpy(share.path, path);
	if (loop.lock)
		loop_deinit(&loop);
	lock_init(&lock);
	if (loop_init(&loop, &lock))
		abort();
}

static const char *script(const char *text)
{
	static char path[200];
	FILE *f;

	snprintf(path, sizeof(path), "%s/virtiofsd", folder);
	unlink(path);
	f = fopen(path, "we");
	if (!f)
		abort();
	if (text)
		fprintf(f, "#!/bin/sh\n%s\n", text);
	fclose(f);
	chmod(path, 0755);
	return path;
}

/* Nothing is left beside the share and the script: no socket, no folder for one; and no process. */
static bool nothing_left(void)
{
	DIR *d = opendir(folder);
	struct dirent *e;
	unsigned n = 0;

	while ((e = readdir(d)))
		n += e->d_name[0] != '.' && strcmp(e->d_name, "share") &&
		     strcmp(e->d_name, "virtiofsd");
	closedir(d);
	return !n && waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD;
}

static void found(void)
{
	char path[300], want[300];

	make_folders();
	snprintf(want, sizeof(want), "%s", script("exit 1"));
	CHECK_EQ(file_server_find("--share", want, path, sizeof(path)), 0);
	CHECK(!strcmp(path, want));
	CHECK_EQ(file_server_find("--share", folder, path, sizeof(path)), -ENOENT);
	CHECK_ERROR("not a program");
	setenv("PATH", folder, 1);
	CHECK_EQ(file_server_find("--share", NULL, path, sizeof(path)), 0);
	CHECK(!strcmp(path, want));
	setenv("PATH", "/nowhere:.", 1);
	if (file_server_find("--share", NULL, path, sizeof(path)) == -ENOENT)
		CHECK_ERROR("apt install virtiofsd");
	setenv("PATH", "/usr/bin:/bin", 1);
}

static void does_not_come_up(void)
{
	static const struct {
		const char *does, *told;
	} cases[] = {
		{ "exit 3", "it has ended with status 3" },
		{ "kill -9 $$", "it was killed by signal 9" },
		{ NULL, "cannot be executed" },
		{ "echo '[2026-01-01T00:00:00Z ERROR virtiofsd] no such sandbox' >&2; exit 1",
		  "status 1: no such sandbox" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		make_folders();
		CHECK_EQ(file_server_start(&server, &share, script(cases[i].does), &loop), -EPROTO);
		CHECK_ERROR(cases[i].told);
		file_server_stop(&server);
		CHECK(nothing_left());
	}
	make_folders();
	strcat(share.path, "/absent");
	CHECK_EQ(file_server_start(&server, &share, script("exit 1"), &loop), -ENOTDIR);
	CHECK_ERROR("no such folder");
	file_server_stop(&server);
	CHECK(nothing_left());
}

/* What it is started with: a socket that listens, the folder, and what it may do there. */
static void arguments(void)
{
	char text[1000] = "", path[SHARE_PATH + 16];
	FILE *f;

	make_folders();
	share.read_only = true;
	CHECK_EQ(file_server_start(&server, &share,
				   script("echo \"$*\" >${0%/*}/share/args; [ -S /proc/self/fd/3 ] "
					  "&& echo socket >>${0%/*}/share/args; exit 1"),
				   &loop),
		 -EPROTO);
	error_clear();
	file_server_stop(&server);
	snprintf(path, sizeof(path), "%s/args", share.path);
	f = fopen(path, "re");
	CHECK(f);
	CHECK(fread(text, 1, sizeof(text) - 1, f) > 0);
	fclose(f);
	CHECK(strstr(text, "--fd=3"));
	CHECK(strstr(text, share.path));
	CHECK(strstr(text, "--readonly"));
	CHECK(strstr(text, "--sandbox="));
	CHECK(strstr(text, "\nsocket"));
}

static bool start_real(void)
{
	const char *real = getenv("THRU_VIRTIOFSD");
	uint64_t features;

	make_folders();
	if (file_server_start(&server, &share, real, &loop))
		return false;
	dev = virtio_vhost_user_device(server.device);
	ram_init();
	virtio_device_plug(dev, &ram, &transport, NULL);
	features = dev->offered & ~BIT64(VIRTIO_RING_F_EVENT_IDX);
	virtio_device_accept(dev, 0, (uint32_t)features);
	virtio_device_accept(dev, 1, (uint32_t)(features >> 32));
	virtio_device_write_status(dev, READY);
	for (unsigned i = 0; i < 2; i++) {
		ring = ring_init(i, SIZE);
		ring_connect(&ring, &dev->queues[i]);
	}
	virtio_device_write_status(dev, LIVE);
	return true;
}

/* A request of FUSE on the second queue, and the answer's error. */
static int32_t ask(uint32_t opcode, uint64_t node, const void *body, uint32_t size, void *answer,
		   uint32_t answer_size)
{
	static uint64_t unique;
	uint16_t head = ring.free++ % SIZE, next = ring.free++ % SIZE;
	struct fuse_in_header in = { .len = (uint32_t)sizeof(in) + size,
				     .opcode = opcode,
				     .unique = ++unique,
				     .nodeid = node };
	struct fuse_out_header out;
	uint32_t id, len;

	memcpy(at(ring_buffer(&ring, head)), &in, sizeof(in));
	memcpy(at(ring_buffer(&ring, head)) + sizeof(in), body, size);
	ring_desc(&ring, head, ring_buffer(&ring, head), in.len, VRING_DESC_F_NEXT, next);
	ring_desc(&ring, next, ring_buffer(&ring, next), 4096, VRING_DESC_F_WRITE, 0);
	ring_give(&ring, head);
	fd_event_signal(dev->queues[1].kick_fd);
	while (!ring_take(&ring, &id, &len))
		if (!event())
			return -ETIMEDOUT;
	memcpy(&out, at(ring_buffer(&ring, next)), sizeof(out));
	memcpy(answer, at(ring_buffer(&ring, next)) + sizeof(out), answer_size);
	return out.unique == unique ? out.error : -EPROTO;
}

static void stop_real(void)
{
	virtio_device_unplug(dev);
	file_server_stop(&server);
}

static void real_one(void)
{
	struct fuse_init_in init = { .major = 7, .minor = 38, .max_readahead = 4096 };
	struct fuse_init_out got = { 0 };
	struct fuse_entry_out entry = { 0 };
	const struct {
		struct fuse_mkdir_in in;
		char name[8];
	} made = { { .mode = 0755 }, "folder" };
	struct stat st;
	uint64_t began;
	char path[SHARE_PATH + 16];
	int fd;

	if (!getenv("THRU_VIRTIOFSD"))
		SKIP("no virtiofsd (THRU_VIRTIOFSD)");
	CHECK(start_real());
	snprintf(path, sizeof(path), "%s/name", share.path);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	CHECK(fd >= 0 && write(fd, "12345", 5) == 5);
	close(fd);
	CHECK_EQ(ask(FUSE_INIT, 0, &init, sizeof(init), &got, sizeof(got)), 0);
	CHECK_EQ(got.major, 7);
	CHECK_EQ(ask(FUSE_LOOKUP, FUSE_ROOT_ID, "name", 5, &entry, sizeof(entry)), 0);
	CHECK_EQ(entry.attr.size, 5);
	CHECK_EQ((uint32_t)ask(FUSE_LOOKUP, FUSE_ROOT_ID, "absent", 7, &entry, sizeof(entry)),
		 (uint32_t)-ENOENT);
	/* What the guest's root makes belongs to whoever started this. */
	CHECK_EQ(ask(FUSE_MKDIR, FUSE_ROOT_ID, &made, sizeof(made), &entry, sizeof(entry)), 0);
	snprintf(path, sizeof(path), "%s/folder", share.path);
	CHECK(!stat(path, &st) && S_ISDIR(st.st_mode) && st.st_uid == geteuid());
	began = clock_ns();
	stop_real();
	CHECK(clock_ns() - began < NS_PER_S * 3 / 2);
	CHECK(nothing_left());
	CHECK(!loop_posted(&loop));
}

static void real_one_killed(void)
{
	struct fuse_init_in init = { .major = 7, .minor = 38, .max_readahead = 4096 };
	struct fuse_init_out got;
	int value;

	if (!getenv("THRU_VIRTIOFSD"))
		SKIP("no virtiofsd (THRU_VIRTIOFSD)");
	CHECK(start_real());
	CHECK_EQ(ask(FUSE_INIT, 0, &init, sizeof(init), &got, sizeof(got)), 0);
	kill(-server.pid, SIGKILL);
	CHECK_EQ(loop_run(&loop, &value), VM_EVENT_DEVICE_LOST);
	CHECK(strstr(error_message(), "--share "));
	CHECK_EQ(error_status(), STATUS_DEVICE_LOST);
	CHECK_ERROR("virtiofsd is lost: it hung up; it was killed by signal 9");
	stop_real();
	CHECK(nothing_left());
}

static void clean_up(void)
{
	char path[300];

	snprintf(path, sizeof(path), "rm -rf %s", folder);
	CHECK_EQ(system(path), 0);
}

static const struct test tests[] = {
	TEST(found),    TEST(does_not_come_up), TEST(arguments),
	TEST(real_one), TEST(real_one_killed),  TEST(clean_up),
};

TEST_MAIN(tests)
