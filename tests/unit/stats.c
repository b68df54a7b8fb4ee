/* SPDX-License-Identifier: BSD-2-Clause */
/* Counters: lines of /proc/interrupts, and what is printed. */
#include <watch/stats.h>

#include <sys/mman.h>
#include <unistd.h>

#include "test.h"

static void lines(void)
{
	static const struct {
		const char *line;
		unsigned cpus;
		int kind; /* -1: none of ours */
		const char *bdf;
		unsigned vector;
		uint64_t count;
	} cases[] = {
		{ " 40:  3471   12  IR-PCI-MSIX-0000:00:02.0  0-edge  vfio-msix[0](0000:00:02.0)",
		  2, STATS_MSIX, "0000:00:02.0", 0, 3483 },
		{ "1234: 18446744073709551615 GICv3-ITS vfio-msix[2047](abcd:ff:1f.7)", 1,
		  STATS_MSIX, "abcd:ff:1f.7", 2047, UINT64_MAX },
		{ " 18: 0 5 0 7 IO-APIC 18-fasteoi e1000, vfio-intx(0000:00:04.0)", 4, STATS_INTX,
		  "0000:00:04.0", 0, 12 },
		{ " 41: 9 IR-PCI-MSI-0000:00:02.0 0-edge vfio-msi[3](0000:00:02.0)", 1, STATS_MSI,
		  "0000:00:02.0", 3, 9 },
		{ "           CPU0       CPU1", 2, -1, "", 0, 0 },
		{ "NMI:          0          0  Non-maskable interrupts", 2, -1, "", 0, 0 },
		{ " 42: 1 2 IR-PCI-MSIX eth0-rx-0", 2, -1, "", 0, 0 },
		{ " 42: 1 vfio-msix[0](0000:00:02.0)", 2, -1, "", 0, 0 },
		{ " 42: 1 vfio-msix[](0000:00:02.0)", 1, -1, "", 0, 0 },
		{ " 42: 1 vfio-msix[7", 1, -1, "", 0, 0 },
		{ " 42: 1 vfio-intx(", 1, -1, "", 0, 0 },
		{ "", 1, -1, "", 0, 0 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		enum stats_irq_kind kind = STATS_INTX;
		unsigned vector = 0;
		uint64_t count = 0;
		char bdf[32] = "";

		CHECK_EQ(stats_parse_irq(cases[i].line, cases[i].cpus, bdf, &kind, &vector, &count),
			 cases[i].kind >= 0);
		if (cases[i].kind < 0)
			continue;
		CHECK_EQ(kind, cases[i].kind);
		CHECK(!strcmp(bdf, cases[i].bdf));
		CHECK_EQ(vector, cases[i].vector);
		CHECK_EQ(count, cases[i].count);
	}
}

static struct passthrough pt;

static void told(int fd, char *text, size_t size)
{
	ssize_t n = pread(fd, text, size - 1, 0);

	text[n > 0 ? n : 0] = 0;
}

static void printed(void)
{
	static uint64_t exits[2][VCPU_EXITS];
	struct vcpu_set vcpus = { .n = 2, .exits = exits };
	int fd = memfd_create("stats", MFD_CLOEXEC), host = memfd_create("host", MFD_CLOEXEC);
	static const char before[] = " CPU0 CPU1\n 18: 70 30 chip vfio-intx(0000:00:02.0)\n";
	static const char after[] = " CPU0 CPU1\n 18: 70 30 chip vfio-intx(0000:00:02.0)\n"
				    " 40: 5 6 chip vfio-msix[1](0000:00:02.0)\n"
				    " 41: 5 6 chip vfio-msix[0](0000:00:07.0)\n";
	struct stats stats;
	char text[4096];

	pt = (struct passthrough){ .n = 1 };
	pt.devices[0].fd = -1;
	strcpy(pt.devices[0].name, "0000:00:02.0");
	pt.watches[0].reads[VFIO_PCI_CONFIG_REGION_INDEX] = 17;
	pt.watches[0].writes[3] = 4;
	exits[0][KVM_EXIT_MMIO] = 2;
	exits[1][KVM_EXIT_MMIO] = 3;
	exits[1][63] = 1;
	stats_init(&stats, &pt, true);
	dup2(host, stats.interrupts_fd);
	/* The line was the host's before: 100 are not the guest's. */
	CHECK(write(host, before, sizeof(before) - 1) > 0);
	pt.watches[0].irqs(&pt.watches[0], true);
	/* Two vectors come, one is another device's; then they go, and are still known. */
	CHECK(pwrite(host, after, sizeof(after) - 1, 0) > 0);
	pt.watches[0].irqs(&pt.watches[0], false);
	CHECK(!ftruncate(host, 0));
	stats_gather(&stats, &vcpus);
	stats_print(&stats, &vcpus, fd);
	told(fd, text, sizeof(text));
	CHECK(strstr(text, "  exits       MMIO                                       10\n"));
	CHECK(strstr(text, "  exits       kind 63                                     2\n"));
	CHECK(strstr(text, "  exits       all                                        12\n"));
	CHECK(strstr(text, "  reads       0000:00:02.0 config space                  17\n"));
	CHECK(strstr(text, "  writes      0000:00:02.0 BAR 3                          4\n"));
	CHECK(strstr(text, "  trapped     0000:00:02.0 all                           21\n"));
	CHECK(strstr(text, "  interrupts  0000:00:02.0 INTx 0                         0\n"));
	CHECK(strstr(text, "  interrupts  0000:00:02.0 MSI-X 1                       11\n"));
	CHECK(strstr(text, "  interrupts  0000:00:02.0 all                           11\n"));
	CHECK(!strstr(text, "00:07.0"));
	stats_deinit(&stats);
	close(fd);
	close(host);
}

static const struct test tests[] = { TEST(lines), TEST(printed) };
TEST_MAIN(tests)
