#include <stdlib.h>

#include "store/ballast.h"
#include "store/table.h"

/* How often, in commits, the ballast is looked after. */
#define BALLAST_COMMITS 256

static lk_err
txn_start(
    struct store *s, struct txn *parent, enum txn_mode mode, struct txn **out)
{
	struct txn *t = calloc(1, sizeof(*t));
	int rc;

	if (t == NULL)
		return LK_ERR(LK_E_NOMEM, "transaction");
	rc = mdb_txn_begin(s->env, parent == NULL ? NULL : parent->mdb,
	    mode == TXN_READ ? MDB_RDONLY : 0, &t->mdb);
	if (rc != 0) {
		free(t);
		return lmdb_err(rc, "transaction");
	}
	t->store = s;
	t->parent = parent;
	t->mode = mode;
	RB_INIT(&t->spaces);
	*out = t;
	return LK_NONE;
}

lk_err
txn_begin(struct store *s, enum txn_mode mode, struct txn **out)
{
	LK_ASSERT(s->pid == getpid());
	LK_ASSERT(mode == TXN_READ || !s->writing);
	if (mode == TXN_WRITE && s->broken)
		return (lk_err){ .code = LK_E_SYS,
			.sys = EIO,
			.what = "store, after a failed commit" };
	TRY(txn_start(s, NULL, mode, out));
	s->live++;
	if (mode == TXN_WRITE)
		s->writing = true;
	return LK_NONE;
}

lk_err
txn_begin_nested(struct txn *parent, struct txn **out)
{
	LK_ASSERT(parent->mode == TXN_WRITE && !parent->has_child);
	TRY(txn_start(parent->store, parent, TXN_WRITE, out));
	parent->has_child = true;
	return LK_NONE;
}

/* What has to end before the transaction itself. */
static void
txn_close_cursors(struct txn *t)
{
	LK_ASSERT(!t->has_child);
	for (size_t i = 0; i < TABLES; i++)
		if (t->cursors[i] != NULL)
			mdb_cursor_close(t->cursors[i]);
	spaces_free(&t->spaces);
}

static void
txn_free(struct txn *t)
{
	struct store *s = t->store;

	if (t->parent != NULL) {
		t->parent->has_child = false;
	} else {
		s->live--;
		if (t->mode == TXN_WRITE) {
			s->writing = false;
			ballast_release(s);
		}
	}
	free(t);
}

lk_err
txn_commit(struct txn *t)
{
	struct store *s = t->store;
	bool outermost = t->parent == NULL && t->mode == TXN_WRITE;
	lk_err err = LK_NONE;
	int rc;

	if (t->full) {
		txn_abort(t);
		return LK_ERR(LK_E_FULL, "commit");
	}
	txn_close_cursors(t);
	rc = mdb_txn_commit(t->mdb);
	if (rc != 0) {
		err = lmdb_err(
		    rc == EIO && ballast_needed(s) ? ENOSPC : rc, "commit");
		if (err.code == LK_E_FULL)
			s->full = true;
		else if (outermost && rc != MDB_BAD_TXN)
			s->broken = true;
	}
	txn_free(t);
	if (outermost && rc == 0 && !s->ballast &&
	    ++s->commits >= BALLAST_COMMITS)
		ballast_keep(s);
	return err;
}

void
txn_abort(struct txn *t)
{
	if (t == NULL)
		return;
	txn_close_cursors(t);
	mdb_txn_abort(t->mdb);
	txn_free(t);
}
