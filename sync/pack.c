#include "sync/pack.h"

#include <string.h>

#define PACK_HASH_LEN 32

static const uint8_t magic[4] = { 'L', 'K', 'P', '1' };

/* What a run must go on with. */
struct run {
	struct stored_name name;
	uint8_t last[LK_ID_LEN];
};

static lk_err
run_begin(struct run *run, const struct envelope *env)
{
	if (env->seq > STORED_SEQ_MAX)
		return LK_ERR(LK_E_LIMIT, "pack");
	run->name =
	    (struct stored_name){ .kind = STORED_PACK, .seq = env->seq };
	memcpy(run->name.topic, env->topic, LK_TOPIC_LEN);
	memcpy(run->name.tag, env->tag, LK_TOPIC_LEN);
	return LK_NONE;
}

static lk_err
run_add(struct run *run, struct bytes bytes)
{
	struct envelope env;

	TRY(envelope_parse(&env, bytes));
	if (run->name.count == 0)
		TRY(run_begin(run, &env));
	else if (memcmp(env.topic, run->name.topic, LK_TOPIC_LEN) != 0 ||
	    memcmp(env.tag, run->name.tag, LK_TOPIC_LEN) != 0 ||
	    env.seq != run->name.seq + run->name.count ||
	    memcmp(env.prev, run->last, LK_ID_LEN) != 0)
		return LK_ERR(LK_E_MALFORMED, "run of a pack");
	if ((env.flags & ENVELOPE_KEY_SECTION) != 0)
		run->name.kind = STORED_KEY_PACK;
	run->name.count++;
	memcpy(run->last, env.id, LK_ID_LEN);
	return LK_NONE;
}

lk_err
pack_encode(struct buf *out, struct stored_name *name,
    const struct bytes *envelopes, size_t n)
{
	struct run run = { .name = { .count = 0 } };
	uint8_t hash[PACK_HASH_LEN];
	size_t from = out->len;

	if (n == 0 || n > PACK_ENVELOPES_MAX)
		return LK_ERR(LK_E_LIMIT, "pack");
	buf_mem(out, magic, sizeof(magic));
	buf_u32(out, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		TRY(run_add(&run, envelopes[i]));
		buf_u32(out, (uint32_t)envelopes[i].len);
		buf_add(out, envelopes[i]);
	}
	TRY(buf_err(out, "pack"));
	digest(hash, sizeof(hash), DIGEST_PACK, NULL,
	    BYTES(out->ptr + from, out->len - from));
	buf_mem(out, hash, sizeof(hash));
	TRY(buf_err(out, "pack"));
	memcpy(run.name.hash, hash, sizeof(run.name.hash));
	*name = run.name;
	return LK_NONE;
}

bool
pack_next(struct pack *p, struct bytes *envelope)
{
	if (p->envelopes.left.len == 0)
		return false;
	*envelope = rd_take(&p->envelopes, rd_u32(&p->envelopes));
	return !p->envelopes.failed;
}

lk_err
pack_decode(struct pack *out, struct bytes in)
{
	struct run run = { .name = { .count = 0 } };
	uint8_t hash[PACK_HASH_LEN];
	struct rd r = rd_over(in);
	struct bytes first = rd_take(&r, sizeof(magic)), body, said;
	uint32_t n = rd_u32(&r);

	if (!r.failed && memcmp(first.ptr, magic, sizeof(magic)) != 0)
		return LK_ERR(LK_E_MALFORMED, "pack");
	if (in.len > OBJECT_BYTES_MAX ||
	    (!r.failed && (n == 0 || n > PACK_ENVELOPES_MAX)))
		return LK_ERR(LK_E_LIMIT, "pack");
	body = r.left;
	for (uint32_t i = 0; i < n && !r.failed; i++) {
		struct bytes envelope = rd_take(&r, rd_u32(&r));

		if (!r.failed)
			TRY(run_add(&run, envelope));
	}
	body.len -= r.left.len;
	said = rd_take(&r, sizeof(hash));
	TRY(rd_end(&r, "pack"));
	digest(hash, sizeof(hash), DIGEST_PACK, NULL,
	    BYTES(in.ptr, in.len - sizeof(hash)));
	if (memcmp(hash, said.ptr, sizeof(hash)) != 0)
		return LK_ERR(LK_E_MALFORMED, "hash of a pack");
	memcpy(run.name.hash, hash, sizeof(run.name.hash));
	out->name = run.name;
	memcpy(out->last, run.last, LK_ID_LEN);
	out->envelopes = rd_over(body);
	return LK_NONE;
}

bool
stored_name_same(const struct stored_name *a, const struct stored_name *b)
{
	uint8_t x[STORED_KEY_LEN], y[STORED_KEY_LEN];

	stored_name_key(x, a);
	stored_name_key(y, b);
	return memcmp(x, y, sizeof(x)) == 0;
}
