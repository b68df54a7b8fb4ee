/* SPDX-License-Identifier: BSD-2-Clause */
/* The assembler (filter.h). Pure functions. */
#include "filter.h"

#include <linux/audit.h>
#include <stddef.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#define X32  0x40000000u /* __X32_SYSCALL_BIT of arch/x86/include/uapi/asm/unistd.h */
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#endif

static void add(struct filter *f, uint16_t code, uint8_t yes, uint8_t no, uint32_t k)
{
	if (f->n == FILTER_MAX)
		f->full = true;
	else
		f->code[f->n++] = (struct sock_filter)BPF_JUMP(code, k, yes, no);
}

static void load(struct filter *f, size_t offset)
{
	add(f, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

/* Little-endian, both architectures. */
static size_t argument(unsigned arg, bool high)
{
	return offsetof(struct seccomp_data, args[0]) + arg * sizeof(uint64_t) + (high ? 4 : 0);
}

static void answer_with(struct filter *f, uint32_t answer)
{
	add(f, BPF_RET | BPF_K, 0, 0, answer);
}

void filter_begin(struct filter *f, uint32_t answer)
{
	f->n = 0;
	f->full = false;
	load(f, offsetof(struct seccomp_data, arch));
	add(f, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, ARCH);
	answer_with(f, answer);
	load(f, offsetof(struct seccomp_data, nr));
#ifdef X32
	add(f, BPF_JMP | BPF_JGE | BPF_K, 0, 1, X32);
	answer_with(f, answer);
#endif
}

void filter_call(struct filter *f, unsigned nr, uint32_t answer)
{
	add(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, nr);
	answer_with(f, answer);
}

void filter_call_if(struct filter *f, unsigned nr, unsigned arg, uint64_t mask, uint64_t value,
		    uint32_t answer)
{
	add(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 8, nr);
	load(f, argument(arg, true));
	add(f, BPF_ALU | BPF_AND | BPF_K, 0, 0, (uint32_t)(mask >> 32));
	add(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 4, (uint32_t)(value >> 32));
	load(f, argument(arg, false));
	add(f, BPF_ALU | BPF_AND | BPF_K, 0, 0, (uint32_t)mask);
	add(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, (uint32_t)value);
	answer_with(f, answer);
	load(f, offsetof(struct seccomp_data, nr)); /* for the rules behind this one */
}

/*
 * A jump that is longer than a conditional one can be (8 bits) is an unconditional one over it. `at` is where
 * that was left: it goes to here.
 */
static unsigned leave_jump(struct filter *f)
{
	add(f, BPF_JMP | BPF_JA, 0, 0, 0);
	return f->n - 1;
}

static void land_jump(struct filter *f, unsigned at)
{
	if (!f->full)
		f->code[at].k = f->n - at - 1;
}

void filter_ioctl(struct filter *f, const unsigned long *requests, unsigned n_requests,
		  const int *fds, unsigned n_fds, bool any, uint32_t answer)
{
	unsigned other, none, found[64], n_found = 0;

	if (n_requests > ARRAY_SIZE(found)) {
		f->full = true;
		return;
	}
	add(f, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, SYS_ioctl);
	other = leave_jump(f);
	load(f, argument(1, false));
	for (unsigned i = 0; i < n_requests; i++) {
		add(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, (uint32_t)requests[i]);
		found[n_found++] = leave_jump(f);
	}
	none = leave_jump(f);
	for (unsigned i = 0; i < n_found; i++)
		land_jump(f, found[i]);
	load(f, argument(0, false));
	if (any)
		answer_with(f, answer);
	for (unsigned i = 0; !any && i < n_fds; i++) {
		add(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, (uint32_t)fds[i]);
		answer_with(f, answer);
	}
	land_jump(f, none);
	load(f, offsetof(struct seccomp_data, nr));
	land_jump(f, other);
}

void filter_end(struct filter *f, uint32_t answer)
{
	answer_with(f, answer);
}

static uint32_t load_word(const struct seccomp_data *data, uint32_t offset)
{
	uint32_t word = 0;

	for (unsigned i = 0; i < sizeof(word) && offset + i < sizeof(*data); i++)
		((uint8_t *)&word)[i] = ((const uint8_t *)data)[offset + i];
	return word;
}

uint32_t filter_run(const struct filter *f, const struct seccomp_data *data)
{
	uint32_t a = 0;

	for (unsigned at = 0; at < f->n; at++) {
		const struct sock_filter *i = &f->code[at];

		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			a = load_word(data, i->k);
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= i->k;
			break;
		case BPF_JMP | BPF_JA:
			at += i->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			at += a == i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			at += a >= i->k ? i->jt : i->jf;
			break;
		default: /* BPF_RET | BPF_K */
			return i->k;
		}
	}
	return SECCOMP_RET_KILL_PROCESS; /* the kernel takes no program without an end */
}
