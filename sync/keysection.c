#include "sync/keysection.h"

#include <stdlib.h>
#include <string.h>

#define HINT_LEN 4
#define MASK_LEN EPOCH_SECRET_LEN
#define X_LEN (MASK_LEN + HINT_LEN)
#define EPOCH_BOX_LEN (HINT_LEN + MASK_LEN)
#define SHARE_BOX_LEN (EPOCH_BOX_LEN + LK_TOPIC_LEN)
#define EPOCH_LINK_LEN (LK_TOPIC_LEN + MASK_LEN)
#define SHARE_LINK_LEN (EPOCH_LINK_LEN + LK_TOPIC_LEN)

static size_t
box_len(enum key_section kind)
{
	return kind == KEYS_SHARE ? SHARE_BOX_LEN : EPOCH_BOX_LEN;
}

static size_t
link_len(enum key_section kind)
{
	return kind == KEYS_SHARE ? SHARE_LINK_LEN : EPOCH_LINK_LEN;
}

static bool
is_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != 0)
			return false;
	return true;
}

/* Rows of a fixed size, each greater than the one before. */
static bool
rows_ascend(struct bytes rows, size_t len)
{
	for (size_t at = len; at < rows.len; at += len)
		if (memcmp(rows.ptr + at - len, rows.ptr + at, len) >= 0)
			return false;
	return true;
}

struct link {
	const uint8_t *newer, *older, *masked;
};

static struct link
link_at(const struct keysection *s, size_t i)
{
	const uint8_t *at = s->links.ptr + i * link_len(s->kind);

	if (s->kind == KEYS_SHARE)
		return (struct link){ at, at + LK_TOPIC_LEN,
			at + 2 * (size_t)LK_TOPIC_LEN };
	return (struct link){ s->etag, at, at + LK_TOPIC_LEN };
}

struct box {
	const uint8_t *masked, *hint, *etag;
};

static struct box
box_at(const struct keysection *s, size_t i)
{
	const uint8_t *at = s->boxes.ptr + i * box_len(s->kind);

	return (struct box){ at + HINT_LEN, at,
		s->kind == KEYS_SHARE ? at + EPOCH_BOX_LEN : s->etag };
}

static lk_err
counts_check(const struct keysection *s)
{
	bool none = s->boxes_len == 0;

	if (s->boxes_len > EPOCH_BOXES_MAX || s->links_len > EPOCH_LINKS_MAX)
		return LK_ERR(LK_E_LIMIT, "key section");
	if (s->kind == KEYS_EPOCH && none)
		return LK_ERR(LK_E_MALFORMED, "epoch without boxes");
	if (s->kind == KEYS_SHARE && none && s->links_len == 0)
		return LK_ERR(LK_E_MALFORMED, "empty share");
	if (s->kind == KEYS_SHARE && none != is_zero(s->eph, DH_LEN))
		return LK_ERR(LK_E_MALFORMED, "key section eph");
	return LK_NONE;
}

static lk_err
order_check(const struct keysection *s)
{
	if (!rows_ascend(s->boxes, box_len(s->kind)))
		return LK_ERR(LK_E_MALFORMED, "order of boxes");
	if (!rows_ascend(s->links, link_len(s->kind)))
		return LK_ERR(LK_E_MALFORMED, "order of links");
	for (size_t i = 1; s->kind == KEYS_EPOCH && i < s->links_len; i++)
		if (memcmp(link_at(s, i - 1).older, link_at(s, i).older,
			LK_TOPIC_LEN) == 0)
			return LK_ERR(LK_E_MALFORMED, "link twice");
	return LK_NONE;
}

lk_err
keysection_read(struct keysection *out, struct rd *r,
    const uint8_t etag[static LK_TOPIC_LEN])
{
	struct keysection s = { .all = r->left };
	uint8_t kind = rd_u8(r);

	if (!r->failed && kind != KEYS_EPOCH && kind != KEYS_SHARE)
		return LK_ERR(LK_E_MALFORMED, "kind of key section");
	s.kind = kind;
	memcpy(s.etag, etag, sizeof(s.etag));
	s.eph = rd_take(r, DH_LEN).ptr;
	s.boxes_len = rd_u16(r);
	s.boxes = rd_take(r, s.boxes_len * box_len(s.kind));
	s.links_len = rd_u8(r);
	s.links = rd_take(r, s.links_len * link_len(s.kind));
	if (r->failed)
		return LK_ERR(LK_E_TRUNCATED, "key section");
	TRY(counts_check(&s));
	TRY(order_check(&s));
	s.all.len -= r->left.len;
	*out = s;
	return LK_NONE;
}

lk_err
keysection_parse(struct keysection *out, struct bytes in,
    const uint8_t etag[static LK_TOPIC_LEN])
{
	struct rd r = rd_over(in);
	struct keysection s;

	TRY(keysection_read(&s, &r, etag));
	TRY(rd_end(&r, "bytes after key section"));
	*out = s;
	return LK_NONE;
}

void
epochs_wipe(struct epochs *e)
{
	if (e->len > 0)
		secret_wipe(e->at, e->len * sizeof(e->at[0]));
	e->len = 0;
}

/* The ephemeral key of a section, from its L or a share's joined secret. */
static void
ephemeral(struct dh_key *out, const uint8_t key[static EPOCH_SECRET_LEN],
    const struct keysection_place *place)
{
	uint8_t secret[DH_LEN], seq[8];
	struct digest d;

	for (size_t i = 0; i < sizeof(seq); i++)
		seq[i] = (uint8_t)(place->seq >> (56 - 8 * i));
	digest_init(&d, sizeof(secret), DIGEST_KEY_BOX, key);
	digest_add(&d, BYTES(place->topic, LK_TOPIC_LEN));
	digest_add(&d, BYTES_OF(seq));
	digest_add(&d, BYTES(place->tag, LK_TOPIC_LEN));
	digest_final(&d, secret);
	dh_key_from_secret(out, secret);
	secret_wipe(secret, sizeof(secret));
}

/* What masks a secret in a box, and its hint. */
struct box_mask {
	const uint8_t *shared; /* DH of eph and box key */
	const uint8_t *eph, *box_pk, *topic, *etag;
};

static void
box_mask(uint8_t x[static X_LEN], const struct box_mask *m)
{
	struct digest d;

	digest_init(&d, X_LEN, DIGEST_KEY_BOX, m->shared);
	digest_add(&d, BYTES(m->eph, DH_LEN));
	digest_add(&d, BYTES(m->box_pk, DH_LEN));
	digest_add(&d, BYTES(m->topic, LK_TOPIC_LEN));
	digest_add(&d, BYTES(m->etag, LK_TOPIC_LEN));
	digest_final(&d, x);
}

static void xor
    (uint8_t * out, const uint8_t *a, const uint8_t *b) {
	    for (size_t i = 0; i < MASK_LEN; i++)
		    out[i] = a[i] ^ b[i];
    }

    /* One box as it stands in a section; the etag is behind it in a share. */
    static lk_err box_make(uint8_t out[static SHARE_BOX_LEN],
	const struct dh_key *eph, const uint8_t box_pk[static DH_LEN],
	const uint8_t *topic, const struct epoch *e)
{
	uint8_t shared[DH_LEN], x[X_LEN];
	struct box_mask m = { shared, eph->pk, box_pk, topic, e->etag };

	if (!dh(shared, eph->sk, box_pk))
		return LK_ERR(LK_E_DATA, "low-order box key");
	box_mask(x, &m);
	memcpy(out, x + MASK_LEN, HINT_LEN);
	xor(out + HINT_LEN, x, e->ladder);
	memcpy(out + EPOCH_BOX_LEN, e->etag, LK_TOPIC_LEN);
	secret_wipe(shared, sizeof(shared));
	secret_wipe(x, sizeof(x));
	return LK_NONE;
}

static void
link_mask(
    uint8_t x[static MASK_LEN], const struct epoch *newer, const uint8_t *older)
{
	struct digest d;

	digest_init(&d, MASK_LEN, DIGEST_LINK, newer->ladder);
	digest_add(&d, BYTES(newer->etag, LK_TOPIC_LEN));
	digest_add(&d, BYTES(older, LK_TOPIC_LEN));
	digest_final(&d, x);
}

/* A link as it stands in a share; an epoch leaves the newer etag out. */
static void
link_make(uint8_t out[static SHARE_LINK_LEN], const struct epoch *newer,
    const struct epoch *older)
{
	uint8_t x[MASK_LEN];

	link_mask(x, newer, older->etag);
	memcpy(out, newer->etag, LK_TOPIC_LEN);
	memcpy(out + LK_TOPIC_LEN, older->etag, LK_TOPIC_LEN);
	xor(out + 2 * (size_t)LK_TOPIC_LEN, x, older->ladder);
	secret_wipe(x, sizeof(x));
}

/* The older epoch behind a link, if the link is right. */
static bool
link_open(const struct link *l, const struct epoch *newer, struct epoch *older)
{
	uint8_t x[MASK_LEN];

	link_mask(x, newer, l->older);
	xor(x, x, l->masked);
	epoch_derive(older, x);
	secret_wipe(x, sizeof(x));
	return memcmp(older->etag, l->older, LK_TOPIC_LEN) == 0;
}

/* A box or link being made, and whose it is. */
struct row {
	uint8_t bytes[SHARE_LINK_LEN];
	const uint8_t *device;
	size_t place; /* where it stood before sorting */
};

struct rows {
	struct row *at;
	size_t len, max;
};

static void
rows_free(struct rows *r)
{
	if (r->at != NULL)
		secret_wipe(r->at, r->max * sizeof(r->at[0]));
	free(r->at);
}

#define ROWS_SCOPED __attribute__((cleanup(rows_free))) struct rows

static lk_err
rows_new(struct rows *r, size_t max)
{
	r->max = max == 0 ? 1 : max;
	r->at = calloc(r->max, sizeof(r->at[0]));
	return r->at == NULL ? LK_ERR(LK_E_NOMEM, "key section") : LK_NONE;
}

static int
row_compare(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int c = memcmp(x->bytes, y->bytes, sizeof(x->bytes));

	return c != 0 ? c : (x->place > y->place) - (x->place < y->place);
}

/* Sorts, and takes out repeated rows: of those the first stands. */
static void
rows_settle(struct rows *r)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->len; i++)
		r->at[i].place = i;
	qsort(r->at, r->len, sizeof(r->at[0]), row_compare);
	for (size_t i = 0; i < r->len; i++)
		if (kept == 0 ||
		    memcmp(r->at[kept - 1].bytes, r->at[i].bytes,
			sizeof(r->at[i].bytes)) != 0)
			r->at[kept++] = r->at[i];
	r->len = kept;
}

/* Boxes of an epoch: one for each distinct box key. */
static lk_err
epoch_boxes(struct rows *rows, const struct keysection_place *place,
    const struct epoch *e, const struct graph_reader *readers, size_t len)
{
	struct dh_key eph;
	lk_err err = LK_NONE;

	TRY(rows_new(rows, len));
	ephemeral(&eph, e->ladder, place);
	for (size_t i = 0; err.code == LK_OK && i < len; i++)
		err = box_make(rows->at[rows->len++].bytes, &eph,
		    readers[i].box, place->topic, e);
	dh_key_clear(&eph);
	rows_settle(rows);
	return err;
}

/* k: the joined secret of a share, the distinct L in order of their etags. */
static lk_err
share_key(uint8_t key[static EPOCH_SECRET_LEN], const struct share_plan *p)
{
	ROWS_SCOPED rows = { 0 };
	struct digest d;

	TRY(rows_new(&rows, p->boxes_len));
	for (size_t i = 0; i < p->boxes_len; i++) {
		uint8_t *at = rows.at[rows.len++].bytes;

		memcpy(at, p->boxes[i].epoch->etag, LK_TOPIC_LEN);
		memcpy(at + LK_TOPIC_LEN, p->boxes[i].epoch->ladder,
		    EPOCH_SECRET_LEN);
	}
	rows_settle(&rows);
	digest_init(&d, EPOCH_SECRET_LEN, DIGEST_KEY_BOX, NULL);
	for (size_t i = 0; i < rows.len; i++)
		digest_add(&d,
		    BYTES(rows.at[i].bytes + LK_TOPIC_LEN, EPOCH_SECRET_LEN));
	digest_final(&d, key);
	return LK_NONE;
}

static lk_err
share_boxes(struct rows *rows, struct dh_key *eph, const struct share_plan *p)
{
	uint8_t key[EPOCH_SECRET_LEN];

	TRY(share_key(key, p));
	ephemeral(eph, key, &p->place);
	secret_wipe(key, sizeof(key));
	TRY(rows_new(rows, p->boxes_len));
	for (size_t i = 0; i < p->boxes_len; i++) {
		const struct share_box *b = &p->boxes[i];
		struct row *row = &rows->at[rows->len++];

		row->device = b->key;
		TRY(box_make(
		    row->bytes, eph, b->box, p->place.topic, b->epoch));
	}
	rows_settle(rows);
	return LK_NONE;
}

/* What a section is written from: rows in their order. */
struct layout {
	enum key_section kind;
	const uint8_t *eph;
	const struct rows *boxes, *links;
};

static lk_err
section_write(struct buf *out, const struct layout *l)
{
	size_t start = out->len, skip;
	bool failed = out->failed;
	lk_err err;

	if (l->boxes->len > EPOCH_BOXES_MAX || l->links->len > EPOCH_LINKS_MAX)
		return LK_ERR(LK_E_LIMIT, "key section");
	skip = l->kind == KEYS_EPOCH ? LK_TOPIC_LEN : 0;
	buf_u8(out, (uint8_t)l->kind);
	buf_mem(out, l->eph, DH_LEN);
	buf_u16(out, (uint16_t)l->boxes->len);
	for (size_t i = 0; i < l->boxes->len; i++)
		buf_mem(out, l->boxes->at[i].bytes, box_len(l->kind));
	buf_u8(out, (uint8_t)l->links->len);
	for (size_t i = 0; i < l->links->len; i++)
		buf_mem(out, l->links->at[i].bytes + skip, link_len(l->kind));
	err = buf_err(out, "key section");
	if (err.code != LK_OK) {
		out->len = start;
		out->failed = failed;
	}
	return err;
}

lk_err
keysection_make_epoch(struct buf *out, const struct epoch_plan *p)
{
	ROWS_SCOPED boxes = { 0 };
	ROWS_SCOPED links = { 0 };
	struct layout l = { KEYS_EPOCH, NULL, &boxes, &links };
	struct dh_key eph;

	if (p->readers_len == 0)
		return LK_ERR(LK_E_LIMIT, "epoch without readers");
	TRY(epoch_boxes(
	    &boxes, &p->place, p->epoch, p->readers, p->readers_len));
	TRY(rows_new(&links, p->older_len));
	for (size_t i = 0; i < p->older_len; i++)
		link_make(links.at[links.len++].bytes, p->epoch, &p->older[i]);
	rows_settle(&links);
	ephemeral(&eph, p->epoch->ladder, &p->place);
	l.eph = eph.pk;
	secret_wipe(eph.sk, sizeof(eph.sk));
	return section_write(out, &l);
}

lk_err
keysection_make_share(struct buf *out, const struct share_plan *p,
    uint8_t (*devices)[ACCESS_KEY_LEN], size_t *devices_len)
{
	ROWS_SCOPED boxes = { 0 };
	ROWS_SCOPED links = { 0 };
	struct layout l = { KEYS_SHARE, NULL, &boxes, &links };
	struct dh_key eph = { 0 };

	if (p->boxes_len == 0 && p->links_len == 0)
		return LK_ERR(LK_E_LIMIT, "empty share");
	if (p->boxes_len > 0)
		TRY(share_boxes(&boxes, &eph, p));
	secret_wipe(eph.sk, sizeof(eph.sk));
	TRY(rows_new(&links, p->links_len));
	for (size_t i = 0; i < p->links_len; i++)
		link_make(links.at[links.len++].bytes, p->links[i].newer,
		    p->links[i].older);
	rows_settle(&links);
	l.eph = eph.pk;
	TRY(section_write(out, &l));
	for (size_t i = 0; i < boxes.len; i++)
		memcpy(devices[i], boxes.at[i].device, ACCESS_KEY_LEN);
	*devices_len = boxes.len;
	return LK_NONE;
}

static const struct epoch *
epochs_find(const struct epoch *at, size_t len, const uint8_t *etag)
{
	for (size_t i = 0; i < len; i++)
		if (memcmp(at[i].etag, etag, LK_TOPIC_LEN) == 0)
			return &at[i];
	return NULL;
}

/* Tries every box with one key. */
static void
open_with(const struct keysection *s, const struct dh_key *mine,
    const uint8_t *topic, struct epochs *found)
{
	uint8_t shared[DH_LEN], x[X_LEN];
	struct box_mask m = { shared, s->eph, mine->pk, topic, NULL };
	struct epoch e;

	if (!dh(shared, mine->sk, s->eph))
		return;
	for (size_t i = 0; i < s->boxes_len; i++) {
		struct box b = box_at(s, i);

		m.etag = b.etag;
		box_mask(x, &m);
		if (memcmp(x + MASK_LEN, b.hint, HINT_LEN) != 0)
			continue;
		xor(x, x, b.masked);
		epoch_derive(&e, x);
		if (memcmp(e.etag, b.etag, LK_TOPIC_LEN) == 0 &&
		    epochs_find(found->at, found->len, e.etag) == NULL)
			found->at[found->len++] = e;
	}
	secret_wipe(shared, sizeof(shared));
	secret_wipe(x, sizeof(x));
	secret_wipe(&e, sizeof(e));
}

lk_err
keysection_open(const struct keysection *s, const struct dh_key *mine,
    size_t mine_len, const uint8_t topic[static LK_TOPIC_LEN],
    struct arena *arena, struct epochs *out)
{
	size_t most = s->kind == KEYS_EPOCH ? 1 : s->boxes_len;
	struct epochs found = { 0 };

	if (most > 0) {
		found.at = arena_alloc(arena, most * sizeof(found.at[0]));
		if (found.at == NULL)
			return LK_ERR(LK_E_NOMEM, "key section");
		for (size_t i = 0; i < mine_len; i++)
			open_with(s, &mine[i], topic, &found);
	}
	*out = found;
	return LK_NONE;
}

/* One pass over the links; whether anything was found. */
static bool
follow_once(const struct keysection *s, const struct epoch *have,
    size_t have_len, struct epochs *found)
{
	size_t before = found->len;

	for (size_t i = 0; i < s->links_len; i++) {
		struct link l = link_at(s, i);
		const struct epoch *newer =
		    epochs_find(have, have_len, l.newer);

		if (newer == NULL)
			newer = epochs_find(found->at, found->len, l.newer);
		if (newer != NULL &&
		    epochs_find(have, have_len, l.older) == NULL &&
		    epochs_find(found->at, found->len, l.older) == NULL &&
		    link_open(&l, newer, &found->at[found->len]))
			found->len++;
	}
	return found->len > before;
}

lk_err
keysection_follow(const struct keysection *s, const struct epoch *have,
    size_t have_len, struct arena *arena, struct epochs *out)
{
	struct epochs found = { 0 };

	if (s->links_len > 0) {
		/* One more: what a wrong link derives to is written there. */
		found.at = arena_alloc(
		    arena, (s->links_len + 1) * sizeof(found.at[0]));
		if (found.at == NULL)
			return LK_ERR(LK_E_NOMEM, "key section");
		while (follow_once(s, have, have_len, &found))
			continue;
		secret_wipe(&found.at[found.len], sizeof(found.at[0]));
	}
	*out = found;
	return LK_NONE;
}

static bool
past_has(const struct epoch_claim *c, const uint8_t *etag)
{
	if (c->past == NULL)
		return true;
	for (size_t i = 0; i < c->past_len; i++)
		if (memcmp(c->past[i], etag, LK_TOPIC_LEN) == 0)
			return true;
	return false;
}

lk_err
keysection_check(const struct keysection *s, const struct epoch_claim *c)
{
	ROWS_SCOPED boxes = { 0 };
	struct dh_key eph;
	struct epoch older;
	bool good = true;
	lk_err err;

	if (s->kind != KEYS_EPOCH)
		return LK_ERR(LK_E_MALFORMED, "no epoch's key section");
	ephemeral(&eph, c->epoch->ladder, &c->place);
	good = memcmp(eph.pk, s->eph, DH_LEN) == 0;
	dh_key_clear(&eph);
	if (!good)
		return LK_ERR(LK_E_MALFORMED, "epoch: ephemeral key");
	err = epoch_boxes(
	    &boxes, &c->place, c->epoch, c->readers, c->readers_len);
	if (err.code != LK_OK)
		return err.code == LK_E_DATA
		    ? LK_ERR(LK_E_MALFORMED, "epoch: box key")
		    : err;
	if (boxes.len != s->boxes_len)
		return LK_ERR(LK_E_MALFORMED, "epoch: number of boxes");
	for (size_t i = 0; i < boxes.len; i++)
		good &=
		    memcmp(boxes.at[i].bytes, s->boxes.ptr + i * EPOCH_BOX_LEN,
			EPOCH_BOX_LEN) == 0;
	if (!good)
		return LK_ERR(LK_E_MALFORMED, "epoch: wrong box");
	for (size_t i = 0; i < s->links_len; i++) {
		struct link l = link_at(s, i);

		good &= past_has(c, l.older) && link_open(&l, c->epoch, &older);
	}
	secret_wipe(&older, sizeof(older));
	return good ? LK_NONE : LK_ERR(LK_E_MALFORMED, "epoch: wrong link");
}

lk_err
keysection_is_share(
    const struct keysection *s, const struct share_plan *p, bool *is)
{
	BUF_SCOPED made = { .max = KEYSECTION_MAX };
	uint8_t(*devices)[ACCESS_KEY_LEN] =
	    calloc(p->boxes_len + 1, sizeof(*devices));
	size_t len = 0;
	lk_err err;

	if (devices == NULL)
		return LK_ERR(LK_E_NOMEM, "key section");
	err = keysection_make_share(&made, p, devices, &len);
	*is = err.code == LK_OK && len == p->boxes_len &&
	    bytes_equal(buf_bytes(&made), s->all);
	for (size_t i = 0; i < len && *is; i++)
		*is =
		    memcmp(devices[i], p->boxes[i].key, sizeof(*devices)) == 0;
	free(devices);
	return err.code == LK_E_NOMEM ? err : LK_NONE;
}

static lk_err
facts_shared(const struct keysection *s,
    const uint8_t (*devices)[ACCESS_KEY_LEN], struct arena *arena,
    struct facts *f)
{
	struct shared_key *shared;

	shared = arena_alloc(arena, s->boxes_len * sizeof(*shared));
	if (shared == NULL)
		return LK_ERR(LK_E_NOMEM, "key section");
	for (size_t i = 0; i < s->boxes_len; i++) {
		memcpy(shared[i].etag, box_at(s, i).etag, LK_TOPIC_LEN);
		memcpy(shared[i].key, devices[i], ACCESS_KEY_LEN);
	}
	f->shared = shared;
	f->shared_len = s->boxes_len;
	return LK_NONE;
}

lk_err
keysection_facts(const struct keysection *s,
    const uint8_t (*devices)[ACCESS_KEY_LEN], size_t devices_len,
    struct arena *arena, struct facts *out)
{
	struct facts f = *out;
	struct key_link *links = NULL;

	if (devices_len != (s->kind == KEYS_SHARE ? s->boxes_len : 0))
		return LK_ERR(LK_E_MALFORMED, "number of devices of a share");
	f.keys = s->kind;
	f.boxes_len = (uint16_t)s->boxes_len;
	f.shared = NULL;
	f.shared_len = 0;
	if (devices_len > 0)
		TRY(facts_shared(s, devices, arena, &f));
	if (s->links_len > 0) {
		links = arena_alloc(arena, s->links_len * sizeof(*links));
		if (links == NULL)
			return LK_ERR(LK_E_NOMEM, "key section");
	}
	for (size_t i = 0; i < s->links_len; i++) {
		memcpy(links[i].newer, link_at(s, i).newer, LK_TOPIC_LEN);
		memcpy(links[i].older, link_at(s, i).older, LK_TOPIC_LEN);
	}
	f.links = links;
	f.links_len = s->links_len;
	*out = f;
	return LK_NONE;
}
