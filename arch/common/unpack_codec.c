/* SPDX-License-Identifier: BSD-2-Clause */
/* What codecs share. */
#include "unpack_codec.h"

#include <string.h>

bool unpack_gather(struct unpack_input *input, uint8_t *to, size_t *have, size_t want)
{
	size_t n = MIN(want - MIN(want, *have), input->in_n);

	memcpy(to + *have, input->in, n);
	input->in += n;
	input->in_n -= n;
	*have += n;
	return *have >= want;
}
