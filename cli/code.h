/*
 * code.h - pairing by code on the command line: lk pair and lk contact pair.
 */
#ifndef CLI_CODE_H
#define CLI_CODE_H

#include "cli/lk.h"

/* Whether somebody means a code by this, and no ticket. */
bool code_looks_like(const char *typed);
/* Shows a code until it was used or is dead.  `purpose` is "device" or
 * "contact". */
int code_show(struct lk *, const char *purpose);
/* Types one: CODE@HOST:PORT.  `given`: it was an argument, which others may
 * see. */
int code_type(struct lk *, const char *purpose, const char *typed, bool given,
    int64_t timeout_ms);
/* Asks at the terminal; an empty line shows a code instead. */
int code_ask(struct lk *, const char *purpose, int64_t timeout_ms);

#endif
