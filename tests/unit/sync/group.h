/*
 * group.h - for tests: three members of a document, and files that they import
 * into it.
 */
#ifndef TESTS_UNIT_SYNC_GROUP_H
#define TESTS_UNIT_SYNC_GROUP_H

#include "crdt/change.h"
#include "tests/unit/sync/forge.h"

#define STRANGER "a foreign actor!"

struct group {
	struct device a, m, f;
	uint32_t in_a, in_m, in_f;
};

static inline const uint8_t *
pk(const struct device *d)
{
	return d->identity.sign.pk;
}

static inline void
carry(struct device *from, uint32_t in_from, struct device *to, uint32_t in_to)
{
	struct bag b = { .len = 0 };

	(void)bag_take(&b, from, in_from, 1);
	give_all(to, in_to, &b);
	bag_clear(&b);
}

/* A document of a, written by m too; f reads and writes. */
static inline void
group_make(struct group *g)
{
	device_make(&g->a, 1, "ann");
	device_make(&g->m, 2, "mal");
	device_make(&g->f, 3, "fay");
	g->in_a = document(&g->a, "plan");
	ok(share_try(&g->a, g->in_a, &g->m, ROLE_WRITE));
	ok(share_try(&g->a, g->in_a, &g->f, ROLE_WRITE));
	g->in_m = welcome(&g->m, &g->a, g->in_a);
	g->in_f = welcome(&g->f, &g->a, g->in_a);
	carry(&g->a, g->in_a, &g->m, g->in_m);
	carry(&g->a, g->in_a, &g->f, g->in_f);
	assert_int_equal(role_of(&g->m, g->in_m, pk(&g->m)), ROLE_WRITE);
}

static inline void
group_clear(struct group *g)
{
	device_remove(&g->a);
	device_remove(&g->m);
	device_remove(&g->f);
}

/* Appends a change of a stranger that sets `key` of object `obj`. */
static inline void
foreign_change(struct buf *file, uint64_t seq, const char *key, uint64_t obj,
    const uint8_t *dep, uint8_t hash[static LK_ID_LEN])
{
	struct change_head head = { .actor = BYTES_STR(STRANGER),
		.seq = seq,
		.start_op = dep == NULL ? seq : seq + 100,
		.deps = dep,
		.deps_len = dep != NULL };
	struct op op = { .action = ACTION_SET,
		.key_kind = KEY_MAP,
		.obj = { obj, 0 },
		.key = BYTES_STR(key),
		.value = { .type = VALUE_STR, .bytes = BYTES_STR("x") } };
	struct change_writer *w;
	ARENA_SCOPED arena = { .max = 1 << 20 };
	struct change c;
	BUF_SCOPED body = { .max = 1 << 20 };

	ok(change_writer_new(&w, &head));
	ok(change_writer_add(w, &op));
	ok(change_writer_finish(w, &body));
	change_writer_free(w);
	ok(change_decode(&c, &arena, buf_bytes(&body)));
	memcpy(hash, c.hash, LK_ID_LEN);
	chunk_write(file, CHUNK_CHANGE, buf_bytes(&body));
}

static inline void
import_op(struct forgery *f, struct bytes file)
{
	f->body.ops[f->body.ops_len++] = (struct access_op){ .kind = OP_IMPORT,
		.content = { .form = 1, .data = file } };
}

static inline void
import_by(struct device *d, uint32_t docno, struct bytes file, struct buf *out)
{
	struct forgery f;
	uint8_t id[LK_ID_LEN];

	forge_place(d, docno, &f);
	import_op(&f, file);
	forge_seal(d, docno, &f, out, id);
	assert_int_equal(give(d, docno, buf_bytes(out)).what, RECEIPT_ACCEPTED);
}

/* How many changes the newest one of a document depends on. */
static inline size_t
last_deps(struct device *d, uint32_t docno)
{
	ARENA_SCOPED arena = { .max = 1 << 20 };
	struct change_bodies bodies;
	struct docstate *ds;
	struct admission a;
	struct change c;

	device_begin(d);
	ok(docstate_get(d->r, docno, &ds));
	admission_begin(&a, d->r, ds);
	change_bodies_init(&bodies, 1 << 20);
	ok(content_changes(&a, graph_len(ds->graph) - 1, &bodies));
	assert_int_equal(bodies.len, 1);
	ok(change_decode(&c, &arena, bodies.at[0]));
	change_bodies_clear(&bodies);
	admission_drop(&a);
	device_commit(d);
	return c.deps_len;
}

#endif
