#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>

static const struct {
	const char *word;
	int status;
} codes[] = {
	[LK_OK] = { "ok", 0 },
	[LK_E_SYS] = { "system", 74 },
	[LK_E_NOMEM] = { "memory", 74 },
	[LK_E_LIMIT] = { "limit", 65 },
	[LK_E_TRUNCATED] = { "truncated", 65 },
	[LK_E_MALFORMED] = { "malformed", 65 },
	[LK_E_NOTFOUND] = { "not-found", 66 },
	[LK_E_EXISTS] = { "exists", 73 },
	[LK_E_DENIED] = { "denied", 77 },
	[LK_E_REVOKED] = { "revoked", 77 },
	[LK_E_DATA] = { "data", 65 },
	[LK_E_CORRUPT] = { "damaged", 65 },
	[LK_E_VERSION] = { "version", 76 },
	[LK_E_WAIT] = { "waiting", 75 },
	[LK_E_AGAIN] = { "again", 75 },
	[LK_E_UNAVAILABLE] = { "unavailable", 69 },
	[LK_E_USAGE] = { "usage", 64 },
	[LK_E_CONFIG] = { "config", 78 },
	[LK_E_FULL] = { "full", 74 },
};

const char *
lk_strcode(enum lk_code code)
{
	return codes[code].word;
}

int
lk_exit_status(enum lk_code code)
{
	return codes[code].status;
}

_Noreturn void
lk_assert_failed(const char *cond, const char *file, int line)
{
	fprintf(stderr, "lk: bug: %s:%d: %s\n", file, line, cond);
	abort();
}
