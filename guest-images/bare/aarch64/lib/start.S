/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The start of the bare aarch64 guests: the header of an Image (Documentation/arch/arm64/booting.rst),
 * so that the same bytes boot as a flat file and as ELF, and what they need of the board. All of it is
 * position-independent. Serial port and power-off are where thru(1) says.
 */
	.section .start, "ax"
	.globl _start
_start:
	b	begin
	.long	0
	.quad	0		/* text_offset */
	.quad	_end - _start	/* image_size */
	.quad	0xa		/* flags: little-endian, 4 KiB pages, anywhere */
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.long	0

begin:
	ldr	w1, [x0]	/* booting.rst: the device tree's address */
	ldr	w2, =0xedfe0dd0	/* its magic, as a little-endian word */
	cmp	w1, w2
	adr	x0, no_tree
	b.ne	1f
	adr	x0, tree
1:	bl	puts
	bl	main
	ldr	w0, =0x84000008	/* PSCI SYSTEM_OFF (DEN0022 5.10) */
	hvc	#0
	b	.

/* puts(x0): its bytes to the 16550A, whose transmitter never keeps one waiting. */
	.globl	puts
puts:
	ldr	x1, =0x01000000
2:	ldrb	w2, [x0], #1
	cbz	w2, 3f
	strb	w2, [x1]
	b	2b
3:	ret
tree:
	.asciz	"bare: a device tree\n"
no_tree:
	.asciz	"bare: no device tree\n"
	.balign	8
	.ltorg
