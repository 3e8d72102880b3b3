#include "sync/relay_account.h"

#include <string.h>

#include "sync/home_doc.h"
#include "sync/person.h"

#define MAP "relays"

lk_err
relay_account_get(struct replica *r, const uint8_t relay_pk[static DH_LEN],
    struct sign_key *out)
{
	struct bytes seed;
	struct op_id map;
	struct doc *doc;
	uint32_t home;
	lk_err err;

	TRY(replica_home(r, &home));
	TRY(replica_open_doc(r, home, &doc));
	err = home_entry(doc, MAP, relay_pk, &map);
	if (err.code == LK_OK && home_bytes_get(doc, map, "account", &seed) &&
	    seed.len == SIGN_SEED_LEN)
		sign_key_from_seed(out, seed.ptr);
	else if (err.code == LK_OK)
		err = LK_ERR(LK_E_NOTFOUND, "account");
	doc_free(doc);
	return err;
}

struct entry {
	const uint8_t *relay_pk;
	struct bytes account, heir;
};

static lk_err
entry_fill(void *ctx, struct edit *e, struct doc *doc)
{
	const struct entry *n = ctx;
	struct op_id map;

	TRY(home_entry_make(e, doc, MAP, n->relay_pk, &map));
	TRY(home_bytes_put(e, map, "account", n->account));
	return home_bytes_put(e, map, "heir", n->heir);
}

static lk_err
entry_put(struct replica *r, struct entry *n)
{
	uint8_t hash[LK_ID_LEN];
	uint32_t home;
	bool changed;

	TRY(replica_home(r, &home));
	return replica_edit(r, home, entry_fill, n, NULL, &changed, hash);
}

lk_err
relay_account_make(struct replica *r, struct random *random,
    const uint8_t relay_pk[static DH_LEN], struct sign_key *out,
    uint8_t successor_pk[static SIGN_PK_LEN])
{
	uint8_t seeds[2][SIGN_SEED_LEN], recovery[DH_LEN];
	struct entry n = { .relay_pk = relay_pk };
	struct sign_key heir;
	uint32_t home;
	BUF_SCOPED sealed = { .max = SIGN_SEED_LEN + BOX_SEAL_LEN };
	lk_err err;

	TRY(replica_home(r, &home));
	TRY(person_recovery_box(r, home, recovery));
	random_fill(random, seeds, sizeof(seeds));
	box_seal(&sealed, recovery, BYTES_OF(seeds[1]));
	err = buf_err(&sealed, "account");
	n.account = BYTES_OF(seeds[0]);
	n.heir = buf_bytes(&sealed);
	if (err.code == LK_OK)
		err = entry_put(r, &n);
	if (err.code == LK_OK) {
		sign_key_from_seed(out, seeds[0]);
		sign_key_from_seed(&heir, seeds[1]);
		memcpy(successor_pk, heir.pk, SIGN_PK_LEN);
		sign_key_clear(&heir);
	}
	secret_wipe(seeds, sizeof(seeds));
	return err;
}

lk_err
relay_account_forget(struct replica *r, const uint8_t relay_pk[static DH_LEN])
{
	struct entry n = { .relay_pk = relay_pk,
		.account = BYTES(NULL, 0),
		.heir = BYTES(NULL, 0) };

	return entry_put(r, &n);
}
