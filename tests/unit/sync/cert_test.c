#include "tests/unit/sync/codec.h"

#include "sync/cert.h"

static void
sign_key_of(struct sign_key *k, struct json_object *keys, const char *list,
    const char *name)
{
	struct json_object *v;
	uint8_t seed[32];

	for (size_t i = 0; (v = codec_item(keys, list, i)) != NULL; i++) {
		if (strcmp(vector_text(v, "name"), name) != 0)
			continue;
		codec_get(seed, 32, v, "sign_seed");
		sign_key_from_seed(k, seed);
		return;
	}
	fail();
}

static void
device_blocks_are_made_as_in_the_vectors(void **state)
{
	struct json_object *all = codec_vectors("keys"), *v;

	(void)state;
	for (size_t i = 0; (v = codec_item(all, "devices", i)) != NULL; i++) {
		VECTOR want = vector_get(v, "block");
		BUF_SCOPED out = { .max = 1000 };
		uint8_t seed[32], noise[32], box[32];
		struct device_block b, got;
		struct sign_key key;
		struct rd r;

		codec_get(seed, 32, v, "sign_seed");
		codec_get(noise, 32, v, "noise_pk");
		codec_get(box, 32, v, "box_pk");
		sign_key_from_seed(&key, seed);
		device_block_make(&b, &key, noise, box,
		    (uint32_t)codec_number(v, "box_counter"));
		device_block_write(&out, &b);
		assert_bytes(buf_bytes(&out), VECTOR_VIEW(want));
		assert_true(device_block_verify(&b));
		r = rd_over(buf_bytes(&out));
		device_block_read(&r, &got);
		assert_true(rd_done(&r));
		assert_memory_equal(&got, &b, sizeof(b));
		b.box_counter++;
		assert_false(device_block_verify(&b));
	}
	json_object_put(all);
}

static void
certificates_are_those_of_the_vectors(void **state)
{
	struct json_object *all = codec_vectors("cert"), *v;

	(void)state;
	for (size_t i = 0; (v = codec_item(all, "certificates", i)) != NULL;
	     i++) {
		VECTOR raw = vector_get(v, "certificate");
		BUF_SCOPED out = { .max = 1000 };
		uint8_t want[64];
		struct cert c;

		assert_ok(cert_decode(&c, VECTOR_VIEW(raw)));
		assert_true(cert_verify(&c));
		codec_get(want, 32, v, "root");
		assert_memory_equal(c.root_pk, want, 32);
		codec_get(want, 32, v, "device");
		assert_memory_equal(c.block.device_pk, want, 32);
		codec_get(want, 32, v, "issuer");
		assert_memory_equal(c.issuer_pk, want, 32);
		codec_get(want, 64, v, "self_sig");
		assert_memory_equal(c.block.self_sig, want, 64);
		assert_int_equal(c.rank, codec_number(v, "rank"));
		assert_int_equal(c.serial, codec_number(v, "serial"));
		cert_write(&out, &c);
		assert_bytes(buf_bytes(&out), VECTOR_VIEW(raw));
	}
	for (size_t i = 0; (v = codec_item(all, "bad", i)) != NULL; i++) {
		VECTOR raw = vector_get(v, "certificate");
		struct cert c;

		assert_ok(cert_decode(&c, VECTOR_VIEW(raw)));
		assert_false(cert_verify(&c));
	}
	json_object_put(all);
}

static void
a_certificate_is_signed_as_in_the_vectors(void **state)
{
	struct json_object *all = codec_vectors("cert");
	struct json_object *keys = codec_vectors("keys");
	struct json_object *v = codec_item(all, "certificates", 0);
	VECTOR raw = vector_get(v, "certificate");
	struct sign_key root;
	struct cert c, again;

	(void)state;
	assert_ok(cert_decode(&c, VECTOR_VIEW(raw)));
	sign_key_of(&root, keys, "roots", "laura");
	again = c;
	memset(again.sig, 0, sizeof(again.sig));
	memset(again.issuer_pk, 0, sizeof(again.issuer_pk));
	cert_sign(&again, &root);
	assert_memory_equal(again.sig, c.sig, sizeof(c.sig));
	assert_memory_equal(again.issuer_pk, c.issuer_pk, 32);
	c.rank = 0;
	cert_sign(&c, &root);
	assert_false(cert_verify(&c));
	json_object_put(keys);
	json_object_put(all);
}

static void
never_verifies(struct bytes in, void *ctx)
{
	struct cert c;

	(void)ctx;
	if (in.len < CERT_LEN)
		assert_code(cert_decode(&c, in), LK_E_TRUNCATED);
	else if (in.len > CERT_LEN)
		assert_code(cert_decode(&c, in), LK_E_MALFORMED);
	else
		assert_false(
		    cert_decode(&c, in).code == LK_OK && cert_verify(&c));
}

static void
a_changed_certificate_does_not_verify(void **state)
{
	struct json_object *all = codec_vectors("cert");
	VECTOR raw =
	    vector_get(codec_item(all, "certificates", 1), "certificate");

	(void)state;
	codec_damage(VECTOR_VIEW(raw), 400, never_verifies, NULL);
	json_object_put(all);
}

static void
gone_statements_are_those_of_the_vectors(void **state)
{
	struct json_object *all = codec_vectors("cert"), *v;
	struct json_object *keys = codec_vectors("keys");

	(void)state;
	for (size_t i = 0; (v = codec_item(all, "gone", i)) != NULL; i++) {
		VECTOR raw = vector_get(v, "statement");
		struct rd r = rd_over(VECTOR_VIEW(raw));
		BUF_SCOPED out = { .max = 1000 };
		struct sign_key laptop;
		uint8_t root[32];
		struct gone g, again;

		gone_read(&r, &g);
		assert_true(rd_done(&r));
		codec_get(root, 32, v, "root");
		assert_true(gone_verify(&g, root));
		sign_key_of(&laptop, keys, "devices", "laptop");
		gone_make(&again, root, g.device_pk, g.serial, &laptop);
		assert_memory_equal(&again, &g, sizeof(g));
		gone_write(&out, &g);
		assert_bytes(buf_bytes(&out), VECTOR_VIEW(raw));
		g.serial++;
		assert_false(gone_verify(&g, root));
		root[0] ^= 1;
		assert_false(gone_verify(&again, root));
	}
	json_object_put(keys);
	json_object_put(all);
}

static void
only_a_senior_ends_a_device(void **state)
{
	struct json_object *all = codec_vectors("cert");
	VECTOR senior_raw =
	    vector_get(codec_item(all, "certificates", 0), "certificate");
	VECTOR junior_raw =
	    vector_get(codec_item(all, "certificates", 1), "certificate");
	struct cert senior, junior;
	struct gone g = { 0 };

	(void)state;
	assert_ok(cert_decode(&senior, VECTOR_VIEW(senior_raw)));
	assert_ok(cert_decode(&junior, VECTOR_VIEW(junior_raw)));
	memcpy(g.device_pk, junior.block.device_pk, 32);
	memcpy(g.issuer_pk, senior.block.device_pk, 32);
	assert_true(gone_ends(&g, &junior, &senior));
	assert_false(gone_ends(&g, &junior, NULL));
	assert_false(gone_ends(&g, &senior, &senior));
	memcpy(g.issuer_pk, junior.root_pk, 32);
	assert_true(gone_ends(&g, &junior, NULL));
	memcpy(g.device_pk, senior.block.device_pk, 32);
	memcpy(g.issuer_pk, junior.block.device_pk, 32);
	assert_false(gone_ends(&g, &senior, &junior));
	/* Nor does an equal. */
	junior.rank = senior.rank;
	assert_false(gone_ends(&g, &senior, &junior));
	json_object_put(all);
}

/* A chain of n devices below a root, the last certificate issued first. */
static void
chain_make(struct proof *p, size_t n)
{
	struct sign_key issuer, device;
	uint8_t seed[32] = { 1 }, root_pk[32];

	p->len = n;
	sign_key_from_seed(&issuer, seed);
	memcpy(root_pk, issuer.pk, 32);
	for (size_t i = n; i-- > 0;) {
		struct cert *c = &p->certs[i];
		struct dh_key dh;

		seed[1] = (uint8_t)(i + 1);
		sign_key_from_seed(&device, seed);
		dh_key_from_secret(&dh, seed);
		*c = (struct cert){ .rank = (uint16_t)(100 - i), .serial = 1 };
		memcpy(c->root_pk, root_pk, 32);
		device_block_make(&c->block, &device, dh.pk, dh.pk, 0);
		cert_sign(c, &issuer);
		issuer = device;
	}
}

static void
proofs_of_one_to_eight_certificates_verify(void **state)
{
	struct json_object *all = codec_vectors("cert"), *v;
	struct proof p, got;

	(void)state;
	for (size_t i = 0; (v = codec_item(all, "proofs", i)) != NULL; i++) {
		VECTOR raw = vector_get(v, "proof");
		uint8_t noise[32];

		codec_get(noise, 32, v, "noise");
		assert_ok(proof_decode(&p, VECTOR_VIEW(raw)));
		assert_true(proof_verify(&p, NULL));
		assert_memory_equal(p.certs[0].block.noise_pk, noise, 32);
	}
	for (size_t n = 1; n <= PROOF_CERTS_MAX; n++) {
		BUF_SCOPED out = { .max = PROOF_LEN_MAX };
		BUF_SCOPED again = { .max = PROOF_LEN_MAX };

		chain_make(&p, n);
		assert_true(proof_verify(&p, NULL));
		assert_true(proof_verify(&p, p.certs[0].root_pk));
		assert_false(proof_verify(&p, p.certs[0].block.device_pk));
		proof_write(&out, &p);
		assert_ok(proof_decode(&got, buf_bytes(&out)));
		assert_int_equal(got.len, n);
		proof_write(&again, &got);
		assert_bytes(buf_bytes(&again), buf_bytes(&out));
		for (size_t len = 0; len < out.len; len++)
			assert_code(proof_decode(&got, BYTES(out.ptr, len)),
			    LK_E_TRUNCATED);
	}
	json_object_put(all);
}

static void
a_chain_that_does_not_close_or_rises_in_rank_is_no_proof(void **state)
{
	struct sign_key root;
	struct proof p;
	uint8_t seed[32] = { 1 }, over[1 + 9 * CERT_LEN] = { 9 };

	(void)state;
	assert_ok(crypto_start());
	chain_make(&p, 4);
	p.len = 3;
	assert_false(proof_verify(&p, NULL));
	p.len = 0;
	assert_false(proof_verify(&p, NULL));
	chain_make(&p, 4);
	p.certs[2] = p.certs[3];
	assert_false(proof_verify(&p, NULL));
	/* The senior's rank is not below: signed well, but no chain. */
	chain_make(&p, 2);
	sign_key_from_seed(&root, seed);
	p.certs[1].rank = p.certs[0].rank;
	cert_sign(&p.certs[1], &root);
	assert_true(cert_verify(&p.certs[1]));
	assert_false(proof_verify(&p, NULL));
	assert_code(proof_decode(&p, BYTES_OF(over)), LK_E_MALFORMED);
	over[0] = 0;
	assert_code(proof_decode(&p, BYTES(over, 1)), LK_E_MALFORMED);
}

static void
a_box_key_of_low_order_is_none(void **state)
{
	uint8_t pk[32] = { 0 };

	(void)state;
	assert_false(box_pk_valid(pk));
	pk[0] = 1;
	assert_false(box_pk_valid(pk));
	pk[0] = 9;
	assert_true(box_pk_valid(pk));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(device_blocks_are_made_as_in_the_vectors),
		cmocka_unit_test(certificates_are_those_of_the_vectors),
		cmocka_unit_test(a_certificate_is_signed_as_in_the_vectors),
		cmocka_unit_test(a_changed_certificate_does_not_verify),
		cmocka_unit_test(gone_statements_are_those_of_the_vectors),
		cmocka_unit_test(only_a_senior_ends_a_device),
		cmocka_unit_test(proofs_of_one_to_eight_certificates_verify),
		cmocka_unit_test(
		    a_chain_that_does_not_close_or_rises_in_rank_is_no_proof),
		cmocka_unit_test(a_box_key_of_low_order_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
