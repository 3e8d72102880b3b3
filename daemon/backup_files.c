/*
 * What is in a backup as plain files: restored into a scratch store, and given
 * to the client in events, one file after the other:
 *
 *   {"file": path, "first": bool, "exec": bool, "data": base64}
 *
 * With "dropped": true the file is none, as the rest of it is not there.
 *
 * Of a document its history, as an Automerge file, and what it holds as text or
 * JSON, or, where it is that of a mirror, the files; both where it holds more
 * than these.  Paths are unlike each
 * other and have no part that could lead anywhere else; the client sees to that
 * once more.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "crdt/document.h"
#include "daemon/backup_restoring.h"
#include "daemon/daemon.h"
#include "daemon/json_value.h"
#include "daemon/pointer.h"
#include "daemon/subject.h"
#include "mirror/files.h"
#include "sync/piece.h"

/* As base64 and with what is around it well under a line. */
#define EVENT_BYTES (384u * 1024)
#define LEFT_OUT_MAX 1024 /* are told; the rest is counted */
#define STEM_MAX 180      /* bytes of a name, before what tells it apart */
#define STEM_ID 8         /* digits of the id that do */
#define FILE_PATH_MAX (STEM_MAX + STEM_ID + 2 + PATH_BYTES_MAX + 16)

/* A file of a mirror. */
struct shown {
	char *path; /* owned */
	struct file_id id;
};

struct giving {
	char (*stems)[STEM_MAX + STEM_ID + 2]; /* owned; of each document */
	size_t doc;
	enum giving_part { CONTENT, HISTORY, FILES } part;
	struct shown *shown; /* owned; of the present document */
	size_t shown_len, shown_cap, shown_at;
	bool rest; /* it holds more than these, and what was deleted */
	/* The present file. */
	char path[FILE_PATH_MAX];
	bool open, first, exec, dropped;
	uint64_t given; /* bytes of it */
	struct buf out; /* what of it is to be sent, */
	size_t sent;    /* and was */
	struct buf pieces;
	size_t pieces_taken; /* bytes of their list */
	uint64_t files, bytes, left_out;
	struct json_object *told; /* owned until it is in the result */
};

static void
shown_clear(struct giving *g)
{
	for (size_t i = 0; i < g->shown_len; i++)
		free(g->shown[i].path);
	g->shown_len = g->shown_at = 0;
	g->rest = false;
}

void
giving_free(struct giving *g)
{
	if (g == NULL)
		return;
	shown_clear(g);
	free(g->shown);
	free(g->stems);
	buf_clear(&g->out);
	buf_clear(&g->pieces);
	json_object_put(g->told);
	free(g);
}

/* A name as that of a file, on any file system. */
static void
stem_make(char *out, const struct restored *d)
{
	static const char odd[] = "/\\:*?\"<>|";
	size_t len = strlen(d->name) < STEM_MAX ? strlen(d->name) : STEM_MAX;

	while (len > 0 && !utf8_valid(BYTES((const uint8_t *)d->name, len)))
		len--;
	memcpy(out, d->name, len);
	out[len] = '\0';
	for (size_t i = 0; i < len; i++)
		if (iscntrl((unsigned char)out[i]) != 0 ||
		    strchr(odd, out[i]) != NULL)
			out[i] = out[i] == '/' ? '~' : '_';
	if (len > 0 && (out[0] == '.' || out[0] == '-'))
		out[0] = '_';
	if (len > 0 && (out[len - 1] == '.' || out[len - 1] == ' '))
		out[len - 1] = '_';
}

struct stem_order {
	const char *stem;
	size_t doc;
};

static int
stem_compare(const void *a, const void *b)
{
	const struct stem_order *x = a, *y = b;
	int c = strcasecmp(x->stem, y->stem);

	return (c != 0 ? c : x->doc < y->doc ? -1 : x->doc > y->doc);
}

/* Those that are alike get some of their document's id. */
static void
stem_tell_apart(char *stem, const struct restored *d)
{
	char hex[2 * LK_ID_LEN + 1];
	size_t len = strlen(stem);

	hex_encode(hex, BYTES_OF(d->kept.docid));
	if (len > 0)
		stem[len++] = '~';
	memcpy(stem + len, hex, STEM_ID);
	stem[len + STEM_ID] = '\0';
}

static lk_err
stems_make(struct giving *g, const struct restoring *c)
{
	struct stem_order *order = calloc(c->docs_len + 1, sizeof(*order));

	g->stems = calloc(c->docs_len + 1, sizeof(*g->stems));
	if (g->stems == NULL || order == NULL) {
		free(order);
		return (LK_ERR(LK_E_NOMEM, "names of files"));
	}
	for (size_t i = 0; i < c->docs_len; i++) {
		stem_make(g->stems[i], &c->docs[i]);
		order[i] = (struct stem_order){ g->stems[i], i };
	}
	if (c->docs_len > 1)
		qsort(order, c->docs_len, sizeof(*order), stem_compare);
	/* From the end, so that what is compared with is as it was. */
	for (size_t i = c->docs_len; i-- > 0;)
		if (order[i].stem[0] == '\0' ||
		    (i > 0 &&
			strcasecmp(order[i].stem, order[i - 1].stem) == 0))
			stem_tell_apart(
			    g->stems[order[i].doc], &c->docs[order[i].doc]);
	free(order);
	return (LK_NONE);
}

static void
left_out_say(struct giving *g, const char *why)
{
	struct json_object *o;

	if (++g->left_out > LEFT_OUT_MAX)
		return;
	o = json_object_new_object();
	json_add_text(o, "file", g->path);
	json_add_text(o, "why", why);
	json_object_array_add(g->told, o);
}

/* Begins a file of the present document; its content is to follow. */
static void
file_begin(struct giving *g, const char *between, const char *rest)
{
	(void)snprintf(g->path, sizeof(g->path), "%s%s%s", g->stems[g->doc],
	    between, rest);
	buf_reset(&g->out);
	buf_reset(&g->pieces);
	g->sent = g->pieces_taken = 0;
	g->open = g->first = true;
	g->exec = g->dropped = false;
	g->given = 0;
}

/* What is no file, and why. */
static void
file_leave(
    struct giving *g, const char *between, const char *rest, const char *why)
{
	file_begin(g, between, rest);
	g->open = false;
	left_out_say(g, why);
}

/* What cannot be given is told; the errors of the scratch store end it all. */
static lk_err
file_check(struct giving *g, lk_err err)
{
	if (err.code == LK_OK && !g->out.failed && !g->pieces.failed) {
		g->files++;
		return (LK_NONE);
	}
	if (err.code == LK_E_SYS || err.code == LK_E_FULL ||
	    err.code == LK_E_NOMEM)
		return (err);
	left_out_say(g, err.code == LK_OK ? "it is too large" : err.what);
	g->out.failed = g->pieces.failed = false;
	g->open = false;
	return (LK_NONE);
}

static lk_err
shown_add(struct giving *g, const struct file_id *id, const char *path)
{
	struct shown *s;

	if (g->shown_len == g->shown_cap) {
		size_t cap = g->shown_cap == 0 ? 64 : 2 * g->shown_cap;
		struct shown *v = reallocarray(g->shown, cap, sizeof(*v));

		if (v == NULL)
			return (LK_ERR(LK_E_NOMEM, "files"));
		g->shown = v;
		g->shown_cap = cap;
	}
	s = &g->shown[g->shown_len];
	s->id = *id;
	s->path = strdup(path);
	if (s->path == NULL)
		return (LK_ERR(LK_E_NOMEM, "files"));
	g->shown_len++;
	return (LK_NONE);
}

struct looking {
	struct giving *g;
	struct doc *doc;
	size_t members; /* of the document */
	size_t told;    /* of them, shown or deleted */
};

static lk_err
shown_look(void *ctx, const struct file_id *id)
{
	struct looking *l = ctx;
	struct file_entry e;
	BUF_SCOPED content = { .max = FILE_BYTES_MAX };
	lk_err err = file_read(l->doc, id, &e, &content);

	if (err.code == LK_E_NOTFOUND)
		return (LK_NONE);
	if (err.code == LK_E_LIMIT) {
		file_leave(l->g, "/", id->hex, "it is too large");
		return (LK_NONE);
	}
	TRY(err);
	if (e.gone) {
		l->told++;
		return (LK_NONE);
	}
	if (e.flaw == NULL && e.path_len > 0)
		return (shown_add(l->g, id, e.path));
	file_leave(
	    l->g, "/", id->hex, e.flaw != NULL ? e.flaw : "it has no path");
	return (LK_NONE);
}

static lk_err
member_count(void *ctx, const struct doc_visit *v)
{
	struct looking *l = ctx;

	l->members += v->winner;
	return (LK_NONE);
}

static int
shown_compare(const void *a, const void *b)
{
	const struct shown *x = a, *y = b;
	int c = strcmp(x->path, y->path);

	return (c != 0 ? c : strcmp(x->id.hex, y->id.hex));
}

/* The files that a document shows, if it is that of a mirror. */
static lk_err
shown_find(struct giving *g, struct doc *doc)
{
	struct looking l = { .g = g, .doc = doc };
	size_t kept = 0;

	shown_clear(g);
	TRY(files_each(doc, shown_look, &l));
	TRY(doc_each(doc, DOC_ROOT, member_count, &l));
	if (g->shown_len > 1)
		qsort(g->shown, g->shown_len, sizeof(*g->shown), shown_compare);
	/* Of several with one path the first has it. */
	for (size_t i = 0; i < g->shown_len; i++) {
		if (kept > 0 &&
		    strcmp(g->shown[kept - 1].path, g->shown[i].path) == 0) {
			file_leave(g, "/", g->shown[i].path,
			    "another file has this path");
			free(g->shown[i].path);
		} else {
			g->shown[kept++] = g->shown[i];
		}
	}
	g->shown_len = kept;
	g->rest = l.told + kept < l.members;
	return (LK_NONE);
}

static lk_err
content_write(struct giving *g, struct doc *doc, const struct restored *d)
{
	struct item item = { .is_obj = true };
	struct base base;

	TRY(base_find(&base, doc, d->type, false));
	file_begin(g, "", base.type == OBJ_TEXT ? ".txt" : ".json");
	if (base.type == OBJ_TEXT)
		return (doc_text(doc, base.obj, &g->out));
	item.id = base.obj;
	item.obj_type = base.type;
	TRY(json_value_write(&g->out, doc, &item, JSON_PLAIN));
	buf_u8(&g->out, '\n');
	return (LK_NONE);
}

/* What a document holds, or the list of its files. */
static lk_err
content_begin(struct giving *g, struct restoring *c, const struct restored *d)
{
	struct doc *doc = NULL;
	lk_err err = replica_open_doc(c->replica, d->here, &doc);

	if (err.code == LK_OK)
		err = shown_find(g, doc);
	if (err.code == LK_OK && g->shown_len > 0 && !g->rest) {
		doc_free(doc);
		return (LK_NONE);
	}
	if (err.code == LK_OK)
		err = content_write(g, doc, d);
	doc_free(doc);
	/* A text that nothing was written into has no content. */
	if (err.code == LK_E_NOTFOUND)
		return (LK_NONE);
	if (!g->open)
		file_begin(g, "", "");
	return (file_check(g, err));
}

static lk_err
history_begin(struct giving *g, struct restoring *c, const struct restored *d)
{
	BUF_SCOPED heads = { .max = DOCUMENT_BODY_MAX };

	file_begin(g, "", ".automerge");
	return (file_check(g,
	    replica_export(
		c->replica, d->here, EXPORT_HISTORY, &g->out, &heads)));
}

static lk_err
shown_begin(struct giving *g, struct restoring *c, const struct restored *d)
{
	const struct shown *s = &g->shown[g->shown_at++];
	struct file_entry e = { .exec = false };
	struct doc *doc = NULL;
	BUF_SCOPED content = { .max = FILE_BYTES_MAX };
	lk_err err;

	file_begin(g, "/", s->path);
	err = replica_open_doc(c->replica, d->here, &doc);
	if (err.code == LK_OK)
		err = file_read(doc, &s->id, &e, &content);
	doc_free(doc);
	if (err.code == LK_OK && e.is_pieces) {
		uint8_t digest[FILE_DIGEST_LEN];
		uint64_t len;

		err = pieces_digest(digest, &len, buf_bytes(&content));
	}
	g->exec = e.exec;
	buf_add(e.is_pieces ? &g->pieces : &g->out, buf_bytes(&content));
	return (file_check(g, err));
}

/* The next file, or the next document. */
static lk_err
next_begin(struct giving *g, struct restoring *c)
{
	const struct restored *d = &c->docs[g->doc];

	/* Who is in the home document is for a device to know. */
	if (d->kept.home || d->here == 0) {
		if (!d->kept.home)
			file_leave(g, "", "", "nothing of it is there");
		g->doc++;
		return (LK_NONE);
	}
	switch (g->part) {
	case CONTENT:
		g->part = HISTORY;
		return (content_begin(g, c, d));
	case HISTORY:
		g->part = FILES;
		return (history_begin(g, c, d));
	case FILES:
		if (g->shown_at < g->shown_len)
			return (shown_begin(g, c, d));
		g->part = CONTENT;
		g->doc++;
		shown_clear(g);
	}
	return (LK_NONE);
}

/* The next piece of a long file; where one is not there, or another one, the
 * file is none. */
static lk_err
piece_next(struct giving *g, struct restoring *c)
{
	struct bytes list = BYTES(
	    g->pieces.ptr + g->pieces_taken, g->pieces.len - g->pieces_taken);
	uint8_t digest[FILE_DIGEST_LEN];
	struct piece p;
	lk_err err;

	buf_reset(&g->out);
	g->sent = 0;
	if (!piece_take(&list, &p)) {
		g->pieces_taken = g->pieces.len;
		return (LK_NONE);
	}
	g->pieces_taken += PIECE_RECORD_LEN;
	err = replica_piece(c->replica, c->docs[g->doc].here, p.at, &g->out);
	piece_digest(digest, buf_bytes(&g->out));
	if (err.code == LK_OK && g->out.len == p.len &&
	    memcmp(digest, p.digest, sizeof(digest)) == 0)
		return (LK_NONE);
	if (err.code == LK_E_SYS || err.code == LK_E_NOMEM)
		return (err);
	left_out_say(g, "a piece of it is not there");
	buf_reset(&g->out);
	g->out.failed = false;
	g->dropped = true;
	g->files--;
	g->bytes -= g->given;
	return (LK_NONE);
}

static lk_err
event_send(struct request *r, struct giving *g)
{
	size_t left = g->out.len - g->sent,
	       n = left < EVENT_BYTES ? left : EVENT_BYTES;
	struct json_object *event;
	BUF_SCOPED text = { .max = BASE64_LEN((size_t)EVENT_BYTES) + 1 };

	if (n > 0)
		base64_encode(&text, BYTES(g->out.ptr + g->sent, n));
	TRY(buf_err(&text, "file"));
	event = json_object_new_object();
	json_add_text(event, "file", g->path);
	json_add_flag(event, "first", g->first);
	json_add_flag(event, "exec", g->exec);
	if (g->dropped)
		json_add_flag(event, "dropped", true);
	json_object_object_add(event, "data",
	    json_object_new_string_len(
		text.len == 0 ? "" : (const char *)text.ptr, (int)text.len));
	g->first = false;
	g->sent += n;
	g->bytes += n;
	g->given += n;
	return (request_notify(r, event));
}

/* Some more of the present file; it is closed when all of it is sent. */
static lk_err
file_go_on(struct request *r, struct giving *g, struct restoring *c)
{
	if (g->sent == g->out.len && g->pieces_taken < g->pieces.len)
		TRY(piece_next(g, c));
	if (g->dropped) {
		g->open = false;
		/* Of one that has not begun nobody knows. */
		return (g->first ? LK_NONE : event_send(r, g));
	}
	if (g->first || g->sent < g->out.len)
		TRY(event_send(r, g));
	g->open = g->sent < g->out.len || g->pieces_taken < g->pieces.len;
	return (LK_NONE);
}

static lk_err
giving_begin(struct restoring *c)
{
	struct giving *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return (LK_ERR(LK_E_NOMEM, "files"));
	c->giving = g;
	g->told = json_object_new_array();
	buf_init(&g->out, DOCUMENT_BODY_MAX);
	buf_init(&g->pieces, FILE_BYTES_MAX);
	return (stems_make(g, c));
}

static void
given_say(struct request *r, struct restoring *c)
{
	struct giving *g = c->giving;
	size_t documents = 0;

	for (size_t i = 0; i < c->docs_len; i++)
		documents += !c->docs[i].kept.home;
	json_add_text(r->result, "place", c->place->url);
	json_add_snapshot(r->result, c->snapshot);
	json_add_number(r->result, "documents", documents);
	json_add_number(r->result, "files", g->files);
	json_add_number(r->result, "bytes", g->bytes);
	json_add_number(r->result, "refused", c->refused);
	json_add_number(r->result, "left_out_count", g->left_out);
	json_object_object_add(r->result, "left_out", g->told);
	g->told = NULL;
	json_object_object_add(r->result, "damaged", c->damaged);
	c->damaged = NULL;
}

static lk_err
files_give(struct request *r, struct restoring *c, bool *done)
{
	struct mono begun = now_read().mono;

	if (c->giving == NULL)
		TRY(giving_begin(c));
	while (request_room(r) &&
	    now_read().mono.ms - begun.ms < BACKUP_SLICE_MS) {
		struct giving *g = c->giving;

		if (g->open) {
			TRY(file_go_on(r, g, c));
		} else if (g->doc < c->docs_len) {
			TRY(next_begin(g, c));
		} else {
			*done = true;
			given_say(r, c);
			break;
		}
	}
	return (LK_NONE);
}

static lk_err
giving_poll(struct request *r, bool *done)
{
	return (scratch_poll(r, files_give, done));
}

lk_err
backup_files(struct request *r)
{
	return (scratch_defer(r, giving_poll));
}
