/*
 * subject.h - what the commands of the control protocol share: finding the
 * document a request is about, and saying things in JSON.
 */
#ifndef DAEMON_SUBJECT_H
#define DAEMON_SUBJECT_H

#include "daemon/command.h"
#include "sync/home.h"

struct subject {
	uint32_t docno;
	struct home_name name;
	struct doc_summary summary;
};

/* The document that param "doc" names, by name or id.  NOTFOUND, USAGE; the
 * error is said.  The home document is nobody's to name. */
LK_MUST_USE lk_err subject_find(struct request *, struct subject *);
LK_MUST_USE lk_err subject_named(
    struct request *, const char *name, struct subject *);
/* By number.  NOTFOUND for the home document, and what was forgotten here. */
LK_MUST_USE lk_err subject_load(
    struct request *, uint32_t docno, struct subject *);
/* The next document after this number that is none of these. */
LK_MUST_USE lk_err subject_next(
    struct request *, uint32_t *docno, struct subject *);

/* engine_sync_status; nobody while the store is read-only and nothing is
 * exchanged. */
LK_MUST_USE lk_err subject_device(
    struct request *, uint32_t docno, size_t i, struct sync_status *);

/* This device may not do `what` (static; "invite"): DENIED, or REVOKED when it
 * has no role any more; said. */
LK_MUST_USE lk_err subject_denied(
    struct request *, const struct subject *, const char *what);

/* CORRUPT: names the changes of the document whose envelopes are damaged on
 * this disk (data.damaged); said. */
LK_MUST_USE lk_err subject_damaged(
    struct request *, const struct subject *, lk_err);

/* Wipes the text of a parameter, which goes with the request, but not at once.
 */
void param_wipe(struct request *, const char *key);

/* The recovery phrase of param "phrase", whose text is wiped; the caller wipes
 * it.  USAGE, which says
 * what word is wrong; said. */
LK_MUST_USE lk_err param_phrase(struct request *, uint8_t entropy[static 16]);

/* The documents that param "docs" names, an array: *docnos is new (free), NULL
 * when there is none or it is empty.  Said. */
LK_MUST_USE lk_err subject_list(
    struct request *, uint32_t **docnos, size_t *len);

/* Members of JSON objects. */
void json_add_text(struct json_object *, const char *key, const char *);
void json_add_bytes(struct json_object *, const char *key, struct bytes);
void json_add_number(struct json_object *, const char *key, uint64_t);
/* Its name, and its and its person's keys. */
void json_add_identity(struct json_object *, const struct identity *);
void json_add_flag(struct json_object *, const char *key, bool);
/* An answer is held in memory as a whole: takes `bytes` and an entry from the
 * room there is for it.  LIMIT. */
LK_MUST_USE lk_err answer_take(size_t *room, size_t bytes);
/* Lower-case hex; null when all bytes are zero. */
void json_add_id(struct json_object *, const char *key, struct bytes);
/* RFC 3339; null for the time 0. */
void json_add_time(struct json_object *, const char *key, struct wall);
/* "doc" and "name". */
void json_add_subject(struct json_object *, const struct subject *);
/* These, and "type", "role", "revoked", "waiting", "voided", "damaged",
 * "newer". */
LK_MUST_USE lk_err json_add_summary(
    struct request *, struct json_object *, const struct subject *);

/* "others": this person's other devices that are not revoked, each as
 * device.show gives it. */
LK_MUST_USE lk_err json_add_others(struct request *);

/* Orders objects by "name" or "who", those of one name by their ids, keys and
 * addresses, for json_object_array_sort: the order of every list of documents,
 * devices, people and peers. */
int json_name_compare(const void *, const void *);

const char *role_name(enum role);
/* relay, read, write, admin.  USAGE, said. */
LK_MUST_USE lk_err role_read(struct request *, const char *word, enum role *);

#endif
