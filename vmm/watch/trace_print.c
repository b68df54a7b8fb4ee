/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `thru trace`: a trace in words. The file may come from anywhere: every field is checked before it
 * is used, text is printed only when it is printable, and where a file stops making sense, what came
 * before stands and the reason is the error. Main thread.
 */
#include <watch/trace.h>

#include <base/bytes.h>
#include <base/error.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct device {
	char name[TRACE_NAME]; /* "": not declared */
	struct trace_capability caps[TRACE_CAPABILITIES_MAX];
	unsigned n_caps;
	struct {
		unsigned bar;
		struct range at;
	} structures[2]; /* MSI-X table, PBA */
};

struct reader {
	const char *name;
	FILE *out;
	struct device devices[TRACE_DEVICES_MAX];
	uint64_t number; /* of the record, for messages; the header is 0 */
	uint64_t accesses;
	bool ended;
};

static int bad(const struct reader *reader, const char *what)
{
	return fail(STATUS_FAILURE, EINVAL,
		    "%s: record %" PRIu64 " (byte %" PRIu64 "): %s; it is damaged, or no trace of "
		    "this version",
		    reader->name, reader->number, reader->number * TRACE_RECORD, what);
}

/* The device that a record speaks of; NULL when there is none of that number. */
static struct device *device_of(struct reader *reader, const uint8_t *record)
{
	unsigned i = load_le16(record + TRACE_AT_DEVICE);

	if (i >= TRACE_DEVICES_MAX || !reader->devices[i].name[0])
		return NULL;
	return &reader->devices[i];
}

static int read_device(struct reader *reader, const uint8_t *record)
{
	unsigned i = load_le16(record + TRACE_AT_DEVICE);
	struct device *device;

	if (i >= TRACE_DEVICES_MAX)
		return bad(reader, "a device number out of range");
	/* Named again after a reboot of the guest: its capabilities follow again, too. */
	device = &reader->devices[i];
	*device = (struct device){ .n_caps = 0 };
	memcpy(device->name, record + TRACE_AT_TIME, TRACE_NAME - 1);
	if (!device->name[0])
		return bad(reader, "a device without a name");
	for (const char *c = device->name; *c; c++)
		if (*c < 0x21 || *c > 0x7e) {
			device->name[0] = 0;
			return bad(reader, "a device's name that is no text");
		}
	return 0;
}

static int read_capability(struct reader *reader, const uint8_t *record)
{
	struct device *device = device_of(reader, record);
	uint64_t at = load_le64(record + TRACE_AT_OFFSET), id = load_le64(record + TRACE_AT_VALUE);

	if (!device)
		return bad(reader, "a device that was not named before");
	if (at >= PCI_CFG_SPACE_EXP_SIZE || id > UINT16_MAX ||
	    device->n_caps == TRACE_CAPABILITIES_MAX)
		return bad(reader, "a capability out of range");
	device->caps[device->n_caps++] = (struct trace_capability){
		.at = (uint16_t)at,
		.id = (uint16_t)id,
		.extended = record[TRACE_AT_FLAGS] & 1,
	};
	return 0;
}

static int read_structure(struct reader *reader, const uint8_t *record)
{
	struct device *device = device_of(reader, record);
	uint64_t at = load_le64(record + TRACE_AT_OFFSET),
		 size = load_le64(record + TRACE_AT_VALUE);
	unsigned pba = record[TRACE_AT_FLAGS] & 1;

	if (!device)
		return bad(reader, "a device that was not named before");
	if (record[TRACE_AT_REGION] >= VFIO_PCI_ROM_REGION_INDEX || at > UINT32_MAX ||
	    size > UINT16_MAX)
		return bad(reader, "an MSI-X table out of range");
	device->structures[pba].bar = record[TRACE_AT_REGION];
	device->structures[pba].at = (struct range){ at, size };
	return 0;
}

/* "(MSI-X vector 3: address)" when the access is to the table, "(PBA)", or nothing. */
static void name_structure(const struct device *device, unsigned region, uint64_t offset,
			   char *text, size_t size)
{
	static const char *const fields[] = { "address", "upper address", "data", "control" };

	text[0] = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(device->structures); i++) {
		struct range at = device->structures[i].at;

		if (device->structures[i].bar != region || !range_holds(at, offset, 1))
			continue;
		offset -= at.base;
		if (i)
			snprintf(text, size, "MSI-X PBA");
		else
			snprintf(text, size, "MSI-X vector %u: %s", (unsigned)(offset / 16),
				 fields[offset / 4 % 4]);
		return;
	}
}

static int read_access(struct reader *reader, const uint8_t *record)
{
	static const char *const regions[] = { "BAR0", "BAR1", "BAR2",   "BAR3", "BAR4",
					       "BAR5", "ROM",  "config", "VGA" };
	struct device *device = device_of(reader, record);
	unsigned region = record[TRACE_AT_REGION], len = record[TRACE_AT_LEN];
	uint64_t time = load_le64(record + TRACE_AT_TIME);
	uint64_t offset = load_le64(record + TRACE_AT_OFFSET);
	char what[256] = "";

	if (!device)
		return bad(reader, "a device that was not named before");
	if (region >= ARRAY_SIZE(regions))
		return bad(reader, "a region that does not exist");
	if (!len || len > 8 || offset + len < offset)
		return bad(reader, "an access of impossible size");
	if (region == VFIO_PCI_CONFIG_REGION_INDEX && offset + len > PCI_CFG_SPACE_EXP_SIZE)
		return bad(reader, "an access beyond configuration space");
	if (region == VFIO_PCI_CONFIG_REGION_INDEX)
		trace_config_name(device->caps, device->n_caps, (unsigned)offset, len, what,
				  sizeof(what));
	else
		name_structure(device, region, offset, what, sizeof(what));
	reader->accesses++;
	fprintf(reader->out,
		"%6" PRIu64 ".%06" PRIu64 " %4u  %-12s %-6s %#8" PRIx64 " %s %u %#*" PRIx64
		"%s%s\n",
		time / 1000000000, time / 1000 % 1000000, load_le16(record + TRACE_AT_VCPU),
		device->name, regions[region], offset,
		record[TRACE_AT_FLAGS] & 1 ? "write" : "read", len, what[0] ? 10 : 0,
		load_le64(record + TRACE_AT_VALUE), what[0] ? "  " : "", what);
	return 0;
}

static int read_end(struct reader *reader, const uint8_t *record)
{
	if (load_le64(record + TRACE_AT_VALUE) != reader->accesses)
		return bad(reader, "the number of accesses at its end is not what it holds");
	reader->ended = true;
	return 0;
}

static int read_record(struct reader *reader, const uint8_t *record)
{
	if (reader->ended)
		return bad(reader, "it goes on after its end");
	switch (record[TRACE_AT_KIND]) {
	case TRACE_DEVICE:
		return read_device(reader, record);
	case TRACE_CAPABILITY:
		return read_capability(reader, record);
	case TRACE_STRUCTURE:
		return read_structure(reader, record);
	case TRACE_ACCESS:
		return read_access(reader, record);
	case TRACE_LOST:
		fprintf(reader->out, "%13s %" PRIu64 " accesses are missing here\n", "",
			load_le64(record + TRACE_AT_VALUE));
		return 0;
	case TRACE_END:
		return read_end(reader, record);
	default:
		return bad(reader, "a kind of record that does not exist");
	}
}

static int read_all(struct reader *reader, FILE *in)
{
	uint8_t record[TRACE_RECORD];
	size_t n = fread(record, 1, sizeof(record), in);
	int r = 0;

	if (ferror(in))
		return fail(STATUS_FAILURE, EIO, "%s: cannot be read: %s", reader->name,
			    strerror(errno));
	if (n < sizeof(record) || memcmp(record, TRACE_MAGIC, 8) != 0)
		return fail(STATUS_FAILURE, EINVAL,
			    "%s: not a trace; make one with thru run --trace FILE", reader->name);
	fprintf(reader->out, "%13s %4s  %-12s %-6s %8s %-6s %-10s  %s\n", "TIME", "VCPU", "DEVICE",
		"REGION", "OFFSET", "ACCESS", "VALUE", "REGISTER");
	while (!r && (n = fread(record, 1, sizeof(record), in)) == sizeof(record)) {
		reader->number++;
		r = read_record(reader, record);
	}
	if (r)
		return r;
	if (n || !reader->ended)
		return fail(STATUS_FAILURE, ENODATA,
			    "%s: it ends too early, after %" PRIu64 " accesses: its guest runs "
			    "still, or thru was killed, or the file was cut",
			    reader->name, reader->accesses);
	return 0;
}

int trace_print(int fd, const char *name, FILE *out)
{
	struct reader *reader = calloc(1, sizeof(*reader));
	FILE *in = fdopen(dup(fd), "r");
	int r;

	if (!reader || !in) {
		free(reader);
		if (in)
			fclose(in);
		return fail(STATUS_FAILURE, ENOMEM, "%s: out of memory", name);
	}
	reader->name = name;
	reader->out = out;
	r = read_all(reader, in);
	fclose(in);
	free(reader);
	return r;
}
