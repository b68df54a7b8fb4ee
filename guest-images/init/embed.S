/* SPDX-License-Identifier: BSD-2-Clause */
/* The program as bytes: include/initramfs/root.h. */
	.section .rodata
	.global guest_init, guest_init_end
guest_init:
	.incbin GUEST_INIT
guest_init_end:
	.section .note.GNU-stack, "", %progbits
