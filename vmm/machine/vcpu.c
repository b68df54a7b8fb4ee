/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The vcpu threads: KVM_RUN and what comes out of it (Documentation/virt/kvm/api.rst, "The kvm_run
 * structure"). MMIO and port I/O are the same on all architectures and handled here; the rest is
 * arch_vcpu_exit()'s.
 *
 * To stop a vcpu: immediate_exit makes the next KVM_RUN return at once, the signal ends the one
 * under way. The order matters; with the signal alone, one that arrives between the test of `stop`
 * and KVM_RUN would be lost (api.rst, immediate_exit).
 */
#include <machine/vcpu.h>

#include <base/error.h>
#include <base/fd.h>
#include <core/kick.h>
#include <errno.h>
#include <host/kvm.h>
#include <host/seal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

static void exit_mmio(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	bus_access(&vcpu->board->mmio, run->mmio.phys_addr, run->mmio.data, run->mmio.len,
		   run->mmio.is_write);
}

/* REP INS/OUTS: `count` accesses of `size` bytes to the same port, data one after the other. */
static void exit_io(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;

	for (uint32_t i = 0; i < run->io.count; i++, data += run->io.size)
		bus_access(&vcpu->board->pio, run->io.port, data, run->io.size,
			   run->io.direction == KVM_EXIT_IO_OUT);
}

/*
 * KVM_RUN itself failed. EFAULT: the guest touched memory that the host cannot provide: RAM when
 * the host is out of (huge) pages, or a BAR whose device went away.
 */
static void run_failed(struct vcpu *vcpu, int err)
{
	struct kvm_run *run = vcpu->run;
	char where[64] = "";

	if (err == EFAULT && run->exit_reason == KVM_EXIT_MEMORY_FAULT)
		snprintf(where, sizeof(where), " at guest physical address %#llx",
			 (unsigned long long)run->memory_fault.gpa);
	if (err == EFAULT)
		loop_post_why(
			vcpu->board->loop, VM_EVENT_STUCK, STATUS_GUEST_STUCK,
			"vcpu %u: the host could not provide memory%s; it is out of memory, or a passed "
			"device is gone",
			vcpu->index, where);
	else
		loop_post_why(
			vcpu->board->loop, VM_EVENT_STUCK, STATUS_GUEST_STUCK,
			"vcpu %u: KVM_RUN failed: %s; this is a fault of the host's KVM, or of "
			"thru: report it with the host's kernel log (dmesg)",
			vcpu->index, strerror(err));
}

/* Handle one exit with the lock held. Returns whether the vcpu may run on. */
static bool exit_handle(struct vcpu *vcpu)
{
	switch (vcpu->run->exit_reason) {
	case KVM_EXIT_MMIO:
		exit_mmio(vcpu);
		return true;
	case KVM_EXIT_IO:
		exit_io(vcpu);
		return true;
	case KVM_EXIT_INTR:
	case KVM_EXIT_HLT:
		return true;
	default:
		return arch_vcpu_exit(vcpu);
	}
}

static _Thread_local unsigned current;

unsigned vcpu_current(void)
{
	return current;
}

/* Only this thread writes; whoever prints reads. */
static void count(struct vcpu_set *set, uint32_t reason)
{
	uint64_t *n = &set->exits[current][MIN(reason, VCPU_EXITS - 1u)];

	__atomic_store_n(n, *n + 1, __ATOMIC_RELAXED);
}

struct vcpu_thread {
	struct vcpu_set *set;
	struct vcpu *vcpu;
};

static void seal_own(struct vcpu *vcpu)
{
	int r = seal_vcpu(vcpu->fd);

	if (r)
		loop_post_why(vcpu->board->loop, VM_EVENT_FAILED, STATUS_HOST,
			      "vcpu %u: sandbox: %s; run without: --sandbox off", vcpu->index,
			      strerror(-r));
}

static void *vcpu_main(void *arg)
{
	struct vcpu_thread thread = *(struct vcpu_thread *)arg;
	struct vcpu *vcpu = thread.vcpu;
	struct lock *lock = vcpu->board->loop->lock;
	bool go_on;
	int r;

	free(arg);
	current = vcpu->index;
	go_on = gate_wait(&thread.set->gate);
	if (go_on)
		seal_own(vcpu);
	while (go_on && !__atomic_load_n(&thread.set->stop, __ATOMIC_ACQUIRE)) {
		r = ioctl(vcpu->fd, KVM_RUN, 0);
		if (r < 0 && (errno == EINTR || errno == EAGAIN)) {
			count(thread.set, KVM_EXIT_INTR);
			continue;
		}
		if (r < 0) {
			run_failed(vcpu, errno);
			break;
		}
		count(thread.set, vcpu->run->exit_reason);
		lock_take(lock);
		/*
		 * It may have waited long: a machine that is being stopped does no more for its guest. And
		 * one that was switched off or reset does nothing more at all: Linux's next way to reboot
		 * is a triple fault, 50 us after the port that it wrote.
		 */
		go_on = !__atomic_load_n(&thread.set->stop, __ATOMIC_ACQUIRE) &&
			exit_handle(vcpu) && !loop_posted(vcpu->board->loop);
		lock_drop(lock);
		/* The guest is never the source of an error: what was not posted is no reason of anything. */
		error_clear();
	}
	return NULL;
}

static int vcpu_start(struct vcpu_set *set, unsigned index)
{
	struct vcpu_thread *thread = malloc(sizeof(*thread));
	char name[16];
	int r;

	if (!thread)
		return fail(STATUS_FAILURE, ENOMEM, "vcpu %u: out of memory", index);
	*thread = (struct vcpu_thread){ .set = set, .vcpu = &set->vcpus[index] };
	r = pthread_create(&set->threads[index], NULL, vcpu_main, thread);
	if (r) {
		free(thread);
		return fail(STATUS_HOST, r,
			    r == EAGAIN
				    ? "vcpu %u: no thread: %s; raise ulimit -u or -v, or ask for "
				      "fewer (--cpus)"
				    : "vcpu %u: no thread: %s",
			    index, strerror(r));
	}
	snprintf(name, sizeof(name), "vcpu %u", index);
	pthread_setname_np(set->threads[index], name);
	set->running++;
	return 0;
}

int vcpu_set_init(struct vcpu_set *set, struct board *board, unsigned n)
{
	int r = 0;

	memset(set, 0, sizeof(*set));
	gate_init(&set->gate);
	set->board = board;
	set->vcpus = calloc(n, sizeof(*set->vcpus));
	set->threads = calloc(n, sizeof(*set->threads));
	set->exits = calloc(n, sizeof(*set->exits));
	if (!set->vcpus || !set->threads || !set->exits)
		return fail(STATUS_FAILURE, ENOMEM, "%u vcpus: out of memory", n);
	while (!r && set->n < n) {
		struct vcpu *vcpu = &set->vcpus[set->n];

		*vcpu = (struct vcpu){ .board = board, .index = set->n, .fd = -1 };
		r = kvm_vcpu_create(board->kvm_fd, board->vm_fd, vcpu->index, &vcpu->fd, &vcpu->run,
				    &vcpu->run_size);
		if (!r) {
			set->n++;
			r = arch_vcpu_init(vcpu);
		}
	}
	return r;
}

int vcpu_set_run(struct vcpu_set *set)
{
	int r = 0;

	for (unsigned i = 0; !r && i < set->n; i++)
		r = arch_vcpu_boot(&set->vcpus[i]);
	for (unsigned i = 0; !r && i < set->n; i++)
		r = vcpu_start(set, i);
	if (!r)
		r = seal_process();
	if (!r)
		gate_open(&set->gate);
	return r;
}

void vcpu_set_stop(struct vcpu_set *set)
{
	if (!set->board)
		return;
	__atomic_store_n(&set->stop, true, __ATOMIC_RELEASE);
	gate_close(&set->gate);
	if (set->running)
		lock_stop(set->board->loop->lock);
	for (unsigned i = 0; i < set->running; i++) {
		__atomic_store_n(&set->vcpus[i].run->immediate_exit, 1, __ATOMIC_RELEASE);
		kick(set->threads[i]);
	}
	for (unsigned i = 0; i < set->running; i++)
		pthread_join(set->threads[i], NULL);
	set->running = 0;
}

void vcpu_set_deinit(struct vcpu_set *set)
{
	vcpu_set_stop(set);
	for (unsigned i = 0; i < set->n; i++) {
		munmap(set->vcpus[i].run, set->vcpus[i].run_size);
		fd_close(&set->vcpus[i].fd);
	}
	free(set->vcpus);
	free(set->threads);
	free(set->exits);
	memset(set, 0, sizeof(*set));
}
