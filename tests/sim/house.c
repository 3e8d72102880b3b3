#include "tests/sim/house.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "relay/relay.h"
#include "sync/remotes.h"
#include "tests/sim/bucket.h"
#include "tests/sim/entropy.h"
#include "tests/sim/leak.h"
#include "tests/sim/node.h"
#include "tests/sim/wire.h"

#define MAP_MAX ((size_t)256 * 1024 * 1024)
#define NUMBER 2 /* among the remotes; the folder is 1 */
#define FACES 2
#define OFFER_MS 500 /* how often is looked for those who do not know of it */
#define FILE_MAX ((size_t)64 * 1024 * 1024)
/* One in so many rounds. */
#define GOES_BACK 60
#define REMEMBERS 25
#define HANGS_UP 200
#define HOLDS 12
#define HOLDS_MS 4000
#define ACCOUNT_BYTES ((uint64_t)64 * 1024 * 1024)
#define ACCOUNT_ENVELOPES 100000
#define DAY_MS INT64_C(86400000)

/* One of what it shows: a relay with files of its own. */
struct face {
	char dir[PATH_MAX + 32], then[PATH_MAX + 32];
	struct store *store;
	struct relay *relay;
	bool remembered; /* `then` holds what it was */
};

struct house {
	bool lies, two_faced;
	struct dh_key noise;
	struct face faces[FACES];
	uint8_t token[16];
	bool account; /* the laptop has it */
	uint8_t id[SIGN_PK_LEN];
	uint32_t told[NODES]; /* boot in which it was */
	int64_t offer_at, quiet_until;
};

static struct node *
house_node(struct world *w)
{
	return &w->nodes[RELAY];
}

void
house_plan(struct world *w)
{
	if (!world_chance(w, 4))
		return;
	w->house = calloc(1, sizeof(*w->house));
	LK_ASSERT(w->house != NULL);
	w->house->lies = world_chance(w, 2);
	w->house->two_faced = w->house->lies && world_chance(w, 3);
	world_say(w, "there is a relay%s%s",
	    w->house->lies ? ", which lies" : "",
	    w->house->two_faced ? ", with two faces" : "");
}

static void
face_open(struct world *w, struct face *f)
{
	struct relay_config config = { .dir = f->dir,
		.noise = &w->house->noise,
		.random = house_node(w)->random };
	char path[PATH_MAX + 64];

	(void)snprintf(path, sizeof(path), "%s/own", f->dir);
	world_need(w, store_open(&f->store, path, MAP_MAX), "store_open");
	world_need(w, relay_new(&f->relay, &config), "relay_new");
}

static void
face_close(struct face *f)
{
	relay_free(f->relay);
	store_close(f->store);
	f->relay = NULL;
	f->store = NULL;
}

/* nftw has no argument to pass on. */
static struct {
	struct world *world;
	const char *from, *to;
	size_t searched;
} copying;

static int
copy_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	char to[PATH_MAX + 64];
	FILE *in, *out;

	(void)st, (void)ftw;
	(void)snprintf(
	    to, sizeof(to), "%s%s", copying.to, path + strlen(copying.from));
	if (type == FTW_D)
		return mkdir(to, 0700);
	in = fopen(path, "r");
	out = fopen(to, "w");
	LK_ASSERT(in != NULL && out != NULL);
	for (size_t n = 1; n > 0;) {
		uint8_t block[65536];

		n = fread(block, 1, sizeof(block), in);
		LK_ASSERT(fwrite(block, 1, n, out) == n);
	}
	(void)fclose(in);
	return fclose(out);
}

static void
tree_copy(struct world *w, const char *from, const char *to)
{
	directory_remove(to);
	copying.world = w;
	copying.from = from;
	copying.to = to;
	if (nftw(from, copy_one, 8, FTW_PHYS) != 0)
		world_fail(w, "cannot copy %s", from);
}

/* Runs something in a round of a face. */
static void
face_begin(struct world *w, struct face *f, struct txn **txn)
{
	world_need(w, txn_begin(f->store, TXN_WRITE, txn), "txn_begin");
	relay_begin(f->relay, *txn, node_now(house_node(w)));
}

static void
face_outputs(struct world *w, struct face *f)
{
	struct node *n = house_node(w);
	struct relay_output out;

	while (relay_take(f->relay, &out)) {
		if (out.what == RELAY_CLOSE) {
			wire_hang_up(n, out.conn);
			relay_closed(f->relay, out.conn);
			continue;
		}
		relay_pending(
		    f->relay, out.conn, wire_send(n, out.conn, &out.bytes));
	}
}

static void
face_end(struct world *w, struct face *f, struct txn *txn)
{
	world_need(w, relay_tick(f->relay), "relay_tick");
	relay_save(f->relay);
	world_need(w, txn_commit(txn), "txn_commit");
	relay_committed(f->relay);
	face_outputs(w, f);
}

static void
face_make(struct world *w, struct face *f, struct invitation *i)
{
	struct txn *txn;

	(void)mkdir(f->dir, 0700);
	face_open(w, f);
	face_begin(w, f, &txn);
	world_need(w, relay_invite(f->relay, i), "relay_invite");
	face_end(w, f, txn);
}

void
house_begin(struct world *w)
{
	struct node *n = house_node(w);
	struct house *h = w->house;
	uint8_t secret[DH_LEN];

	node_init(n, w, RELAY);
	if (h == NULL)
		return;
	n->up = true;
	n->boot = 1;
	random_fill(&n->random, secret, sizeof(secret));
	dh_key_from_secret(&h->noise, secret);
	for (size_t i = 0; i < FACES; i++) {
		struct invitation invitation = { .expires = node_now(n).wall,
			.limits = { .bytes = ACCOUNT_BYTES,
			    .envelopes = ACCOUNT_ENVELOPES,
			    .puts = ACCOUNT_ENVELOPES } };
		struct face *f = &h->faces[i];

		invitation.expires.ms += DAY_MS;
		(void)snprintf(
		    f->dir, sizeof(f->dir), "%s/relay%zu", w->dir, i);
		(void)snprintf(
		    f->then, sizeof(f->then), "%s/then%zu", w->dir, i);
		if (i > 0 && !h->two_faced)
			break;
		if (i == 0)
			face_make(w, f, &invitation);
		if (i == 0)
			memcpy(h->token, invitation.token, sizeof(h->token));
	}
	node_wake(n, w->now + OFFER_MS);
}

/* Which face whoever is at the other end sees. */
static struct face *
face_of(struct world *w, uint64_t conn)
{
	struct node *other = wire_other(house_node(w), conn);
	size_t i = other == NULL ? 0 : (size_t)other->index % FACES;

	return &w->house->faces[w->house->faces[i].relay == NULL ? 0 : i];
}

/* The account is there: from now on it has two faces, if it has. */
static void
account_look(struct world *w)
{
	struct house *h = w->house;
	struct relay_account a = { .sessions = 0 };
	struct txn *txn;
	bool is;

	if (h->account)
		return;
	face_begin(w, &h->faces[0], &txn);
	is = relay_account(h->faces[0].relay, &a).code == LK_OK;
	face_end(w, &h->faces[0], txn);
	if (!is)
		return;
	h->account = true;
	memcpy(h->id, a.account.id, sizeof(h->id));
	world_say(w, "the relay has an account");
	if (!h->two_faced)
		return;
	tree_copy(w, h->faces[0].dir, h->faces[1].dir);
	face_open(w, &h->faces[1]);
}

bool
house_remote(struct node *n, struct remote_config *out, char *url, size_t len)
{
	struct house *h = n->world->house;
	char key[2 * DH_LEN + 1], what[2 * SIGN_PK_LEN + 1], at[32];

	if (h == NULL || (!h->account && n->index != LAPTOP))
		return false;
	h->told[n->index] = n->boot;
	hex_encode(key, BYTES_OF(h->noise.pk));
	if (n->index == LAPTOP)
		hex_encode(what, BYTES_OF(h->token));
	else
		hex_encode(what, BYTES_OF(h->id));
	node_address(at, RELAY);
	(void)snprintf(url, len, "relay://%s@%s?%s=%s", key, at,
	    n->index == LAPTOP ? "invite" : "account", what);
	*out = (struct remote_config){ .number = NUMBER,
		.kind = REMOTE_RELAY,
		.name = "relay",
		.url = url };
	return true;
}

/* It is what it was before, and says nothing of it. */
static void
face_back(struct world *w, struct face *f)
{
	if (!f->remembered)
		return;
	world_say(w, "the relay goes back");
	face_close(f);
	wire_drop_all(house_node(w), false);
	tree_copy(w, f->then, f->dir);
	face_open(w, f);
}

static void
house_lie(struct world *w, struct face *f)
{
	struct house *h = w->house;

	if (!h->lies || !h->account || f->relay == NULL)
		return;
	if (world_chance(w, GOES_BACK)) {
		face_back(w, f);
	} else if (world_chance(w, REMEMBERS)) {
		tree_copy(w, f->dir, f->then);
		f->remembered = true;
	} else if (world_chance(w, HANGS_UP)) {
		wire_drop_all(house_node(w), world_chance(w, 2));
	} else if (world_chance(w, HOLDS)) {
		h->quiet_until = w->now + world_between(w, 1, HOLDS_MS);
	}
}

static void
arrival_take(struct world *w, const struct arrival *a)
{
	struct relay *r = face_of(w, a->conn)->relay;

	switch (a->kind) {
	case ARRIVAL_ACCEPTED:
		world_need(w, relay_accepted(r, a->conn, a->address), "relay");
		break;
	case ARRIVAL_BYTES:
		world_need(
		    w, relay_bytes(r, a->conn, buf_bytes(&a->bytes)), "relay");
		break;
	case ARRIVAL_SENT:
		relay_pending(r, a->conn, a->pending);
		break;
	case ARRIVAL_CLOSED:
		relay_closed(r, a->conn);
		break;
	case ARRIVAL_DIALED:
	case ARRIVAL_DIAL_FAILED:
	case ARRIVAL_OBJECT:
		break;
	}
}

/* What arrived for one face, in a round of it. */
static void
face_round(struct world *w, struct face *f)
{
	struct node *n = house_node(w);
	struct arrivals others;
	struct arrival *a;
	struct txn *txn;

	if (f->relay == NULL)
		return;
	STAILQ_INIT(&others);
	face_begin(w, f, &txn);
	while ((a = STAILQ_FIRST(&n->arrivals)) != NULL) {
		STAILQ_REMOVE_HEAD(&n->arrivals, next);
		if (face_of(w, a->conn) != f) {
			STAILQ_INSERT_TAIL(&others, a, next);
			continue;
		}
		world_trace(w, n->name, (uint64_t)a->kind << 56 ^ a->conn,
		    buf_bytes(&a->bytes));
		arrival_take(w, a);
		buf_clear(&a->bytes);
		free(a);
	}
	STAILQ_CONCAT(&n->arrivals, &others);
	face_end(w, f, txn);
}

static lk_err
told_run(struct node *n, struct command *c)
{
	(void)c;
	remotes_configure(n);
	return LK_NONE;
}

/* Devices that do not know of it are told. */
static void
house_offer(struct world *w)
{
	struct house *h = w->house;

	for (size_t i = 0; i < NODES; i++) {
		struct command c = { .run = told_run };
		struct node *n = &w->nodes[i];

		if (n->present && n->up && h->told[i] != n->boot &&
		    (h->account || i == LAPTOP))
			(void)node_round(n, &c);
	}
	h->offer_at = w->now + OFFER_MS;
}

void
house_event(struct world *w)
{
	struct node *n = house_node(w);
	struct house *h = w->house;
	int64_t next = INT64_MAX;

	if (n->round_at != w->now)
		return;
	n->round_at = INT64_MAX;
	if (h->quiet_until > w->now) {
		node_wake(n, h->quiet_until);
		return;
	}
	for (size_t i = 0; i < FACES; i++)
		face_round(w, &h->faces[i]);
	account_look(w);
	house_lie(w, &h->faces[random_below(&w->random, FACES)]);
	if (h->offer_at <= w->now)
		house_offer(w);
	next = h->offer_at;
	for (size_t i = 0; i < FACES; i++) {
		const struct face *f = &h->faces[i];

		if (f->relay != NULL &&
		    relay_next(f->relay).ms - n->mono_offset < next)
			next = relay_next(f->relay).ms - n->mono_offset;
	}
	node_wake(n, next <= w->now ? w->now + 1 : next);
}

static int
search_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	BUF_SCOPED b = { .max = FILE_MAX };
	uint8_t block[65536];
	FILE *in;

	(void)ftw;
	/* Of the ballast there is nothing to see. */
	if (type != FTW_F || st->st_blocks == 0 ||
	    strstr(path, "data.mdb") == NULL)
		return 0;
	in = fopen(path, "r");
	LK_ASSERT(in != NULL);
	for (size_t n = 1; n > 0;) {
		n = fread(block, 1, sizeof(block), in);
		buf_mem(&b, block, n);
	}
	(void)fclose(in);
	LK_ASSERT(!b.failed);
	leak_check(house_node(copying.world), "in its files", buf_bytes(&b));
	copying.searched++;
	return 0;
}

void
house_final(struct world *w)
{
	copying.world = w;
	for (size_t i = 0; w->house != NULL && i < FACES; i++) {
		const struct face *f = &w->house->faces[i];

		if (f->relay == NULL)
			continue;
		copying.searched = 0;
		if (nftw(f->dir, search_one, 8, FTW_PHYS) != 0 ||
		    /* Its own records, and an account's. */
		    copying.searched < 1 + (size_t)w->house->account)
			world_fail(w, "S5: the relay's files cannot be read");
	}
}

void
house_free(struct world *w)
{
	struct house *h = w->house;

	if (h == NULL)
		return;
	house_node(w)->up = false;
	for (size_t i = 0; i < FACES; i++)
		if (h->faces[i].relay != NULL)
			face_close(&h->faces[i]);
	dh_key_clear(&h->noise);
	free(h);
	w->house = NULL;
}
