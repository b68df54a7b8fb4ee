/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What control groups leave a guest of memory (Documentation/admin-guide/cgroup-v2.rst, "Memory" and
 * "HugeTLB"; cgroup-v1/memory.rst, hugetlb.rst).
 */
#pragma once

#include <base/types.h>

/*
 * Refuse guest memory of `size` bytes that a control group of this process, or one above it, never
 * allows: in ordinary pages, or in huge pages of `hugepage` bytes. -ENOMEM, recorded with both numbers and
 * the group's name. One line, and 0, where memory.high would only make it slow.
 */
int cgroup_check_memory(uint64_t size, uint64_t hugepage) _must_check_;
