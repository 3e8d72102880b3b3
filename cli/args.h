/*
 * args.h - options and operands of a command.  Options may stand anywhere,
 * "--" ends them; "-" and negative numbers are operands.  The options all
 * commands know (--json, -q, -v, --color, --help) are dealt with here.
 */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include "cli/lk.h"

enum option_kind {
	OPTION_FLAG,     /* bool */
	OPTION_STRING,   /* const char * */
	OPTION_NUMBER,   /* int64_t, not negative */
	OPTION_DURATION, /* int64_t in ms: 90s, 10m, 2h, 7d, 500ms */
	OPTION_MAYBE,    /* const char *; "" when given without =VALUE */
};

struct option {
	const char *name; /* without the dashes */
	char letter;      /* 0: none */
	enum option_kind kind;
	void *into; /* left alone when the option is not given */
};

struct args {
	const char *const *operands;
	size_t len;
};

enum args_verdict { ARGS_RUN, ARGS_STOP };

/*
 * Takes the arguments behind the command's name.  ARGS_STOP: *status is what
 * the command returns, as after --help or a usage error.  Operands borrow
 * from argv, whose order is changed.
 */
enum args_verdict args_parse(struct lk *, struct args *,
    const struct option *options, int argc, char *argv[], int *status);
/* Checks the number of operands; a usage error otherwise. */
int args_count(struct lk *, const struct args *, size_t min, size_t max);

/* Whether this argument is an option every command knows, which is then
 * applied; *status is not 0 when it was given wrongly. */
bool args_global(struct lk *, const char *arg, int *status);

/* 90s, 10m, 2h, 7d, 500ms, 30: milliseconds.  False when it is none. */
bool duration_read(const char *, int64_t *ms);

#endif
