/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the header of an Image (Documentation/arch/arm64/booting.rst), so that the same bytes boot as a
 * flat file and as ELF, to C. All of it is position-independent. The MMU goes on with a map of one to
 * one: GiB 0 as device memory, GiB 1 as RAM; machine.c adds to it.
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
	adrp	x1, boot_tree
	add	x1, x1, :lo12:boot_tree
	str	x0, [x1]	/* booting.rst: the device tree's address */
	adrp	x1, stack_top
	add	x1, x1, :lo12:stack_top
	mov	sp, x1
	/* Tables: level 0 of 512 GiB each, level 1 in blocks of 1 GiB. Descriptors: Arm ARM D8.3. */
	adrp	x1, level0
	adrp	x2, level1
	orr	x3, x2, #3
	str	x3, [x1]
	ldr	x3, =0x0060000000000401		/* block, accessed, never executed; attribute 0 */
	str	x3, [x2]
	ldr	x3, =0x40000705			/* block, accessed, shared; attribute 1 */
	str	x3, [x2, #8]
	bl	mmu_on
	bl	main
	b	power_off

/* PSCI CPU_ON brings other processors here, x0 = the top of a stack. */
	.globl	ap_start
ap_start:
	mov	sp, x0
	bl	mmu_on
	bl	ap_main
1:	wfi
	b	1b

mmu_on:
	ldr	x3, =0x44ff00			/* MAIR: 0 device nGnRnE, 1 cached, 2 not cached */
	msr	mair_el1, x3
	ldr	x3, =0x500803510		/* TCR: 48 bits in and out, 4 KiB, cached, shared; TTBR1 off */
	msr	tcr_el1, x3
	adrp	x3, level0
	msr	ttbr0_el1, x3
	adrp	x3, vectors
	add	x3, x3, :lo12:vectors
	msr	vbar_el1, x3
	dsb	sy
	tlbi	vmalle1
	dsb	sy
	isb
	mrs	x3, sctlr_el1
	ldr	x4, =0x1005			/* M, C, I */
	orr	x3, x3, x4
	bic	x3, x3, #2			/* A: not all accesses need to be aligned */
	msr	sctlr_el1, x3
	isb
	ret

/* Exceptions are the end, interrupts count themselves. Arm ARM D1.3.1.5. */
	.balign	2048
vectors:
	.rept	4
	.balign	128
	b	exception
	.endr
	.balign	128
	b	exception
	.balign	128
	b	interrupt
	.balign	128
	b	exception
	.balign	128
	b	exception
	.rept	8
	.balign	128
	b	exception
	.endr

	.macro	around function		/* what a C function may change, saved and restored */
	stp	x0, x1, [sp, #-192]!
	stp	x2, x3, [sp, #16]
	stp	x4, x5, [sp, #32]
	stp	x6, x7, [sp, #48]
	stp	x8, x9, [sp, #64]
	stp	x10, x11, [sp, #80]
	stp	x12, x13, [sp, #96]
	stp	x14, x15, [sp, #112]
	stp	x16, x17, [sp, #128]
	stp	x18, x29, [sp, #144]
	str	x30, [sp, #160]
	bl	\function
	ldp	x2, x3, [sp, #16]
	ldp	x4, x5, [sp, #32]
	ldp	x6, x7, [sp, #48]
	ldp	x8, x9, [sp, #64]
	ldp	x10, x11, [sp, #80]
	ldp	x12, x13, [sp, #96]
	ldp	x14, x15, [sp, #112]
	ldp	x16, x17, [sp, #128]
	ldp	x18, x29, [sp, #144]
	ldr	x30, [sp, #160]
	ldp	x0, x1, [sp], #192
	eret
	.endm
exception:
	around	fault
interrupt:
	around	irq_take
	.ltorg

	.section .bss
	.balign	4096
	.globl	level0, level1, boot_tree
level0:	.skip	4096
level1:	.skip	4096
	.skip	16384
stack_top:
boot_tree:
	.skip	8
	.section .note.GNU-stack, "", @progbits
