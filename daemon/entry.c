#include "daemon/entry.h"

#include <string.h>

#include "daemon/revision.h"

#define DIGITS_MIN 4

static lk_err
change_entry(struct request *r, const struct subject *s, const char *rev,
    struct change_info *out)
{
	struct revisions v;
	uint8_t hash[LK_ID_LEN];
	lk_err err;

	TRY(revisions_open(r, &v, s, NULL, NULL));
	err = revision_change(r, &v, rev, hash);
	if (err.code == LK_OK)
		err = replica_change(r->replica, s->docno, v.base, hash, out);
	revisions_close(&v);
	return err;
}

/* The envelope whose id begins like this: *number, and how many do. */
static lk_err
id_match(struct request *r, uint32_t docno, const char *digits,
    uint32_t *number, size_t *found)
{
	struct graph *g;

	*found = 0;
	TRY(replica_graph(r->replica, docno, &g));
	for (uint32_t n = 0; n < graph_len(g); n++) {
		char hex[2 * LK_ID_LEN + 1];
		uint8_t id[LK_ID_LEN];

		graph_id(g, n, id);
		hex_encode(hex, BYTES_OF(id));
		if (strncmp(hex, digits, strlen(digits)) != 0)
			continue;
		*number = n;
		++*found;
	}
	return LK_NONE;
}

lk_err
entry_find(struct request *r, const struct subject *s, const char *rev,
    struct change_info *out)
{
	lk_err err = change_entry(r, s, rev, out);
	uint32_t number;
	size_t found;

	if (err.code != LK_E_NOTFOUND || strlen(rev) < DIGITS_MIN)
		return err;
	TRY(id_match(r, s->docno, rev, &number, &found));
	if (found > 1) {
		request_hint(r, "give more digits");
		return request_fail(r, LK_ERR(LK_E_USAGE, "find entry"),
		    "%s: more than one entry of the log has an id like this",
		    rev);
	}
	return found == 0 ? err
			  : replica_entry(r->replica, s->docno, number, out);
}
