/*
 * spans.h - a text with its marks and blocks, for people: a line for each run
 * and each block, with the position it begins at.
 */
#ifndef CLI_SPANS_H
#define CLI_SPANS_H

#include "cli/lk.h"

/* Prints the spans that doc.get gave as a JSON text. */
void spans_print(struct lk *, const char *json);

#endif
