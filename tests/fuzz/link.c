/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a guest says over the ports of its init, or over its serial port: words, streams and records of files. The
 * first byte tells: bit 0, records of files; the rest, the size of a piece. With words, two more tell what else is
 * known of the run.
 *
 * Fuzzes: vmm/verdict/link.c vmm/verdict/collect.c vmm/verdict/decide.c
 */
#include "fuzz.h"
#include "report.h"

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <verdict/collect.h>

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

/* Whatever came: it is in the folder, and nothing is beside it. */
static void records(struct input *in, size_t piece)
{
	static struct collect collect;
	char path[300], beside[400];
	unsigned n_beside = 0;
	DIR *dir;
	size_t n;

	snprintf(path, sizeof(path), "%s/in", fuzz_folder());
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	collect_init(&collect);
	if (collect_add(&collect, path))
		abort();
	while (in->n) {
		const uint8_t *at = take(in, piece, &n);

		collect_feed(&collect, at, n);
		MUST(collect.head_n <= sizeof(collect.head));
	}
	collect_deinit(&collect);
	MUST(collect.files <= COLLECT_FILES_MAX && collect.bytes <= COLLECT_BYTES_MAX);
	dir = opendir(fuzz_folder());
	for (struct dirent *d; (d = readdir(dir));) {
		n_beside += strcmp(d->d_name, ".") && strcmp(d->d_name, "..");
		snprintf(beside, sizeof(beside), "%s", d->d_name);
	}
	closedir(dir);
	MUST(n_beside == 1 && strlen(beside));
	error_clear();
}

static void words(struct input *in, size_t piece)
{
	static struct klog log;
	struct tap tap = { .n = 0 };
	struct link link = { .nonce = "nonce" };
	struct link_decoder decoder = { .has_high = { false } };
	uint8_t run = take8(in), end = take8(in), byte, coded[2];
	struct facts facts = { .log = &log,
			       .control = &link,
			       .tap = &tap,
			       .waited = run & 0x40 ? run % (WAITED_OFF + 1) : WAITED_NOT,
			       .seconds = 60,
			       .signal = run & 0x80 ? SIGTERM : 0,
			       .vm = end & 0x80 ? end % 16 : -1,
			       .vm_message = end & 0x40 ? "it is told" : "",
			       .device = end & 0x20,
			       .output_lost = end & 0x10 ? "a file" : NULL };
	size_t n;

	while (in->n) {
		const uint8_t *at = take(in, piece, &n);

		for (size_t i = 0; i < n; i++) {
			int stream = link_decode(&decoder, at[i], &byte);

			MUST(stream >= -2 && stream < LINK_STREAMS);
			if (stream < 0)
				continue;
			link_encode((unsigned)stream, byte, coded);
			MUST(coded[1] == at[i]);
		}
		link_feed(&link, (const char *)at, n);
		MUST(link.state <= LINK_ENDED && link.n < sizeof(link.line));
	}
	report_all(&facts);
}

static void fuzz(struct input *in)
{
	uint8_t how = take8(in);

	if (how & 1)
		records(in, 1u + how / 2);
	else
		words(in, 1u + how / 2);
}
