/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Placing BARs as firmware does (devices/pci/root.c): what is taken of a window is aligned to its size, lies in what
 * was left of the window, and behind all that was taken before, so that no two BARs overlap; what is refused would not
 * have fitted. For windows anywhere up to 2^64 and BARs of every size.
 *
 * unwind: 1
 */
#include "../../devices/pci/root.c"
#include <proof.h>

int main(void)
{
	struct range window = { any_number(), any_number() }, before = window;
	unsigned shift = any(unsigned);
	uint64_t at = any_number(), size;

	assume(shift < 64 && window.base <= UINT64_MAX - window.size);
	size = 1ull << shift;
	if (take(&window, size, &at)) {
		prove(is_aligned(at, size), "aligned");
		prove(at >= before.base && at - before.base < before.size && size - 1 <= before.size - 1 - (at - before.base),
		      "in the window");
		prove(window.base - at == size, "what is left is behind it");
		prove(!window.size || (window.base > at && window.base + window.size == before.base + before.size),
		      "and ends where it ended");
		prove(at - before.base < size, "no gap that it could have had");
		reach("taken");
	} else {
		prove(window.base == before.base && window.size == before.size, "nothing is lost");
		assume(is_aligned(at, size) && at >= before.base && at - before.base < before.size);
		prove(before.size - (at - before.base) < size, "there is no place");
		reach("refused");
	}
	return 0;
}
