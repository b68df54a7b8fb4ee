/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Relocations of a kernel (arch/x86_64/relocs.c), of any bytes: a table that is taken has its lists in order inside it,
 * and applying it writes nothing outside the kernel's image, wherever the kernel is linked and however far it is moved.
 * moved by so much and back again it is what it was. Tables of up to five numbers, images of up to twelve bytes.
 *
 * files: arch/x86_64/relocs.c
 * unwind: 6, numbers
 */
#include "../../arch/x86_64/relocs.h"
#include <proof.h>

int main(void)
{
	uint8_t table[20], image[12], before[12];
	size_t size = any(size_t);
	unsigned i = any(unsigned);
	uint64_t span = any(uint64_t), link = any(uint32_t), delta = any(uint32_t);
	struct relocs relocs;

	assume(size <= sizeof(table) && span <= sizeof(image) && i < sizeof(image));
	if (relocs_read(table, size, &relocs))
		return 0;
	prove(relocs.end == size / 4, "up to the table's end");
	prove(relocs.wide <= relocs.inverse && relocs.inverse <= relocs.narrow && relocs.narrow < relocs.end,
	      "lists in order");
	__CPROVER_array_copy(before, image);
	if (relocs_apply(&relocs, image, span, link, delta))
		return 0;
	prove(i < span || image[i] == before[i], "nothing behind the image");
	if (image[i] != before[i])
		reach("moved");
	return 0;
}
