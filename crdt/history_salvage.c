#include <string.h>

#include "crdt/change_body.h"
#include "crdt/history_parts.h"

/* How often each byte of a file may be looked at as part of another chunk. */
#define LOOKS_MAX 16

struct salvage {
	struct history h;
	struct change_list l;
	history_flaw_fn *flaw;
	void *ctx;
	size_t number; /* of the file */
	struct bytes file;
	uint64_t looks; /* left for this file, in bytes */
};

/* Whether what an error says is about the chunk alone. */
static bool
is_flaw(lk_err err)
{
	return err.code == LK_E_TRUNCATED || err.code == LK_E_MALFORMED ||
	    err.code == LK_E_DATA;
}

static bool
magic_at(const struct salvage *s, size_t at)
{
	return s->file.len - at >= CHUNK_MAGIC_LEN &&
	    memcmp(s->file.ptr + at, chunk_magic, CHUNK_MAGIC_LEN) == 0;
}

/* Where the next chunk may begin, from `at` on; or the end. */
static size_t
magic_find(const struct salvage *s, size_t at)
{
	const uint8_t *found = at >= s->file.len
	    ? NULL
	    : memmem(s->file.ptr + at, s->file.len - at, chunk_magic,
		  CHUNK_MAGIC_LEN);

	return found == NULL ? s->file.len : (size_t)(found - s->file.ptr);
}

/*
 * What may be a chunk begins at `at`; *end is where it ends, or where to go on
 * when it is none.  A length is believed if it leads to another chunk or to
 * the end.
 */
static lk_err
chunk_try(struct salvage *s, size_t at, size_t *end)
{
	struct bytes left = BYTES(s->file.ptr + at, s->file.len - at);
	struct rd r = rd_over(left);
	size_t kept = s->l.len, taken;
	struct chunk chunk;
	lk_err err;

	err = chunk_next(&r, &s->h.arena, &chunk);
	taken = r.failed ? 0 : left.len - r.left.len;
	s->looks -= taken < s->looks ? taken : s->looks;
	*end = at + taken;
	if (err.code == LK_OK) {
		err = history_add_chunk(&s->h, &s->l, &chunk);
		if (err.code != LK_OK)
			s->l.len = kept;
	} else if (taken == 0 || (*end < s->file.len && !magic_at(s, *end))) {
		*end = magic_find(s, at + 1);
	}
	return err;
}

static lk_err
next_try(struct salvage *s, size_t at, size_t *end)
{
	if (s->looks == 0) {
		*end = s->file.len;
		return LK_ERR(LK_E_MALFORMED, "too much that is no chunk");
	}
	if (magic_at(s, at))
		return chunk_try(s, at, end);
	*end = magic_find(s, at + 1);
	return LK_ERR(LK_E_MALFORMED, "no Automerge chunk");
}

static lk_err
flaw_tell(struct salvage *s, size_t at, size_t end, lk_err err)
{
	struct history_flaw f = {
		.file = s->number, .at = at, .len = end - at, .err = err
	};

	return s->flaw(s->ctx, &f);
}

static lk_err
file_salvage(struct salvage *s)
{
	s->looks = (uint64_t)s->file.len * LOOKS_MAX + 1;
	if (s->file.len == 0)
		return flaw_tell(s, 0, 0, LK_ERR(LK_E_TRUNCATED, "empty"));
	for (size_t at = 0, end; at < s->file.len; at = end) {
		lk_err err = next_try(s, at, &end);

		if (err.code == LK_OK)
			continue;
		if (!is_flaw(err))
			return err;
		TRY(flaw_tell(s, at, end, err));
	}
	return LK_NONE;
}

lk_err
history_salvage(struct history *out, const struct bytes *files, size_t n,
    history_flaw_fn *flaw, void *ctx)
{
	struct salvage s = { .flaw = flaw, .ctx = ctx };
	lk_err err = LK_NONE;

	arena_init(&s.h.arena, HISTORY_ARENA_MAX);
	for (; s.number < n && err.code == LK_OK; s.number++) {
		s.file = files[s.number];
		err = file_salvage(&s);
	}
	return history_close(out, &s.h, &s.l, HISTORY_WHOLE, err);
}
