#include "tests/sim/bucket.h"

#include <stdlib.h>
#include <string.h>

#include "sync/remotes.h"
#include "tests/sim/house.h"
#include "tests/sim/leak.h"
#include "tests/sim/node.h"

#define REMOTE 1
#define MAIL "lk1/mail/"
#define ITEMS_MAX 65536
#define GOES_BACK 400 /* one in so many requests */
#define FOREIGN 20
#define FOREIGN_ITEMS_MAX 3000

struct kept {
	char name[OBJECT_NAME_MAX + 1];
	struct buf bytes;
};

struct items {
	struct kept *at; /* owned; ascending by name */
	size_t len;
};

/* An answer on its way. */
struct due {
	struct node *node; /* NULL: delivered */
	uint32_t boot;
	struct object_answer answer;
};

struct folder {
	bool alone; /* the friend reaches nothing else */
	bool lies;  /* and goes on when the faults are over */
	struct items now, then;
	struct due *due; /* owned */
	size_t due_len;
	bool away;
};

static void
items_clear(struct items *s)
{
	for (size_t i = 0; i < s->len; i++)
		buf_clear(&s->at[i].bytes);
	free(s->at);
	*s = (struct items){ 0 };
}

static size_t
items_place(const struct items *s, const char *name, bool *is)
{
	size_t lo = 0, hi = s->len;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (strcmp(s->at[mid].name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	*is = lo < s->len && strcmp(s->at[lo].name, name) == 0;
	return lo;
}

static void
items_put(struct items *s, const char *name, struct bytes bytes)
{
	bool is;
	size_t i = items_place(s, name, &is);

	if (!is) {
		LK_ASSERT(s->len < ITEMS_MAX);
		s->at = reallocarray(s->at, s->len + 1, sizeof(*s->at));
		LK_ASSERT(s->at != NULL);
		memmove(
		    &s->at[i + 1], &s->at[i], (s->len - i) * sizeof(*s->at));
		s->len++;
		s->at[i] = (struct kept){ .bytes = { 0 } };
		(void)strlcpy(s->at[i].name, name, sizeof(s->at[i].name));
		buf_init(&s->at[i].bytes, OBJECT_BYTES_MAX);
	}
	buf_reset(&s->at[i].bytes);
	buf_add(&s->at[i].bytes, bytes);
	LK_ASSERT(!s->at[i].bytes.failed);
}

static void
items_delete(struct items *s, const char *name)
{
	bool is;
	size_t i = items_place(s, name, &is);

	if (!is)
		return;
	buf_clear(&s->at[i].bytes);
	memmove(&s->at[i], &s->at[i + 1], (s->len - i - 1) * sizeof(*s->at));
	s->len--;
}

static void
items_copy(struct items *to, const struct items *from)
{
	items_clear(to);
	for (size_t i = 0; i < from->len; i++)
		items_put(to, from->at[i].name, buf_bytes(&from->at[i].bytes));
}

void
folder_plan(struct world *w)
{
	if (!world_chance(w, 4))
		return;
	w->bucket = calloc(1, sizeof(*w->bucket));
	LK_ASSERT(w->bucket != NULL);
	w->bucket->alone = world_chance(w, 2);
	w->bucket->lies = !w->bucket->alone && world_chance(w, 2);
	/* A welcome by letter from one friend to another may not come. */
	w->bucket->alone = w->bucket->alone && !w->plan.fourth;
	world_say(w, "there is a folder%s",
	    w->bucket->alone      ? ", and nothing else for the friend"
		: w->bucket->lies ? ", which lies"
				  : "");
}

void
folder_free(struct world *w)
{
	struct folder *b = w->bucket;

	if (b == NULL)
		return;
	for (size_t i = 0; i < b->due_len; i++)
		object_answer_clear(&b->due[i].answer);
	free(b->due);
	items_clear(&b->now);
	items_clear(&b->then);
	free(b);
	w->bucket = NULL;
}

bool
folder_parts(const struct world *w, size_t a, size_t b)
{
	return w->bucket != NULL && w->bucket->alone && a != b &&
	    (a == FRIEND || b == FRIEND);
}

void
folder_heal(struct world *w)
{
	if (w->bucket != NULL)
		w->bucket->away = false;
}

void
remotes_configure(struct node *n)
{
	struct remote_config configs[2] = { { .number = REMOTE,
	    .kind = REMOTE_FOLDER,
	    .name = "folder",
	    .url = "file:///folder" } };
	char url[REMOTE_URL_MAX + 1];
	size_t len = n->world->bucket != NULL;

	len += house_remote(n, &configs[len], url, sizeof(url));
	if (len > 0)
		world_need(n->world,
		    engine_remotes_configure(
			n->engine, configs, len, node_now(n)),
		    "engine_remotes_configure");
}

static bool
odds(struct world *w, uint64_t n)
{
	return (w->faults || w->bucket->lies) && world_chance(w, n);
}

/* What it shows this device: one that lies shows half of them what it was. */
static struct items *
shown_to(struct world *w, const struct node *n)
{
	struct folder *b = w->bucket;
	bool old = b->lies ? n->index % 2 == 1 : false;

	return old ? &b->then : &b->now;
}

/* Something of one name under another, a name that nobody gave, or anything. */
static void
foreign_put(struct world *w)
{
	struct items *s = &w->bucket->now;
	char name[OBJECT_NAME_MAX + 1];
	BUF_SCOPED b = { .max = OBJECT_BYTES_MAX };
	size_t from, to, len, other;
	uint8_t *room;

	if (s->len == 0 || s->len >= FOREIGN_ITEMS_MAX)
		return;
	from = (size_t)random_below(&w->random, s->len);
	to = (size_t)random_below(&w->random, s->len);
	(void)strlcpy(name, s->at[to].name, sizeof(name));
	len = strlen(name);
	if (world_chance(w, 3) && len > 0) {
		other = (size_t)random_below(&w->random, 18);
		name[random_below(&w->random, len)] =
		    "0123456789abcdef-."[other];
	}
	buf_add(&b, buf_bytes(&s->at[from].bytes));
	room = world_chance(w, 3) ? buf_extend(&b, 300) : NULL;
	if (room != NULL)
		random_fill(&w->random, room, 300);
	items_put(s, name, buf_bytes(&b));
}

static void
list_answer(
    struct node *n, const struct object_request *q, struct object_answer *a)
{
	struct world *w = n->world;
	const struct items *s = odds(w, 20) ? &w->bucket->then : shown_to(w, n);
	size_t page = (size_t)world_between(w, 1, 200);

	a->entries = calloc(page, sizeof(*a->entries));
	LK_ASSERT(a->entries != NULL);
	for (size_t i = 0; i < s->len; i++) {
		struct object_entry *e = &a->entries[a->entries_len];

		if (strncmp(s->at[i].name, q->name, strlen(q->name)) != 0 ||
		    strcmp(s->at[i].name, q->after) <= 0)
			continue;
		a->more = a->entries_len == page;
		if (a->more)
			return;
		(void)strlcpy(e->name, s->at[i].name, sizeof(e->name));
		e->size = s->at[i].bytes.len;
		a->entries_len++;
	}
}

static void
get_answer(
    struct node *n, const struct object_request *q, struct object_answer *a)
{
	struct world *w = n->world;
	struct items *s = shown_to(w, n);
	bool is, flips;
	size_t i = items_place(s, q->name, &is), len, at;
	struct buf *bytes = &s->at[i].bytes;

	if (!is) {
		a->err = LK_ERR(LK_E_NOTFOUND, "object");
		return;
	}
	flips = odds(w, 60) && bytes->len > 0;
	at = flips ? (size_t)random_below(&w->random, bytes->len) : 0;
	len = odds(w, 30) ? bytes->len / 2 : bytes->len;
	if (len > q->max) {
		a->err = LK_ERR(LK_E_LIMIT, "object");
		return;
	}
	buf_mem(&a->bytes, bytes->ptr, len);
	if (flips && at < len)
		a->bytes.ptr[at] ^= 1;
	/* Where it lies, too; whoever reaches nothing else never gets over
	 * that (docs/security.md). */
	if (flips && !w->bucket->alone)
		bytes->ptr[at] ^= 1;
}

static void
object_answer_make(
    struct node *n, struct object_request *q, struct object_answer *a)
{
	struct world *w = n->world;
	struct folder *b = w->bucket;

	buf_init(&a->bytes, OBJECT_BYTES_MAX);
	if (odds(w, 100))
		b->away = !b->away;
	if (odds(w, 50))
		items_copy(&b->then, &b->now);
	if (odds(w, GOES_BACK)) {
		world_say(w, "the folder goes back");
		items_copy(&b->now, &b->then);
	}
	if (b->lies && world_chance(w, FOREIGN))
		foreign_put(w);
	if (b->away || odds(w, 50)) {
		a->err = LK_ERR(LK_E_UNAVAILABLE, "folder");
		return;
	}
	switch (q->op) {
	case OBJECT_LIST:
		list_answer(n, q, a);
		break;
	case OBJECT_GET:
		get_answer(n, q, a);
		break;
	case OBJECT_PUT:
		/* A letter that is gone looks like one that was read. */
		if (!odds(w, 30) || strncmp(q->name, MAIL, strlen(MAIL)) == 0)
			items_put(&b->now, q->name, buf_bytes(&q->bytes));
		break;
	case OBJECT_DELETE:
		items_delete(&b->now, q->name);
		break;
	}
}

void
folder_ask(struct node *n, struct object_request *q)
{
	struct world *w = n->world;
	struct folder *b = w->bucket;
	struct due due = { .node = n, .boot = n->boot };

	LK_ASSERT(b != NULL);
	leak_check(n, "in the folder", buf_bytes(&q->bytes));
	world_trace(
	    w, "asks", (uint64_t)q->op << 32 | n->index, BYTES_STR(q->name));
	due.answer.remote = q->remote;
	due.answer.request = q->request;
	object_answer_make(n, q, &due.answer);
	object_request_clear(q);
	b->due = reallocarray(b->due, b->due_len + 1, sizeof(*b->due));
	LK_ASSERT(b->due != NULL);
	b->due[b->due_len] = due;
	schedule_put(&w->schedule,
	    w->now + world_between(w, 1, w->faults ? 3000 : 200), EVENT_OBJECT,
	    b->due_len++, 0);
}

void
folder_event(struct world *w, size_t which)
{
	struct due *due = &w->bucket->due[which];
	struct node *n = due->node;

	/* Whoever asked may have died since. */
	if (n->up && n->boot == due->boot && n->hostile == NULL)
		node_object(n, &due->answer);
	object_answer_clear(&due->answer);
	due->node = NULL;
}
