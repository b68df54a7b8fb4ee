/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walk over a device's capabilities ends whatever the device answers, also when it answers otherwise each time: a
 * step finds one at a place that is aligned, inside the space, behind the header (extended ones: from 100h on) and was
 * not found before, or it ends the walk. One step from any state that the walk can be in, so there is no bound on the
 * list's length.
 *
 * files: vmm/base/capability.c
 * unwind: 1
 */
#include <base/capability.h>
#include <linux/pci_regs.h>
#include <proof.h>

static uint32_t device(void *ctx, unsigned offset, unsigned len)
{
	uint32_t v = any(uint32_t);

	prove(offset % len == 0 && offset + len <= 4096, "reads are aligned, and in the space");
	return len == 4 ? v : v & (BIT(8 * len) - 1);
}

static bool seen(const struct capabilities *list, unsigned at)
{
	return list->seen[at / 32] & BIT(at / 4 % 8);
}

int main(void)
{
	bool extended = any(bool);
	unsigned size = any(unsigned), first = extended ? 0x100 : 0x40, other = any(unsigned);
	struct capabilities list, before;

	capabilities_init(&list, extended, size, device, NULL);
	prove(list.size <= (extended ? 4096 : 256) && list.size <= size, "inside the space");
	prove(list.next % 4 == 0 && list.next < 4096, "it begins at a dword");
	list = any(struct capabilities);
	list.read = device;
	list.extended = extended;
	list.size = MIN(size, extended ? 4096u : 256u);
	list.next = any(unsigned);
	assume(list.next % 4 == 0 && list.next < 4096 && other % 4 == 0 && other < 4096);
	before = list;
	if (capabilities_next(&list)) {
		prove(list.at % 4 == 0 && list.at >= first && list.at + 4 <= list.size, "its place");
		prove(!seen(&before, list.at) && seen(&list, list.at), "for the first time");
		prove(!seen(&before, other) || seen(&list, other), "none is forgotten");
		prove(list.next % 4 == 0 && list.next < 4096, "the next one is at a dword");
		reach("found");
	} else {
		reach("the end");
	}
	return 0;
}
