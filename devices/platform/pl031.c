/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PL031 real time clock, ARM DDI 0224C. Registers are 32 bits wide on word boundaries (§3.2), and reached
 * by the word: a wider access is two, as on a bus of 32 bits; a narrower one reads its bytes, and writes
 * nothing. What is not a register reads as 0 and ignores writes. Left out: the alarm's interrupt,
 * and the test registers of §4.
 *
 * Runs under the device lock, on a vcpu's thread.
 */
#include <devices/pl031.h>

#include <base/bytes.h>
#include <time.h>

enum {                    /* DDI 0224C table 3-1 */
       RTCDR = 0x00,      /* the time, read only */
       RTCMR = 0x04,      /* match */
       RTCLR = 0x08,      /* load: sets the time */
       RTCCR = 0x0c,      /* control: always running once started */
       RTCIMSC = 0x10,    /* interrupt mask */
       RTCRIS = 0x14,     /* raw interrupt */
       RTCMIS = 0x18,     /* masked interrupt */
       RTCICR = 0x1c,     /* clear, write only */
       PERIPH_ID = 0xfe0, /* eight identification registers of one byte (§3.3.9, §3.3.10) */
};

static const uint8_t identification[8] = { 0x31, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

static uint32_t host_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint32_t)now.tv_sec;
}

void pl031_init(struct pl031 *rtc)
{
	*rtc = (struct pl031){ .load = host_seconds() };
}

static uint32_t read_register(const struct pl031 *rtc, uint64_t offset)
{
	switch (offset) {
	case RTCDR:
		return host_seconds() + rtc->offset;
	case RTCMR:
		return rtc->match;
	case RTCLR:
		return rtc->load;
	case RTCCR:
		return 1;
	case RTCIMSC:
		return rtc->mask;
	}
	if (offset >= PERIPH_ID && offset < PL031_SIZE)
		return identification[(offset - PERIPH_ID) / 4];
	return 0;
}

static void write_register(struct pl031 *rtc, uint64_t offset, uint32_t value)
{
	switch (offset) {
	case RTCMR:
		rtc->match = value;
		break;
	case RTCLR:
		rtc->load = value;
		rtc->offset = value - host_seconds();
		break;
	case RTCIMSC:
		rtc->mask = value & 1;
		break;
	}
}

void pl031_access(void *ctx, uint64_t offset, void *data, unsigned len, bool is_write)
{
	struct pl031 *rtc = ctx;
	uint8_t *bytes = data;
	unsigned n;

	for (; len; bytes += n, offset += n, len -= n) {
		unsigned byte = offset & 3;

		n = MIN(4 - byte, len);
		if (!is_write)
			store_le(bytes, n, read_register(rtc, offset - byte) >> 8 * byte);
		else if (n == 4)
			write_register(rtc, offset, load_le32(bytes));
	}
}
