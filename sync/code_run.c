#include "sync/code_run.h"

#include <string.h>

#include "crypto/digest.h"
#include "sync/message.h"

#define CHANNEL_INFO "lk1 pair"

static enum code_role
other_role(const struct code_run *r)
{
	return r->role == CODE_TYPER ? CODE_DISPLAYER : CODE_TYPER;
}

/* u8 role || h: what a confirmation and a proof are about, besides. */
#define SAID_LEN (1 + SESSION_HASH_LEN)

lk_err
code_run_init(struct code_run *r, const struct code_run_config *c)
{
	uint8_t secret[] = { (uint8_t)(c->code->secret >> 24),
		(uint8_t)(c->code->secret >> 16),
		(uint8_t)(c->code->secret >> 8), (uint8_t)c->code->secret };
	uint8_t info[sizeof(CHANNEL_INFO) - 1 + 2];
	struct cpace_config config = { .initiator = c->role == CODE_TYPER,
		.prs = BYTES_OF(secret),
		.ci = BYTES_OF(info),
		.sid = BYTES_OF(r->h),
		.random = c->random };
	lk_err err;

	*r = (struct code_run){ .role = c->role, .state = RUN_SHARE };
	memcpy(r->h, c->h, sizeof(r->h));
	memcpy(info, CHANNEL_INFO, sizeof(CHANNEL_INFO) - 1);
	info[sizeof(info) - 2] = (uint8_t)c->purpose;
	info[sizeof(info) - 1] = c->code->window;
	err = cpace_init(&r->cpace, &config);
	secret_wipe(secret, sizeof(secret));
	return err;
}

void
code_run_clear(struct code_run *r)
{
	if (r != NULL)
		secret_wipe(r, sizeof(*r));
}

static void
confirmation(const struct code_run *r, uint8_t out[static CODE_CONFIRM_LEN],
    enum code_role role)
{
	uint8_t said[SAID_LEN] = { (uint8_t)role };

	memcpy(said + 1, r->h, sizeof(r->h));
	digest(out, CODE_CONFIRM_LEN, DIGEST_PAIR_CONF, r->key, BYTES_OF(said));
}

static lk_err
share_taken(struct code_run *r, struct bytes share)
{
	uint8_t isk[CPACE_ISK_LEN];

	TRY(cpace_finish(&r->cpace, share.ptr, isk));
	memcpy(r->key, isk, sizeof(r->key));
	secret_wipe(isk, sizeof(isk));
	r->state = RUN_CONFIRM;
	return LK_NONE;
}

static lk_err
confirm_taken(struct code_run *r, struct bytes body)
{
	uint8_t wanted[CODE_CONFIRM_LEN];
	bool same;

	confirmation(r, wanted, other_role(r));
	same = digest_equal(wanted, body.ptr, sizeof(wanted));
	secret_wipe(wanted, sizeof(wanted));
	if (!same)
		return LK_ERR(LK_E_DENIED, "pairing: another code");
	r->state = RUN_AGREED;
	return LK_NONE;
}

/* One side's turn: the message it takes in a state, and how it answers. */
static const struct turn {
	enum code_role role;
	enum code_run_state state;
	uint8_t takes, reply;
} turns[] = {
	{ CODE_DISPLAYER, RUN_SHARE, MSG_CODE_SHARE, MSG_CODE_SHARE_BACK },
	{ CODE_TYPER, RUN_SHARE, MSG_CODE_SHARE_BACK, MSG_CODE_CONFIRM },
	{ CODE_DISPLAYER, RUN_CONFIRM, MSG_CODE_CONFIRM,
	    MSG_CODE_CONFIRM_BACK },
	{ CODE_TYPER, RUN_CONFIRM, MSG_CODE_CONFIRM_BACK, 0 },
};

static lk_err
turn_take(struct code_run *r, const struct turn *t, struct bytes body,
    struct buf *out)
{
	uint8_t share[CPACE_POINT_LEN], confirm[CODE_CONFIRM_LEN];

	if (body.len != CPACE_POINT_LEN)
		return LK_ERR(LK_E_MALFORMED, "pairing: length");
	memcpy(share, r->cpace.share, sizeof(share));
	TRY(t->state == RUN_SHARE ? share_taken(r, body)
				  : confirm_taken(r, body));
	if (t->reply == MSG_CODE_SHARE_BACK) {
		buf_mem(out, share, sizeof(share));
	} else if (t->reply != 0) {
		confirmation(r, confirm, r->role);
		buf_mem(out, confirm, sizeof(confirm));
	}
	return buf_err(out, "pairing");
}

_Static_assert(CPACE_POINT_LEN == CODE_CONFIRM_LEN, "one length for all");

lk_err
code_run_take(struct code_run *r, uint8_t type, struct bytes body,
    struct buf *out, uint8_t *reply)
{
	for (size_t i = 0; i < sizeof(turns) / sizeof(turns[0]); i++) {
		const struct turn *t = &turns[i];
		lk_err err;

		if (t->role != r->role || t->state != r->state ||
		    t->takes != type)
			continue;
		err = turn_take(r, t, body, out);
		if (err.code == LK_OK) {
			*reply = t->reply;
			return LK_NONE;
		}
		code_run_clear(r);
		r->state = RUN_DEAD;
		return err;
	}
	code_run_clear(r);
	r->state = RUN_DEAD;
	return LK_ERR(LK_E_MALFORMED, "pairing: out of turn");
}

void
code_run_words(const struct code_run *r, char out[static KEY_WORDS_LEN])
{
	uint8_t bits[KEY_WORDS_BYTES];

	LK_ASSERT(r->state == RUN_AGREED);
	digest(bits, sizeof(bits), DIGEST_PAIR_SAS, r->key, BYTES_OF(r->h));
	phrase_three_words(out, bits);
}

static void
proof_said(const struct code_run *r, uint8_t said[static SAID_LEN],
    enum code_role role)
{
	memcpy(said, r->h, sizeof(r->h));
	said[sizeof(r->h)] = (uint8_t)role;
}

void
code_run_prove(const struct code_run *r, uint8_t sig[static SIGN_LEN],
    const struct sign_key *key, struct bytes keys)
{
	uint8_t said[SAID_LEN];

	LK_ASSERT(r->state == RUN_AGREED);
	proof_said(r, said, r->role);
	sign(sig, key, SIGN_PAIR_POP, BYTES_OF(said), keys);
}

bool
code_run_proved(const struct code_run *r, const uint8_t sig[static SIGN_LEN],
    const uint8_t pk[static SIGN_PK_LEN], struct bytes keys)
{
	uint8_t said[SAID_LEN];

	LK_ASSERT(r->state == RUN_AGREED);
	proof_said(r, said, other_role(r));
	return sign_verify(sig, pk, SIGN_PAIR_POP, BYTES_OF(said), keys);
}
