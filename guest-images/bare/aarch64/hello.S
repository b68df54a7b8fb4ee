/* SPDX-License-Identifier: BSD-2-Clause */
/* Says hello by serial, then powers off by PSCI. */
	.globl	main
main:
	mov	x20, x30
	adr	x0, hello
	bl	puts
	mov	x30, x20
	ret
hello:
	.asciz	"bare: hello\n"
	.balign	4
