/*
 * A device made from the recovery phrase alone: it shows a certificate of the
 * root key, and a device of the person takes it in as if it had been paired
 * (docs/protocol.md section 10).
 */
#include <stdlib.h>
#include <string.h>

#include "crypto/phrase.h"
#include "sync/endpoint.h"
#include "sync/fanout.h"
#include "sync/pairing.h"
#include "sync/person.h"

#define RECOVER_MARK 0 /* where a proof has how many certificates it has */
#define RECOVER_CERT_RANK 1000

lk_err
recover_root(
    struct sign_key *root, const uint8_t entropy[static PHRASE_ENTROPY_LEN])
{
	uint8_t seed[ROOT_SEED_LEN], secret[32];

	TRY(phrase_root_seed(seed, entropy));
	root_secret(secret, seed, ROOT_SIGN);
	sign_key_from_seed(root, secret);
	secret_wipe(seed, sizeof(seed));
	secret_wipe(secret, sizeof(secret));
	return LK_NONE;
}

lk_err
engine_recover(struct engine *e, const struct recovery *from, struct now now,
    uint64_t *handle)
{
	const struct identity *me = e->identity;
	struct address address;
	struct sign_key root;
	struct redeem *q;

	e->now = now;
	TRY(endpoint_parse(&address, from->address));
	TRY(redeem_allowed(e, TICKET_DEVICE));
	TRY(recover_root(&root, from->entropy));
	q = calloc(1, sizeof(*q));
	if (q == NULL) {
		sign_key_clear(&root);
		return LK_ERR(LK_E_NOMEM, "recovery");
	}
	q->handle = ++e->next_handle;
	q->purpose = TICKET_DEVICE;
	q->recovers = true;
	memcpy(q->noise_pk, from->noise_pk, DH_LEN);
	(void)strlcpy(
	    q->addresses[q->addresses_len++], from->address, ADDRESS_TEXT_MAX);
	q->cert = (struct cert){ .rank = RECOVER_CERT_RANK, .serial = 1 };
	memcpy(q->cert.root_pk, root.pk, SIGN_PK_LEN);
	device_block_make(&q->cert.block, &me->sign, me->noise.pk, me->box.pk,
	    me->box_counter);
	cert_sign(&q->cert, &root);
	sign_key_clear(&root);
	TAILQ_INSERT_TAIL(&e->redeems, q, next);
	e->wake = now.mono;
	*handle = q->handle;
	return LK_NONE;
}

void
engine_recover_cancel(struct engine *e)
{
	struct redeem *q, *next;

	TAILQ_FOREACH_SAFE (q, &e->redeems, next, next) {
		if (!q->recovers || q->welcomed)
			continue;
		redeem_leave(e, q);
	}
	e->wake = e->now.mono;
}

lk_err
recover_hello(
    const struct engine *e, const struct redeem *q, struct buf *payload)
{
	buf_u8(payload, RECOVER_MARK);
	cert_write(payload, &q->cert);
	buf_u8(payload, (uint8_t)strlen(e->identity->name));
	buf_str(payload, e->identity->name);
	return buf_err(payload, "recovery");
}

bool
recover_is(struct bytes payload)
{
	return payload.len > 0 && payload.ptr[0] == RECOVER_MARK;
}

lk_err
recover_hello_read(struct bytes payload, struct cert *cert, struct bytes *name)
{
	struct rd rd = rd_over(payload);

	(void)rd_u8(&rd);
	cert_read(&rd, cert);
	*name = rd_take(&rd, rd_u8(&rd));
	TRY(rd_end(&rd, "recovering device"));
	if (name->len == 0 || !utf8_valid(*name) ||
	    memchr(name->ptr, 0, name->len) != NULL)
		return LK_ERR(LK_E_MALFORMED, "name of device");
	return LK_NONE;
}

lk_err
recover_joined(struct engine *e, struct link *l,
    const uint8_t noise_pk[static DH_LEN], struct bytes payload)
{
	struct bytes name;
	struct cert cert;

	TRY(recover_hello_read(payload, &cert, &name));
	if (!cert_verify(&cert) ||
	    memcmp(cert.issuer_pk, cert.root_pk, SIGN_PK_LEN) != 0 ||
	    memcmp(cert.block.noise_pk, noise_pk, DH_LEN) != 0)
		return LK_ERR(LK_E_MALFORMED, "certificate of the root");
	TRY(pairing_keep(l, payload));
	l->recovers = true;
	/* Of somebody else it is told so, and is nobody here. */
	if (memcmp(cert.root_pk, e->identity->root_pk, SIGN_PK_LEN) != 0)
		return LK_NONE;
	memcpy(l->pk, cert.block.device_pk, 32);
	l->known = true;
	return LK_NONE;
}

/* The root's certificate has shown who it is: this device certifies it, so that
 * its place is below this one everywhere. */
static lk_err
take_in(struct engine *e, struct link *l)
{
	char name[LK_NAME_MAX + 1];
	struct bytes said;
	struct cert cert;
	bool known;

	TRY(recover_hello_read(l->payload, &cert, &said));
	TRY(pairing_device(e, l->pk, &known));
	memcpy(name, said.ptr, said.len);
	name[said.len] = '\0';
	return pairing_take_in(e, l, known ? NULL : &cert.block, name);
}

lk_err
recover_answer(struct engine *e, struct link *l)
{
	lk_err err = l->known ? take_in(e, l)
			      : LK_ERR(LK_E_DENIED, "phrase of somebody else");

	if (err.code != LK_E_DENIED && err.code != LK_E_NOTFOUND)
		return err;
	link_close(e, l, CLOSE_TICKET);
	return LK_NONE;
}
