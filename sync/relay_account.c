#include "sync/relay_account.h"

#include <string.h>

#include "sync/home_doc.h"
#include "sync/person.h"

#define MAP "relays"

/* A field of the entry, of as many bytes.  NOTFOUND. */
static lk_err
entry_get(struct replica *r, const uint8_t *relay_pk, const char *field,
    uint8_t *out, size_t len)
{
	struct bytes value;
	struct op_id map;
	struct doc *doc;
	uint32_t home;
	lk_err err;

	TRY(replica_home(r, &home));
	TRY(replica_open_doc(r, home, &doc));
	err = home_entry(doc, MAP, relay_pk, &map);
	if (err.code == LK_OK && home_bytes_get(doc, map, field, &value) &&
	    value.len == len)
		memcpy(out, value.ptr, len);
	else if (err.code == LK_OK)
		err = LK_ERR(LK_E_NOTFOUND, "account");
	doc_free(doc);
	return err;
}

lk_err
relay_account_get(struct replica *r, const uint8_t relay_pk[static DH_LEN],
    struct sign_key *out)
{
	uint8_t seed[SIGN_SEED_LEN];

	TRY(entry_get(r, relay_pk, "account", seed, sizeof(seed)));
	sign_key_from_seed(out, seed);
	secret_wipe(seed, sizeof(seed));
	return LK_NONE;
}

lk_err
relay_account_successor(struct replica *r,
    const uint8_t relay_pk[static DH_LEN], uint8_t out[static SIGN_PK_LEN])
{
	return entry_get(r, relay_pk, "successor", out, SIGN_PK_LEN);
}

struct entry {
	const uint8_t *relay_pk;
	struct bytes account, heir, successor;
};

static lk_err
entry_fill(void *ctx, struct edit *e, struct doc *doc)
{
	const struct entry *n = ctx;
	struct op_id map;

	TRY(home_entry_make(e, doc, MAP, n->relay_pk, &map));
	TRY(home_bytes_put(e, map, "account", n->account));
	TRY(home_bytes_put(e, map, "heir", n->heir));
	return home_bytes_put(e, map, "successor", n->successor);
}

lk_err
relay_account_make(struct replica *r, struct random *random,
    const uint8_t relay_pk[static DH_LEN])
{
	uint8_t seeds[2][SIGN_SEED_LEN], recovery[DH_LEN], hash[LK_ID_LEN];
	struct entry n = { .relay_pk = relay_pk };
	struct sign_key heir;
	uint32_t home;
	bool changed;
	BUF_SCOPED sealed = { .max = SIGN_SEED_LEN + BOX_SEAL_LEN };
	lk_err err;

	TRY(replica_home(r, &home));
	TRY(person_recovery_box(r, home, recovery));
	random_fill(random, seeds, sizeof(seeds));
	sign_key_from_seed(&heir, seeds[1]);
	box_seal(&sealed, recovery, BYTES_OF(seeds[1]));
	err = buf_err(&sealed, "account");
	n.account = BYTES_OF(seeds[0]);
	n.heir = buf_bytes(&sealed);
	n.successor = BYTES_OF(heir.pk);
	if (err.code == LK_OK)
		err =
		    replica_edit(r, home, entry_fill, &n, NULL, &changed, hash);
	sign_key_clear(&heir);
	secret_wipe(seeds, sizeof(seeds));
	return err;
}
