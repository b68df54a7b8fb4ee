/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Words of a module's .modinfo, of any bytes, ended or not: a value is found inside it, behind its key and a `=`, at the
 * beginning of a string; nothing behind it is read but the one end that is put there. And a name or path in ld.so.cache
 * is a string that ends inside the file. Of up to eight bytes.
 *
 * files: vmm/initramfs/modinfo.c
 * unwind: 10, a string and its end
 */
#include <text.h>

#include "../../vmm/initramfs/ldcache.c"
#include "../../vmm/initramfs/modinfo.h"

int main(void)
{
	char text[9], file[8];
	struct modinfo info = { .text = text, .size = any(size_t) };
	struct ldcache cache = { .bytes = file, .size = any(size_t), .start = any(size_t) };
	const char *value;

	assume(info.size <= 8);
	text[info.size] = 0;
	value = modinfo_value(&info, "ab", any(bool));
	if (value) {
		prove(value >= text + 3 && value <= text + info.size, "inside");
		prove(value[-1] == '=' && value[-2] == 'b' && value[-3] == 'a', "behind its key");
		prove(value == text + 3 || !value[-4], "at a string's beginning");
		reach("a value");
	}
	assume(cache.size <= sizeof(file) && cache.start <= cache.size);
	value = string_at(&cache, any(uint32_t));
	if (value) {
		prove(value >= file && value < file + cache.size && strlen(value) < (size_t)(file + cache.size - value), "it ends there");
		reach("a string");
	}
	return 0;
}
