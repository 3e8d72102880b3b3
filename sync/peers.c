#include <stdlib.h>
#include <string.h>

#include "sync/endpoint.h"
#include "sync/engine_state.h"
#include "sync/home.h"
#include "sync/pairing.h"
#include "sync/person.h"

#define DIAL_FIRST_MS 500
#define DIAL_MOST_MS 60000
#define BEACON_DIAL_MS 5000
#define PEER_RECORD_MAX (16 * 1024)
#define GOSSIP_MAX ((size_t)64 * 1024)
#define PEER_KEY_LEN (1 + 32)

/* STORE_DEVICE, SPACE_PEERS: "p" device key -> noise key, time seen, number of
 * addresses, how many of them it was met at, addresses as counted text, proof
 * (empty: none). */

static struct bytes
peer_key(uint8_t out[static PEER_KEY_LEN], const uint8_t pk[static 32])
{
	out[0] = 'p';
	memcpy(out + 1, pk, 32);
	return BYTES(out, PEER_KEY_LEN);
}

struct peer *
peers_find(struct engine *e, const uint8_t pk[static 32])
{
	struct peer *p;

	TAILQ_FOREACH (p, &e->peers, next)
		if (memcmp(p->pk, pk, 32) == 0)
			return p;
	return NULL;
}

static void
peer_free(struct engine *e, struct peer *p)
{
	TAILQ_REMOVE(&e->peers, p, next);
	free((void *)(uintptr_t)p->proof.ptr);
	free(p);
}

void
peers_free(struct engine *e)
{
	while (!TAILQ_EMPTY(&e->peers))
		peer_free(e, TAILQ_FIRST(&e->peers));
}

static lk_err
proof_keep(struct peer *p, struct bytes encoded)
{
	uint8_t *copy = malloc(encoded.len);

	if (copy == NULL)
		return LK_ERR(LK_E_NOMEM, "peer");
	memcpy(copy, encoded.ptr, encoded.len);
	p->proof = BYTES(copy, encoded.len);
	return LK_NONE;
}

lk_err
peer_forget(struct engine *e, struct peer *p)
{
	uint8_t key[PEER_KEY_LEN];

	TRY(kv_del(docstate_space(e->r, STORE_DEVICE, SPACE_PEERS),
	    peer_key(key, p->pk)));
	peer_free(e, p);
	return LK_NONE;
}

static lk_err
peer_save(struct engine *e, const struct peer *p)
{
	uint8_t key[PEER_KEY_LEN];
	BUF_SCOPED b = { .max = PEER_RECORD_MAX };

	buf_mem(&b, p->noise_pk, 32);
	buf_u64(&b, (uint64_t)p->seen.ms);
	buf_uleb(&b, p->addresses_len);
	buf_uleb(&b, p->met_len);
	for (size_t i = 0; i < p->addresses_len; i++)
		buf_counted(&b, BYTES_STR(p->addresses[i]));
	buf_add(&b, p->proof);
	TRY(buf_err(&b, "peer record"));
	return kv_put(docstate_space(e->r, STORE_DEVICE, SPACE_PEERS),
	    peer_key(key, p->pk), buf_bytes(&b));
}

static lk_err
peer_parse(struct peer *p, struct bytes value)
{
	struct rd rd = rd_over(value);
	uint64_t n, met;

	rd_copy(&rd, p->noise_pk, 32);
	p->seen.ms = (int64_t)rd_u64(&rd);
	n = rd_uleb(&rd);
	met = rd_uleb(&rd);
	if (n > PEER_ADDRESS_MAX || met > n || met > PEER_ADDRESS_MET_MAX)
		return LK_ERR(LK_E_CORRUPT, "peer record");
	for (size_t i = 0; i < n; i++) {
		struct bytes text = rd_counted(&rd);

		if (text.len >= ADDRESS_TEXT_MAX)
			return LK_ERR(LK_E_CORRUPT, "peer record");
		if (text.len > 0)
			memcpy(p->addresses[i], text.ptr, text.len);
	}
	p->addresses_len = (size_t)n;
	p->met_len = (size_t)met;
	if (rd.left.len > 0) {
		struct proof proof;

		TRY(proof_keep(p, rd.left));
		proof_read(&rd, &proof);
	}
	return rd_done(&rd) ? LK_NONE : LK_ERR(LK_E_CORRUPT, "peer record");
}

static lk_err
peer_new(struct engine *e, const uint8_t pk[static 32], struct peer **out)
{
	struct peer *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return LK_ERR(LK_E_NOMEM, "peer");
	memcpy(p->pk, pk, 32);
	TAILQ_INSERT_TAIL(&e->peers, p, next);
	*out = p;
	return LK_NONE;
}

/* Devices of contacts and of this person, whatever the address book says. */
static lk_err
peers_load_people(struct engine *e)
{
	struct cert certs[PERSON_DEVICES_MAX];
	struct home_contact contact;
	size_t len;

	TRY(person_devices(e->r, certs, &len));
	for (size_t i = 0; i < len; i++)
		TRY(peers_learn(e, &certs[i], NULL, NULL));
	for (size_t i = 0; home_contact(e->r, i, &contact).code == LK_OK; i++) {
		for (size_t d = 0; d < contact.devices_len; d++) {
			struct cert cert;

			if (person_device(e->r, contact.devices[d], &cert)
				.code == LK_OK)
				TRY(peers_learn(e, &cert, NULL, NULL));
		}
	}
	return LK_NONE;
}

lk_err
peers_load(struct engine *e)
{
	struct kv kv = docstate_space(e->r, STORE_DEVICE, SPACE_PEERS);
	uint8_t at[PEER_KEY_LEN] = { 'p' };

	if (e->peers_loaded)
		return LK_NONE;
	do {
		struct bytes value;
		struct peer *p;
		lk_err err = kv_walk(kv, at, sizeof(at), 1, &value);

		if (err.code == LK_E_NOTFOUND)
			break;
		TRY(err);
		TRY(peer_new(e, at + 1, &p));
		TRY(peer_parse(p, value));
	} while (bytes_next(at, sizeof(at)));
	TRY(peers_load_people(e));
	e->peers_loaded = true;
	return LK_NONE;
}

/* PEER_ADDRESS_MAX: it is not among them. */
static size_t
address_find(const struct peer *p, const char *address)
{
	for (size_t i = 0; i < p->addresses_len; i++)
		if (strcmp(p->addresses[i], address) == 0)
			return i;
	return PEER_ADDRESS_MAX;
}

static void
address_remove(struct peer *p, size_t i)
{
	memmove(p->addresses[i], p->addresses[i + 1],
	    (p->addresses_len - i - 1) * sizeof(p->addresses[0]));
	p->addresses_len--;
	p->met_len -= i < p->met_len;
}

static void
address_insert(struct peer *p, size_t i, const char *address)
{
	memmove(p->addresses[i + 1], p->addresses[i],
	    (p->addresses_len - i) * sizeof(p->addresses[0]));
	p->addresses_len++;
	(void)strlcpy(p->addresses[i], address, sizeof(p->addresses[0]));
}

/* Of those of which others spoke the oldest goes when there is no room. */
static bool
peer_add_heard(struct peer *p, const char *address)
{
	if (address_find(p, address) < PEER_ADDRESS_MAX)
		return false;
	if (p->addresses_len == PEER_ADDRESS_MAX)
		address_remove(p, p->met_len);
	address_insert(p, p->addresses_len, address);
	return true;
}

static bool
peer_add_met(struct peer *p, const char *address)
{
	char said[ADDRESS_TEXT_MAX];
	size_t at = address_find(p, address);

	if (p->met_len > 0 && at == p->met_len - 1)
		return false;
	(void)strlcpy(said, address, sizeof(said));
	if (at < PEER_ADDRESS_MAX)
		address_remove(p, at);
	else if (p->met_len == PEER_ADDRESS_MET_MAX)
		address_remove(p, 0);
	else if (p->addresses_len == PEER_ADDRESS_MAX)
		address_remove(p, p->met_len);
	address_insert(p, p->met_len++, said);
	return true;
}

lk_err
peers_learn(struct engine *e, const struct cert *cert,
    const struct proof *proof, const struct addresses *addresses)
{
	struct peer *p = peers_find(e, cert->block.device_pk);
	bool changed = false;

	if (memcmp(cert->block.device_pk, e->identity->sign.pk, 32) == 0)
		return LK_NONE;
	if (p == NULL) {
		TRY(peer_new(e, cert->block.device_pk, &p));
		changed = true;
	}
	if (memcmp(p->noise_pk, cert->block.noise_pk, DH_LEN) != 0) {
		memcpy(p->noise_pk, cert->block.noise_pk, DH_LEN);
		changed = true;
	}
	if (proof != NULL && p->proof.len == 0) {
		BUF_SCOPED b = { .max = PROOF_LEN_MAX };

		proof_write(&b, proof);
		TRY(buf_err(&b, "proof"));
		TRY(proof_keep(p, buf_bytes(&b)));
		changed = true;
	}
	for (size_t i = 0; addresses != NULL && i < addresses->len; i++) {
		char text[ENDPOINT_MAX];

		if (endpoint_format(text, &addresses->at[i]))
			changed |= peer_add_heard(p, text);
	}
	e->wake = e->now.mono;
	return changed ? peer_save(e, p) : LK_NONE;
}

lk_err
peers_address(
    struct engine *e, const uint8_t pk[static 32], const char *address)
{
	struct peer *p = peers_find(e, pk);

	if (p == NULL || address[0] == '\0' || !peer_add_met(p, address))
		return LK_NONE;
	return peer_save(e, p);
}

bool
peers_met_at(const struct engine *e, const char *address)
{
	const struct peer *p;

	TAILQ_FOREACH (p, &e->peers, next) {
		if (p->seen.ms == 0 ||
		    e->now.wall.ms - p->seen.ms > PEERS_MET_MS)
			continue;
		for (size_t i = 0; i < p->addresses_len; i++)
			if (endpoint_same_place(p->addresses[i], address))
				return true;
	}
	return false;
}

lk_err
peers_seen(struct engine *e, const uint8_t pk[static 32])
{
	struct peer *p = peers_find(e, pk);

	if (p == NULL)
		return LK_NONE;
	p->seen = e->now.wall;
	p->failures = 0;
	p->dialling = false;
	p->sought = 0;
	return peer_save(e, p);
}

void
peers_failed(struct engine *e, const uint8_t pk[static 32])
{
	struct peer *p = peers_find(e, pk);
	int64_t wait = DIAL_FIRST_MS;

	if (p == NULL)
		return;
	p->dialling = false;
	p->sought = 0;
	overlay_stir(e);
	for (uint32_t i = 0; i < p->failures && wait < DIAL_MOST_MS; i++)
		wait *= 2;
	if (wait > DIAL_MOST_MS)
		wait = DIAL_MOST_MS;
	if (p->failures < UINT16_MAX)
		p->failures++;
	/* Half of it fixed, half by chance: two that lost each other do not
	 * knock at the same moment for ever. */
	p->again.ms = e->now.mono.ms + wait / 2 +
	    (int64_t)random_below(&e->random, (uint64_t)wait);
}

lk_err
share_topic(struct engine *e, const uint8_t a[static 32],
    const uint8_t b[static 32], bool small, bool *share)
{
	struct member_entry m = { .docno = 0 }, other;

	*share = false;
	for (;; m.docno++) {
		lk_err err = member_index_next(e->r, a, &m);

		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		other = m;
		err = member_index_next(e->r, b, &other);
		if (err.code == LK_OK && other.docno == m.docno && !m.was &&
		    !other.was &&
		    !(small && overlay_crowd(e, m.docno) != NULL)) {
			*share = true;
			return LK_NONE;
		}
		if (err.code != LK_OK && err.code != LK_E_NOTFOUND)
			return err;
	}
}

lk_err
peer_proof(struct engine *e, const struct peer *p, struct proof *out)
{
	ARENA_SCOPED arena = { .max = 1024 * 1024 };
	struct cert cert;
	struct card card;

	if (p->proof.len > 0)
		return proof_decode(out, p->proof);
	TRY(person_device(e->r, p->pk, &cert));
	if (memcmp(cert.root_pk, e->identity->root_pk, 32) == 0)
		return person_proof(e->r, p->pk, out);
	TRY(person_contact(e->r, cert.root_pk, &arena, &card));
	return card_proof(&card, out, p->pk);
}

static lk_err
peer_entry_make(struct engine *e, struct link *l, const struct peer *p,
    struct peer_entry *entry, bool *tell)
{
	lk_err err;

	*tell = false;
	if (p->addresses_len == 0 || memcmp(p->pk, l->pk, 32) == 0)
		return LK_NONE;
	TRY(share_topic(e, p->pk, l->pk, true, tell));
	if (!*tell)
		return LK_NONE;
	err = peer_proof(e, p, &entry->proof);
	if (err.code == LK_E_NOTFOUND) {
		*tell = false;
		return LK_NONE;
	}
	TRY(err);
	entry->addresses.len = 0;
	for (size_t i = 0; i < p->addresses_len; i++)
		if (endpoint_parse(&entry->addresses.at[entry->addresses.len],
			p->addresses[i])
			.code == LK_OK)
			entry->addresses.len++;
	return LK_NONE;
}

lk_err
peers_tell(struct engine *e, struct link *l)
{
	BUF_SCOPED entries = { .max = 192 * 1024 };
	BUF_SCOPED b = { .max = 256 * 1024 };
	uint8_t said[FP_LEN];
	struct peer *p;
	size_t n = 0;

	TAILQ_FOREACH (p, &e->peers, next) {
		struct peer_entry entry;
		bool tell;

		if (n == PEER_LIST_MAX)
			break;
		TRY(peer_entry_make(e, l, p, &entry, &tell));
		if (!tell)
			continue;
		peer_entry_encode(&entries, &entry);
		n++;
	}
	TRY(buf_err(&entries, "PEERS"));
	digest(said, FP_LEN, DIGEST_FP, NULL, buf_bytes(&entries));
	/* Only what is news to him. */
	if (n == 0 || memcmp(said, l->told, FP_LEN) == 0)
		return LK_NONE;
	memcpy(l->told, said, FP_LEN);
	peer_list_encode(&b, n);
	buf_add(&b, buf_bytes(&entries));
	TRY(buf_err(&b, "PEERS"));
	link_send(e, l, MSG_PEERS, buf_bytes(&b));
	return LK_NONE;
}

/* *later: of some it is not known yet that they concern us. */
static lk_err
peers_hear(struct engine *e, struct bytes body, bool *later)
{
	struct peer_list list;
	struct peer_entry entry;

	*later = false;
	TRY(peer_list_decode(&list, body));
	while (list.len-- > 0 && peer_entry_next(&list, &entry)) {
		const struct cert *cert = &entry.proof.certs[0];
		bool share;

		TRY(share_topic(e, cert->block.device_pk, e->identity->sign.pk,
		    false, &share));
		*later |= !share;
		if (!share)
			continue;
		if (!proof_verify(&entry.proof, NULL))
			return LK_ERR(LK_E_MALFORMED, "PEERS proof");
		TRY(peers_learn(e, cert, &entry.proof, &entry.addresses));
	}
	TRY(peers_book_trim(e));
	return LK_NONE;
}

lk_err
peers_received(struct engine *e, struct link *l, struct bytes body)
{
	bool later;

	TRY(peers_hear(e, body, &later));
	buf_clear(&l->gossip);
	l->gossip.max = GOSSIP_MAX;
	/* A newcomer is told of the others before the document is there. */
	if (later && body.len <= GOSSIP_MAX)
		buf_add(&l->gossip, body);
	return buf_err(&l->gossip, "PEERS");
}

lk_err
peers_changed(struct engine *e)
{
	struct link *l;

	TAILQ_FOREACH (l, &e->links, next) {
		bool later = false;
		lk_err err = LK_NONE;

		if (l->state != LINK_OPEN || !l->known)
			continue;
		if (l->gossip.len > 0)
			err = peers_hear(e, buf_bytes(&l->gossip), &later);
		/* A bad proof is his fault, and ends no transaction. */
		if (err.code != LK_E_MALFORMED)
			TRY(err);
		if (!later)
			buf_clear(&l->gossip);
		TRY(peers_tell(e, l));
	}
	return LK_NONE;
}

/* Whether there is a link to it that still seems to live. */
static bool
peer_is_here(const struct engine *e, const struct peer *p)
{
	const struct link *l;

	TAILQ_FOREACH (l, &e->links, next)
		if (l->known && l->state == LINK_OPEN &&
		    memcmp(l->pk, p->pk, 32) == 0 && !link_is_suspect(e, l))
			return true;
	return false;
}

/* A beacon of it is followed at once, but not by each that is repeated. */
static int64_t
beacon_due_ms(const struct peer *p)
{
	if (p->beacon[0] == '\0')
		return INT64_MAX;
	return p->beaconed.ms == 0 ? 0 : p->beaconed.ms + BEACON_DIAL_MS;
}

int64_t
peer_due_ms(const struct engine *e, const struct peer *p)
{
	int64_t now = e->now.mono.ms, next = beacon_due_ms(p);

	if (peer_is_here(e, p) ||
	    (p->judged == e->bonds && p->bond == BOND_CROWD && p->sought == 0))
		return INT64_MAX;
	if (next < now)
		next = now;
	if (p->dialling || p->addresses_len == 0)
		return next;
	if (p->again.ms <= now)
		return next < now + LINK_IDLE_MS ? next : now + LINK_IDLE_MS;
	return next < p->again.ms ? next : p->again.ms;
}

/* Whether it has made this device one of its person, whose home document is not
 * here yet. */
static lk_err
peer_vouches(struct engine *e, const struct peer *p, bool *vouches)
{
	struct proof mine;
	struct cert cert;
	lk_err err = person_device(e->r, e->identity->sign.pk, &cert);

	*vouches = false;
	if (err.code != LK_E_NOTFOUND)
		return err;
	err = pairing_proof(e, &mine);
	if (err.code != LK_OK)
		return err.code == LK_E_NOTFOUND ? LK_NONE : err;
	for (size_t i = 1; i < mine.len; i++)
		*vouches |=
		    memcmp(mine.certs[i].block.device_pk, p->pk, 32) == 0;
	return LK_NONE;
}

static lk_err
peer_wanted(struct engine *e, struct peer *p, bool *wanted)
{
	int64_t now = e->now.mono.ms;
	struct link *l = link_of(e, p->pk);
	enum bond bond = BOND_NONE;
	lk_err err;

	*wanted = false;
	if (peer_is_here(e, p)) {
		if (p->beacon[0] == '\0' || l->probed.ms != 0)
			return LK_NONE;
		/* It answered where it was before: it has both addresses. */
		err = peers_address(e, p->pk, p->beacon);
		p->beacon[0] = '\0';
		return err;
	}
	if (beacon_due_ms(p) > now &&
	    (p->dialling || p->addresses_len == 0 || p->again.ms > now))
		return LK_NONE;
	err = peer_bond(e, p, &bond);
	*wanted = bond == BOND_MESH || (bond == BOND_CROWD && p->sought != 0);
	if (err.code == LK_OK && bond == BOND_NONE)
		err = peer_vouches(e, p, wanted);
	if (!*wanted)
		p->beacon[0] = '\0';
	return err;
}

/* Where it was heard; else every other time where it was met last, and in
 * between one after the other. */
static void
peer_dial_address(
    struct engine *e, struct peer *p, char out[static ADDRESS_TEXT_MAX])
{
	size_t n = p->dialled;

	if (beacon_due_ms(p) <= e->now.mono.ms) {
		(void)strlcpy(out, p->beacon, ADDRESS_TEXT_MAX);
		p->beacon[0] = '\0';
		p->beaconed = e->now.mono;
		return;
	}
	p->dialled++;
	if (p->met_len > 0)
		n = n % 2 == 0 ? p->met_len - 1 : n / 2;
	(void)strlcpy(
	    out, p->addresses[n % p->addresses_len], ADDRESS_TEXT_MAX);
}

static lk_err
peer_dial(struct engine *e, struct peer *p)
{
	struct session_config config = { .pattern = SESSION_XK,
		.remote = p->noise_pk };
	struct proof mine;
	struct link *l;
	BUF_SCOPED payload = { .max = PROOF_LEN_MAX };
	char address[ADDRESS_TEXT_MAX];
	bool vouches;
	lk_err err = pairing_proof(e, &mine);

	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	TRY(peer_vouches(e, p, &vouches));
	proof_write(&payload, &mine);
	TRY(buf_err(&payload, "proof"));
	config.payload = buf_bytes(&payload);
	peer_dial_address(e, p, address);
	TRY(link_open(e, e->next_conn++, true, address, &l));
	memcpy(l->pk, p->pk, 32);
	l->known = true;
	if (vouches)
		memcpy(l->root_pk, e->identity->root_pk, 32);
	p->dialling = true;
	err = link_start(e, l, &config);
	/* A key nobody can speak to: as if he were not there. */
	if (err.code != LK_OK) {
		link_free(e, l);
		peers_failed(e, p->pk);
		return err.code == LK_E_NOMEM ? err : LK_NONE;
	}
	return LK_NONE;
}

lk_err
peers_dial(struct engine *e)
{
	struct peer *p;

	TAILQ_FOREACH (p, &e->peers, next) {
		bool wanted;

		TRY(peer_wanted(e, p, &wanted));
		if (wanted)
			TRY(peer_dial(e, p));
	}
	return LK_NONE;
}

static lk_err
peer_is_own(struct engine *e, const uint8_t pk[static 32], bool *own)
{
	struct cert cert;
	lk_err err = person_device(e->r, pk, &cert);

	*own = err.code == LK_OK &&
	    memcmp(cert.root_pk, e->identity->root_pk, 32) == 0;
	return err.code == LK_E_NOTFOUND ? LK_NONE : err;
}

lk_err
engine_peer(struct engine *e, size_t i, struct peer_status *out)
{
	struct peer_status s = { .connected = false };
	struct link *l;
	struct peer *p;

	TRY(peers_load(e));
	TAILQ_FOREACH (p, &e->peers, next)
		if (i-- == 0)
			break;
	if (p == NULL)
		return LK_ERR(LK_E_NOTFOUND, "peer");
	memcpy(s.pk, p->pk, 32);
	s.seen = p->seen;
	l = link_of(e, p->pk);
	s.connected = l != NULL;
	if (l != NULL)
		(void)strlcpy(s.address, l->address, sizeof(s.address));
	else if (p->addresses_len > 0)
		(void)strlcpy(s.address, p->addresses[p->addresses_len - 1],
		    sizeof(s.address));
	TRY(peer_is_own(e, p->pk, &s.own));
	*out = s;
	return LK_NONE;
}
