/*
 * lk.h - what every command of lk works with: its options, its output, its way
 * of failing.  One process, one command, one thread.
 *
 * A command returns its exit status (docs/man/lk.1, EXIT STATUS).  Whoever
 * fails says so at once with lk_fail and passes the status up; 0 is success.
 */
#ifndef CLI_LK_H
#define CLI_LK_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "cli/nearest.h"
#include "cli/output.h"

/* Exit statuses that are no lk_code. */
#define EXIT_NO 1     /* a predicate is false */
#define EXIT_PARTLY 3 /* part of it failed */
#define EXIT_USAGE_ 64
#define EXIT_SOFTWARE_ 70

struct client;
struct command;

struct lk {
	const struct command *command;
	const char *verb; /* of the command, as device revoke; "": none */
	struct output output;
	struct client *client; /* NULL until lk_connect */
	bool json, quiet, verbose;
};

enum option_kind {
	OPTION_FLAG,     /* bool */
	OPTION_STRING,   /* const char * */
	OPTION_NUMBER,   /* int64_t, not negative */
	OPTION_DURATION, /* int64_t in ms: 90s, 10m, 2h, 7d, 500ms */
	OPTION_MAYBE,    /* const char *; "" when given without =VALUE */
	OPTION_LIST,     /* struct option_list: may be given again */
};

#define OPTION_LIST_MAX 64
struct option_list {
	const char *items[OPTION_LIST_MAX];
	size_t len;
};

struct option {
	const char *name; /* without the dashes */
	char letter;      /* 0: none */
	enum option_kind kind;
	void *into; /* left alone when the option is not given */
};

#define OPTIONS_END                        \
	{                                  \
		NULL, 0, OPTION_FLAG, NULL \
	}
#define OPERANDS_MANY SIZE_MAX

/* What is left of the command line; borrowed from argv. */
struct args {
	const char *const *operands;
	size_t len;
};

struct command {
	const char *name;
	const char *usage;   /* lines without "lk ", each ended by \n */
	const char *summary; /* one line, no full stop */
	const char *details; /* options and remarks, lines ended by \n */
	const struct option *options; /* NULL: none of its own */
	size_t operands_min, operands_max;
	int (*run)(struct lk *, const struct args *);
};

/* The table, in the order of the help; ends with NULL. */
extern const struct command *const commands[];
const struct command *command_find(const char *name);
/* The name that this one was meant to be, in the struct, or NULL. */
const char *command_nearest(struct nearest *, const char *name);

/* The options of every command, as `details` has those of one. */
extern const char globals_details[];
/* Prints the help of one command, or of all. */
void help_print(struct lk *, const struct command *);

/*
 * Says what failed, and returns `status`.  `error` is a word for machines;
 * `hint` says what to do, NULL when there is nothing to do.
 */
int lk_fail(struct lk *, int status, const char *error, const char *hint,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* The same for an lk_err, with its status and word: "subject: reason". */
int lk_fail_err(struct lk *, lk_err, const char *subject, const char *hint);
/* A usage error of the present command, with the usage of it, or of its verb,
 * as the hint. */
int lk_fail_usage(struct lk *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Its first operand is none of the verbs of its usage, or has not the operands
 * that it needs; suggests the nearest one.  "": there is no operand at all. */
int lk_fail_verb(struct lk *, const char *verb);
/* No option of this name, as it was typed; suggests the nearest one. */
int lk_fail_option(struct lk *, const char *typed, size_t len);
/* No command of this name; suggests the nearest one. */
int lk_fail_unknown(struct lk *, const char *name);
int lk_fail_memory(struct lk *);

#define nitems(a) (sizeof(a) / sizeof((a)[0]))

/* Returns the status of a failed call to our own caller. */
#define DO(call)                           \
	do {                               \
		int do_status_ = (call);   \
		if (do_status_ != 0)       \
			return do_status_; \
	} while (0)

#define JSON_SCOPED __attribute__((cleanup(json_clear))) json_object
static inline void
json_clear(json_object **j)
{
	json_object_put(*j);
}

#endif
