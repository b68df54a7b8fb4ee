/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a board has beside its PCI bus, and pvpanic, under a guest that reads and writes of any size anywhere: the
 * UART beside a model of its registers and of the bytes that pass, the clock's registers, and the events that power,
 * resets and panics are to post, each then and only then. Bytes: how much of them the UART's other side types, that,
 * then operations.
 *
 * Fuzzes: devices/platform/serial.c devices/platform/serial_host.c devices/platform/pl031.c devices/platform/power.c devices/platform/pc_reset.c devices/pci/pvpanic.c
 */
#include "fuzz.h"

#include "board.h"

#include <devices/pc_reset.h>
#include <devices/pl031.h>
#include <devices/power.h>
#include <devices/pvpanic.h>
#include <devices/serial.h>

#define OPERATIONS 300
#define PVPANIC    (MEM32 + MIB(1))
#define SENT_MAX   (OPERATIONS * 8)

static struct loop loop;
static struct serial uart;
static struct pl031 rtc;
static struct power power;
static struct pc_reset pc_reset;
static struct pvpanic pv;

/* The UART's registers as its data sheet has them, of those that a read does not change. */
static struct {
	uint8_t lcr, mcr, scr, ier, dll, dlm;
	uint8_t sent[SENT_MAX];
	unsigned n_sent, n_seen;
	unsigned shift;
} m;

static void sent(void *ctx, uint8_t byte)
{
	MUST(m.n_seen < m.n_sent && m.sent[m.n_seen] == byte);
	m.n_seen++;
}

static void model_uart(unsigned reg, uint8_t v)
{
	bool dlab = m.lcr & 0x80;

	switch (reg) {
	case 0:
		if (dlab)
			m.dll = v;
		else if (!(m.mcr & 0x10))
			m.sent[m.n_sent++] = v;
		break;
	case 1:
		if (dlab)
			m.dlm = v;
		else
			m.ier = v & 0xf;
		break;
	case 3:
		m.lcr = v;
		break;
	case 4:
		m.mcr = v & 0x1f;
		break;
	case 7:
		m.scr = v;
		break;
	default:
		break;
	}
}

static uint8_t uart_read(unsigned reg)
{
	uint8_t v = 0;

	serial_access(&uart, (uint64_t)reg << m.shift, &v, 1, false);
	return v;
}

static void check_uart(void)
{
	bool dlab = m.lcr & 0x80;
	uint8_t iir;

	MUST(m.n_seen == m.n_sent);
	MUST(uart_read(3) == m.lcr && uart_read(4) == m.mcr && uart_read(7) == m.scr);
	MUST(uart_read(1) == (dlab ? m.dlm : m.ier));
	MUST(!dlab || uart_read(0) == m.dll);
	MUST(uart.rx_n <= SERIAL_FIFO);
	/* The line is up when there is something to tell, and goes down once it is told (§8.6). */
	if (!uart.irq_level) {
		iir = uart_read(2);
		MUST((iir & 0xf) == 1);
	}
	MUST(!uart.irq_level || m.ier);
}

static void access_uart(uint64_t offset, uint64_t value, unsigned len, bool is_write)
{
	uint8_t data[8];

	store_le(data, 8, value);
	for (unsigned i = 0; i < len && is_write; i++)
		if (is_aligned(offset + i, BIT64(m.shift)) && (offset + i) >> m.shift < 8)
			model_uart((unsigned)((offset + i) >> m.shift), data[i]);
	serial_access(&uart, offset, data, len, is_write);
}

static void access_rtc(uint64_t offset, uint64_t value, unsigned len, bool is_write)
{
	uint8_t data[8];
	struct pl031 old = rtc;

	store_le(data, 8, value);
	pl031_access(&rtc, offset, data, len, is_write);
	for (uint64_t at = align_up(offset, 4); is_write && at + 4 <= offset + len; at += 4) {
		uint32_t v = load_le32(data + (at - offset));

		old.match = at == 4 ? v : old.match;
		old.load = at == 8 ? v : old.load;
		old.mask = at == 0x10 ? v & 1 : old.mask;
	}
	MUST(rtc.match == old.match && rtc.load == old.load && rtc.mask == old.mask);
}

/* Exactly this was posted since. */
static void check_event(enum vm_event event)
{
	int value;

	MUST(loop_posted(&loop) == (event != VM_EVENT_NONE));
	MUST(event == VM_EVENT_NONE || loop_run(&loop, &value) == event);
}

static void access_power(uint64_t offset, uint64_t value, unsigned len, bool is_write)
{
	enum vm_event event = VM_EVENT_NONE;
	uint8_t data[8];

	store_le(data, 8, value);
	for (unsigned i = 0; i < len && is_write; i++) {
		if (offset + i == POWER_SLEEP_CONTROL && (data[i] & 0x3c) == 0x34)
			event = MAX(event, VM_EVENT_POWEROFF);
		if (offset + i == POWER_RESET && data[i] == POWER_RESET_VALUE)
			event = MAX(event, VM_EVENT_REBOOT);
	}
	power_access(&power, offset, data, len, is_write);
	MUST(is_write || !load_le(data, len));
	check_event(event);
}

static void access_resets(unsigned which, uint8_t value, bool is_write)
{
	uint64_t at = which & 1 ? 0xcf9 : PC_RESET_KEYBOARD_PORT;

	if (!is_write) {
		MUST(port(at, 1) == (which & 1 ? pc_reset.control : 0xfdu));
		check_event(VM_EVENT_NONE);
		return;
	}
	port_set(at, 1, value);
	check_event((which & 1 ? value & 4 : value == 0xfe) ? VM_EVENT_REBOOT : VM_EVENT_NONE);
	MUST(!(which & 1) || pc_reset.control == (value & 0xa));
}

static void access_pvpanic(uint64_t offset, uint64_t value, unsigned len, bool is_write)
{
	bool whole = offset + len <= 16;

	if (!is_write) {
		uint64_t want = !whole ? (len < 8 ? BIT64(8 * len) - 1 : ~0ull) : offset ? 0 : 7;

		MUST(get(PVPANIC + offset, len) == want);
		check_event(VM_EVENT_NONE);
		return;
	}
	set(PVPANIC + offset, len, value);
	check_event(offset || !whole ? VM_EVENT_NONE
		    : value & 1      ? VM_EVENT_PANIC
		    : value & 4      ? VM_EVENT_POWEROFF
				     : VM_EVENT_NONE);
}

static void operate(struct input *in)
{
	uint8_t op = take8(in), offset = take8(in);
	unsigned len = 1u << (op >> 6);
	bool is_write = op & 8;

	switch (op % 8) {
	case 0:
	case 1:
	case 2:
		access_uart(offset % (8u << m.shift), take_number(in, len), len, is_write);
		break;
	case 3: /* a register alone */
		access_uart((uint64_t)(offset % 8) << m.shift, take8(in), 1, is_write);
		break;
	case 4:
		access_rtc(op & 16 ? 0xfe0 + offset % 0x20 : offset % 0x20, take_number(in, len),
			   len, is_write);
		break;
	case 5:
		access_power(offset % POWER_REGISTERS, take_number(in, len), len, is_write);
		break;
	case 6:
		access_resets(offset, take8(in), is_write);
		break;
	default:
		access_pvpanic(offset % 16, take_number(in, len), len, is_write);
	}
}

static void fuzz(struct input *in)
{
	size_t typed_n, got;
	uint8_t how = take8(in), n = take8(in);
	const uint8_t *typed = take(in, n, &typed_n);
	struct serial_config config = { .in_fd = typed_n ? fuzz_file(typed, typed_n) : -1,
					.out_fd = fuzz_file(NULL, 0),
					.sent = sent,
					.breaks = how & 1,
					.stride_shift = how & 2 };
	static uint8_t out[SENT_MAX + 1];

	memset(&m, 0, sizeof(m));
	m.shift = how & 2;
	m.dll = 1;
	board_init();
	if (loop_init(&loop, NULL) ||
	    serial_init(&uart, &config, &loop, (struct irq_line){ NULL, 0 }))
		abort();
	pl031_init(&rtc);
	power_init(&power, &loop, (struct irq_line){ NULL, 0 });
	pc_reset_init(&pc_reset, &loop);
	root.reset_control = &pc_reset.control_port;
	if (bus_add(&pio, &pc_reset.keyboard) || pvpanic_init(&pv, &root, PCI_DEVFN(1, 0), &loop))
		abort();
	set(ECAM + 0x8000 + BAR(0), 4, PVPANIC);
	set(ECAM + 0x8000 + PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	for (unsigned i = 0; i < OPERATIONS && in->n; i++) {
		operate(in);
		check_uart();
	}
	MUST(!*error_message());
	serial_deinit(&uart);
	/* What was sent is in the file, all of it and nothing else. */
	got = (size_t)pread(config.out_fd, out, sizeof(out), 0);
	MUST(got == m.n_sent && !memcmp(out, m.sent, got));
	close(config.out_fd);
	if (config.in_fd >= 0)
		close(config.in_fd);
	pvpanic_deinit(&pv);
	pci_root_deinit(&root);
	loop_deinit(&loop);
}
