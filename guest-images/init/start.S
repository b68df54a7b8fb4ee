/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel starts a program with its arguments on the stack; init needs none of them. */
	.global _start
_start:
#ifdef __x86_64__
	xor %ebp, %ebp
	and $-16, %rsp
	call init
	hlt
#else
	mov x29, #0
	bl init
	brk #0
#endif
	.section .note.GNU-stack, "", %progbits
