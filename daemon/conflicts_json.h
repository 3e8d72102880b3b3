/*
 * conflicts_json.h - values that were written at one place at the same time, as
 * JSON (docs/control.md, `conflicts`).
 */
#ifndef DAEMON_CONFLICTS_JSON_H
#define DAEMON_CONFLICTS_JSON_H

#include "daemon/json_value.h"
#include "daemon/pointer.h"

/* Appends an object with all values of a place, by the ids of their ops,
 * ascending: the last one wins.  USAGE: the whole document, which is none. */
LK_MUST_USE lk_err conflicts_write(
    struct buf *, struct doc *, const struct place *, enum json_style);
/* Appends an object with one of these for each place that has several values:
 * this one and those below what wins at it, by path from here.  LIMIT as
 * json_value_write. */
LK_MUST_USE lk_err conflicts_write_all(
    struct buf *, struct doc *, const struct place *, enum json_style);

#endif
