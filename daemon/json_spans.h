/*
 * json_spans.h - a text with its marks and blocks as JSON: an array of
 *
 *	{"type":"text","start":N,"length":N,"value":"..","marks":{NAME:VALUE}}
 *	{"type":"block","start":N,"length":1,"value":{..}}
 *
 * `marks` is missing when there are none.  Positions are code points.
 */
#ifndef DAEMON_JSON_SPANS_H
#define DAEMON_JSON_SPANS_H

#include "daemon/json_value.h"

/* Appends them.  DATA: not a text; LIMIT, and the document's errors. */
LK_MUST_USE lk_err json_spans_write(
    struct buf *, struct doc *, struct op_id text, enum json_style);

#endif
