/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads two registers of the ECAM with one load of a pair: no syndrome says what it wanted, so nobody
 * can emulate it (Arm ARM D24.2.40, ISV).
 */
	.globl	main
main:
	ldr	x1, =0x04000000
	ldp	x2, x3, [x1]
	ret
	.ltorg
