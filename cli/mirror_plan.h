/*
 * mirror_plan.h - lk mirror add --dry-run: what would become of each file.
 */
#ifndef CLI_MIRROR_PLAN_H
#define CLI_MIRROR_PLAN_H

#include "cli/lk.h"

/* The operands of add; nothing is changed, no folder made. */
int mirror_plan(struct lk *, const struct args *);

#endif
