/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 16550A UART (National Semiconductor PC16550D data sheet, June 1995; § below are its sections).
 *
 * The registers; what comes from the descriptors and goes to them is serial_host.c. The line is as
 * fast as those: a transmitted byte leaves at once, so THRE and TEMT are set again before the guest
 * can look. When a descriptor takes no more, THRE stays clear until all that was staged is gone.
 * Input moves into the receive FIFO once the guest listens: its receive interrupt is enabled, or it
 * polls LSR. A driver's start clears the FIFO, and bytes that it never asked for would be lost there.
 *
 * Left out on purpose: baud rate, word length, parity and framing (stored, without effect), DMA
 * mode (FCR bit 3), break towards the descriptor. The modem on the other side is always there
 * (MSR: DCD, DSR, CTS). MCR OUT2 does not gate the interrupt: on a PC that is the board's doing.
 *
 * Runs under the device lock: registers on a vcpu's thread, what the descriptors bring on the loop's.
 */
#include "serial_host.h"

#include <string.h>

/* §8, table II. Two names for one offset: read and written, or behind LCR.DLAB. */
enum { RBR = 0, THR = 0, DLL = 0, IER = 1, DLM = 1, IIR = 2, FCR = 2, LCR, MCR, LSR, MSR, SCR };

#define IER_RECEIVED BIT(0)
#define IER_THRE     BIT(1)
#define IER_LINE     BIT(2)
#define IER_MODEM    BIT(3)
#define IER_MASK     0x0f

#define IIR_MODEM    0x00
#define IIR_NONE     0x01
#define IIR_THRE     0x02
#define IIR_RECEIVED 0x04
#define IIR_LINE     0x06
#define IIR_TIMEOUT  0x0c
#define IIR_FIFOS    0xc0

#define FCR_ENABLE   BIT(0)
#define FCR_CLEAR_RX BIT(1)
#define FCR_MODE     BIT(3)
#define FCR_TRIGGER  0xc0

#define LCR_DLAB BIT(7)

#define MCR_DTR  BIT(0)
#define MCR_RTS  BIT(1)
#define MCR_OUT1 BIT(2)
#define MCR_OUT2 BIT(3)
#define MCR_LOOP BIT(4)
#define MCR_MASK 0x1f

#define LSR_READY   BIT(0)
#define LSR_OVERRUN BIT(1)
#define LSR_BREAK   BIT(4)
#define LSR_ERRORS  0x1e
#define LSR_THRE    BIT(5)
#define LSR_TEMT    BIT(6)

#define MSR_CTS    BIT(4)
#define MSR_DSR    BIT(5)
#define MSR_RI     BIT(6)
#define MSR_DCD    BIT(7)
#define MSR_DELTAS 0x0f

static bool in_loopback(const struct serial *s)
{
	return s->mcr & MCR_LOOP;
}

static unsigned rx_depth(const struct serial *s)
{
	return s->fcr & FCR_ENABLE ? SERIAL_FIFO : 1;
}

static unsigned rx_trigger(const struct serial *s)
{
	static const uint8_t levels[] = { 1, 4, 8, 14 }; /* §8.5 */

	return s->fcr & FCR_ENABLE ? levels[s->fcr >> 6] : 1;
}

/* The pending source of highest priority (§8.6, table IV). */
static uint8_t pending(const struct serial *s)
{
	if (s->ier & IER_LINE && s->lsr & LSR_ERRORS)
		return IIR_LINE;
	if (s->ier & IER_RECEIVED && s->rx_n >= rx_trigger(s))
		return IIR_RECEIVED;
	/* The time-out of four characters is over at once: the line is as fast as that. */
	if (s->ier & IER_RECEIVED && s->rx_n)
		return IIR_TIMEOUT;
	if (s->ier & IER_THRE && s->thre_pending)
		return IIR_THRE;
	if (s->ier & IER_MODEM && s->msr & MSR_DELTAS)
		return IIR_MODEM;
	return IIR_NONE;
}

/* The output stays up while anything is pending, as INTR does; edges come out right by that. */
static void update_irq(struct serial *s)
{
	bool level = pending(s) != IIR_NONE;

	if (level == s->irq_level)
		return;
	s->irq_level = level;
	irq_line_set(s->irq, level);
}

static void rx_push(struct serial *s, uint8_t byte)
{
	if (s->rx_n == rx_depth(s)) {
		s->lsr |= LSR_OVERRUN; /* §8.4: without FIFO the new byte wins, else the old ones */
		if (s->rx_n == 1)
			s->rx[s->rx_head] = byte;
		return;
	}
	s->rx[(s->rx_head + s->rx_n++) % SERIAL_FIFO] = byte;
}

static uint8_t rx_pop(struct serial *s)
{
	uint8_t byte;

	if (!s->rx_n)
		return 0;
	byte = s->rx[s->rx_head];
	s->rx_head = (s->rx_head + 1) % SERIAL_FIFO;
	s->rx_n--;
	return byte;
}

/*
 * Linux's console reads LSR before each byte that it sends, so one read says nothing; two with
 * nothing in between, while the transmitter is free, are a guest that waits for input.
 */
static bool guest_listens(const struct serial *s)
{
	return !in_loopback(s) &&
	       (s->ier & IER_RECEIVED || (s->lsr_polls > 1 && !s->host.out_blocked));
}

/* §8.4: a break is a NUL for which LSR says so. It comes alone, or LSR would say it of another byte. */
static bool feed_break(struct serial *s)
{
	s->break_in = s->break_in && s->rx_n;
	if (s->break_due && !s->rx_n) {
		rx_push(s, 0);
		s->lsr |= LSR_BREAK;
		s->break_due = false;
		s->break_in = true;
	}
	return s->break_due || s->break_in;
}

static void feed(struct serial *s)
{
	uint8_t byte;

	while (s->rx_n < rx_depth(s) && guest_listens(s) && !feed_break(s) &&
	       serial_host_take(&s->host, &byte)) {
		if (s->host.config.breaks && byte == 0xff)
			s->break_due = true;
		else
			rx_push(s, byte);
	}
	serial_host_listen(&s->host);
}

static void transmit(struct serial *s, uint8_t byte)
{
	if (in_loopback(s)) {
		rx_push(s, byte); /* §8.8: looped back in the shift registers */
	} else {
		if (s->host.config.sent)
			s->host.config.sent(s->host.config.sent_ctx, byte);
		serial_host_send(&s->host, byte);
	}
	s->thre_pending = !s->host.out_blocked;
}

static uint8_t read_lsr(struct serial *s)
{
	uint8_t v;

	s->lsr_polls++;
	feed(s);
	v = s->lsr | (s->rx_n ? LSR_READY : 0);
	if (!s->host.out_blocked)
		v |= LSR_THRE | LSR_TEMT;
	s->lsr = 0; /* §8.4: error bits clear when read */
	return v;
}

static uint8_t read_iir(struct serial *s)
{
	uint8_t v = pending(s);

	if (v == IIR_THRE)
		s->thre_pending = false; /* §8.6: reading IIR answers it */
	return v | (s->fcr & FCR_ENABLE ? IIR_FIFOS : 0);
}

/* The modem's inputs: always there, or in loopback the four outputs (§8.8). */
static void update_msr(struct serial *s)
{
	uint8_t now = MSR_DCD | MSR_DSR | MSR_CTS, changed;

	if (in_loopback(s))
		now = (s->mcr & MCR_RTS ? MSR_CTS : 0) | (s->mcr & MCR_DTR ? MSR_DSR : 0) |
		      (s->mcr & MCR_OUT1 ? MSR_RI : 0) | (s->mcr & MCR_OUT2 ? MSR_DCD : 0);
	changed = (now ^ s->msr) & 0xf0;
	if (now & MSR_RI)
		changed &= (uint8_t)~MSR_RI; /* §8.9: only RI's trailing edge counts */
	s->msr = now | (s->msr & MSR_DELTAS) | changed >> 4;
}

static void write_ier(struct serial *s, uint8_t v)
{
	v &= IER_MASK;
	/* Enabling it while the holding register is empty raises it; Linux tests for that. */
	if (v & ~s->ier & IER_THRE && !s->host.out_blocked)
		s->thre_pending = true;
	s->ier = v;
}

static void write_fcr(struct serial *s, uint8_t v)
{
	/*
	 * §8.5: changing FIFO mode empties both FIFOs. What was transmitted is gone already, so the
	 * transmitter's clear (bit 2) finds nothing.
	 */
	if (v & FCR_CLEAR_RX || (v ^ s->fcr) & FCR_ENABLE)
		s->rx_n = 0;
	s->fcr = v & FCR_ENABLE ? v & (FCR_ENABLE | FCR_MODE | FCR_TRIGGER) : 0;
}

static uint8_t read_register(struct serial *s, unsigned reg)
{
	bool dlab = s->lcr & LCR_DLAB;
	uint8_t v;

	switch (reg) {
	case RBR:
		return dlab ? s->dll : rx_pop(s);
	case IER:
		return dlab ? s->dlm : s->ier;
	case IIR:
		return read_iir(s);
	case LCR:
		return s->lcr;
	case MCR:
		return s->mcr;
	case LSR:
		return read_lsr(s);
	case MSR:
		v = s->msr;
		s->msr &= (uint8_t)~MSR_DELTAS;
		return v;
	default:
		return s->scr;
	}
}

static void write_register(struct serial *s, unsigned reg, uint8_t v)
{
	bool dlab = s->lcr & LCR_DLAB;

	switch (reg) {
	case THR:
		if (dlab)
			s->dll = v;
		else
			transmit(s, v);
		break;
	case IER:
		if (dlab)
			s->dlm = v;
		else
			write_ier(s, v);
		break;
	case FCR:
		write_fcr(s, v);
		break;
	case LCR:
		s->lcr = v;
		break;
	case MCR:
		s->mcr = v & MCR_MASK;
		update_msr(s);
		break;
	case SCR:
		s->scr = v;
		break;
	default: /* LSR is for factory tests (§8.4), MSR belongs to the modem */
		break;
	}
}

static void access_register(struct serial *s, unsigned reg, uint8_t *byte, bool is_write)
{
	if (is_write || reg != LSR)
		s->lsr_polls = 0;
	if (is_write)
		write_register(s, reg, *byte);
	else
		*byte = read_register(s, reg);
	feed(s);
	update_irq(s);
}

void serial_access(void *ctx, uint64_t offset, void *data, unsigned len, bool is_write)
{
	struct serial *s = ctx;
	uint8_t *bytes = data;
	unsigned shift = s->host.config.stride_shift;

	/* Bytes between two registers of a wider stride read as zero. */
	if (!is_write)
		memset(bytes, 0, len);
	for (unsigned i = 0; i < len; i++)
		if (is_aligned(offset + i, BIT64(shift)) &&
		    (offset + i) >> shift < SERIAL_REGISTERS)
			access_register(s, (offset + i) >> shift & 7, &bytes[i], is_write);
}

static void has_input(struct serial_host *host)
{
	struct serial *s = container_of(host, struct serial, host);

	feed(s);
	update_irq(s);
}

/* The transmitter holding register is empty (§8.6). */
static void has_room(struct serial_host *host)
{
	struct serial *s = container_of(host, struct serial, host);

	s->thre_pending = true;
	update_irq(s);
}

int serial_init(struct serial *s, const struct serial_config *config, struct loop *loop,
		struct irq_line irq)
{
	int r;

	*s = (struct serial){ .irq = irq };
	s->host.has_input = has_input;
	s->host.has_room = has_room;
	/* 115200: a guest that asks for the rate in use gets one, and no zero divisor. */
	s->dll = 1;
	s->msr = MSR_DCD | MSR_DSR | MSR_CTS;
	r = serial_host_init(&s->host, config, loop);
	if (r)
		serial_deinit(s);
	return r;
}

void serial_deinit(struct serial *s)
{
	serial_host_deinit(&s->host);
}
