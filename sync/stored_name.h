/*
 * stored_name.h - under which names things lie in a bucket or folder
 * (docs/protocol.md section 14):
 *
 *   lk1/TOPIC/TAG/SEQ16-COUNT4-HASH32      a pack of envelopes of one author
 *   lk1/TOPIC/TAG/k-SEQ16-COUNT4-HASH32    the same, some with a key section
 *   lk1/TOPIC/TAG/ack-INCARNATION16-COUNTER16   what a device has of a document
 *   lk1/mail/SLOT/HASH32                   a letter
 *
 * All in lower-case hex, each number in all its digits, so that names sort as
 * what they say does.  Pure; any thread.
 */
#ifndef SYNC_STORED_NAME_H
#define SYNC_STORED_NAME_H

#include "base/limits.h"
#include "base/object.h"

#define STORED_PREFIX "lk1/"
#define STORED_HASH_LEN 16
/* No author writes more: and the first digit is 0. */
#define STORED_SEQ_MAX ((UINT64_C(1) << 60) - 1)
#define PACK_ENVELOPES_MAX 4096

/* In the order of their names within a topic and tag. */
enum stored_kind { STORED_PACK, STORED_ACK, STORED_KEY_PACK, STORED_MAIL };

struct stored_name {
	enum stored_kind kind;
	uint8_t topic[LK_TOPIC_LEN]; /* MAIL: the slot */
	uint8_t tag[LK_TOPIC_LEN];   /* not MAIL */
	/* Packs: the first envelope's seq, and how many there are: 1 to
	 * PACK_ENVELOPES_MAX.  ACK: incarnation and counter. */
	uint64_t seq, count;
	uint8_t hash[STORED_HASH_LEN]; /* not ACK */
};

void stored_name_format(
    char out[static OBJECT_NAME_MAX + 1], const struct stored_name *);
/* False for any other name; what it takes is as stored_name_format wrote it. */
bool stored_name_parse(struct stored_name *, const char *);

/* As a key of 57 bytes that sorts as the names do; not MAIL. */
#define STORED_KEY_LEN (2 * LK_TOPIC_LEN + 1 + 8 + 8 + STORED_HASH_LEN)
void stored_name_key(
    uint8_t out[static STORED_KEY_LEN], const struct stored_name *);
void stored_name_from_key(
    struct stored_name *, const uint8_t key[static STORED_KEY_LEN]);

#endif
