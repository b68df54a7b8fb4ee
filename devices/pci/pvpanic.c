/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pvpanic PCI (QEMU docs/specs/pvpanic.rst; Linux drivers/misc/pvpanic). BAR 0 holds one byte: read
 * it for the events that are understood, write it to report some.
 *
 * Runs under the device lock, on a vcpu's thread.
 */
#include <devices/pvpanic.h>

#include <base/log.h>
#include <string.h>

#define PVPANIC_VENDOR   0x1b36
#define PVPANIC_DEVICE   0x0011
#define PVPANIC_CLASS    0x08800001 /* base system peripheral, other; revision 1 */
#define PVPANIC_BAR_SIZE 16

#define PVPANIC_PANICKED     BIT(0)
#define PVPANIC_CRASH_LOADED BIT(1) /* a crash kernel takes over: the guest runs on */
#define PVPANIC_SHUTDOWN     BIT(2) /* the last resort of a guest that cannot power off */
#define PVPANIC_EVENTS       (PVPANIC_PANICKED | PVPANIC_CRASH_LOADED | PVPANIC_SHUTDOWN)

static void pvpanic_access(void *ctx, uint64_t offset, void *data, unsigned len, bool is_write)
{
	struct pvpanic *pv = ctx;
	uint8_t *bytes = data;

	if (!is_write)
		memset(bytes, 0, len);
	if (offset)
		return;
	if (!is_write)
		bytes[0] = PVPANIC_EVENTS;
	else if (bytes[0] & PVPANIC_PANICKED)
		loop_post(pv->loop, VM_EVENT_PANIC, 0);
	else if (bytes[0] & PVPANIC_SHUTDOWN)
		loop_post(pv->loop, VM_EVENT_POWEROFF, 0);
	else if (bytes[0] & PVPANIC_CRASH_LOADED)
		log_guest(&pv->rl, "guest: its kernel panicked and starts its crash kernel");
}

static int pvpanic_bar_map(struct pci_function *fn, unsigned index, uint64_t address)
{
	struct pvpanic *pv = container_of(fn, struct pvpanic, fn);

	pv->region = (struct bus_region){
		.base = address,
		.size = PVPANIC_BAR_SIZE,
		.handler = pvpanic_access,
		.ctx = pv,
		.name = "pvpanic",
	};
	return bus_add(fn->root->config.mmio, &pv->region);
}

static void pvpanic_bar_unmap(struct pci_function *fn, unsigned index)
{
	struct pvpanic *pv = container_of(fn, struct pvpanic, fn);

	bus_remove(fn->root->config.mmio, &pv->region);
}

static const struct pci_function_ops pvpanic_ops = {
	.bar_map = pvpanic_bar_map,
	.bar_unmap = pvpanic_bar_unmap,
};

int pvpanic_init(struct pvpanic *pv, struct pci_root *root, unsigned devfn, struct loop *loop)
{
	memset(pv, 0, sizeof(*pv));
	pv->loop = loop;
	pci_function_init(&pv->fn, "pvpanic", &pvpanic_ops, PVPANIC_VENDOR, PVPANIC_DEVICE,
			  PVPANIC_CLASS);
	pci_function_bar(&pv->fn, 0, PCI_BAR_MEM32, false, PVPANIC_BAR_SIZE);
	return pci_root_add(root, &pv->fn, devfn);
}

void pvpanic_deinit(struct pvpanic *pv)
{
	if (pv->fn.root)
		pci_root_remove(pv->fn.root, &pv->fn);
}
