/* Guardians of documents: asking them, signing as one, writing down what they
 * have signed. */
#include <string.h>

#include "base/shell.h"
#include "daemon/commands.h"
#include "daemon/guardians.h"
#include "daemon/members.h"
#include "sync/revoke.h"

#define ASK_MEMORY_MAX REVOKE_MEMORY_MAX
#define TEXTS_MEMORY_MAX ((size_t)4 * 1024 * 1024)
#define KEY_HEX (2 * SIGN_PK_LEN)

static lk_err
guardian_key(
    struct request *r, const char *who, uint8_t key[static SIGN_PK_LEN])
{
	struct home_contact contact;
	lk_err err = home_find_contact(r->replica, who, &contact);

	if (err.code == LK_OK) {
		memcpy(key, contact.root_pk, SIGN_PK_LEN);
		return LK_NONE;
	}
	if (err.code == LK_E_USAGE) {
		request_hint(r, "give more digits of the key");
		return request_fail(
		    r, err, "%s: more than one contact is called so", who);
	}
	if (err.code != LK_E_NOTFOUND)
		return err;
	if (strlen(who) == KEY_HEX && hex_decode(key, SIGN_PK_LEN, who)) {
		if (sign_pk_valid(key))
			return LK_NONE;
		return request_fail(r, LK_ERR(LK_E_USAGE, "guardian"),
		    "%s: no key of a person", who);
	}
	request_hint(
	    r, "lk contact ls lists them; or give the person's key, 64 digits");
	return request_fail(r, err, "%s: no contact is called so", who);
}

static lk_err
guardian_add(struct request *r, struct guardians *g, struct json_object *named)
{
	const char *who = json_object_get_string(named);

	if (!json_object_is_type(named, json_type_string))
		return request_fail(r, LK_ERR(LK_E_USAGE, "guardians"),
		    "guardians: expected strings");
	if (g->len == GENESIS_GUARDIANS_MAX)
		return request_fail(r, LK_ERR(LK_E_USAGE, "guardians"),
		    "guardians: at most %d", GENESIS_GUARDIANS_MAX);
	TRY(guardian_key(r, who, g->keys[g->len]));
	for (size_t i = 0; i < g->len; i++)
		if (memcmp(g->keys[i], g->keys[g->len], SIGN_PK_LEN) == 0)
			return request_fail(r, LK_ERR(LK_E_USAGE, "guardians"),
			    "%s: named twice as guardian", who);
	g->len++;
	return LK_NONE;
}

lk_err
param_guardians(struct request *r, struct guardians *out)
{
	struct json_object *list =
	    json_object_object_get(r->params, "guardians");
	struct guardians g = { .len = 0 };
	int64_t needed = 0;

	if (list != NULL && !json_object_is_type(list, json_type_array))
		return request_fail(r, LK_ERR(LK_E_USAGE, "guardians"),
		    "guardians: expected an array");
	for (size_t i = 0; list != NULL && i < json_object_array_length(list);
	     i++)
		TRY(guardian_add(r, &g, json_object_array_get_idx(list, i)));
	TRY(param_int_or(r, "threshold", INT64_MIN, INT64_MAX, &needed));
	if (g.len == 0 &&
	    json_object_object_get_ex(r->params, "threshold", NULL))
		return request_fail(r, LK_ERR(LK_E_USAGE, "threshold"),
		    "threshold: there are no guardians");
	if (g.len > 0 && (needed < 1 || needed > (int64_t)g.len))
		return request_fail(r, LK_ERR(LK_E_USAGE, "threshold"),
		    "threshold: how many guardians must sign, from 1 to %zu",
		    g.len);
	g.needed = (size_t)needed;
	*out = g;
	return LK_NONE;
}

static struct json_object *
person_json(struct request *r, const uint8_t key[static SIGN_PK_LEN])
{
	struct json_object *o = json_object_new_object();

	member_who(r, o, "who", key);
	json_add_id(o, "key", BYTES(key, SIGN_PK_LEN));
	return o;
}

void
guardians_json(struct request *r, struct json_object *o, struct guardians g)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < g.len; i++)
		json_object_array_add(list, person_json(r, g.keys[i]));
	json_object_object_add(o, "guardians", list);
	json_add_number(o, "needed", g.needed);
}

lk_err
guardians_of(struct request *r, uint32_t docno, struct guardians *out)
{
	const uint8_t(*keys)[ACCESS_KEY_LEN];
	struct graph *g;
	uint8_t needed;

	TRY(replica_graph(r->replica, docno, &g));
	out->len = graph_guardians(g, &keys, &needed);
	out->needed = needed;
	memcpy(out->keys, keys, out->len * ACCESS_KEY_LEN);
	return LK_NONE;
}

/* Whose grants are given or taken, each once. */
static struct json_object *
people_json(struct request *r, const struct guard_statement *s)
{
	struct json_object *list = json_object_new_array();
	const struct access_op *op = s->op;
	const uint8_t *keys = s->targets;
	size_t len = op->revoke.entries_len;

	if (op->kind == OP_GRANT) {
		keys = op->grant.key;
		len = 1;
	}
	for (size_t i = 0; i < len; i++) {
		const uint8_t *key = keys + i * SIGN_PK_LEN;
		bool again = false;

		for (size_t k = 0; k < i && !again; k++)
			again = memcmp(keys + k * SIGN_PK_LEN, key,
				    SIGN_PK_LEN) == 0;
		if (!again)
			json_object_array_add(list, person_json(r, key));
	}
	return list;
}

/* The most that one of the entries leaves. */
static enum role
level_left(const struct op_revoke *o)
{
	uint8_t level = ROLE_NONE;

	for (size_t i = 0; i < o->entries_len; i++)
		if (o->entries[i].level > level)
			level = o->entries[i].level;
	return (enum role)level;
}

/* What a guardian would sign, and what else the request says. */
static lk_err
request_json(struct request *r, const struct guard_request *q)
{
	struct guardians asked = { .len = q->m, .needed = q->k };
	const struct guard_statement *s = &q->said;
	bool grant = s->op->kind == OP_GRANT;
	uint8_t digest[GUARD_DIGEST_LEN];
	char words[KEY_WORDS_LEN];

	TRY(guard_digest(digest, s));
	TRY(phrase_key_words(words, digest));
	json_add_id(r->result, "doc", BYTES_OF(s->docid));
	json_add_bytes(r->result, "name", q->name);
	json_add_text(r->result, "kind", grant ? "grant" : "revoke");
	json_add_text(r->result, "role",
	    role_name(grant ? (enum role)s->op->grant.role
			    : level_left(&s->op->revoke)));
	if (grant)
		json_add_number(r->result, "rank", s->op->grant.rank);
	json_object_object_add(r->result, "people", people_json(r, s));
	memcpy(asked.keys, q->guardians, q->m * (size_t)SIGN_PK_LEN);
	guardians_json(r, r->result, asked);
	json_object_object_add(
	    r->result, "asked_by", person_json(r, s->author));
	json_add_text(r->result, "words", words);
	return LK_NONE;
}

static lk_err
ask_fail(struct request *r, const struct subject *s, lk_err err)
{
	char quoted[SHELL_WORD_MAX];

	if (err.code == LK_E_EXISTS)
		err.code = LK_E_USAGE;
	if (err.code == LK_E_NOTFOUND)
		request_hint(r, "lk contact ls and lk members %s list who is",
		    shell_word(quoted, s->name.name));
	return request_fail(r, err, "%s: %s", s->name.name, err.what);
}

static lk_err
ask_role(struct request *r, struct guard_order *order)
{
	const char *word;

	TRY(param_string_or(
	    r, "role", order->revoke ? "none" : "admin", &word));
	order->role = ROLE_NONE;
	if (!order->revoke || strcmp(word, "none") != 0)
		TRY(role_read(r, word, &order->role));
	if (order->revoke && order->role == ROLE_ADMIN)
		return request_fail(r, LK_ERR(LK_E_USAGE, "read role"),
		    "admin: a revocation leaves less than that");
	return LK_NONE;
}

static lk_err
guardian_ask(struct request *r)
{
	ARENA_SCOPED arena = { .max = ASK_MEMORY_MAX };
	BUF_SCOPED text = { .max = GUARD_TEXT_MAX };
	struct guard_order order = { .revoke = false };
	struct guard_request q;
	uint8_t key[SIGN_PK_LEN];
	struct subject s;
	lk_err err;

	TRY(subject_find(r, &s));
	TRY(param_bool_or(r, "revoke", false, &order.revoke));
	TRY(ask_role(r, &order));
	TRY(member_find(r, &s, key));
	order.key = key;
	err = replica_guard_ask(r->replica, s.docno, &order, &arena, &q);
	if (err.code == LK_OK)
		err = guard_request_encode(&text, &q);
	if (err.code != LK_OK)
		return ask_fail(r, &s, err);
	TRY(request_json(r, &q));
	json_add_bytes(r->result, "request", buf_bytes(&text));
	return LK_NONE;
}

static lk_err
text_fail(struct request *r, const char *what, lk_err err)
{
	if (err.code == LK_E_NOMEM)
		return err;
	if (err.code == LK_E_VERSION)
		return request_fail(r, err, "%s: it needs a newer lk", what);
	request_hint(r, "take the whole line, from lkg1- to its end");
	return request_fail(
	    r, LK_ERR(LK_E_DATA, "read"), "%s: mistyped, or none", what);
}

static lk_err
param_request(struct request *r, struct arena *arena, struct guard_request *q)
{
	const char *text;
	lk_err err;

	TRY(param_string(r, "request", &text));
	err = guard_request_decode(q, arena, BYTES_STR(text));
	return err.code == LK_OK ? err : text_fail(r, "request", err);
}

static lk_err
guardian_show(struct request *r)
{
	ARENA_SCOPED arena = { .max = TEXTS_MEMORY_MAX };
	struct guard_request q;

	TRY(param_request(r, &arena, &q));
	return request_json(r, &q);
}

static lk_err
guardian_sign_(struct request *r)
{
	ARENA_SCOPED arena = { .max = TEXTS_MEMORY_MAX };
	BUF_SCOPED text = { .max = GUARD_TEXT_MAX };
	uint8_t entropy[PHRASE_ENTROPY_LEN];
	struct guard_signature signature;
	struct guard_request q;
	lk_err err;

	TRY(param_request(r, &arena, &q));
	TRY(param_phrase(r, entropy));
	err = guardian_sign(&signature, &q, entropy);
	explicit_bzero(entropy, sizeof(entropy));
	if (err.code == LK_E_DENIED) {
		request_hint(r, "lk guardian show lists who is asked");
		return request_fail(
		    r, err, "phrase: of none of the guardians asked");
	}
	TRY(err);
	TRY(guard_signature_encode(&text, &signature));
	json_add_id(r->result, "doc", BYTES_OF(q.said.docid));
	json_add_bytes(r->result, "name", q.name);
	json_add_id(r->result, "guardian", BYTES_OF(signature.guardian));
	json_add_bytes(r->result, "signature", buf_bytes(&text));
	return LK_NONE;
}

static lk_err
param_signatures(
    struct request *r, struct arena *arena, struct guard_answer *out)
{
	struct json_object *list =
	    json_object_object_get(r->params, "signatures");
	struct guard_signature *all;
	size_t len;

	if (!json_object_is_type(list, json_type_array))
		return request_fail(r, LK_ERR(LK_E_USAGE, "signatures"),
		    "signatures: expected an array");
	len = json_object_array_length(list);
	if (len > 2 * GENESIS_GUARDIANS_MAX)
		return request_fail(r, LK_ERR(LK_E_USAGE, "signatures"),
		    "signatures: there are not so many guardians");
	all = arena_alloc(arena, (len + 1) * sizeof(*all));
	if (all == NULL)
		return LK_ERR(LK_E_NOMEM, "signatures");
	for (size_t i = 0; i < len; i++) {
		const char *text =
		    json_object_get_string(json_object_array_get_idx(list, i));
		lk_err err = text == NULL
		    ? LK_ERR(LK_E_DATA, "signature")
		    : guard_signature_decode(&all[i], arena, BYTES_STR(text));

		if (err.code != LK_OK)
			return text_fail(r, "signature", err);
	}
	out->list = all;
	out->len = len;
	return LK_NONE;
}

static lk_err
apply_fail(struct request *r, const struct subject *s, size_t have, lk_err err)
{
	const char *name = s->name.name;
	struct guardians g;

	TRY(guardians_of(r, s->docno, &g));
	if (err.code == LK_E_DENIED && have > 0 && have < g.needed) {
		request_hint(r, "each guardian: lk guardian sign");
		return request_fail(r, err,
		    "%s: %zu of the %zu guardians who are needed have signed",
		    name, have, g.needed);
	}
	return request_fail(r, err, "%s: %s", name, err.what);
}

static lk_err
guardian_apply(struct request *r)
{
	ARENA_SCOPED arena = { .max = TEXTS_MEMORY_MAX };
	struct guard_answer answer;
	struct guard_request q;
	struct subject s;
	uint32_t docno;
	size_t have;
	lk_err err;

	TRY(param_request(r, &arena, &q));
	TRY(param_signatures(r, &arena, &answer));
	err = replica_doc_by_id(r->replica, q.said.docid, &docno);
	if (err.code == LK_OK)
		err = subject_load(r, docno, &s);
	if (err.code == LK_E_NOTFOUND) {
		request_hint(r, "apply it where it was asked for");
		return request_fail(
		    r, err, "request: its document is not here");
	}
	TRY(err);
	err = replica_guard_apply(r->replica, docno, &q, &answer, &have);
	if (err.code != LK_OK)
		return apply_fail(r, &s, have, err);
	TRY(request_json(r, &q));
	json_add_subject(r->result, &s);
	json_add_number(r->result, "signed", have);
	return LK_NONE;
}

static const struct command table[] = {
	{ "guardian.ask", guardian_ask, COMMAND_IDENTITY },
	{ "guardian.show", guardian_show, COMMAND_IDENTITY },
	{ "guardian.sign", guardian_sign_, COMMAND_IDENTITY },
	{ "guardian.apply", guardian_apply,
	    COMMAND_IDENTITY | COMMAND_WRITES | COMMAND_NESTED },
	{ NULL, NULL, 0 },
};

const struct command *const commands_guardian = table;
