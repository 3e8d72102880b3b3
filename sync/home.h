/*
 * home.h - the person's home document: devices, names of documents, contacts
 * and the escrow (access.md section 9).  An ordinary document under the same
 * rules, held by the person's own devices only.  All functions work inside the
 * replica's transaction.  One thread.
 */
#ifndef SYNC_HOME_H
#define SYNC_HOME_H

#include "sync/replica.h"

/* Makes the person: phrase (16 random bytes, shown once as words), root key,
 * home document, this device's certificate.  The identity is completed. */
LK_MUST_USE lk_err home_create(struct replica *, struct identity *,
    const uint8_t entropy[static 16]);

/* Whether this can be a name: 1 to 255 bytes of UTF-8, no control character,
 * no '/'. */
bool home_name_valid(const char *);
/* Whether it is how an id or a key begins: 4 or more of its hex digits. */
bool home_id_begins(const char *, const uint8_t id[static LK_ID_LEN]);
/* Names.  EXISTS when a document has this name; DATA when it is no name (1 to
 * 255 bytes of UTF-8 without control characters or '/'). */
LK_MUST_USE lk_err home_name_check(struct replica *, const char *name);
LK_MUST_USE lk_err home_name_set(struct replica *, uint32_t docno,
    const char *name, const char *type);
/*
 * Branches are documents that are listed under the one they were made of:
 * y of x is called x/y.  EXISTS, DATA as above, also when x/y is too long.
 */
LK_MUST_USE lk_err home_branch_check(
    struct replica *, uint32_t of, const char *name);
LK_MUST_USE lk_err home_branch_set(struct replica *, uint32_t docno,
    uint32_t of, const char *name, const char *type);
/* The id of the document it is a branch of; NOTFOUND when it is none. */
LK_MUST_USE lk_err home_branch_of(
    struct replica *, uint32_t docno, uint8_t of[static LK_ID_LEN]);
/*
 * Gives a document another name, of a branch the part behind the last "/", for
 * this person's devices; its branches go with it.  *changed false: it was
 * called so.  EXISTS, DATA as above; NOTFOUND: of a branch whose document is
 * not here.
 */
LK_MUST_USE lk_err home_rename(
    struct replica *, uint32_t docno, const char *name, bool *changed);
/* Takes its name away, for all this person's devices; nothing, where it has
 * none. */
LK_MUST_USE lk_err home_name_drop(struct replica *, uint32_t docno);
/* Name of a document ("x~2" when two took one name), and its type ("map",
 * "text", "list").  Falls back to what it was called when it was forgotten, and
 * to the short id. */
#define HOME_NAME_LEN (2 * LK_NAME_MAX + 16)
struct home_name {
	char name[HOME_NAME_LEN];
	char type[8];
};
LK_MUST_USE lk_err home_name(struct replica *, uint32_t docno, struct home_name *);
/* A document by name or by a prefix (4 or more hex digits) of its id; a branch
 * by either of what it is a branch of, "/", and its name.  NOTFOUND; USAGE when
 * ambiguous. */
LK_MUST_USE lk_err home_find(struct replica *, const char *name, uint32_t *docno);

/* Devices of this person, this one included, and people met. */
struct home_device {
	uint8_t pk[32];
	char name[LK_NAME_MAX + 1];
	bool self;
	bool gone; /* revoked */
	uint16_t rank; /* smaller is senior; 0: not certified */
	uint8_t issuer[32]; /* who certified it: a device, or the root */
	struct wall added;
};
struct home_contact {
	uint8_t root_pk[32];
	char name[LK_NAME_MAX + 1];
	uint8_t devices[PERSON_DEVICES_MAX][32];
	size_t devices_len;
	struct wall verified; /* when their words were compared; 0: never */
};
/* The i-th; NOTFOUND past the end. */
LK_MUST_USE lk_err home_device(struct replica *, size_t i, struct home_device *);
LK_MUST_USE lk_err home_contact(struct replica *, size_t i, struct home_contact *);
/* One of this person's devices, revoked or not, by name or by 4 or more digits
 * of its key.  NOTFOUND; USAGE when ambiguous. */
LK_MUST_USE lk_err home_find_device(
    struct replica *, const char *who, struct home_device *);
/* Its name, for this person.  NOTFOUND; DATA: no name; EXISTS: another's. */
LK_MUST_USE lk_err home_device_rename(
    struct replica *, const uint8_t pk[static 32], const char *name);
/* A contact by name or by 4 or more digits of his root key.  NOTFOUND; USAGE
 * when ambiguous. */
LK_MUST_USE lk_err home_find_contact(
    struct replica *, const char *who, struct home_contact *);
/* What this person calls him.  DATA: no name; EXISTS: another's. */
LK_MUST_USE lk_err home_contact_rename(
    struct replica *, const uint8_t root_pk[static 32], const char *name);
/* His root key is the one he says himself. */
LK_MUST_USE lk_err home_contact_verified(
    struct replica *, const uint8_t root_pk[static 32]);
/* Who a device key belongs to: a name for people, "laptop" or "ann (phone)",
 * or the short key; cut off where HOME_WHO_LEN is not given. */
#define HOME_WHO_LEN (2 * LK_NAME_MAX + 8)
void home_who(struct replica *, const uint8_t pk[static 32], char *out, size_t len);
/* A contact or member by name, by device name or by a prefix of a key; gives
 * the key to grant to or revoke (root key, else device key).  NOTFOUND; USAGE
 * when ambiguous. */
LK_MUST_USE lk_err home_find_person(struct replica *, uint32_t docno,
    const char *who, uint8_t key[static 32]);
/* The person behind a contact's root key, ready for replica_share. */
LK_MUST_USE lk_err home_person(struct replica *, const uint8_t root_pk[static 32],
    struct arena *, struct person *);

#endif
