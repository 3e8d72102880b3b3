#include "tests/sim/bounds.h"

#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "net/net.h"
#include "tests/sim/hostile.h"
#include "tests/sim/ledger.h"

#define LOOK_ODDS 16
/* Of one connection: what an engine may say in a round, and what then waits to
 * be written. */
#define UNSENT_MAX ((size_t)16 * 1024 * 1024 + NET_PENDING_HARD)
/* A stranger gets nothing but answers to a handshake and the first questions:
 * so much for each byte, and in all. */
#define STRANGER_RATIO 20
#define STRANGER_FREE ((uint64_t)256 * 1024)
/* What a byte may cost: a signature is checked in 65 us and has 64 of them; and
 * a second, for the noise of a busy machine. */
#define BYTE_NS INT64_C(100000)
#define FREE_NS INT64_C(2000000000)
#define DISK_MAX ((int64_t)64 * 1024 * 1024)

static void
bound(struct node *n, uint64_t is, uint64_t most, const char *what)
{
	if (is > most)
		world_fail(n->world, "S6: %s: %llu %s, at most %llu", n->name,
		    (unsigned long long)is, what, (unsigned long long)most);
}

void
bounds_check(struct node *n)
{
	struct inside_cost c;

	if (!world_chance(n->world, LOOK_ODDS))
		return;
	node_look(n);
	world_need(
	    n->world, inside_measure(n->engine, n->replica, &c), "measuring");
	node_look_end(n);
	bound(n, c.strangers, PEERS_STRANGERS_MAX, "strangers");
	bound(n, c.links, PEERS_MAX + PEERS_STRANGERS_MAX, "connections");
	bound(n, c.unsent, UNSENT_MAX, "bytes for one connection");
	bound(n, c.slots, ITEM_SLOTS_MAX, "authors of one connection");
	bound(n, c.waiting, WAITING_ENVELOPES_MAX, "envelopes that wait");
	bound(n, c.waiting_bytes, WAITING_BYTES_MAX, "bytes that wait");
	bound(n, c.leftovers, LEFTOVERS_AUTHOR_MAX, "leftovers of one");
	bound(n, c.leftover_bytes, LEFTOVERS_AUTHOR_BYTES_MAX,
	    "bytes of leftovers of one");
}

void
bounds_told(struct node *hostile, size_t len)
{
	hostile->hostile->told += len;
}

void
bounds_heard(struct node *hostile, size_t len, int64_t nanoseconds)
{
	hostile->hostile->heard += len;
	hostile->hostile->spent += nanoseconds;
}

int64_t
bounds_clock(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* How much of what it wrote as a member others have taken in. */
static size_t
stock_taken(const struct hostile *h)
{
	size_t n = 0;

	for (size_t i = 0; i < h->stock_len; i++) {
		const struct ledger_envelope *e;
		uint8_t id[LK_ID_LEN];

		envelope_id(id, buf_bytes(&h->stock[i].envelope));
		e = ledger_envelope_find(h->node->world->ledger, id);
		n += e != NULL && (e->have & ~(1u << h->node->index)) != 0;
	}
	return n;
}

static void
hostile_final(struct node *n)
{
	const struct hostile *h = n->hostile;

	world_say(n->world,
	    "%s: %llu acts, %llu forged, %zu of flood, %zu of %zu branches "
	    "taken, heard %llu bytes, told %llu, %lld us of others",
	    n->name, (unsigned long long)h->acts, (unsigned long long)h->forged,
	    h->flooded, stock_taken(h), h->stock_len,
	    (unsigned long long)h->heard, (unsigned long long)h->told,
	    (long long)h->spent / 1000);
	if (h->spent > FREE_NS + BYTE_NS * (int64_t)h->heard)
		world_fail(n->world, "S6: %s: %llu bytes cost others %lld ms",
		    n->name, (unsigned long long)h->heard,
		    (long long)h->spent / 1000000);
	if (!h->turned)
		bound(n, h->told, STRANGER_FREE + STRANGER_RATIO * h->heard,
		    "bytes for a stranger");
}

void
bounds_final(struct world *w)
{
	char path[PATH_MAX + 64];
	struct stat st;

	for (size_t i = 0; i < EVERYBODY; i++) {
		struct node *n = &w->nodes[i];

		if (n->hostile != NULL)
			hostile_final(n);
		if (!n->present)
			continue;
		(void)snprintf(path, sizeof(path), "%s/store/data.mdb", n->dir);
		if (stat(path, &st) == 0 && st.st_size > DISK_MAX)
			world_fail(w, "S6: %s: %lld bytes on disk", n->name,
			    (long long)st.st_size);
	}
}
