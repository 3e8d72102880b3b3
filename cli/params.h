/*
 * params.h - building the parameters of a call.
 */
#ifndef CLI_PARAMS_H
#define CLI_PARAMS_H

#include "base/bytes.h"
#include "cli/lk.h"

/* New: {"doc": name}, or {} for NULL. */
json_object *params_new(const char *doc);
/* New: "doc" and, when there is one, "path" from the operands DOC [PATH]. */
json_object *params_at(const struct args *);
/* Adds a member; a NULL text and a false flag are left out. */
void params_text(json_object *, const char *key, const char *);
void params_bytes(json_object *, const char *key, struct bytes);
/* Adds a string as a JSON text. */
void params_quoted(json_object *, const char *key, struct bytes);
void params_number(json_object *, const char *key, int64_t);
void params_flag(json_object *, const char *key, bool);
/* Adds what a new device is to be called as "name": this, or for NULL the
 * machine's name up to its first dot. */
void params_device_name(json_object *, const char *);
/* Adds a place in a text: a number, or a cursor as it is.  A usage error. */
int params_position(struct lk *, json_object *, const char *key, const char *);
/* All operands, which name documents, as "docs". */
void params_docs(json_object *, const struct args *);

#endif
