/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A masked vector never reaches KVM: from any state that a vector can be in, whatever a guest writes to its entry of
 * the MSI-X table (any bytes, at any place and size) and to message control, KVM listens to the vector's eventfd
 * afterwards only when MSI-X is on, the function is not masked and the entry's mask bit is clear, and then with the
 * message that the table has. That is so also when KVM refuses the route or the irqfd. What was pending when it is
 * unmasked goes out. One vector and one step, from which any number of steps follows.
 *
 * files: devices/pci/msi.c devices/pci/msix.c
 * unwind: 2, one vector, an access of one part
 * cbmc: --unwindset memcmp.0:17
 */
#include <base/bytes.h>
#include <base/fd.h>
#include <devices/msi.h>
#include <linux/pci_regs.h>
#include <proof.h>

static struct msix msix;
static struct msi_vector v;
static uint8_t table[PCI_MSIX_ENTRY_SIZE];

/* The eventfd is 7. */
static bool count;

int fd_event(int *ret)
{
	if (any(bool))
		return -24;
	*ret = 7;
	return 0;
}

void fd_close(int *fd)
{
	*fd = -1;
}

void fd_event_signal(int fd)
{
	prove(fd == 7, "the vector's own");
	count = true;
}

uint64_t fd_event_take(int fd)
{
	uint64_t there = count;

	count = false;
	return there;
}

/* KVM, with one GSI, 5. */
static bool taken, routed, listens;
static uint64_t address;
static uint32_t message;

int irq_msi_alloc(struct irq_router *router, unsigned *ret_gsi)
{
	prove(!taken, "a GSI for each vector, no more");
	if (any(bool))
		return -28;
	taken = true;
	*ret_gsi = 5;
	return 0;
}

void irq_msi_free(struct irq_router *router, unsigned gsi)
{
	prove(gsi == 5 && taken && !listens, "nobody listens to a GSI that is given back");
	taken = routed = false;
}

int irq_msi_set(struct irq_router *router, unsigned gsi, uint64_t at, uint32_t data, uint32_t devid)
{
	prove(gsi == 5 && taken, "a route for a GSI of ours");
	routed = true;
	address = at;
	message = data;
	return 0;
}

int irq_commit(struct irq_router *router)
{
	return any(bool) ? -22 : 0;
}

int irq_fd_add(struct irq_router *router, unsigned gsi, int fd, int resample_fd)
{
	prove(gsi == 5 && routed && fd == 7 && !listens, "a route first, then who listens");
	if (any(bool))
		return -22;
	listens = true;
	return 0;
}

void irq_fd_remove(struct irq_router *router, unsigned gsi, int fd)
{
	prove(gsi == 5 && fd == 7 && listens, "what is taken away was there");
	listens = false;
}

static bool masked(void)
{
	return !msix.enabled || msix.masked || load_le32(table + PCI_MSIX_ENTRY_VECTOR_CTRL) & 1;
}

/* What holds between two accesses. */
static bool sound(void)
{
	return v.connected == listens && (v.fd == 7 || v.fd == -1) && (v.gsi == (taken ? 5 : -1)) && (!taken || v.fd == 7) &&
	       (!listens || (v.fd == 7 && routed && !masked() && !v.pending)) && (!routed || taken) &&
	       (!listens || (address == (load_le64(table) & ~3ull) && message == load_le32(table + PCI_MSIX_ENTRY_DATA)));
}

int main(void)
{
	unsigned len = any(unsigned), offset = any(unsigned);
	uint8_t data[8];
	bool pending, good;
	int r;

	msix = (struct msix){ .n = 1, .table = table, .vectors = &v, .enabled = any(bool), .masked = any(bool) };
	v = any(struct msi_vector);
	__CPROVER_havoc_object(table);
	taken = any(bool);
	routed = any(bool);
	listens = any(bool);
	address = any(uint64_t);
	message = any(uint32_t);
	count = any(bool);
	assume(sound());
	pending = v.pending;
	good = listens || masked();
	assume((len == 1 || len == 4 || len == 8) && offset <= sizeof(table) - len);
	msix_table_access(&msix, offset, data, len, true);
	msix_control(&msix, any(uint16_t));
	r = msix_apply(&msix);
	prove(!listens || !masked(), "a masked vector is not heard");
	prove(sound(), "what we believe of KVM is true, and it has the table's message");
	prove(r || listens || masked() || !good, "one that is not masked is heard, or an error is or was told");
	prove(!pending || v.pending || count, "what was pending is still, or went out");
	if (listens && pending)
		reach("heard, what was pending first");
	if (masked() && taken)
		reach("masked again");
	return 0;
}
