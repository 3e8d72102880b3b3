#include "sync/docno_list.h"
#include "sync/fanout.h"

#define HEAL_FIRST_MS 300
#define HEAL_SPREAD_MS 2000
#define HEAL_SLICE 64

lk_err
heals_note(struct engine *e, uint32_t docno)
{
	if (e->heals_len == 0)
		e->heals_due.ms = e->now.mono.ms + HEAL_FIRST_MS +
		    (int64_t)random_below(&e->random, HEAL_SPREAD_MS);
	return docno_list_add(&e->heals, &e->heals_len, &e->heals_cap, docno);
}

lk_err
heals_step(struct engine *e)
{
	struct fanout_list list;

	if (e->heals_len == 0 || e->heals_due.ms > e->now.mono.ms)
		return LK_NONE;
	TRY(fanout_load(e, &list));
	/* A few at a time, so that a long list holds nobody up. */
	for (int i = 0; i < HEAL_SLICE && e->heals_len > 0; i++) {
		uint32_t docno = e->heals[e->heals_len - 1];
		bool healed = false;
		lk_err err = LK_NONE;

		/* What is about to go through all documents is not done
		 * before its time in this one: who made a device grants it,
		 * and what comes of that may be on its way. */
		if (e->fanout.ms == 0)
			err = fanout_document(e, docno, &list);
		if (err.code == LK_OK)
			err = replica_heal(e->r, docno, &healed);
		/* The document may be gone by now. */
		if (err.code != LK_E_NOTFOUND)
			TRY(err);
		if (!healed)
			e->heals_len--;
	}
	e->wake = e->now.mono;
	return LK_NONE;
}
