/*
 * history.h - a change on one line, for log and watch.
 */
#ifndef CLI_HISTORY_H
#define CLI_HISTORY_H

#include "cli/output.h"

render_fn change_render;
/* Who made a change, as it is printed: the name, or of what was imported and is
 * nobody's here the beginning of the actor.  Valid until the next call. */
const char *change_writer(json_object *change);

#endif
