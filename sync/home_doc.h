/*
 * home_doc.h - inside sync/: reading and writing the home document's maps.
 *
 *   /person                {name}
 *   /devices/DEVICE_PK     {name, cert, added, gone, since, box, beacon}
 *                          gone: it was revoked; since: and its work from then
 *                          on dropped; box: its newer box key, counter, sig;
 *                          beacon: the key of its beacons, by itself
 *   /documents/DOCID       {name, type, of}  of: the document it is a branch of
 *   /contacts/ROOT_PK      {card, name, verified}  name: instead of the card's
 *   /escrow/DEVICE_PK      {box}  sealed to the root's recovery box
 *   /relays/RELAY_PK       {account, heir}  relay_account.h
 *
 * Keys are lower-case hex; names are scalar strings.  What does not look like
 * this is passed over: the document may have been written by a newer lk.
 *
 * Two devices that make one of these maps at the same time make two, of which
 * Automerge shows one: the members of all of them count.
 */
#ifndef SYNC_HOME_DOC_H
#define SYNC_HOME_DOC_H

#include "sync/replica.h"

struct home_text {
	char text[LK_NAME_MAX + 1];
};

/* 32 bytes from 64 lower-case hex digits. */
bool home_key(struct bytes key, uint8_t out[static 32]);
/* Calls `each` for the members of the map `name` of the root, each key of one
 * map only; none when there is no such map. */
LK_MUST_USE lk_err home_each(
    struct doc *, const char *name, doc_each_fn *each, void *ctx);
/* A member of a map: false when absent or of another type. */
bool home_text_get(
    struct doc *, struct op_id map, const char *key, struct home_text *);
bool home_bytes_get(
    struct doc *, struct op_id map, const char *key, struct bytes *);
int64_t home_time_get(struct doc *, struct op_id map, const char *key);
/* The map /NAME/HEX(key); NOTFOUND. */
LK_MUST_USE lk_err home_entry(struct doc *, const char *name,
    const uint8_t key[static 32], struct op_id *map);
/* The same while editing, made when absent. */
LK_MUST_USE lk_err home_entry_make(struct edit *, struct doc *,
    const char *name, const uint8_t key[static 32], struct op_id *map);

/* Takes it out of every map of that name. */
LK_MUST_USE lk_err home_entry_drop(struct edit *, struct doc *,
    const char *name, const uint8_t key[static 32]);

LK_MUST_USE lk_err home_text_put(
    struct edit *, struct op_id map, const char *key, const char *text);
LK_MUST_USE lk_err home_bytes_put(
    struct edit *, struct op_id map, const char *key, struct bytes);
LK_MUST_USE lk_err home_time_put(
    struct edit *, struct op_id map, const char *key, struct wall);

#endif
