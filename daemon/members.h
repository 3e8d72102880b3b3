/*
 * members.h - what the commands about members share.
 */
#ifndef DAEMON_MEMBERS_H
#define DAEMON_MEMBERS_H

#include "daemon/subject.h"

/* Names of an author: two device names and what is around them. */
#define WHO_LEN (2 * LK_NAME_MAX + 8)

/* Adds the name of a key. */
void member_who(struct request *, struct json_object *, const char *key,
    const uint8_t pk[static 32]);
/* Adds what a grant says: key, role, granted, rank, own, since, ended_by. */
void member_grant(
    struct json_object *, const struct graph *, const struct member *);
/* The key of the member or contact that param "who" names.  NOTFOUND, USAGE;
 * said. */
LK_MUST_USE lk_err member_find(
    struct request *, const struct subject *, uint8_t key[static 32]);
/* Says why something about members failed. */
LK_MUST_USE lk_err members_fail(
    struct request *, const struct subject *, lk_err);
/* A revocation down to a role that the one who has more keeps; said. */
LK_MUST_USE lk_err members_reduce(struct request *, const struct subject *,
    const uint8_t key[static 32], enum role level);

#endif
