/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a function does with a lock, in words that clang checks (-Wthread-safety, `tests/build asan`).
 * Other compilers see nothing. A lock is named as the function's caller would: `fn->loop->lock`.
 */
#pragma once

#if defined(__clang__)
#define _guard_(x) __attribute__((x))
#else
#define _guard_(x)
#endif

#define _capability_(name) _guard_(capability(name))                 /* on a struct: it is a lock */
#define _acquires_(...)    _guard_(acquire_capability(__VA_ARGS__))  /* taken when it returns */
#define _releases_(...)    _guard_(release_capability(__VA_ARGS__))  /* taken before, not after */
#define _requires_(...)    _guard_(requires_capability(__VA_ARGS__)) /* called with it taken */
#define _excludes_(...)    _guard_(locks_excluded(__VA_ARGS__))      /* called without it */
#define _unchecked_        _guard_(no_thread_safety_analysis)        /* say why beside it */
