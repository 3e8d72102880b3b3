/*
 * err.h - the one error type.
 *
 * An lk_err is a small value: what kind of failure, the errno if the system
 * reported one, and a static string naming the operation.  It is returned in
 * registers, never allocated, and safe to pass between threads.
 *
 * The callee says what failed.  The caller, who knows which peer or document
 * was involved, decides whether to log it.  Library code never logs errors.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <errno.h>

enum lk_code {
	LK_OK,
	LK_E_SYS, /* a system call failed; see sys */
	LK_E_NOMEM,
	LK_E_LIMIT,     /* a documented bound was exceeded */
	LK_E_TRUNCATED, /* input ended too early */
	LK_E_MALFORMED, /* input breaks its own format */
	LK_E_NOTFOUND,
	LK_E_EXISTS,      /* the name or the object is there already */
	LK_E_DENIED,      /* not permitted */
	LK_E_REVOKED,     /* was permitted, and is not any more */
	LK_E_DATA,        /* well formed, but does not fit what it is put into */
	LK_E_CORRUPT,     /* what this device stored itself is damaged */
	LK_E_VERSION,     /* needs a newer lk */
	LK_E_WAIT,        /* something it depends on is not here yet */
	LK_E_AGAIN,       /* timed out or peer unreachable: try again */
	LK_E_UNAVAILABLE, /* the daemon, or an address, is not available */
	LK_E_USAGE,       /* the caller asked for something that makes no sense */
	LK_E_CONFIG,      /* no identity, or a bad configuration */
	LK_E_FULL,        /* no space left for data */
};

#define LK_MUST_USE __attribute__((warn_unused_result))

typedef struct lk_err {
	enum lk_code code;
	int sys;
	const char *what; /* static storage; never freed */
} lk_err;

_Static_assert(sizeof(lk_err) <= 16, "lk_err is returned in registers");

#define LK_ERR(c, w) ((lk_err){ .code = (c), .what = (w) })
#define LK_SYS(w) ((lk_err){ .code = LK_E_SYS, .sys = errno, .what = (w) })
#define LK_NONE ((lk_err){ .code = LK_OK })

/* Return the error of a failed call to our own caller. */
#define TRY(call)                           \
	do {                                \
		lk_err try_err_ = (call);   \
		if (try_err_.code != LK_OK) \
			return (try_err_);  \
	} while (0)

/* A bug in this program, never something that input can cause. */
#define LK_ASSERT(cond)                                             \
	do {                                                        \
		if (!(cond))                                        \
			lk_assert_failed(#cond, __FILE__, __LINE__); \
	} while (0)

_Noreturn void lk_assert_failed(const char *, const char *, int);

/* A word for the code, as in {"error": "denied"}; never NULL. */
const char *lk_strcode(enum lk_code);

/* The exit status of lk for this code; docs/man/lk.1 lists them. */
int lk_exit_status(enum lk_code);

#endif
