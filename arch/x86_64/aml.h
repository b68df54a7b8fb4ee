/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A writer of ACPI Machine Language (ACPI 6.5 §20) into a buffer of fixed size: just the objects
 * and resource descriptors that the DSDT in fw.c has. What does not fit is counted but not written;
 * the caller looks at aml_fits() once, at the end.
 *
 * Containers are opened and closed; opening returns a mark that closing needs:
 *
 *	size_t dev = aml_device(aml, "COM1");
 *	aml_name_eisaid(aml, "_HID", "PNP0501");
 *	aml_close(aml, dev);
 */
#pragma once

#include <base/types.h>

struct aml {
	uint8_t *bytes;
	size_t size; /* room */
	size_t len;  /* written, or wanted when it exceeds size */
};

static inline bool aml_fits(const struct aml *aml)
{
	return aml->len <= aml->size;
}

/* Little-endian numbers of 1 to 8 bytes without an opcode; for tables other than AML too. */
void aml_raw(struct aml *aml, uint64_t value, unsigned len);
void aml_bytes(struct aml *aml, const void *bytes, size_t len);

/* Named containers. Paths: "\\_SB_", "\\_SB_.PWRB" or one segment; segments have four letters. */
size_t aml_scope(struct aml *aml, const char *path);
size_t aml_device(struct aml *aml, const char *name);
size_t aml_method(struct aml *aml, const char *name, unsigned n_args, bool serialized);
size_t aml_package(struct aml *aml, uint8_t n_elements);
size_t aml_if_arg0_equals(struct aml *aml, uint64_t value);
void aml_close(struct aml *aml, size_t mark);

/* Name (NAME, ...): the bare one is followed by an object of the caller's. */
void aml_name(struct aml *aml, const char *name);
void aml_name_integer(struct aml *aml, const char *name, uint64_t value);
void aml_name_string(struct aml *aml, const char *name, const char *text);
void aml_name_eisaid(struct aml *aml, const char *name, const char *id);

void aml_integer(struct aml *aml, uint64_t value);
void aml_notify(struct aml *aml, const char *path, uint8_t value);

/* Name (_CRS, ResourceTemplate () { ... }), §6.4. */
size_t aml_resources(struct aml *aml);
void aml_resources_end(struct aml *aml, size_t mark);
void aml_port(struct aml *aml, uint16_t base, uint8_t len);           /* I/O, 16-bit decode */
void aml_memory32(struct aml *aml, uint32_t base, uint32_t size);     /* fixed, writable */
void aml_interrupt_edge(struct aml *aml, uint32_t gsi);               /* active high, exclusive */
void aml_bus_window(struct aml *aml, uint16_t first, uint16_t last);  /* produced by a bridge */
void aml_port_window(struct aml *aml, uint16_t first, uint16_t last); /* the same, I/O */
void aml_memory_window(struct aml *aml, struct range window);         /* the same, memory */
