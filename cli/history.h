/*
 * history.h - a change on one line, for log and watch.
 */
#ifndef CLI_HISTORY_H
#define CLI_HISTORY_H

#include "cli/output.h"

render_fn change_render;

#endif
