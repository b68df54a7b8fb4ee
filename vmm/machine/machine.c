/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One VM, assembled in the order that the kernel wants (ARCHITECTURE.md, "the life of a VM") and
 * taken down backwards. The machine's thread only. It may be told to stop at any time: that is looked at
 * between two steps, and in those that take long.
 */
#include <machine/machine.h>

#include "loader.h"

#include <base/error.h>
#include <base/fd.h>
#include <errno.h>
#include <fcntl.h>
#include <host/explain.h>
#include <host/kvm.h>
#include <hostfn/cgroup.h>
#include <string.h>
#include <sys/sysinfo.h>

/* Memory is not reserved beforehand, so what can never be there is refused now, not by the OOM killer. */
static int check_host(struct machine *m)
{
	const struct board_config *config = m->board.config;
	unsigned max = arch_cpus_max(m->board.kvm_fd);
	struct sysinfo host;

	if (config->cpus > max)
		return fail(STATUS_HOST, EINVAL, "--cpus %u: KVM on this host allows at most %u",
			    config->cpus, max);
	if (!sysinfo(&host) && config->mem_size > (uint64_t)host.totalram * host.mem_unit)
		return fail(
			STATUS_HOST, ENOMEM,
			"--mem: the guest asks for %llu MiB and this host has %llu MiB; ask for less",
			(unsigned long long)(config->mem_size >> 20),
			(unsigned long long)((uint64_t)host.totalram * host.mem_unit >> 20));
	return cgroup_check_memory(config->mem_size, config->hugepage);
}

/* The first layout is the last one, unless there are devices: what they reach is not known yet. */
static int create_vm(struct machine *m)
{
	struct board *b = &m->board;
	unsigned long type;
	int r;

	r = arch_address_bits(b->kvm_fd, &m->address_bits);
	if (!r)
		r = arch_layout(b->config, m->address_bits, NULL, &b->layout);
	if (r)
		return r;
	type = arch_vm_type(b->kvm_fd, &b->layout, m->passthrough->n, &m->address_bits);
	return kvm_vm_create(b->kvm_fd, type, &b->vm_fd);
}

/*
 * Huge pages are reserved, but a control group may still refuse one when it is touched, which ends
 * the process by SIGBUS: so they are populated now, where it is an error.
 *
 * With a device all of RAM will be pinned. The file's own allocation (memfd_pin_folios()) takes small
 * pages one by one; through the mapping they are large where the host allows. It goes on beside all
 * that follows, up to where the devices' mapping needs it.
 */
static int create_memory(struct machine *m)
{
	const struct board_config *config = m->board.config;
	struct memory *memory = &m->board.memory;
	int r = memory_create(memory, config->mem_size, config->hugepage);

	if (!r && (config->prealloc || config->hugepage || m->passthrough->n))
		r = memory_prefault_start(&m->prefault, memory, config->hugepage,
					  &m->board.loop->ending);
	return r;
}

/*
 * While the devices are reset the disk reads what is loaded next. (Attached, they tell what they reach,
 * and RAM's places are chosen by that: there is nowhere to load it yet.)
 */
static int bind_devices(struct machine *m)
{
	struct board *b = &m->board;
	struct reach reach;
	int r;

	if (!m->passthrough->n)
		return 0;
	posix_fadvise(b->config->kernel_fd, 0, 0, POSIX_FADV_WILLNEED);
	if (b->config->initrd_fd >= 0)
		posix_fadvise(b->config->initrd_fd, 0, 0, POSIX_FADV_WILLNEED);
	r = passthrough_bind(m->passthrough, b->vm_fd, m->control);
	if (!r)
		r = passthrough_reach(m->passthrough, &reach);
	return r ? r : arch_layout(b->config, m->address_bits, &reach, &b->layout);
}

/* Whether a passed function will be at device `device`, function 0. */
static bool is_passed(const struct machine *m, unsigned device)
{
	for (unsigned i = 0; i < m->passthrough->n; i++)
		if (m->passthrough->devfns[i] == PCI_DEVFN(device, 0))
			return true;
	return false;
}

/*
 * The places of what will be emulated: the bridge, the board's own (device 1 or none), and virtio from the last
 * device number down; passed functions, and who asks for an address, count upwards.
 */
static int place_functions(struct machine *m)
{
	struct board *b = &m->board;
	unsigned devfns[PCI_PAGES_MAX], n = 0, device = 32;

	if (b->config->n_virtio > MACHINE_VIRTIO_MAX)
		return fail(STATUS_FAILURE, EINVAL, "virtio: %u devices; at most %u",
			    b->config->n_virtio, MACHINE_VIRTIO_MAX);
	for (unsigned i = 0; i < 2; i++)
		if (!is_passed(m, i))
			devfns[n++] = PCI_DEVFN(i, 0);
	for (unsigned i = 0; i < b->config->n_virtio; i++) {
		do
			device--;
		while (device && is_passed(m, device));
		m->virtio_devfns[i] = devfns[n++] = PCI_DEVFN(device, 0);
	}
	return pci_pages_init(&b->pci_pages, &b->memory, b->layout.pci.ecam.base, devfns, n);
}

static int place_memory(struct machine *m)
{
	struct board *b = &m->board;
	int r = memory_place(&b->memory, b->vm_fd, b->layout.ram, b->layout.n_ram);

	return r ? r : place_functions(m);
}

static int load_kernel(struct machine *m)
{
	return loader_load(&m->board);
}

static int create_vcpus(struct machine *m)
{
	int r = vcpu_set_init(&m->vcpus, &m->board, m->board.config->cpus);

	return r ? r : arch_irqchip_ready(&m->board);
}

static int map_memory(struct machine *m)
{
	int r = memory_prefault_finish(&m->prefault, false);

	return r ? r : passthrough_map(m->passthrough, &m->board);
}

static int create_irqchip(struct machine *m)
{
	struct board *b = &m->board;
	int r = irq_router_init(&b->irq, b->vm_fd, b->layout.irq_pins);

	b->irq.loop = b->loop;
	m->has_irqchip = !r;
	return r ? r : arch_irqchip_init(b);
}

static int create_root(struct machine *m)
{
	struct board *b = &m->board;
	struct pci_root_config config = b->layout.pci;
	int r;

	config.mmio = &b->mmio;
	config.pio = config.io_mmio ? NULL : &b->pio;
	r = pci_root_init(&b->pci, &config);
	m->has_root = !r;
	return r ? r : arch_board_init(b);
}

static int plug_virtio(struct machine *m)
{
	int r = 0;

	while (!r && m->n_virtio < m->board.config->n_virtio) {
		struct virtio_pci_config plug = {
			.dev = m->board.config->virtio[m->n_virtio],
			.root = &m->board.pci,
			.memory = &m->board.memory,
			.irq = &m->board.irq,
			.devfn = m->virtio_devfns[m->n_virtio],
		};

		r = virtio_pci_create(&plug, &m->virtio[m->n_virtio]);
		if (!r)
			m->n_virtio++;
	}
	return r;
}

static int add_functions(struct machine *m)
{
	int r = passthrough_add(m->passthrough, &m->board);

	if (!r)
		r = plug_virtio(m);
	if (!r)
		r = pci_root_assign(&m->board.pci);
	if (!r)
		pci_root_show(&m->board.pci, &m->board.pci_pages);
	return r;
}

static int write_tables(struct machine *m)
{
	return arch_fw_write(&m->board);
}

static int assemble(struct machine *m) _requires_(m->board.loop->lock);

static int assemble(struct machine *m)
{
	static const struct {
		const char *phase;
		int (*make)(struct machine *m);
	} steps[] = {
		{ "the VM, and what KVM can do", check_host },
		{ NULL, create_vm },
		{ "guest memory", create_memory },
		{ "the devices: KVM is told, then bound, then attached", bind_devices },
		{ "guest memory in its places, and the kernel in it", place_memory },
		{ NULL, load_kernel },
		{ "interrupt controllers and routes", create_irqchip },
		{ NULL, create_root },
		{ "processors", create_vcpus },
		{ "guest memory for the devices: DMA", map_memory },
		{ "passed functions: regions, interrupts, resets", add_functions },
		{ "the tables that the kernel reads", write_tables },
	};
	int r = 0;

	for (unsigned i = 0; !r && i < ARRAY_SIZE(steps); i++) {
		if (steps[i].phase)
			explain_phase(steps[i].phase);
		r = loop_ending(m->board.loop) ? -ECANCELED : steps[i].make(m);
	}
	return r;
}

/* With the device lock, as all that touches devices; nobody else wants it yet. */
int machine_init(struct machine *m, int kvm_fd, struct loop *loop, struct loop *control,
		 const struct board_config *config, struct passthrough *pt)
{
	struct board *b = &m->board;
	int r;

	memset(m, 0, sizeof(*m));
	m->passthrough = pt;
	m->control = control;
	*b = (struct board){ .config = config, .kvm_fd = kvm_fd, .vm_fd = -1, .loop = loop };
	b->memory.memfd = -1;
	lock_take(m->board.loop->lock);
	r = assemble(m);
	lock_drop(m->board.loop->lock);
	return r;
}

int machine_run(struct machine *m)
{
	explain_phase("the guest runs: KVM_RUN in each vcpu's thread, not told");
	return vcpu_set_run(&m->vcpus);
}

void machine_deinit(struct machine *m)
{
	struct board *b = &m->board;

	explain_phase("the guest has ended: everything backwards");
	vcpu_set_deinit(&m->vcpus);
	for (unsigned i = 0; i < m->n_virtio; i++)
		virtio_pci_drain(m->virtio[i]);
	lock_take(b->loop->lock);
	while (m->n_virtio)
		virtio_pci_destroy(m->virtio[--m->n_virtio]);
	passthrough_release(m->passthrough, &b->memory);
	arch_board_deinit(b);
	if (m->has_root)
		pci_root_deinit(&b->pci);
	if (m->has_irqchip)
		irq_router_deinit(&b->irq);
	fd_close(&b->vm_fd);
	pci_pages_deinit(&b->pci_pages);
	memory_prefault_finish(&m->prefault, true);
	memory_deinit(&b->memory);
	lock_drop(b->loop->lock);
}
