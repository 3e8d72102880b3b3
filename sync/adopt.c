#include <stdlib.h>
#include <string.h>

#include "sync/admit.h"
#include "sync/revoke.h"

/* The rest of an envelope's deps is for the heads of what counts. */
#define ADOPTED_MAX (ENVELOPE_DEPS_MAX / 2)

static lk_err
adopt_some(
    struct replica *r, struct docstate *ds, const uint32_t *numbers, size_t n)
{
	uint8_t ids[ADOPTED_MAX][LK_ID_LEN];
	struct access_op op = { .kind = OP_ADOPT,
		.adopt = { .ids = ids[0], .ids_len = 0 } };
	struct admission a;
	lk_err err;

	for (size_t i = 0; i < n; i++)
		graph_id(ds->graph, numbers[i], ids[i]);
	qsort(ids, n, LK_ID_LEN, lk_id_compare);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || memcmp(ids[i], ids[i - 1], LK_ID_LEN) != 0)
			memmove(ids[op.adopt.ids_len++], ids[i], LK_ID_LEN);
	admission_begin(&a, r, ds);
	err = author_after(&a, &op, numbers, n);
	if (err.code == LK_OK)
		return admission_end(&a);
	admission_drop(&a);
	return err;
}

lk_err
replica_adopt(
    struct replica *r, uint32_t docno, const uint32_t *numbers, size_t n)
{
	struct docstate *ds;

	TRY(docstate_get(r, docno, &ds));
	for (size_t at = 0; at < n; at += ADOPTED_MAX) {
		size_t some = n - at < ADOPTED_MAX ? n - at : ADOPTED_MAX;

		TRY(adopt_some(r, ds, numbers + at, some));
	}
	return LK_NONE;
}
