/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System calls without a C library: init is a few kilobytes that way, and the same on both architectures.
 * Only calls that the generic table has (include/uapi/asm-generic/unistd.h): x86_64 has them all. Each
 * returns what the kernel does, -errno for a failure.
 */
#pragma once

#include <asm/unistd.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/errno.h>
#include <linux/fcntl.h>

#ifdef __x86_64__
static inline long sys6(long n, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;

	__asm__ volatile("syscall"
			 : "+a"(n)
			 : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return n;
}
#else
static inline long sys6(long n, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = n, x0 __asm__("x0") = a, x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c, x3 __asm__("x3") = d, x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc #0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}
#endif

#define SYS(n, a, b, c, d, e, f) \
	sys6(__NR_##n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define sys_open(path, flags, mode)   SYS(openat, AT_FDCWD, path, (flags) | O_CLOEXEC, mode, 0, 0)
#define sys_close(fd)                 SYS(close, fd, 0, 0, 0, 0, 0)
#define sys_read(fd, buf, len)        SYS(read, fd, buf, len, 0, 0, 0)
#define sys_write(fd, buf, len)       SYS(write, fd, buf, len, 0, 0, 0)
#define sys_ioctl(fd, request, arg)   SYS(ioctl, fd, request, arg, 0, 0, 0)
#define sys_mkdir(path, mode)         SYS(mkdirat, AT_FDCWD, path, mode, 0, 0, 0)
#define sys_symlink(target, path)     SYS(symlinkat, target, AT_FDCWD, path, 0, 0, 0)
#define sys_unlink(path)              SYS(unlinkat, AT_FDCWD, path, 0, 0, 0, 0)
#define sys_statx(path, flags, ret)   SYS(statx, AT_FDCWD, path, flags, 3 /* type, mode */, ret, 0)
#define sys_access(path)              SYS(faccessat, AT_FDCWD, path, 0, 0, 0, 0)
#define sys_mount(what, at, type, flags, data) SYS(mount, what, at, type, flags, data, 0)
#define sys_pipe(fds, flags)          SYS(pipe2, fds, flags, 0, 0, 0, 0)
#define sys_dup(from, to)             SYS(dup3, from, to, 0, 0, 0, 0)
#define sys_kill(pid, number)         SYS(kill, pid, number, 0, 0, 0, 0)
#define sys_fork()                    SYS(clone, 17 /* SIGCHLD */, 0, 0, 0, 0, 0)
#define sys_exit(status)              SYS(exit_group, status, 0, 0, 0, 0, 0)

/* text.c: the little of a C library that is needed. */
void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
void *memmove(void *to, const void *from, size_t n);
size_t text_len(const char *s);
int text_same(const char *a, const char *b);
int text_starts(const char *s, const char *with);
int text_ends(const char *s, const char *with);
char *text_add(char *to, const char *what);       /* returns the end, where a NUL is */
char *text_number(char *to, unsigned long number); /* the same */
unsigned long text_value(const char *s);          /* decimal digits, up to what is none */

/* Up to size - 1 bytes of a file and a NUL. Negative: an error. */
long file_read(const char *path, char *to, size_t size);
void file_write(const char *path, const char *what);
