/*
 * doc_f64.h - for tests: a value's float, which is little endian everywhere,
 * from and to a number of this machine.
 */
#ifndef TESTS_DOC_F64_H
#define TESTS_DOC_F64_H

#include <endian.h>
#include <string.h>

#include "crdt/op.h"

static inline double
f64_get(const struct value *v)
{
	uint64_t bits;
	double d;

	memcpy(&bits, v->f64, sizeof(bits));
	bits = le64toh(bits);
	memcpy(&d, &bits, sizeof(d));
	return d;
}

static inline void
f64_put(struct value *v, double d)
{
	uint64_t bits;

	memcpy(&bits, &d, sizeof(bits));
	bits = htole64(bits);
	memcpy(v->f64, &bits, sizeof(bits));
}

#endif
