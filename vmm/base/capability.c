/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See capability.h. Any thread.
 */
#include <base/capability.h>

#include <linux/pci_regs.h>

void capabilities_init(struct capabilities *list, bool extended, unsigned size,
		       uint32_t (*read)(void *ctx, unsigned offset, unsigned len), void *ctx)
{
	*list = (struct capabilities){
		.read = read, .ctx = ctx, .extended = extended, .size = MIN(size, 4096u)
	};
	if (extended)
		list->next = PCI_CFG_SPACE_SIZE;
	else if (read(ctx, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST)
		list->next = read(ctx, PCI_CAPABILITY_LIST, 1) & 0xfc;
	if (!extended)
		list->size = MIN(list->size, (unsigned)PCI_CFG_SPACE_SIZE);
}

bool capabilities_next(struct capabilities *list)
{
	unsigned first = list->extended ? PCI_CFG_SPACE_SIZE : PCI_STD_HEADER_SIZEOF;
	unsigned at = list->next, bit = BIT(at / 4 % 8);
	uint8_t *seen = &list->seen[at / 32];
	uint32_t header;

	if (at < first || at + 4 > list->size || *seen & bit)
		return false;
	*seen |= (uint8_t)bit;
	header = list->read(list->ctx, at, 4);
	/* All-ones are nobody's answer; an extended list that is empty is a header of zero (§7.6.3). */
	if (header == UINT32_MAX || (list->extended && !header))
		return false;
	list->at = at;
	list->header = header;
	list->id = list->extended ? PCI_EXT_CAP_ID(header) : header & 0xff;
	list->next = list->extended ? PCI_EXT_CAP_NEXT(header) : header >> 8 & 0xfc;
	return true;
}
