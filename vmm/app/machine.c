/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One VM, assembled in the order that the kernel wants (ARCHITECTURE.md, "the life of a VM") and
 * taken down backwards. Main thread only.
 */
#include "machine.h"

#include <base/error.h>
#include <base/fd.h>
#include <errno.h>
#include <host/explain.h>
#include <host/kvm.h>
#include <string.h>
#include <sys/sysinfo.h>

/* Memory is not reserved beforehand, so what can never be there is refused now, not by the OOM killer. */
static int check_host(int kvm_fd, const struct board_config *config)
{
	struct sysinfo host;
	unsigned max = arch_cpus_max(kvm_fd);

	if (config->cpus > max)
		return fail(STATUS_HOST, EINVAL, "--cpus %u: KVM on this host allows at most %u",
			    config->cpus, max);
	if (!sysinfo(&host) && config->mem_size > (uint64_t)host.totalram * host.mem_unit)
		return fail(
			STATUS_HOST, ENOMEM,
			"--mem: the guest asks for %llu MiB and this host has %llu MiB; ask for less",
			(unsigned long long)(config->mem_size >> 20),
			(unsigned long long)((uint64_t)host.totalram * host.mem_unit >> 20));
	return 0;
}

static int create_vm(struct board *b)
{
	unsigned bits;
	int r;

	r = arch_address_bits(b->kvm_fd, &bits);
	if (!r)
		r = arch_layout(b->config, bits, &b->layout);
	if (!r)
		r = kvm_vm_create(b->kvm_fd, arch_vm_type(b->kvm_fd, &b->layout), &b->vm_fd);
	return r;
}

static int create_irqchip(struct machine *m)
{
	struct board *b = &m->board;
	int r = irq_router_init(&b->irq, b->vm_fd, b->layout.irq_pins);

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

int machine_init(struct machine *m, int kvm_fd, struct loop *loop,
		 const struct board_config *config, struct passthrough *pt)
{
	struct board *b = &m->board;
	int r;

	memset(m, 0, sizeof(*m));
	m->passthrough = pt;
	*b = (struct board){ .config = config, .kvm_fd = kvm_fd, .vm_fd = -1, .loop = loop };
	b->memory.memfd = -1;

	explain_phase("the VM, and what KVM can do");
	r = check_host(kvm_fd, config);
	if (!r)
		r = create_vm(b);
	explain_phase("guest memory");
	if (!r)
		r = memory_init_huge(&b->memory, b->vm_fd, b->layout.ram, b->layout.n_ram,
				     config->hugepage);
	/*
	 * With a device all of it will be pinned. The file's own allocation (memfd_pin_folios()) takes
	 * small pages one by one; through the mapping they are large where the host allows, and the
	 * devices are reset meanwhile.
	 */
	if (!r && (config->prealloc || pt->n))
		r = memory_prefault_start(&m->prefault, &b->memory, config->hugepage);
	explain_phase("the devices: KVM is told, then bound, then attached");
	if (!r)
		r = passthrough_bind(pt, b->vm_fd, loop);
	if (!r)
		r = memory_prefault_finish(&m->prefault, false);
	explain_phase("guest memory for the devices: DMA");
	if (!r)
		r = passthrough_map(pt, &b->memory);
	explain_phase("interrupt controllers and routes");
	if (!r)
		r = create_irqchip(m);
	if (!r)
		r = create_root(m);
	explain_phase("processors");
	if (!r)
		r = vcpu_set_init(&m->vcpus, b, config->cpus);
	if (!r)
		r = arch_irqchip_ready(b);
	explain_phase("passed functions: regions, interrupts, resets");
	if (!r)
		r = passthrough_add(pt, b);
	if (!r)
		r = pci_root_assign(&b->pci);
	explain_phase("the kernel, and the tables it reads");
	if (!r)
		r = arch_boot_load(b);
	if (!r)
		r = arch_fw_write(b);
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
	passthrough_release(m->passthrough, &b->memory);
	arch_board_deinit(b);
	if (m->has_root)
		pci_root_deinit(&b->pci);
	if (m->has_irqchip)
		irq_router_deinit(&b->irq);
	fd_close(&b->vm_fd);
	memory_prefault_finish(&m->prefault, true);
	memory_deinit(&b->memory);
}
