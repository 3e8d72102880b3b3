/*
 * script.h - what targets share whose input is a script of steps.  Included by
 * them and their casts alone.
 */
#ifndef TESTS_FUZZ_SCRIPT_H
#define TESTS_FUZZ_SCRIPT_H

#include <stdio.h>

#include "base/bytes.h"
#include "base/err.h"

/* Whatever the script says is never this device's own error. */
#define must(call) must_be((call), #call)

static inline void
must_be(lk_err err, const char *call)
{
	if (err.code != LK_OK)
		(void)fprintf(stderr, "%s: %s (%s)\n", call, err.what,
		    lk_strcode(err.code));
	LK_ASSERT(err.code == LK_OK);
}

/* u16 length, and so many bytes: fewer where the script ends. */
static inline struct bytes
take_long(struct rd *rd)
{
	size_t n = rd_u16(rd);

	return rd_take(rd, n < rd->left.len ? n : rd->left.len);
}

#endif
