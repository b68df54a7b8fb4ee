/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the PVH entry to C. A PVH loader (Xen's docs/misc/pvh.pandoc) jumps to the address in the
 * XEN_ELFNOTE_PHYS32_ENTRY note: 32-bit protected mode, flat segments, paging off, interrupts off,
 * ebx = physical address of struct hvm_start_info. We map the first 4 GiB one to one with 2 MiB pages,
 * enter long mode and call main(). Also here: the entry of other processors (a copy of
 * ap_start lies at AP_PAGE, where a SIPI starts them in real mode), and interrupt entries.
 */
#define AP_PAGE	0x8000
#define CR0_PE	0x00000001
#define CR0_PG	0x80000000
#define CR4_PAE	0x20
#define EFER	0xc0000080
#define LME	0x100

	.section .note.pvh, "a", @note
	.align	4
	.long	4, 4, 18			/* name size, value size, XEN_ELFNOTE_PHYS32_ENTRY */
	.ascii	"Xen\0"
	.long	start

	.section .text.start, "ax"
	.code32
	.globl	start
start:
	cld
	mov	$stack_top, %esp
	mov	%ebx, start_info_address

	/* Four page directories of 512 entries, 2 MiB each: present, writable, large. */
	mov	$page_directories, %edi
	mov	$0x83, %eax
	mov	$2048, %ecx
1:	mov	%eax, (%edi)
	movl	$0, 4(%edi)
	add	$8, %edi
	add	$0x200000, %eax
	dec	%ecx
	jnz	1b
	mov	$page_directories + 3, %eax
	mov	$pdpt, %edi
	mov	$4, %ecx
1:	mov	%eax, (%edi)
	add	$8, %edi
	add	$4096, %eax
	dec	%ecx
	jnz	1b
	movl	$pdpt + 3, pml4

	call	enter_long
	.code64
	call	main
	call	power_off

/* Every processor comes through here, with a stack of its own: 32-bit flat in, 64-bit out. */
	.code32
enter_long:
	pop	%edx
	mov	%cr4, %eax
	or	$CR4_PAE, %eax
	mov	%eax, %cr4
	mov	$pml4, %eax
	mov	%eax, %cr3
	mov	$EFER, %ecx
	mov	%edx, %esi
	rdmsr
	or	$LME, %eax
	wrmsr
	lgdt	gdt_pointer
	mov	%cr0, %eax
	or	$CR0_PG, %eax
	mov	%eax, %cr0
	ljmp	$0x08, $1f
	.code64
1:	mov	$0x10, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	%esi, %esi
	jmp	*%rsi

/* Real mode, CS = AP_PAGE >> 4, IP = 0. Everything here is reached through addresses of the copy. */
	.section .text
	.code16
	.globl	ap_start, ap_end
ap_start:
	cli
	xor	%ax, %ax
	mov	%ax, %ds
	lgdtl	AP_PAGE + (ap_gdt_pointer - ap_start)
	mov	%cr0, %eax
	or	$CR0_PE, %eax
	mov	%eax, %cr0
	ljmpl	$0x18, $ap_32
ap_gdt_pointer:
	.word	gdt_end - gdt - 1
	.long	gdt
ap_end:
	.code32
ap_32:
	mov	$0x20, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	$1, %eax
	lock xadd %eax, ap_number		/* whose stack */
	shl	$10, %eax
	lea	ap_stacks + 1024(%eax), %esp
	call	enter_long
	.code64
	call	ap_main
1:	cli
	hlt
	jmp	1b

/* Vectors 0-31 are faults and end the guest; 32-47 count themselves and return. */
	.align	16
	.globl	fault_entries, irq_entries
fault_entries:
	.set	i, 0
	.rept	32
	.align	16
	.if	!(i == 8 || (i >= 10 && i <= 14) || i == 17 || i == 21 || i == 29 || i == 30)
	push	$0				/* the processor pushed no error code */
	.endif
	push	$i
	jmp	fault_entry
	.set	i, i + 1
	.endr
fault_entry:
	pop	%rdi				/* vector */
	pop	%rsi				/* error code */
	pop	%rdx				/* rip */
	and	$~15, %rsp
	call	fault
	.align	16
irq_entries:
	.set	i, 0
	.rept	16
	.align	16
	lock incl irq_count + 4 * i
	jmp	irq_entry
	.set	i, i + 1
	.endr
irq_entry:
	push	%rax
	push	%rcx
	push	%rdx
	push	%rsi
	push	%rdi
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	cld
	call	apic_eoi
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%rcx
	pop	%rax
	iretq

	.section .data
	.align	8
gdt:	.quad	0
	.quad	0x00af9b000000ffff		/* 08: 64-bit code */
	.quad	0x00cf93000000ffff		/* 10: data */
	.quad	0x00cf9b000000ffff		/* 18: 32-bit code */
	.quad	0x00cf93000000ffff		/* 20: data */
gdt_end:
gdt_pointer:
	.word	gdt_end - gdt - 1
	.long	gdt
	.align	4
ap_number:
	.long	0

	.section .bss
	.align	4096
	.globl	pml4, pdpt
pml4:	.skip	4096
pdpt:	.skip	4096
page_directories:
	.skip	4 * 4096
	.skip	16384
stack_top:
ap_stacks:
	.skip	1024 * 1024			/* 1024 processors */
	.globl	start_info_address
start_info_address:
	.skip	8
	.section .note.GNU-stack, "", @progbits
