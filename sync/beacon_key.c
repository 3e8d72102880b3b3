#include <string.h>

#include "crypto/digest.h"
#include "sync/docstate.h"
#include "sync/home_doc.h"
#include "sync/person.h"

#define CARD_ARENA_MAX ((size_t)1024 * 1024)

static const uint8_t no_key[BEACON_KEY_LEN];

static void
book_add(struct beacon_book *book, const uint8_t pk[static 32],
    const uint8_t key[static BEACON_KEY_LEN])
{
	struct known_beacon *k = &book->at[book->len];

	if (book->len == PEERS_MAX || memcmp(key, no_key, BEACON_KEY_LEN) == 0)
		return;
	memcpy(k->pk, pk, 32);
	memcpy(k->key, key, BEACON_KEY_LEN);
	book->len++;
}

struct contacts_visit {
	struct doc *doc;
	struct beacon_book *book;
	struct digest *removed;
};

static lk_err
contact_visit(void *ctx, const struct doc_visit *v)
{
	struct contacts_visit *c = ctx;
	ARENA_SCOPED arena = { .max = CARD_ARENA_MAX };
	struct bytes bytes;
	struct card card;

	if (!v->winner || !v->item.is_obj ||
	    !home_bytes_get(c->doc, v->item.id, "card", &bytes) ||
	    card_decode(&card, &arena, bytes).code != LK_OK)
		return LK_NONE;
	for (size_t i = 0; i < card.devices_len; i++)
		book_add(c->book, card.devices[i].cert.block.device_pk,
		    card.devices[i].beacon_key);
	for (size_t i = 0; i < card.gone_len; i++)
		digest_add(c->removed, BYTES_OF(card.gone[i].device_pk));
	return LK_NONE;
}

/* This person's devices; those that are gone are hashed. */
static lk_err
own_visit(struct replica *r, struct beacon_book *book, struct digest *removed)
{
	ARENA_SCOPED arena = { .max = PERSON_ARENA_MAX };
	const uint8_t *me = r->identity->sign.pk;
	const struct person_device *all;
	struct digest own;
	size_t len;

	TRY(person_all(r, &arena, &all, &len));
	digest_init(&own, sizeof(book->own), DIGEST_BEACON, NULL);
	for (size_t i = 0; i < len; i++) {
		const uint8_t *pk = all[i].cert.block.device_pk;

		if (all[i].gone) {
			digest_add(removed, BYTES(pk, 32));
			continue;
		}
		digest_add(&own, BYTES(pk, 32));
		digest_add(&own, BYTES_OF(all[i].beacon_key));
		if (memcmp(pk, me, 32) != 0)
			book_add(book, pk, all[i].beacon_key);
		else
			/* Compared with what it should be, once that is known.
			 */
			memcpy(book->mine, all[i].beacon_key, BEACON_KEY_LEN);
	}
	digest_final(&own, book->own);
	return LK_NONE;
}

lk_err
person_beacons(struct replica *r, struct beacon_book *book)
{
	struct contacts_visit c = { .book = book };
	uint8_t hash[32], key[BEACON_KEY_LEN];
	struct digest removed;
	uint32_t home;
	lk_err err;

	TRY(replica_home(r, &home));
	memset(book, 0, sizeof(*book));
	digest_init(&removed, sizeof(hash), DIGEST_BEACON, NULL);
	TRY(own_visit(r, book, &removed));
	c.removed = &removed;
	TRY(replica_open_doc(r, home, &c.doc));
	err = home_each(c.doc, "contacts", contact_visit, &c);
	doc_free(c.doc);
	TRY(err);
	digest_final(&removed, hash);
	beacon_key_derive(key, r->identity->beacon_key, hash);
	book->said = memcmp(book->mine, key, sizeof(key)) == 0;
	memcpy(book->mine, key, sizeof(key));
	return LK_NONE;
}

lk_err
person_beacon_key(struct replica *r, uint8_t key[static BEACON_KEY_LEN])
{
	struct beacon_book book;

	TRY(person_beacons(r, &book));
	memcpy(key, book.mine, BEACON_KEY_LEN);
	return LK_NONE;
}

struct beacon_entry {
	const uint8_t *pk, *key;
};

static lk_err
beacon_fill(void *ctx, struct edit *e, struct doc *doc)
{
	const struct beacon_entry *b = ctx;
	struct op_id map;

	TRY(home_entry(doc, "devices", b->pk, &map));
	return home_bytes_put(e, map, "beacon", BYTES(b->key, BEACON_KEY_LEN));
}

lk_err
person_beacon_say(struct replica *r, const uint8_t key[static BEACON_KEY_LEN])
{
	struct beacon_entry b = { .pk = r->identity->sign.pk, .key = key };
	uint8_t hash[LK_ID_LEN];
	uint32_t home;
	bool changed;
	lk_err err;

	TRY(replica_home(r, &home));
	err = replica_edit(r, home, beacon_fill, &b, NULL, &changed, hash);
	/* Not listed yet, or not any more. */
	return err.code == LK_E_DENIED || err.code == LK_E_NOTFOUND ? LK_NONE
								    : err;
}
