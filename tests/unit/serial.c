/* SPDX-License-Identifier: BSD-2-Clause */
/* The UART against pipes and files: registers as a driver sees them, descriptors as they fail. */
#include <devices/serial.h>

#include <base/fd.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

enum { RBR = 0, THR = 0, DLL = 0, IER = 1, DLM = 1, IIR = 2, FCR = 2, LCR, MCR, LSR, MSR, SCR };

static struct loop loop;
static struct serial uart;
static int to_uart = -1, from_uart = -1; /* our ends */
static int uart_in = -1, uart_out = -1;

static uint8_t in8(unsigned reg)
{
	uint8_t v = 0xee;

	serial_access(&uart, reg, &v, 1, false);
	return v;
}

static void out8(unsigned reg, uint8_t v)
{
	serial_access(&uart, reg, &v, 1, true);
}

/* Do what the loop would: call the handler when its descriptor is ready. */
static void handle(struct loop_source *source, short events, int ms)
{
	struct pollfd p = { .fd = source->fd, .events = events };

	if (poll(&p, 1, ms) > 0)
		source->handler(source, 0);
}

static void finish(void)
{
	serial_deinit(&uart);
	loop_deinit(&loop);
	fd_close(&to_uart);
	fd_close(&from_uart);
	fd_close(&uart_in);
	fd_close(&uart_out);
}

static int start_with(int in_fd, int out_fd)
{
	struct serial_config config = { .in_fd = in_fd, .out_fd = out_fd, .out_name = "the pipe" };

	if (loop_init(&loop, NULL))
		return -1;
	return serial_init(&uart, &config, &loop, (struct irq_line){ NULL, 0 });
}

static int start(void)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC))
		return -1;
	uart_in = p[0];
	to_uart = p[1];
	if (pipe2(p, O_CLOEXEC | O_NONBLOCK))
		return -1;
	from_uart = p[0];
	uart_out = p[1];
	return start_with(uart_in, uart_out);
}

static void type(const char *text)
{
	if (write(to_uart, text, strlen(text)) < 0)
		abort();
	handle(&uart.host.in, POLLIN, 1000);
}

static bool received(const char *text)
{
	char got[512];
	ssize_t n = read(from_uart, got, sizeof(got));

	return n == (ssize_t)strlen(text) && !memcmp(got, text, (size_t)n);
}

/* What Linux's autoconfig() asks (drivers/tty/serial/8250/8250_port.c). */
static void linux_autoconfig(void)
{
	CHECK(!start());
	out8(IER, 0);
	CHECK_EQ(in8(IER), 0);
	out8(IER, 0xff);
	CHECK_EQ(in8(IER), 0x0f);
	out8(IER, 0);
	out8(SCR, 0x5a);
	CHECK_EQ(in8(SCR), 0x5a);
	out8(MCR, 0x10 | 0x08 | 0x02);
	CHECK_EQ(in8(MSR) & 0xf0, 0x90);
	out8(MCR, 0);
	CHECK_EQ(in8(MSR) & 0xf0, 0xb0);
	out8(MCR, 0xff);
	CHECK_EQ(in8(MCR), 0x1f);
	out8(MCR, 0);
	CHECK_EQ(in8(IIR), 0x01);
	out8(FCR, 0x01);
	CHECK_EQ(in8(IIR) >> 6, 3);
	out8(LCR, 0x80); /* a 16750 would show its 64 byte FIFO here */
	out8(FCR, 0x21);
	CHECK_EQ(in8(IIR) >> 5, 6);
	out8(FCR, 0);
	CHECK_EQ(in8(IIR) >> 6, 0);
	finish();
}

static void divisor_latch(void)
{
	CHECK(!start());
	out8(LCR, 0x83);
	CHECK_EQ(in8(DLL), 1);
	out8(DLL, 0x34);
	out8(DLM, 0x12);
	CHECK_EQ(in8(DLL), 0x34);
	CHECK_EQ(in8(DLM), 0x12);
	out8(LCR, 0x03);
	CHECK_EQ(in8(IER), 0);
	CHECK_EQ(in8(LCR), 0x03);
	CHECK_EQ(in8(LSR), 0x60);
	out8(LSR, 0xff);
	CHECK_EQ(in8(LSR), 0x60);
	finish();
}

static void thre_interrupt(void)
{
	CHECK(!start());
	CHECK(!uart.irq_level);
	out8(IER, 0x02); /* enabling raises it while the transmitter is empty */
	CHECK(uart.irq_level);
	CHECK_EQ(in8(IIR), 0x02);
	CHECK(!uart.irq_level);
	CHECK_EQ(in8(IIR), 0x01);
	out8(IER, 0x02); /* enabled already: nothing new */
	CHECK_EQ(in8(IIR), 0x01);
	out8(IER, 0);
	out8(IER, 0x02);
	CHECK_EQ(in8(IIR), 0x02);
	out8(THR, 'a');
	CHECK_EQ(in8(IIR), 0x02);
	finish();
}

static void receive_triggers(void)
{
	static const struct {
		uint8_t fcr;
		unsigned level;
	} cases[] = { { 0x01, 1 }, { 0x41, 4 }, { 0x81, 8 }, { 0xc1, 14 } };

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		CHECK(!start());
		out8(FCR, cases[i].fcr);
		out8(IER, 0x01);
		for (unsigned n = 1; n <= SERIAL_FIFO; n++) {
			type("x");
			CHECK(uart.irq_level);
			CHECK_EQ(in8(IIR), n >= cases[i].level ? 0xc4 : 0xcc);
		}
		CHECK_EQ(in8(LSR), 0x61);
		for (unsigned n = 0; n < SERIAL_FIFO; n++)
			CHECK_EQ(in8(RBR), 'x');
		CHECK(!uart.irq_level);
		CHECK_EQ(in8(LSR), 0x60);
		CHECK_EQ(in8(RBR), 0);
		finish();
	}
}

/* More than the FIFO holds waits its turn; nothing is lost and nothing overruns. */
static void input_waits(void)
{
	char long_text[2001], got[2001] = "";
	unsigned n = 0;

	for (unsigned i = 0; i < 2000; i++)
		long_text[i] = (char)('a' + i % 26);
	long_text[2000] = 0;
	CHECK(!start());
	type(long_text);
	CHECK(!uart.host.in_watched); /* the stage is full: the descriptor waits */
	CHECK_EQ(uart.rx_n, 0);       /* and the guest does not listen yet */
	out8(FCR, 0x07);
	out8(IER, 0x01);
	while (n < 2000) {
		handle(&uart.host.in, POLLIN, 0);
		CHECK(in8(LSR) & 1);
		CHECK(!(in8(LSR) & 2));
		got[n++] = (char)in8(RBR);
	}
	CHECK(!strcmp(got, long_text));
	CHECK(uart.host.in_watched);
	CHECK(!(in8(LSR) & 1));
	finish();
}

/* What came before the driver's start is not lost to the FIFO reset in it. */
static void input_before_driver(void)
{
	CHECK(!start());
	type("early");
	out8(FCR, 0x01);
	out8(FCR, 0x07);
	out8(FCR, 0x00);
	in8(LSR);
	in8(RBR);
	in8(IIR);
	in8(MSR);
	out8(FCR, 0x01);
	CHECK(!uart.irq_level);
	out8(IER, 0x05);
	for (const char *p = "early"; *p; p++)
		CHECK_EQ(in8(RBR), *p);
	finish();
}

static void polled_input(void)
{
	CHECK(!start());
	type("hi");
	CHECK_EQ(in8(LSR), 0x60); /* one look is a console that sends */
	out8(THR, '.');
	CHECK_EQ(in8(LSR), 0x60);
	CHECK_EQ(in8(LSR), 0x61); /* two in a row: it waits for input */
	CHECK_EQ(in8(RBR), 'h');
	CHECK_EQ(in8(LSR), 0x60);
	CHECK_EQ(in8(LSR), 0x61);
	CHECK_EQ(in8(RBR), 'i');
	finish();
}

static void input_end(void)
{
	CHECK(!start());
	out8(IER, 0x01);
	type("z");
	fd_close(&to_uart);
	handle(&uart.host.in, POLLIN, 1000);
	CHECK(uart.host.in_end);
	CHECK(!uart.host.in_watched);
	CHECK_EQ(in8(RBR), 'z');
	finish();
}

/* Regular files and /dev/null refuse epoll. */
static void input_from_file(void)
{
	char path[] = "/tmp/thru-serial-XXXXXX";
	int fd = mkstemp(path);

	CHECK(fd >= 0);
	unlink(path);
	CHECK(write(fd, "file", 4) == 4);
	lseek(fd, 0, SEEK_SET);
	uart_in = fd;
	CHECK(!start_with(fd, -1));
	CHECK_EQ(uart.host.in_n, 0);
	out8(FCR, 1);
	out8(IER, 1);
	for (const char *p = "file"; *p; p++)
		CHECK_EQ(in8(RBR), *p);
	CHECK(!(in8(LSR) & 1));
	CHECK(uart.host.in_end);
	finish();
	uart_in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	CHECK(!start_with(uart_in, -1));
	out8(IER, 1);
	CHECK(uart.host.in_end);
	finish();
}

static void loopback(void)
{
	CHECK(!start());
	out8(FCR, 0x01);
	out8(MCR, 0x10);
	out8(IER, 0x05);
	for (unsigned i = 0; i < 17; i++)
		out8(THR, (uint8_t)i);
	CHECK_EQ(in8(IIR), 0xc6); /* the seventeenth overran: line status first */
	CHECK_EQ(in8(LSR), 0x63);
	CHECK_EQ(in8(LSR), 0x61);
	CHECK_EQ(in8(IIR), 0xc4);
	for (unsigned i = 0; i < 16; i++)
		CHECK_EQ(in8(RBR), i);
	out8(FCR, 0);
	out8(THR, 'a');
	out8(THR, 'b'); /* without FIFO the new byte wins */
	CHECK_EQ(in8(LSR), 0x63);
	CHECK_EQ(in8(RBR), 'b');
	out8(MCR, 0);
	handle(&uart.host.timer, POLLIN, 50);
	CHECK(read(from_uart, (char[1]){ 0 }, 1) < 0); /* none of it went out */
	finish();
}

static void modem_deltas(void)
{
	CHECK(!start());
	out8(IER, 0x08);
	CHECK(!uart.irq_level);
	out8(MCR, 0x10); /* DCD, DSR, CTS fall */
	CHECK(uart.irq_level);
	CHECK_EQ(in8(IIR), 0x00);
	CHECK_EQ(in8(MSR), 0x0b);
	CHECK(!uart.irq_level);
	out8(MCR, 0x14); /* RI rises: no event; falls: one */
	CHECK_EQ(in8(MSR), 0x40);
	out8(MCR, 0x10);
	CHECK_EQ(in8(MSR), 0x04);
	finish();
}

static void priorities(void)
{
	CHECK(!start());
	out8(FCR, 0x01);
	out8(IER, 0x0f);
	out8(MCR, 0x10);
	for (unsigned i = 0; i < 17; i++)
		out8(THR, 'x');
	CHECK_EQ(in8(IIR), 0xc6);
	in8(LSR);
	CHECK_EQ(in8(IIR), 0xc4);
	out8(FCR, 0x03);
	CHECK_EQ(in8(IIR), 0xc2);
	CHECK_EQ(in8(IIR), 0xc0);
	in8(MSR);
	CHECK_EQ(in8(IIR), 0xc1);
	CHECK(!uart.irq_level);
	finish();
}

static void output_lines(void)
{
	CHECK(!start());
	for (const char *p = "hello\n"; *p; p++)
		out8(THR, (uint8_t)*p);
	CHECK(received("hello\n")); /* with the newline, at once */
	for (const char *p = "login: "; *p; p++)
		out8(THR, (uint8_t)*p);
	handle(&uart.host.timer, POLLIN, 1000); /* without one, soon and with no further exit */
	CHECK(received("login: "));
	out8(THR, '!');
	serial_deinit(&uart);
	CHECK(received("!"));
	finish();
}

static void output_waits(void)
{
	static char fill[4096];
	unsigned sent = 0;
	ssize_t n;

	CHECK(!start());
	out8(IER, 0x02);
	in8(IIR);
	while (in8(LSR) & 0x20 && sent < MIB(4))
		for (unsigned i = 0; i < SERIAL_FIFO; i++, sent++)
			out8(THR, 'o');
	CHECK(sent < MIB(4));
	CHECK(uart.host.out_blocked && uart.host.out_watched);
	CHECK(!(in8(LSR) & 0x60));
	CHECK_EQ(in8(IIR), 0x01);
	CHECK(!uart.irq_level);
	while ((n = read(from_uart, fill, sizeof(fill))) > 0)
		sent -= (unsigned)n;
	handle(&uart.host.out, POLLOUT, 1000);
	CHECK(!uart.host.out_blocked && !uart.host.out_watched);
	CHECK(uart.irq_level);
	CHECK_EQ(in8(IIR), 0x02);
	CHECK_EQ(in8(LSR), 0x60);
	while ((n = read(from_uart, fill, sizeof(fill))) > 0)
		sent -= (unsigned)n;
	CHECK_EQ(sent, 0);
	finish();
}

static void output_reader_gone(void)
{
	int value;

	CHECK(!start());
	fd_close(&from_uart);
	out8(THR, 'x');
	out8(THR, '\n');
	CHECK_EQ(loop_run(&loop, &value), VM_EVENT_OUTPUT_LOST);
	CHECK_EQ(error_status(), STATUS_OUTPUT);
	CHECK_ERROR("the pipe was closed by its reader");
	CHECK_EQ(in8(LSR), 0x60); /* the guest runs on until it is stopped */
	out8(THR, '\n');
	CHECK(!*error_message());
	finish();
}

static void output_disk_full(void)
{
	int value;

	uart_out = open("/dev/full", O_WRONLY | O_CLOEXEC);
	CHECK(uart_out >= 0);
	CHECK(!start_with(-1, uart_out));
	out8(THR, 'x');
	handle(&uart.host.timer, POLLIN, 1000);
	CHECK_EQ(loop_run(&loop, &value), VM_EVENT_OUTPUT_LOST);
	CHECK_EQ(error_status(), STATUS_OUTPUT);
	CHECK_ERROR("No space left on device");
	finish();
}

static void no_output(void)
{
	CHECK(!start_with(-1, -1));
	out8(THR, 'x');
	out8(THR, '\n');
	CHECK_EQ(in8(LSR), 0x60);
	CHECK_EQ(uart.host.out_n, 0);
	finish();
}

/* What the guest does not take stays in the descriptor, and is not lost. */
static void input_stays(void)
{
	struct serial_config config = { .out_fd = -1 };
	char text[301];
	int p[2];

	CHECK(!pipe2(p, O_CLOEXEC));
	config.in_fd = uart_in = p[0];
	to_uart = p[1];
	CHECK(!loop_init(&loop, NULL));
	CHECK(!serial_init(&uart, &config, &loop, (struct irq_line){ NULL, 0 }));
	memset(text, 'a', 300);
	text[299] = 'z';
	text[300] = 0;
	type(text);
	handle(&uart.host.in, POLLIN, 0);
	CHECK_EQ(uart.host.in_n, SERIAL_STAGE);
	CHECK(!uart.host.in_watched);
	out8(IER, 1);
	for (unsigned i = 0; i < 300; i++) {
		CHECK_EQ(in8(RBR), i == 299 ? 'z' : 'a');
		if (i == 100)
			handle(&uart.host.in, POLLIN, 0);
	}
	finish();
}

/* A descriptor that cannot be read is no end of input: the guest would wait for ever. */
static void input_fails(void)
{
	struct serial_config config = { .out_fd = -1 };
	int value;

	config.in_fd = uart_in = open("/proc/self/mem", O_RDONLY | O_CLOEXEC); /* EIO at 0 */
	CHECK(uart_in >= 0);
	CHECK(!loop_init(&loop, NULL));
	CHECK(!serial_init(&uart, &config, &loop, (struct irq_line){ NULL, 0 }));
	out8(IER, 1);
	CHECK_EQ(loop_run(&loop, &value), VM_EVENT_FAILED);
	CHECK_EQ(error_status(), STATUS_FAILURE);
	CHECK_ERROR("console input: it cannot be read: Input/output error; ");
	finish();
}

static void say(const char *text)
{
	for (; *text; text++)
		out8(THR, (uint8_t)*text);
}

static bool holds(const char *path, const char *want)
{
	char bytes[256] = "";
	FILE *f = fopen(path, "r");
	size_t n = f ? fread(bytes, 1, sizeof(bytes) - 1, f) : 0;

	if (f)
		fclose(f);
	return n == strlen(want) && !memcmp(bytes, want, n);
}

/* A file of bounded size: what was said last is there, in two files, and what went is counted. */
static void output_rotates(void)
{
	struct serial_config config = { .in_fd = -1 };
	char folder[] = "/tmp/thru-unit-XXXXXX", path[64], spare[80];
	struct rotate rotate;
	int err = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	CHECK(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/log", folder);
	snprintf(spare, sizeof(spare), "%s.1", path);
	CHECK_EQ(rotate_open(&rotate, path, 16), 0);
	config.rotate = &rotate;
	config.out_fd = rotate.fd;
	CHECK(!loop_init(&loop, NULL));
	CHECK(!serial_init(&uart, &config, &loop, (struct irq_line){ NULL, 0 }));
	say("line 01\n");
	say("line 02\n");
	CHECK(holds(path, "line 01\nline 02\n") && holds(spare, ""));
	say("line 03\n");
	CHECK(holds(path, "line 03\n") && holds(spare, "line 01\nline 02\n"));
	CHECK_EQ(rotate.lost, 0);
	say("line 04\n");
	dup2(null, STDERR_FILENO);
	say("line 05\n");
	dup2(err, STDERR_FILENO);
	CHECK(holds(path, "line 05\n") && holds(spare, "line 03\nline 04\n"));
	CHECK_EQ(rotate.lost, 16);
	/* The names cannot be exchanged any more: the file stays within its size. */
	unlink(path);
	unlink(spare);
	rmdir(folder);
	dup2(null, STDERR_FILENO);
	say("line 06\n");
	say("line 07\n");
	dup2(err, STDERR_FILENO);
	CHECK_EQ(rotate.size, 8);
	CHECK_EQ(rotate.lost, 32);
	serial_deinit(&uart);
	loop_deinit(&loop);
	rotate_close(&rotate);
	/* Two names of one file. */
	strcpy(folder + sizeof(folder) - 7, "XXXXXX");
	CHECK(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/log", folder);
	snprintf(spare, sizeof(spare), "%s.1", path);
	CHECK(!symlink("log", spare));
	CHECK_EQ(rotate_open(&rotate, path, 16), -EEXIST);
	CHECK_ERROR("log.1 is the same file; remove that");
	rotate_close(&rotate);
	/* A link to elsewhere: the file there gets the output, and the names are exchanged as ever. */
	CHECK(!unlink(spare) && !unlink(path));
	snprintf(spare, sizeof(spare), "%s/other", folder);
	CHECK(!symlink("other", path));
	CHECK_EQ(rotate_open(&rotate, path, 8), 0);
	CHECK_EQ(rotate_write(&rotate, "one one\n", 8), 8);
	CHECK(holds(spare, "one one\n"));
	CHECK_EQ(rotate_write(&rotate, "two two\n", 8), 8);
	CHECK(holds(path, "two two\n") && holds(spare, "one one\n"));
	rotate_close(&rotate);
	unlink(spare);
	unlink(path);
	snprintf(spare, sizeof(spare), "%s.1", path);
	unlink(spare);
	CHECK(!rmdir(folder));
	CHECK(rotate_open(&rotate, "/dev/full", 16) < 0);
	CHECK_ERROR("/dev/full: Invalid argument; with max= it takes a regular file");
	rotate_close(&rotate);
	close(err);
	close(null);
}

static void wide_and_strided(void)
{
	uint32_t v = 0;
	struct serial_config config = { .in_fd = -1, .out_fd = -1, .stride_shift = 2 };

	CHECK(!start());
	serial_access(&uart, MCR, &v, 4, false); /* MCR, LSR, MSR, SCR side by side */
	CHECK_EQ(v, 0x00b06000);
	serial_access(&uart, 6, &v, 4, false); /* and nothing behind the last */
	CHECK_EQ(v, 0x000000b0);
	finish();
	CHECK(!loop_init(&loop, NULL));
	CHECK(!serial_init(&uart, &config, &loop, (struct irq_line){ NULL, 0 }));
	serial_access(&uart, LSR << 2, &v, 4, false);
	CHECK_EQ(v, 0x60);
	v = 0x41;
	serial_access(&uart, SCR << 2, &v, 4, true);
	CHECK_EQ(uart.scr, 0x41);
	v = 0x55;
	serial_access(&uart, (SCR << 2) + 1, &v, 1, true);
	CHECK_EQ(uart.scr, 0x41);
	finish();
}

/* Any access at all: nothing may break, whatever the order. */
static void noise(void)
{
	uint64_t seed = 42, v;

	CHECK(!start());
	type("some input that may or may not be read");
	for (unsigned i = 0; i < 200000; i++) {
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		v = seed >> 40;
		serial_access(&uart, seed >> 33 & 15, &v, 1u << (seed >> 37 & 3), seed >> 63);
		CHECK(uart.rx_n <= SERIAL_FIFO && uart.host.in_n <= SERIAL_STAGE);
		CHECK(uart.host.out_n <= SERIAL_STAGE);
		if (i % 1000 == 0)
			while (read(from_uart, (char[512]){ 0 }, 512) > 0)
				;
	}
	finish();
}

/* FFh is a break where that was asked for: a NUL of its own, between what came before it and after. */
static void breaks(void)
{
	CHECK(!start());
	out8(FCR, 0x01);
	out8(IER, 0x05);
	type("\xff");
	CHECK_EQ(in8(LSR) & 0x1f, 0x01); /* not asked for: a byte */
	CHECK_EQ(in8(RBR), 0xff);
	uart.host.config.breaks = true;
	type("a\xff\xff"
	     "w");
	CHECK_EQ(in8(LSR) & 0x1f, 0x01);
	CHECK_EQ(in8(RBR), 'a');
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(in8(IIR) & 0x0f,
			 0x06); /* §8.6: the line's status before what was received */
		CHECK_EQ(in8(LSR) & 0x1f, 0x11);
		CHECK_EQ(in8(LSR) & 0x1f, 0x01);
		CHECK_EQ(in8(RBR), 0);
	}
	CHECK_EQ(in8(LSR) & 0x1f, 0x01);
	CHECK_EQ(in8(RBR), 'w');
	CHECK_EQ(in8(LSR) & 0x1f, 0);
	finish();
}

static const struct test tests[] = {
	TEST(linux_autoconfig),
	TEST(divisor_latch),
	TEST(thre_interrupt),
	TEST(receive_triggers),
	TEST(input_waits),
	TEST(input_before_driver),
	TEST(polled_input),
	TEST(input_end),
	TEST(input_from_file),
	TEST(loopback),
	TEST(modem_deltas),
	TEST(priorities),
	TEST(output_lines),
	TEST(output_waits),
	TEST(output_reader_gone),
	TEST(output_disk_full),
	TEST(no_output),
	TEST(output_rotates),
	TEST(input_stays),
	TEST(input_fails),
	TEST(wide_and_strided),
	TEST(noise),
	TEST(breaks),
};

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	return test_main(tests, ARRAY_SIZE(tests));
}
