/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configuration space of a passed function, bit by bit in one of these ways:
 *
 *   passed    reads and writes are the device's (VFIO protects the host where it must:
 *             drivers/vfio/pci/vfio_pci_config.c)
 *   read-only reads are the device's, writes are dropped
 *   ours      answered from pci.config[], written by its masks: emulated registers, and constants
 *   hidden    ours, 0, not writable
 *
 * The tables below say which and why. Everything in 40h-FFh that belongs to no capability is passed:
 * drivers know private registers there. What VFIO itself virtualises (identifiers of a VF, VPD,
 * payload size, interrupt pin) is passed, and stays as VFIO shows it.
 *
 * The function sits on bus 0 without a port above it, so a PCI Express endpoint is shown as a Root
 * Complex Integrated Endpoint (PCIe 6.0 §1.3.2.3): it has no link, no slot, and none of the
 * capabilities that belong to them.
 *
 * The expansion ROM's BAR reads 0, none, unless the guest is given one (rom.c).
 *
 * Left out: BIST, cardbus pointer.
 *
 * Included by config_shape.c alone, which turns it into masks.
 */
#pragma once

#include <base/types.h>
#include <linux/pci_regs.h>

/* A field of 1, 2 or 4 bytes. Bits in none of the three are passed. */
struct field {
	uint16_t at;
	uint8_t len;
	uint32_t read_only; /* reads are the device's, writes are dropped */
	uint32_t keep;      /* ours: the value that the device had at the start */
	uint32_t zero;      /* ours: 0 */
	uint32_t writable;  /* of ours: what the guest may change */
};

#define ALL UINT32_MAX

static const struct field header_fields[] = {
	/* PCIe 6.0 §7.5.1.1: identification is the device's. */
	{ PCI_VENDOR_ID, 4, .read_only = ALL },
	/* The guest's own view, which function.c hands on, in step with what decodes. */
	{ PCI_COMMAND, 2, .zero = ALL,
	  .writable = PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
		      PCI_COMMAND_PARITY | PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE },
	/* Low byte: interrupt status and features. High byte: errors, cleared by writing 1. */
	{ PCI_STATUS, 1, .read_only = ALL },
	{ PCI_CLASS_REVISION, 4, .read_only = ALL },
	/* The multi-function bit is the guest's own (§7.5.1.1.9, function.c), not the host's. */
	{ PCI_HEADER_TYPE, 1, .keep = 0x7f, .zero = 0x80 },
	/* A self test takes the device off the bus for two seconds without telling anybody. */
	{ PCI_BIST, 1, .zero = ALL },
	/* BARs: see bar.c, which puts in what the regions are. */
	{ PCI_BASE_ADDRESS_0, 4, .zero = ALL },
	{ PCI_BASE_ADDRESS_1, 4, .zero = ALL },
	{ PCI_BASE_ADDRESS_2, 4, .zero = ALL },
	{ PCI_BASE_ADDRESS_3, 4, .zero = ALL },
	{ PCI_BASE_ADDRESS_4, 4, .zero = ALL },
	{ PCI_BASE_ADDRESS_5, 4, .zero = ALL },
	{ PCI_CARDBUS_CIS, 4, .zero = ALL },
	{ PCI_SUBSYSTEM_VENDOR_ID, 4, .read_only = ALL },
	{ PCI_ROM_ADDRESS, 4, .zero = ALL },
	{ PCI_CAPABILITY_LIST, 4, .zero = ALL },
	{ 0x38, 4, .zero = ALL },
	/* A scratch register of the guest's firmware (§7.5.1.1.12); the host's line is its own. */
	{ PCI_INTERRUPT_LINE, 1, .zero = ALL, .writable = 0xff },
	{ PCI_INTERRUPT_PIN, 1, .keep = 0xff },
	{ PCI_MIN_GNT, 2, .read_only = ALL },
};

/* PM (§7.5.2). State changes are passed, VFIO carries them out. PME is not, see power.c. */
static const struct field pm_fields[] = {
	{ PCI_PM_PMC, 2, .read_only = 0xffff & ~PCI_PM_CAP_PME_MASK, .zero = PCI_PM_CAP_PME_MASK },
	{ PCI_PM_CTRL + 1, 1, .zero = (PCI_PM_CTRL_PME_ENABLE | PCI_PM_CTRL_PME_STATUS) >> 8 },
};

/* PCI Express (§7.5.3), every version. */
static const struct field express_fields[] = {
	/* Type: set below. No slot, and its interrupt number is a port's. */
	{ PCI_EXP_FLAGS, 2, .keep = PCI_EXP_FLAGS_VERS, .zero = 0xffff & ~PCI_EXP_FLAGS_VERS },
	/*
	 * Slot power is captured from a port's message; there is none. Extended tags need the whole
	 * path's consent, phantom functions the IOMMU's: both stay as the host has them.
	 */
	{ PCI_EXP_DEVCAP, 4,
	  .keep = ~(PCI_EXP_DEVCAP_PWR_VAL | PCI_EXP_DEVCAP_PWR_SCL | PCI_EXP_DEVCAP_EXT_TAG |
		    PCI_EXP_DEVCAP_PHANTOM),
	  .zero = PCI_EXP_DEVCAP_PWR_VAL | PCI_EXP_DEVCAP_PWR_SCL | PCI_EXP_DEVCAP_EXT_TAG |
		  PCI_EXP_DEVCAP_PHANTOM },
	/* Which errors are reported is between the device and the host: the guest's say is not passed. */
	{ PCI_EXP_DEVCTL, 1,
	  .keep = PCI_EXP_DEVCTL_CERE | PCI_EXP_DEVCTL_NFERE | PCI_EXP_DEVCTL_FERE |
		  PCI_EXP_DEVCTL_URRE,
	  .writable = PCI_EXP_DEVCTL_CERE | PCI_EXP_DEVCTL_NFERE | PCI_EXP_DEVCTL_FERE |
		      PCI_EXP_DEVCTL_URRE },
	{ PCI_EXP_DEVCTL + 1, 1, .zero = (PCI_EXP_DEVCTL_EXT_TAG | PCI_EXP_DEVCTL_PHANTOM) >> 8 },
};

/* An endpoint shown as a root complex integrated one: it has no link (§7.5.3.6 to §7.5.3.8). */
static const struct field express_link_fields[] = {
	{ PCI_EXP_LNKCAP, 4, .zero = ALL },
	{ PCI_EXP_LNKCTL, 4, .zero = ALL },
};

/* Version 2: the registers exist whatever the type is. */
static const struct field express_v2_fields[] = {
	{ PCI_EXP_SLTCAP, 4, .zero = ALL },
	{ PCI_EXP_SLTCTL, 4, .zero = ALL },
	{ PCI_EXP_RTCTL, 4, .zero = ALL },
	{ PCI_EXP_RTSTA, 4, .zero = ALL },
	/*
	 * What needs the whole path's consent: ARI, LTR, OBFF, 10-bit tags, TLP prefixes.
	 * Completion timeouts and atomics are between the device and the host's root complex.
	 */
	{ PCI_EXP_DEVCAP2, 4,
	  .keep = PCI_EXP_DEVCAP2_COMP_TMOUT_DIS | 0xf | PCI_EXP_DEVCAP2_ATOMIC_COMP32 |
		  PCI_EXP_DEVCAP2_ATOMIC_COMP64 | PCI_EXP_DEVCAP2_ATOMIC_COMP128,
	  .zero = ~(PCI_EXP_DEVCAP2_COMP_TMOUT_DIS | 0xf | PCI_EXP_DEVCAP2_ATOMIC_COMP32 |
		    PCI_EXP_DEVCAP2_ATOMIC_COMP64 | PCI_EXP_DEVCAP2_ATOMIC_COMP128) },
	/* Low byte: completion timeout and atomics; ARI forwarding no. High byte: LTR, OBFF, tags. */
	{ PCI_EXP_DEVCTL2, 1, .zero = PCI_EXP_DEVCTL2_ARI },
	{ PCI_EXP_DEVCTL2 + 1, 1, .zero = ALL },
	{ PCI_EXP_LNKCAP2, 4, .zero = ALL },
	{ PCI_EXP_LNKCTL2, 4, .zero = ALL },
	{ PCI_EXP_SLTCAP2, 4, .zero = ALL },
	{ PCI_EXP_SLTCTL2, 4, .zero = ALL },
};

enum rule { HIDE, PASS, READ_ONLY, PM, MSI, MSIX, EXPRESS, AF };

struct kind {
	uint16_t id;
	enum rule rule;
	/*
	 * Of one that is hidden or read-only: its bytes; 0: it says itself how many (said_len()), or up to the
	 * next one. What is behind them belongs to no capability and is passed (an EHCI has registers behind
	 * its debug port's four bytes, a Realtek network card at 70fh, behind its serial number).
	 */
	uint8_t len;
};

/*
 * Capabilities (§7.5.3). What is not here is hidden: VFIO hides what it does not know, too. Of one that
 * nobody knows, the first dword: VFIO passes the rest. Hidden on purpose: HyperTransport (not its bus),
 * Enhanced Allocation (fixed addresses are the host's), FPB, slot and hot-plug (bridges), debug port.
 */
static const struct kind capabilities[] = {
	{ PCI_CAP_ID_PM, PM, 0 },
	{ PCI_CAP_ID_AGP, READ_ONLY,
	  PCI_AGP_SIZEOF },          /* rates are set with a bridge that is not here */
	{ PCI_CAP_ID_VPD, PASS, 0 }, /* VFIO performs the access */
	{ PCI_CAP_ID_MSI, MSI, 0 },
	{ PCI_CAP_ID_PCIX, PASS, 0 }, /* relaxed ordering, read sizes */
	{ PCI_CAP_ID_HT, HIDE, 28 },  /* by type, at most (VFIO: 24 or 28) */
	{ PCI_CAP_ID_VNDR, PASS, 0 }, /* virtio's registers, among others */
	{ PCI_CAP_ID_SHPC, HIDE, 8 },
	{ PCI_CAP_ID_SSVID, HIDE, 8 },
	{ PCI_CAP_ID_EXP, EXPRESS, 0 },
	{ PCI_CAP_ID_MSIX, MSIX, 0 },
	{ PCI_CAP_ID_SATA, PASS, 0 }, /* index and data of AHCI */
	{ PCI_CAP_ID_AF, AF, 0 },     /* function reset of conventional functions */
	{ PCI_CAP_ID_EA, HIDE, 0 },   /* as many entries as it says */
	{ 0, HIDE, 4 },
};

/*
 * Extended capabilities (§7.6.3). Hidden on purpose: SR-IOV and ARI (VFs are the host's), Resizable
 * BAR (would move under the kernel's feet), ATS, PRI and PASID (the guest has no IOMMU), ACS
 * (isolation is the host's), VC, MFVC, LTR, L1 PM, PTM, link and lane capabilities (no link), DOE,
 * multicast. One that is not here is hidden up to the next where nobody can tell how long it is. VFIO itself takes
 * out of the list what it does not know, L1 PM and PTM among them, and passes their registers as nobody's.
 */
static const struct kind extended[] = {
	{ PCI_EXT_CAP_ID_ERR, READ_ONLY, 0x48 }, /* masks decide what the host learns of errors */
	{ PCI_EXT_CAP_ID_DSN, READ_ONLY, PCI_EXT_CAP_DSN_SIZEOF },
	{ PCI_EXT_CAP_ID_PWR, PASS, 0 }, /* a selector and what it selects */
	{ PCI_EXT_CAP_ID_VNDR, PASS, 0 },
	{ PCI_EXT_CAP_ID_DVSEC, PASS, 0 },
	{ PCI_EXT_CAP_ID_DPA, READ_ONLY, PCI_DPA_BASE_SIZEOF + 32 },
	{ PCI_EXT_CAP_ID_TPH, READ_ONLY, 0 }, /* steering tags name processors of the host */
	{ PCI_EXT_CAP_ID_ARI, HIDE, PCI_EXT_CAP_ARI_SIZEOF },
	{ PCI_EXT_CAP_ID_ATS, HIDE, PCI_EXT_CAP_ATS_SIZEOF },
	{ PCI_EXT_CAP_ID_SRIOV, HIDE, PCI_EXT_CAP_SRIOV_SIZEOF },
	{ PCI_EXT_CAP_ID_MCAST, HIDE, PCI_EXT_CAP_MCAST_ENDPOINT_SIZEOF },
	{ PCI_EXT_CAP_ID_PRI, HIDE, PCI_EXT_CAP_PRI_SIZEOF },
	{ PCI_EXT_CAP_ID_LTR, HIDE, PCI_EXT_CAP_LTR_SIZEOF },
	{ PCI_EXT_CAP_ID_PASID, HIDE, PCI_EXT_CAP_PASID_SIZEOF },
	{ 0, HIDE, 0 },
};
