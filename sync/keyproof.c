#include "sync/keyproof.h"

#include <string.h>

enum proof_kind { PROOF_DEVICE = 1, PROOF_BOX, PROOF_STATEMENT };

static bool
same(const struct keyproof *a, const struct keyproof *b)
{
	return a->kind == b->kind && a->counter == b->counter &&
	    memcmp(a->device_pk, b->device_pk, sizeof(a->device_pk)) == 0 &&
	    memcmp(a->box_pk, b->box_pk, sizeof(a->box_pk)) == 0 &&
	    memcmp(a->box_sig, b->box_sig, sizeof(a->box_sig)) == 0;
}

static bool
proof_check(const struct keyproof *p)
{
	switch (p->kind) {
	case PROOF_DEVICE:
		return sign_pk_valid(p->device_pk);
	case PROOF_BOX:
		return box_pk_valid(p->box_pk);
	default:
		return box_pk_valid(p->box_pk) &&
		    box_statement_verify(
			p->box_sig, p->device_pk, p->box_pk, p->counter);
	}
}

static bool
proof_once(struct keyproofs *k, const struct keyproof *p)
{
	for (size_t i = 0; i < k->len; i++)
		if (same(&k->seen[i], p))
			return true;
	if (!proof_check(p))
		return false;
	k->seen[k->next] = *p;
	k->next = (k->next + 1) % KEYPROOFS_MAX;
	if (k->len < KEYPROOFS_MAX)
		k->len++;
	return true;
}

bool
keyproof_device(
    struct keyproofs *k, const uint8_t device_pk[static SIGN_PK_LEN])
{
	struct keyproof p = { .kind = PROOF_DEVICE };

	memcpy(p.device_pk, device_pk, sizeof(p.device_pk));
	return proof_once(k, &p);
}

bool
keyproof_box(struct keyproofs *k, const uint8_t box_pk[static DH_LEN])
{
	struct keyproof p = { .kind = PROOF_BOX };

	memcpy(p.box_pk, box_pk, sizeof(p.box_pk));
	return proof_once(k, &p);
}

bool
keyproof_statement(struct keyproofs *k, const uint8_t box_sig[static SIGN_LEN],
    const uint8_t device_pk[static SIGN_PK_LEN],
    const uint8_t box_pk[static DH_LEN], uint32_t counter)
{
	struct keyproof p = { .kind = PROOF_STATEMENT, .counter = counter };

	memcpy(p.device_pk, device_pk, sizeof(p.device_pk));
	memcpy(p.box_pk, box_pk, sizeof(p.box_pk));
	memcpy(p.box_sig, box_sig, sizeof(p.box_sig));
	return proof_once(k, &p);
}
