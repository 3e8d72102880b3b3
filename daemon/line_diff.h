/*
 * line_diff.h - the lines in which two texts differ, with some around them, as
 * diff -u groups them.
 */
#ifndef DAEMON_LINE_DIFF_H
#define DAEMON_LINE_DIFF_H

#include <json-c/json.h>

#include "base/bytes.h"

/*
 * Appends hunks to a JSON array: "from", "from_lines", "to", "to_lines" and
 * "lines", each of which begins with a blank, "-" or "+".  Line numbers count
 * from 1; that of no line is the one before.  Whether the last line ends with
 * a newline counts only when nothing else differs; a line that begins with a
 * backslash says that the one before does not.  LIMIT, NOMEM.
 */
LK_MUST_USE lk_err line_diff(struct json_object *hunks, struct bytes from,
    struct bytes to, size_t context);

#endif
