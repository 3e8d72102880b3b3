/*
 * log_dump - writes the envelopes of a store to a file, one behind the other:
 * what a relay or a backup of them would hold.  The capture test searches it
 * for things that must not be readable there.
 *
 * usage: log_dump STORE FILE
 */
#include <stdio.h>
#include <string.h>

#include "store/store.h"

/* Documents are numbered one after the other; a store of a test has few. */
#define DOCNO_MAX 100000

static lk_err
document_dump(struct txn *txn, uint32_t docno, FILE *out, uint64_t *envelopes)
{
	struct log_entry entry;
	uint64_t lsn = 1;

	for (;;) {
		lk_err err = log_next(txn, docno, lsn, &entry);

		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		if (fwrite(entry.envelope.ptr, 1, entry.envelope.len, out) !=
		    entry.envelope.len)
			return LK_SYS("write");
		++*envelopes;
		lsn = entry.lsn + 1;
	}
}

static lk_err
store_dump(struct store *store, FILE *out, uint64_t *envelopes)
{
	struct store_usage usage;
	struct txn *txn;
	lk_err err = LK_NONE;

	TRY(store_usage(store, &usage));
	TRY(txn_begin(store, TXN_READ, &txn));
	for (uint32_t docno = 0; *envelopes < usage.envelopes &&
	     docno <= DOCNO_MAX && err.code == LK_OK;
	     docno++)
		err = document_dump(txn, docno, out, envelopes);
	txn_abort(txn);
	if (err.code == LK_OK && *envelopes != usage.envelopes)
		return LK_ERR(LK_E_CORRUPT, "not all envelopes were found");
	return err;
}

int
main(int argc, char *argv[])
{
	struct store *store = NULL;
	uint64_t envelopes = 0;
	FILE *out;
	lk_err err;

	if (argc != 3) {
		fprintf(stderr, "usage: log_dump STORE FILE\n");
		return 64;
	}
	err = store_open(&store, argv[1], 0);
	if (err.code == LK_OK) {
		out = fopen(argv[2], "wb");
		err = out == NULL ? LK_SYS("open")
				  : store_dump(store, out, &envelopes);
		if (out != NULL && fclose(out) != 0 && err.code == LK_OK)
			err = LK_SYS("write");
	}
	store_close(store);
	if (err.code != LK_OK) {
		fprintf(stderr, "log_dump: %s: %s\n", err.what,
		    err.code == LK_E_SYS ? strerror(err.sys)
					 : lk_strcode(err.code));
		return lk_exit_status(err.code);
	}
	printf("%llu envelopes\n", (unsigned long long)envelopes);
	return 0;
}
