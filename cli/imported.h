/*
 * imported.h - the changes of imports as entries of a log of their own.
 */
#ifndef CLI_IMPORTED_H
#define CLI_IMPORTED_H

#include "cli/output.h"

/* New: these entries ("id", "hash", "parents"), with the "changes" of imports in
 * their places; ids and parents are hashes then.  A change that has come before
 * is left out. */
json_object *imported_expand(json_object *entries);

#endif
