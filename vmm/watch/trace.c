/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `thru run --trace`: the writer. A record is written when it is made, under the lock that the access
 * holds anyway: whatever ends this process, SIGKILL too, the file holds what happened up to then. The
 * call is small beside the exit that brought the access here. When a record cannot be written,
 * tracing ends and so does the VM, with STATUS_OUTPUT: a trace that lacks records without saying so would
 * mislead, and the operator should hear of a full disk. Only a trace to a pipe may lack some, and says so.
 */
#include <watch/trace.h>

#include <machine/vcpu.h>

#include <base/bytes.h>
#include <base/capability.h>
#include <base/clock.h>
#include <base/error.h>
#include <base/fd.h>
#include <base/log.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CLOSE_WAIT_MS 200

static int put_failed(struct trace *trace, int r)
{
	fd_close(&trace->fd);
	return fail(STATUS_OUTPUT, -r, "--trace %s: %s; the guest was ended: %s", trace->path,
		    strerror(-r),
		    r == -EFBIG   ? "raise the limit on the size of files (ulimit -f)"
		    : r == -EPIPE ? "keep the reader running, or choose a file"
				  : "make room, or choose another file");
}

/* What the reader must know: waits for room where there is a reader. Before and after the guest. */
static int put(struct trace *trace, const uint8_t record[TRACE_RECORD])
{
	int r = trace->fd < 0 ? 0 : fd_write_all(trace->fd, record, TRACE_RECORD);

	return r ? put_failed(trace, r) : 0;
}

/* Of a record that a full disk cut, the next call says why. A pipe takes it whole or not at all. */
static int put_once(int fd, const uint8_t record[TRACE_RECORD])
{
	ssize_t n = write(fd, record, TRACE_RECORD);

	if (n == TRACE_RECORD)
		return 0;
	if (n > 0)
		return fd_write_all(fd, record + n, TRACE_RECORD - (size_t)n);
	return n < 0 ? -errno : -EIO;
}

/*
 * While the guest runs nobody waits for a reader: what finds a pipe full is missing, and before the next
 * record that goes in one tells how many those were.
 */
static int put_now(struct trace *trace, const uint8_t record[TRACE_RECORD])
{
	uint8_t lost[TRACE_RECORD] = { TRACE_LOST };
	int r = 0;

	store_le64(lost + TRACE_AT_VALUE, trace->lost);
	if (trace->lost)
		r = put_once(trace->fd, lost);
	if (!r) {
		trace->lost = 0;
		r = put_once(trace->fd, record);
	}
	if (r == -EAGAIN || r == -EINTR) {
		trace->lost++;
		trace->lost_all++;
		return 0;
	}
	trace->accesses += !r;
	return r ? put_failed(trace, r) : 0;
}

static void on_access(struct vfio_watch *watch, const struct vfio_access *access)
{
	struct trace *trace = watch->access_ctx;
	uint8_t record[TRACE_RECORD] = { TRACE_ACCESS, access->is_write, (uint8_t)access->region,
					 (uint8_t)access->len };

	if (trace->fd < 0)
		return;
	store_le16(record + TRACE_AT_DEVICE, (uint16_t)(watch - trace->pt->watches));
	store_le16(record + TRACE_AT_VCPU, (uint16_t)vcpu_current());
	store_le64(record + TRACE_AT_TIME, clock_ns() - trace->began);
	store_le64(record + TRACE_AT_OFFSET, access->offset);
	store_le64(record + TRACE_AT_VALUE, access->value);
	if (put_now(trace, record))
		loop_post_error(trace->loop, VM_EVENT_OUTPUT_LOST);
}

int trace_open(struct trace *trace, const char *path, struct loop *loop, struct passthrough *pt)
{
	uint8_t header[TRACE_RECORD] = { 0 };
	struct timespec wall;
	int r;

	*trace = (struct trace){ .path = path, .fd = -1, .loop = loop, .pt = pt };
	r = fd_open_output(path, &trace->fd);
	if (r)
		return fail(STATUS_OUTPUT, -r, "--trace %s: %s; choose a path that can be written",
			    path, strerror(-r));
	trace->began = clock_ns();
	clock_gettime(CLOCK_REALTIME, &wall);
	memcpy(header, TRACE_MAGIC, 8);
	store_le64(header + TRACE_AT_TIME,
		   (uint64_t)wall.tv_sec * 1000000000ull + (uint64_t)wall.tv_nsec);
	for (unsigned i = 0; i < pt->n; i++) {
		pt->watches[i].access = on_access;
		pt->watches[i].access_ctx = trace;
	}
	return put(trace, header);
}

static int put_fact(struct trace *trace, enum trace_kind kind, unsigned device, unsigned flags,
		    unsigned region, uint64_t offset, uint64_t value)
{
	uint8_t record[TRACE_RECORD] = { (uint8_t)kind, (uint8_t)flags, (uint8_t)region };

	store_le16(record + TRACE_AT_DEVICE, (uint16_t)device);
	store_le64(record + TRACE_AT_OFFSET, offset);
	store_le64(record + TRACE_AT_VALUE, value);
	return put(trace, record);
}

static int put_msix(struct trace *trace, unsigned device, struct vfio_function *fn, unsigned cap)
{
	uint64_t n = (vfio_function_config(fn, cap + PCI_MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_QSIZE) + 1;
	uint32_t table = vfio_function_config(fn, cap + PCI_MSIX_TABLE, 4);
	uint32_t pba = vfio_function_config(fn, cap + PCI_MSIX_PBA, 4);
	int r = put_fact(trace, TRACE_STRUCTURE, device, 0, table & PCI_MSIX_TABLE_BIR,
			 table & PCI_MSIX_TABLE_OFFSET, n * PCI_MSIX_ENTRY_SIZE);

	return r ? r
		 : put_fact(trace, TRACE_STRUCTURE, device, 1, pba & PCI_MSIX_PBA_BIR,
			    pba & PCI_MSIX_PBA_OFFSET, (n + 63) / 64 * 8);
}

static uint32_t read_config(void *ctx, unsigned offset, unsigned len)
{
	return vfio_function_config(ctx, offset, len);
}

/* A list as the guest sees it; what is hidden at 100h has no id. */
static int put_capabilities(struct trace *trace, unsigned device, struct vfio_function *fn,
			    bool extended)
{
	struct capabilities list;
	int r = 0;

	capabilities_init(&list, extended, PCI_CFG_SPACE_EXP_SIZE, read_config, fn);
	while (!r && capabilities_next(&list)) {
		if (list.id || !extended)
			r = put_fact(trace, TRACE_CAPABILITY, device, extended, 0, list.at,
				     list.id);
		if (!r && !extended && list.id == PCI_CAP_ID_MSIX)
			r = put_msix(trace, device, fn, list.at);
	}
	return r;
}

int trace_devices(struct trace *trace)
{
	int r = 0;

	for (unsigned i = 0; !r && trace->fd >= 0 && i < trace->pt->n_functions; i++) {
		uint8_t record[TRACE_RECORD] = { TRACE_DEVICE };

		store_le16(record + TRACE_AT_DEVICE, (uint16_t)i);
		snprintf((char *)record + TRACE_AT_TIME, TRACE_NAME, "%.23s",
			 trace->pt->devices[i].name);
		r = put(trace, record);
		if (!r)
			r = put_capabilities(trace, i, trace->pt->functions[i], false);
		if (!r)
			r = put_capabilities(trace, i, trace->pt->functions[i], true);
	}
	return r;
}

/* The end, behind a reader that is still there; one that does not read holds nothing up. */
int trace_close(struct trace *trace)
{
	uint8_t lost[TRACE_RECORD] = { TRACE_LOST }, end[TRACE_RECORD] = { TRACE_END };
	struct pollfd room = { .fd = trace->fd, .events = POLLOUT };
	int r = 0;

	store_le64(lost + TRACE_AT_VALUE, trace->lost);
	store_le64(end + TRACE_AT_VALUE, trace->accesses);
	if (trace->fd >= 0 && poll(&room, 1, CLOSE_WAIT_MS) == 0)
		r = fail(STATUS_OUTPUT, EAGAIN,
			 "--trace %s: its reader does not read; the trace has no end", trace->path);
	else if (trace->fd >= 0 && trace->lost)
		r = put(trace, lost);
	if (!r && trace->fd >= 0)
		r = put(trace, end);
	if (trace->lost_all)
		log_warn("--trace %s: %llu accesses are missing: its reader was too slow",
			 trace->path, (unsigned long long)trace->lost_all);
	trace->lost_all = trace->lost = 0;
	for (unsigned i = 0; trace->pt && i < trace->pt->n; i++)
		trace->pt->watches[i].access = NULL;
	fd_close(&trace->fd);
	return r;
}
