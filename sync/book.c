#include <string.h>

#include "sync/endpoint.h"
#include "sync/engine_state.h"
#include "sync/pairing.h"
#include "sync/person.h"

/* One that did not answer so often is known for nothing. */
#define FAILURES_MOST 3
#define BOOK_LEAST 8 /* but these few stay */

void
peers_judge_again(struct engine *e)
{
	e->bonds++;
}

lk_err
peer_bond(struct engine *e, struct peer *p, enum bond *out)
{
	if (p->judged != e->bonds) {
		const uint8_t *mine = e->identity->sign.pk;
		bool share;

		TRY(share_topic(e, p->pk, mine, true, &share));
		p->bond = share ? BOND_MESH : BOND_NONE;
		if (!share && e->overlay.many > 0) {
			TRY(share_topic(e, p->pk, mine, false, &share));
			p->bond = share ? BOND_CROWD : BOND_NONE;
		}
		p->judged = e->bonds;
	}
	*out = p->bond;
	return LK_NONE;
}

lk_err
peers_only_crowds(struct engine *e, struct peer *p, bool *only)
{
	enum bond bond;

	TRY(peer_bond(e, p, &bond));
	*only = bond == BOND_CROWD;
	return LK_NONE;
}

size_t
peers_sought(struct engine *e, uint32_t docno)
{
	struct peer *p;
	size_t n = 0;

	TAILQ_FOREACH (p, &e->peers, next)
		n += p->sought == docno;
	return n;
}

/* Whether it may be dialled for a crowd now. */
static lk_err
peer_callable(struct engine *e, struct peer *p, uint32_t docno, bool *is)
{
	*is = !p->dialling && p->sought == 0 && p->addresses_len > 0 &&
	    p->again.ms <= e->now.mono.ms && link_of(e, p->pk) == NULL;
	return *is ? member_index_has(e->r, docno, p->pk, is) : LK_NONE;
}

lk_err
peers_seek(struct engine *e, uint32_t docno, bool *found)
{
	struct peer *p, *picked = NULL;
	size_t seen = 0;

	TAILQ_FOREACH (p, &e->peers, next) {
		bool is;

		TRY(peer_callable(e, p, docno, &is));
		if (is && random_below(&e->random, ++seen) == 0)
			picked = p;
	}
	*found = picked != NULL;
	if (picked != NULL) {
		picked->sought = docno;
		e->wake = e->now.mono;
	}
	return LK_NONE;
}

static void
addresses_of(const struct peer *p, struct addresses *out)
{
	out->len = 0;
	for (size_t i = 0; i < p->addresses_len; i++)
		if (endpoint_parse(&out->at[out->len], p->addresses[i]).code ==
		    LK_OK)
			out->len++;
}

lk_err
peers_entry(
    struct engine *e, const uint8_t pk[static 32], struct buf *b, bool *known)
{
	struct peer *p = peers_find(e, pk);
	struct peer_entry entry;
	lk_err err;

	*known = false;
	if (p == NULL || p->addresses_len == 0)
		return LK_NONE;
	err = peer_proof(e, p, &entry.proof);
	if (err.code != LK_OK)
		return err.code == LK_E_NOTFOUND ? LK_NONE : err;
	addresses_of(p, &entry.addresses);
	peer_entry_encode(b, &entry);
	*known = true;
	return LK_NONE;
}

lk_err
peers_self(struct engine *e, struct buf *b, bool *known)
{
	struct peer_entry entry;
	lk_err err = pairing_proof(e, &entry.proof);

	*known = false;
	if (err.code != LK_OK)
		return err.code == LK_E_NOTFOUND ? LK_NONE : err;
	person_addresses(e->r, &entry.addresses);
	if (entry.addresses.len == 0)
		return LK_NONE;
	peer_entry_encode(b, &entry);
	*known = true;
	return LK_NONE;
}

lk_err
peers_sample(
    struct engine *e, uint32_t docno, size_t most, struct buf *b, size_t *len)
{
	struct peer *p;
	size_t many = 0;

	TAILQ_FOREACH (p, &e->peers, next)
		many++;
	/* From a random place on, the first that fit. */
	if (many == 0)
		return LK_NONE;
	many = (size_t)random_below(&e->random, many);
	TAILQ_FOREACH (p, &e->peers, next) {
		bool is, known;

		if (many > 0) {
			many--;
			continue;
		}
		if (*len == most)
			break;
		if (p->failures > 0 || link_of(e, p->pk) != NULL)
			continue;
		TRY(member_index_has(e->r, docno, p->pk, &is));
		if (!is)
			continue;
		TRY(peers_entry(e, p->pk, b, &known));
		*len += known;
	}
	return LK_NONE;
}

/* One, by chance, of those known for crowds only; NULL: there are no more than
 * `most`. */
static lk_err
book_spare(struct engine *e, size_t most, struct peer **out)
{
	struct peer *p, *next, *picked = NULL;
	size_t few = 0, seen = 0;

	TAILQ_FOREACH_SAFE (p, &e->peers, next, next) {
		bool only;

		TRY(peers_only_crowds(e, p, &only));
		if (!only || p->sought != 0 || p->dialling ||
		    link_of(e, p->pk) != NULL)
			continue;
		few++;
		if (few > BOOK_LEAST && p->failures >= FAILURES_MOST) {
			TRY(peer_forget(e, p));
			few--;
			continue;
		}
		if (random_below(&e->random, ++seen) == 0)
			picked = p;
	}
	*out = few > most ? picked : NULL;
	return LK_NONE;
}

lk_err
peers_book_trim(struct engine *e)
{
	size_t most = BOOK_EACH * (e->overlay.many + 1);
	struct peer *spare;

	if (most > BOOK_MOST)
		most = BOOK_MOST;
	for (;;) {
		TRY(book_spare(e, most, &spare));
		if (spare == NULL)
			return LK_NONE;
		TRY(peer_forget(e, spare));
	}
}

lk_err
peers_hear_of(
    struct engine *e, uint32_t docno, const struct peer_entry *entry, bool seek)
{
	const struct cert *cert = &entry->proof.certs[0];
	const uint8_t *pk = cert->block.device_pk;
	struct peer *p = peers_find(e, pk);
	bool is;

	if (memcmp(pk, e->identity->sign.pk, 32) == 0 ||
	    entry->addresses.len == 0)
		return LK_NONE;
	/* Where one that can be reached is, it says itself. */
	if (p == NULL || p->failures > 0 || p->addresses_len == 0) {
		TRY(member_index_has(e->r, docno, pk, &is));
		if (!is || !proof_verify(&entry->proof, NULL))
			return LK_NONE;
		TRY(peers_learn(e, cert, &entry->proof, &entry->addresses));
		TRY(peers_book_trim(e));
		p = peers_find(e, pk);
	}
	if (!seek || p == NULL)
		return LK_NONE;
	TRY(peer_callable(e, p, docno, &is));
	if (is) {
		p->sought = docno;
		e->wake = e->now.mono;
	}
	return LK_NONE;
}

lk_err
peers_dialled_in(struct engine *e, const struct proof *proof)
{
	const struct cert *cert = &proof->certs[0];
	bool share;

	TRY(share_topic(
	    e, cert->block.device_pk, e->identity->sign.pk, false, &share));
	if (!share)
		return LK_NONE;
	TRY(peers_learn(e, cert, proof, NULL));
	return peers_book_trim(e);
}
