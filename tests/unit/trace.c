/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Traces in words: names of registers, and files of which every byte may be anything. Traces written:
 * nothing of what was recorded is ever only in memory.
 */
#include <watch/trace.h>

#include <machine/vcpu.h>

#include <base/bytes.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

static uint8_t file[64 * TRACE_RECORD];
static unsigned n_records;
static char *text;

static uint8_t *record(unsigned kind, unsigned flags, unsigned region, unsigned len,
		       uint64_t offset, uint64_t value)
{
	uint8_t *r = file + TRACE_RECORD * n_records++;

	memset(r, 0, TRACE_RECORD);
	r[TRACE_AT_KIND] = (uint8_t)kind;
	r[TRACE_AT_FLAGS] = (uint8_t)flags;
	r[TRACE_AT_REGION] = (uint8_t)region;
	r[TRACE_AT_LEN] = (uint8_t)len;
	store_le64(r + TRACE_AT_OFFSET, offset);
	store_le64(r + TRACE_AT_VALUE, value);
	return r;
}

/* A header, a device with PM, MSI-X and AER, and its MSI-X table and PBA in BAR 3. */
static void begin(void)
{
	n_records = 0;
	memcpy(record(0, 0, 0, 0, 0, 0), TRACE_MAGIC, 8);
	strcpy((char *)record(TRACE_DEVICE, 0, 0, 0, 0, 0) + TRACE_AT_TIME, "0000:00:02.0");
	record(TRACE_CAPABILITY, 0, 0, 0, 0xc8, PCI_CAP_ID_PM);
	record(TRACE_CAPABILITY, 0, 0, 0, 0xa0, PCI_CAP_ID_MSIX);
	record(TRACE_CAPABILITY, 1, 0, 0, 0x100, PCI_EXT_CAP_ID_ERR);
	record(TRACE_STRUCTURE, 0, 3, 0, 0x10, 5 * 16);
	record(TRACE_STRUCTURE, 1, 3, 0, 0x2000, 8);
}

static int print_bytes(size_t size)
{
	int fd = memfd_create("trace", MFD_CLOEXEC), r;
	size_t n;
	FILE *out;

	free(text);
	out = open_memstream(&text, &n);
	if (!out || write(fd, file, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET))
		return -1;
	r = trace_print(fd, "FILE", out);
	fclose(out);
	close(fd);
	return r;
}

static int print(void)
{
	return print_bytes((size_t)n_records * TRACE_RECORD);
}

static void whole(void)
{
	uint8_t *r;

	begin();
	r = record(TRACE_ACCESS, 0, VFIO_PCI_CONFIG_REGION_INDEX, 4, 0, 0x10d38086);
	store_le64(r + TRACE_AT_TIME, 1234567890);
	store_le16(r + TRACE_AT_VCPU, 3);
	record(TRACE_ACCESS, 1, VFIO_PCI_CONFIG_REGION_INDEX, 2, 0xa2, 0x8004);
	record(TRACE_ACCESS, 1, 3, 4, 0x10 + 2 * 16 + 8, 0x31);
	record(TRACE_ACCESS, 0, 3, 4, 0x2000, 1);
	record(TRACE_ACCESS, 0, 3, 4, 0x60, UINT64_MAX);
	record(TRACE_END, 0, 0, 0, 0, 5);
	CHECK_EQ(print(), 0);
	CHECK(strstr(text, "     1.234567    3  0000:00:02.0 config        0 read 4 0x10d38086"
			   "  Vendor ID, Device ID\n"));
	CHECK(strstr(text, "config     0xa2 write 2     0x8004  MSI-X: Message Control\n"));
	CHECK(strstr(text, "BAR3       0x38 write 4       0x31  MSI-X vector 2: data\n"));
	CHECK(strstr(text, "BAR3     0x2000 read 4        0x1  MSI-X PBA\n"));
	CHECK(strstr(text, "BAR3       0x60 read 4 0xffffffffffffffff\n"));
}

static void names(void)
{
	static const struct trace_capability caps[] = {
		{ 0x40, PCI_CAP_ID_EXP, false },     { 0xa0, PCI_CAP_ID_MSI, false },
		{ 0xc8, PCI_CAP_ID_PM, false },      { 0xf0, 0x77, false },
		{ 0x100, PCI_EXT_CAP_ID_ERR, true },
	};
	static const struct {
		unsigned offset, len;
		const char *name;
	} cases[] = {
		{ 0x04, 4, "Command, Status" },
		{ 0x0e, 1, "Header Type" },
		{ 0x09, 2, "Class Code" },
		{ 0x3c, 4, "Interrupt Line, Interrupt Pin, Min Gnt, Max Lat" },
		{ 0x12, 2, "BAR 0" },
		{ 0x40, 2, "PCI Express: id, next" },
		{ 0x48, 2, "PCI Express: Device Control" },
		{ 0x48, 4, "PCI Express: Device Control, Device Status" },
		{ 0xa4, 4, "MSI: Message Address" },
		{ 0xac, 2, "MSI: +0xc" },
		{ 0xcc, 2, "Power Management: Control/Status" },
		{ 0xf4, 1, "capability 0x77: +0x4" },
		{ 0x104, 4, "Advanced Error Reporting: Uncorrectable Status" },
		{ 0xff8, 8, "Advanced Error Reporting: +0xef8" },
	};
	char name[256];

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		trace_config_name(caps, ARRAY_SIZE(caps), cases[i].offset, cases[i].len, name,
				  sizeof(name));
		if (strcmp(name, cases[i].name) != 0) {
			test_failed = true;
			snprintf(test_why, sizeof(test_why), "%#x is \"%s\", expected \"%s\"",
				 cases[i].offset, name, cases[i].name);
			return;
		}
	}
	trace_config_name(caps, 0, 0x50, 4, name, sizeof(name));
	CHECK(!name[0]);
	trace_config_name(caps, ARRAY_SIZE(caps), 0x3c, 4, name, 8);
	CHECK(strlen(name) < 8);
}

static void cut(void)
{
	begin();
	record(TRACE_ACCESS, 0, 0, 4, 0, 0);
	CHECK(print() < 0);
	CHECK_ERROR("ends too early, after 1 accesses");
	record(TRACE_END, 0, 0, 0, 0, 1);
	for (size_t n = 0; n < TRACE_RECORD; n++) {
		CHECK(print_bytes(n) < 0);
		CHECK_ERROR("not a trace");
	}
	for (size_t n = TRACE_RECORD; n < (size_t)n_records * TRACE_RECORD; n++) {
		CHECK(print_bytes(n) < 0);
		CHECK_ERROR("ends too early");
	}
	CHECK_EQ(print(), 0);
	record(TRACE_ACCESS, 0, 0, 4, 0, 0);
	CHECK(print() < 0);
	CHECK_ERROR("goes on after its end");
}

static void hostile(void)
{
	static const struct {
		unsigned kind, flags, region, len, device;
		uint64_t offset, value;
		const char *error;
	} cases[] = {
		{ 0, .error = "a kind of record that does not exist" },
		{ 255, .error = "a kind of record that does not exist" },
		{ TRACE_DEVICE, .device = TRACE_DEVICES_MAX, .error = "out of range" },
		{ TRACE_DEVICE, .device = UINT16_MAX, .error = "out of range" },
		{ TRACE_DEVICE, .device = 1, .error = "without a name" },
		{ TRACE_CAPABILITY, .device = 1, .error = "not named before" },
		{ TRACE_CAPABILITY, .device = UINT16_MAX, .error = "not named before" },
		{ TRACE_CAPABILITY, .offset = 4096, .error = "capability out of range" },
		{ TRACE_CAPABILITY, .value = 65536, .error = "capability out of range" },
		{ TRACE_STRUCTURE, .region = 6, .error = "table out of range" },
		{ TRACE_STRUCTURE, .offset = UINT64_MAX, .error = "table out of range" },
		{ TRACE_STRUCTURE, .value = 65536, .error = "table out of range" },
		{ TRACE_STRUCTURE, .device = 31, .error = "not named before" },
		{ TRACE_ACCESS, .len = 4, .device = 2, .error = "not named before" },
		{ TRACE_ACCESS, .len = 4, .region = 9, .error = "a region that does not exist" },
		{ TRACE_ACCESS, .len = 0, .error = "impossible size" },
		{ TRACE_ACCESS, .len = 9, .error = "impossible size" },
		{ TRACE_ACCESS, .len = 8, .offset = UINT64_MAX - 3, .error = "impossible size" },
		{ TRACE_ACCESS, .len = 4, .region = 7, .offset = 4094, .error = "beyond config" },
		{ TRACE_END, .value = 7, .error = "is not what it holds" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t *r;

		begin();
		r = record(cases[i].kind, cases[i].flags, cases[i].region, cases[i].len,
			   cases[i].offset, cases[i].value);
		store_le16(r + TRACE_AT_DEVICE, (uint16_t)cases[i].device);
		CHECK(print() < 0);
		CHECK(strstr(error_message(), "FILE: record 7 (byte 224): "));
		CHECK_ERROR(cases[i].error);
	}
	/* A name that would write to the terminal. */
	begin();
	strcpy((char *)record(TRACE_DEVICE, 0, 0, 0, 0, 0) + TRACE_AT_TIME, "\033[2J");
	CHECK(print() < 0);
	CHECK_ERROR("no text");
	/* More capabilities than there can be. */
	begin();
	for (unsigned i = 0; i < 50; i++)
		record(TRACE_CAPABILITY, 0, 0, 0, 0x40, 1);
	CHECK(print() < 0);
	CHECK_ERROR("ends too early");
}

/* Any bytes at all: there is an answer, and no more than an answer. */
static void noise(void)
{
	uint32_t x = 2463534242u;

	for (unsigned run = 0; run < 3000; run++) {
		begin();
		for (unsigned i = 0; i < 20; i++)
			record(TRACE_ACCESS, 0, 0, 4, 0, 0);
		for (unsigned i = 0; i < 8; i++) {
			x ^= x << 13;
			x ^= x >> 17;
			x ^= x << 5;
			file[TRACE_RECORD + x % ((n_records - 1u) * TRACE_RECORD)] = (uint8_t)(x >>
											       24);
		}
		CHECK(print() < 0);
		for (const char *c = text; *c; c++)
			CHECK(*c == '\n' || (*c >= 0x20 && *c < 0x7f));
		error_clear();
	}
}

/* --- the writer, over a machine that is not there --- */

static unsigned posted;

void loop_post_error(struct loop *loop, enum vm_event event)
{
	(void)loop;
	posted += event == VM_EVENT_OUTPUT_LOST;
}

unsigned vcpu_current(void)
{
	return 2;
}

/* One capability, PM; no extended ones. */
uint32_t vfio_function_config(struct vfio_function *fn, unsigned offset, unsigned len)
{
	(void)fn;
	(void)len;
	if (offset == PCI_STATUS)
		return PCI_STATUS_CAP_LIST;
	if (offset == PCI_CAPABILITY_LIST)
		return 0x40;
	return offset == 0x40 ? PCI_CAP_ID_PM : 0;
}

static struct passthrough pt;
static struct trace writer;
static char path[32];

static int start_writing(int fd)
{
	int r;

	posted = 0;
	pt = (struct passthrough){ .n = 1, .n_functions = 1 };
	strcpy(pt.devices[0].name, "0000:00:02.0");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = trace_open(&writer, path, NULL, &pt);
	return r ? r : trace_devices(&writer);
}

static void access_config(uint32_t value)
{
	const struct vfio_access access = {
		.region = VFIO_PCI_CONFIG_REGION_INDEX,
		.offset = 0x40,
		.value = value,
		.len = 4,
	};

	pt.watches[0].access(&pt.watches[0], &access);
}

static off_t size_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? -1 : st.st_size;
}

/* After each access the file holds it: that is what kill -9 leaves. */
static void at_once(void)
{
	int fd = memfd_create("trace", MFD_CLOEXEC);
	char *line = NULL;
	size_t n;
	FILE *out;

	CHECK_EQ(start_writing(fd), 0);
	for (unsigned i = 1; i <= 100; i++) {
		access_config(i);
		CHECK_EQ(size_of(fd), (3 + i) * TRACE_RECORD);
	}
	out = open_memstream(&line, &n);
	CHECK(trace_print(fd, "FILE", out) < 0);
	CHECK_ERROR("ends too early, after 100 accesses");
	fclose(out);
	CHECK(strstr(line, "   2  0000:00:02.0 config     0x40 read 4       0x64  Power"));
	free(line);
	CHECK_EQ(trace_close(&writer), 0);
	out = open_memstream(&line, &n);
	lseek(fd, 0, SEEK_SET);
	CHECK_EQ(trace_print(fd, "FILE", out), 0);
	fclose(out);
	free(line);
	close(fd);
}

/* A pipe that nobody reads for a while: the guest goes on, and the hole is told where it is. */
static void slow_reader(void)
{
	int ends[2], copy = memfd_create("trace", MFD_CLOEXEC);
	char bytes[65536], *told = NULL;
	size_t n;
	ssize_t got;
	FILE *out;

	CHECK(!pipe2(ends, O_CLOEXEC));
	CHECK_EQ(start_writing(ends[1]), 0);
	close(ends[1]);
	for (unsigned i = 1; i <= 3000; i++)
		access_config(i); /* the pipe holds 2048 records */
	got = read(ends[0], bytes, sizeof(bytes));
	CHECK_EQ(got, sizeof(bytes));
	CHECK_EQ(write(copy, bytes, (size_t)got), got);
	access_config(3001);
	CHECK_EQ(trace_close(&writer), 0);
	while ((got = read(ends[0], bytes, sizeof(bytes))) > 0)
		CHECK_EQ(write(copy, bytes, (size_t)got), got);
	out = open_memstream(&told, &n);
	lseek(copy, 0, SEEK_SET);
	CHECK_EQ(trace_print(copy, "FILE", out), 0);
	fclose(out);
	CHECK(strstr(told, "\n              955 accesses are missing here\n"));
	CHECK(strstr(told, " 0x7fd ") && !strstr(told, " 0x7fe ") && strstr(told, " 0xbb9 "));
	CHECK_EQ(posted, 0);
	free(told);
	/* One that never reads holds nothing up, and its trace has no end. */
	CHECK(!pipe2(ends, O_CLOEXEC));
	CHECK_EQ(start_writing(ends[1]), 0);
	for (unsigned i = 1; i <= 3000; i++)
		access_config(i);
	CHECK(trace_close(&writer) < 0);
	CHECK_EQ(error_status(), STATUS_OUTPUT);
	CHECK_ERROR("its reader does not read; the trace has no end");
	close(ends[0]);
	close(ends[1]);
	close(copy);
}

/* A disk that is full in the middle of a record: what came before stays readable. */
static void full(void)
{
	int fd = memfd_create("trace", MFD_CLOEXEC);
	struct rlimit before, limit;
	char *line = NULL;
	size_t n;
	FILE *out;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	limit = before;
	limit.rlim_cur = 13 * TRACE_RECORD + 10;
	CHECK_EQ(start_writing(fd), 0);
	setrlimit(RLIMIT_FSIZE, &limit);
	for (unsigned i = 0; i < 10; i++)
		access_config(i);
	CHECK_EQ(posted, 0);
	access_config(10);
	setrlimit(RLIMIT_FSIZE, &before);
	CHECK_EQ(posted, 1);
	CHECK_EQ(error_status(), STATUS_OUTPUT);
	CHECK_ERROR("--trace /proc/self/fd/");
	access_config(11);
	CHECK_EQ(posted, 1);
	CHECK_EQ(trace_close(&writer), 0);
	out = open_memstream(&line, &n);
	CHECK(trace_print(fd, "FILE", out) < 0);
	CHECK_ERROR("ends too early, after 10 accesses");
	fclose(out);
	free(line);
	close(fd);
	CHECK(start_writing(open("/dev/full", O_WRONLY)) == -ENOSPC);
	CHECK_ERROR("No space left");
}

static const struct test tests[] = {
	TEST(whole), TEST(names),   TEST(cut),         TEST(hostile),
	TEST(noise), TEST(at_once), TEST(slow_reader), TEST(full),
};
TEST_MAIN(tests)
