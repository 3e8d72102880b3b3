#include "sync/cert.h"

#include <string.h>

#define CERT_SIGNED_LEN (CERT_LEN - SIGN_LEN)

#define STATEMENT_LEN 96 /* the longest of the short ones */

bool
box_pk_valid(const uint8_t pk[static DH_LEN])
{
	static const uint8_t one[DH_LEN] = { 1 };
	uint8_t shared[DH_LEN];

	return dh(shared, one, pk);
}

/* Bytes that are put together to be signed. */
struct statement {
	uint8_t bytes[STATEMENT_LEN];
	struct buf buf;
};

static struct buf *
statement_start(struct statement *s)
{
	s->buf = (struct buf){ .ptr = s->bytes,
		.cap = sizeof(s->bytes),
		.max = sizeof(s->bytes) };
	return &s->buf;
}

static struct bytes
box_statement(struct statement *s, const uint8_t *device_pk,
    const uint8_t *box_pk, uint32_t counter)
{
	struct buf *b = statement_start(s);

	buf_mem(b, device_pk, SIGN_PK_LEN);
	buf_mem(b, box_pk, DH_LEN);
	buf_u32(b, counter);
	return buf_bytes(b);
}

void
box_statement_sign(uint8_t sig[static SIGN_LEN], const struct sign_key *device,
    const uint8_t box_pk[static DH_LEN], uint32_t counter)
{
	struct statement s;

	sign(sig, device, SIGN_BOX_CERT,
	    box_statement(&s, device->pk, box_pk, counter),
	    (struct bytes){ 0 });
}

bool
box_statement_verify(const uint8_t sig[static SIGN_LEN],
    const uint8_t device_pk[static SIGN_PK_LEN],
    const uint8_t box_pk[static DH_LEN], uint32_t counter)
{
	struct statement s;

	return sign_verify(sig, device_pk, SIGN_BOX_CERT,
	    box_statement(&s, device_pk, box_pk, counter), (struct bytes){ 0 });
}

void
device_block_make(struct device_block *b, const struct sign_key *device,
    const uint8_t noise_pk[static DH_LEN], const uint8_t box_pk[static DH_LEN],
    uint32_t box_counter)
{
	memcpy(b->device_pk, device->pk, sizeof(b->device_pk));
	memcpy(b->noise_pk, noise_pk, sizeof(b->noise_pk));
	memcpy(b->box_pk, box_pk, sizeof(b->box_pk));
	b->box_counter = box_counter;
	box_statement_sign(b->box_sig, device, box_pk, box_counter);
	sign(b->self_sig, device, SIGN_DEVICE_SELF, BYTES_OF(b->device_pk),
	    BYTES_OF(b->noise_pk));
}

void
device_block_write(struct buf *out, const struct device_block *b)
{
	buf_mem(out, b->device_pk, sizeof(b->device_pk));
	buf_mem(out, b->noise_pk, sizeof(b->noise_pk));
	buf_mem(out, b->box_pk, sizeof(b->box_pk));
	buf_u32(out, b->box_counter);
	buf_mem(out, b->box_sig, sizeof(b->box_sig));
	buf_mem(out, b->self_sig, sizeof(b->self_sig));
}

void
device_block_read(struct rd *r, struct device_block *b)
{
	rd_copy(r, b->device_pk, sizeof(b->device_pk));
	rd_copy(r, b->noise_pk, sizeof(b->noise_pk));
	rd_copy(r, b->box_pk, sizeof(b->box_pk));
	b->box_counter = rd_u32(r);
	rd_copy(r, b->box_sig, sizeof(b->box_sig));
	rd_copy(r, b->self_sig, sizeof(b->self_sig));
}

bool
device_block_verify(const struct device_block *b)
{
	return sign_pk_valid(b->device_pk) && box_pk_valid(b->noise_pk) &&
	    box_pk_valid(b->box_pk) &&
	    box_statement_verify(
		b->box_sig, b->device_pk, b->box_pk, b->box_counter) &&
	    sign_verify(b->self_sig, b->device_pk, SIGN_DEVICE_SELF,
		BYTES_OF(b->device_pk), BYTES_OF(b->noise_pk));
}

static void
cert_write_signed(struct buf *out, const struct cert *c)
{
	buf_mem(out, c->root_pk, sizeof(c->root_pk));
	device_block_write(out, &c->block);
	buf_u16(out, c->rank);
	buf_u32(out, c->serial);
	buf_mem(out, c->issuer_pk, sizeof(c->issuer_pk));
}

static struct bytes
cert_statement(uint8_t bytes[static CERT_SIGNED_LEN], const struct cert *c)
{
	struct buf b = {
		.ptr = bytes, .cap = CERT_SIGNED_LEN, .max = CERT_SIGNED_LEN
	};

	cert_write_signed(&b, c);
	return buf_bytes(&b);
}

void
cert_sign(struct cert *c, const struct sign_key *issuer)
{
	uint8_t bytes[CERT_SIGNED_LEN];

	memcpy(c->issuer_pk, issuer->pk, sizeof(c->issuer_pk));
	sign(c->sig, issuer, SIGN_DEVICE_CERT, cert_statement(bytes, c),
	    (struct bytes){ 0 });
}

void
cert_write(struct buf *out, const struct cert *c)
{
	cert_write_signed(out, c);
	buf_mem(out, c->sig, sizeof(c->sig));
}

void
cert_read(struct rd *r, struct cert *c)
{
	rd_copy(r, c->root_pk, sizeof(c->root_pk));
	device_block_read(r, &c->block);
	c->rank = rd_u16(r);
	c->serial = rd_u32(r);
	rd_copy(r, c->issuer_pk, sizeof(c->issuer_pk));
	rd_copy(r, c->sig, sizeof(c->sig));
}

lk_err
cert_decode(struct cert *out, struct bytes in)
{
	struct rd r = rd_over(in);
	struct cert c;

	cert_read(&r, &c);
	TRY(rd_end(&r, "certificate"));
	*out = c;
	return LK_NONE;
}

bool
cert_verify(const struct cert *c)
{
	uint8_t bytes[CERT_SIGNED_LEN];

	return c->rank > 0 && device_block_verify(&c->block) &&
	    sign_verify(c->sig, c->issuer_pk, SIGN_DEVICE_CERT,
		cert_statement(bytes, c), (struct bytes){ 0 });
}

void
box_newer_write(struct buf *out, const struct box_statement *b)
{
	buf_mem(out, b->pk, sizeof(b->pk));
	buf_u32(out, b->counter);
	buf_mem(out, b->sig, sizeof(b->sig));
}

void
box_newer_read(struct rd *r, struct box_statement *b)
{
	rd_copy(r, b->pk, sizeof(b->pk));
	b->counter = rd_u32(r);
	rd_copy(r, b->sig, sizeof(b->sig));
}

bool
box_newer_verify(const struct box_statement *b, const struct cert *c)
{
	return b->counter > c->block.box_counter && box_pk_valid(b->pk) &&
	    box_statement_verify(b->sig, c->block.device_pk, b->pk, b->counter);
}

struct cert
cert_grantee(const struct cert *c, const struct box_statement *b)
{
	struct cert cert = *c;

	if (b->counter > 0) {
		memcpy(cert.block.box_pk, b->pk, DH_LEN);
		cert.block.box_counter = b->counter;
		memcpy(cert.block.box_sig, b->sig, SIGN_LEN);
	}
	return cert;
}

void
proof_write(struct buf *out, const struct proof *p)
{
	LK_ASSERT(p->len >= 1 && p->len <= PROOF_CERTS_MAX);
	buf_u8(out, (uint8_t)p->len);
	for (size_t i = 0; i < p->len; i++)
		cert_write(out, &p->certs[i]);
}

void
proof_read(struct rd *r, struct proof *p)
{
	uint8_t n = rd_u8(r);

	p->len = 0;
	if (!r->failed && (n == 0 || n > PROOF_CERTS_MAX)) {
		r->failed = true;
		r->malformed = true;
	}
	while (p->len < n && !r->failed)
		cert_read(r, &p->certs[p->len++]);
}

lk_err
proof_decode(struct proof *out, struct bytes in)
{
	struct rd r = rd_over(in);
	struct proof p;

	proof_read(&r, &p);
	TRY(rd_end(&r, "proof"));
	*out = p;
	return LK_NONE;
}

/* Whether `next` stands above c in a chain. */
static bool
cert_below(const struct cert *c, const struct cert *next)
{
	return memcmp(c->issuer_pk, next->block.device_pk,
		   sizeof(c->issuer_pk)) == 0 &&
	    memcmp(c->root_pk, next->root_pk, sizeof(c->root_pk)) == 0 &&
	    next->rank < c->rank;
}

bool
proof_verify(const struct proof *p, const uint8_t *root_pk)
{
	const struct cert *last;

	if (p->len == 0 || p->len > PROOF_CERTS_MAX)
		return false;
	last = &p->certs[p->len - 1];
	/* What is cheap first: a chain that does not close costs nothing. */
	if (memcmp(last->issuer_pk, last->root_pk, SIGN_PK_LEN) != 0 ||
	    (root_pk != NULL &&
		memcmp(last->root_pk, root_pk, SIGN_PK_LEN) != 0))
		return false;
	for (size_t i = 0; i + 1 < p->len; i++)
		if (!cert_below(&p->certs[i], &p->certs[i + 1]))
			return false;
	for (size_t i = 0; i < p->len; i++)
		if (!cert_verify(&p->certs[i]))
			return false;
	return true;
}

static struct bytes
gone_statement(struct statement *s, const struct gone *g)
{
	struct buf *b = statement_start(s);

	buf_mem(b, g->device_pk, sizeof(g->device_pk));
	buf_u32(b, g->serial);
	buf_mem(b, g->issuer_pk, sizeof(g->issuer_pk));
	return buf_bytes(b);
}

void
gone_make(struct gone *g, const uint8_t root_pk[static SIGN_PK_LEN],
    const uint8_t device_pk[static SIGN_PK_LEN], uint32_t serial,
    const struct sign_key *issuer)
{
	struct statement s;

	memcpy(g->device_pk, device_pk, sizeof(g->device_pk));
	g->serial = serial;
	memcpy(g->issuer_pk, issuer->pk, sizeof(g->issuer_pk));
	sign(g->sig, issuer, SIGN_DEVICE_GONE, BYTES(root_pk, SIGN_PK_LEN),
	    gone_statement(&s, g));
}

void
gone_write(struct buf *out, const struct gone *g)
{
	struct statement s;

	buf_add(out, gone_statement(&s, g));
	buf_mem(out, g->sig, sizeof(g->sig));
}

void
gone_read(struct rd *r, struct gone *g)
{
	rd_copy(r, g->device_pk, sizeof(g->device_pk));
	g->serial = rd_u32(r);
	rd_copy(r, g->issuer_pk, sizeof(g->issuer_pk));
	rd_copy(r, g->sig, sizeof(g->sig));
}

bool
gone_verify(const struct gone *g, const uint8_t root_pk[static SIGN_PK_LEN])
{
	struct statement s;

	return sign_verify(g->sig, g->issuer_pk, SIGN_DEVICE_GONE,
	    BYTES(root_pk, SIGN_PK_LEN), gone_statement(&s, g));
}

bool
gone_ends(
    const struct gone *g, const struct cert *target, const struct cert *issuer)
{
	if (memcmp(g->device_pk, target->block.device_pk, SIGN_PK_LEN) != 0)
		return false;
	if (memcmp(g->issuer_pk, target->root_pk, SIGN_PK_LEN) == 0)
		return true;
	return issuer != NULL &&
	    memcmp(g->issuer_pk, issuer->block.device_pk, SIGN_PK_LEN) == 0 &&
	    memcmp(issuer->root_pk, target->root_pk, SIGN_PK_LEN) == 0 &&
	    issuer->rank < target->rank;
}
