#include "store/inspect.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * The file format of LMDB 0.9: numbers in the machine's own order and width.
 * docs/storage.md says it in words.
 */
#define LMDB_MAGIC 0xbeefc0de
#define LMDB_FORMAT 1
#define PAGE_MIN 512
#define PAGE_MAX 32768
#define DEPTH_MAX 32
#define NAME_KEY_MAX 511
#define NO_PAGE SIZE_MAX
#define FIRST_PAGE 2 /* behind the metas */
#define INTEGER_KEY 0x08
/* Pages at the end that were freed before they were ever written. */
#define TAIL_MAX ((size_t)1 << 18)

enum page_flags {
	PAGE_BRANCH = 0x01,
	PAGE_LEAF = 0x02,
	PAGE_OVERFLOW = 0x04,
	PAGE_META = 0x08,
};

enum node_flags {
	NODE_LONG = 0x01,  /* the value is on overflow pages */
	NODE_TABLE = 0x02, /* the value is a struct tree */
};

struct page_head {
	size_t number;
	uint16_t pad, flags;
	union {
		struct {
			uint16_t lower, upper;
		};
		uint32_t overflow_pages;
	};
};

struct tree {
	uint32_t pad; /* of the free list: the page size */
	uint16_t flags, depth;
	size_t branches, leaves, overflows, entries, root;
};

struct meta {
	uint32_t magic, format;
	void *address;
	size_t map_size;
	struct tree free, tables;
	size_t last_page, txn;
};

struct node_head {
#if BYTE_ORDER == LITTLE_ENDIAN
	uint16_t low, high;
#else
	uint16_t high, low;
#endif
	uint16_t flags, key_len;
};

_Static_assert(sizeof(struct page_head) == sizeof(size_t) + 8, "page");
_Static_assert(sizeof(struct tree) == 8 + 5 * sizeof(size_t), "tree");
_Static_assert(sizeof(struct node_head) == 8, "node");

enum tree_kind { TREE_FREE, TREE_TABLES, TREE_RECORDS };

struct inspection {
	int fd;
	size_t page_size;
	size_t pages;     /* whole ones in the file */
	size_t last_page; /* that may be used */
	size_t txn;       /* of the snapshot that is looked at */
	size_t freed;     /* the last one in it to have freed pages */
	uint8_t *seen;    /* a bit for each page of the file */
};

struct view {
	const uint8_t *ptr;
	size_t len;
};

/* One tree being walked. */
struct walk {
	struct inspection *in;
	const struct tree *tree;
	enum tree_kind kind;
	size_t entries;
	uint8_t *pages; /* one for each level */
};

struct node {
	struct node_head head;
	struct view key;
	const uint8_t *value; /* up to the end of the page at least value_len */
	size_t value_len;     /* of a branch: 0 */
	size_t size;          /* that it takes on the page */
};

/* What a page's keys must lie between: low <= key < high. */
struct range {
	struct view low, high; /* ptr NULL: none */
};

static lk_err
damaged(const char *what)
{
	return LK_ERR(LK_E_CORRUPT, what);
}

static lk_err
read_at(const struct inspection *in, void *out, size_t n, size_t page,
    size_t offset)
{
	off_t at = (off_t)(page * in->page_size + offset);
	ssize_t got = pread(in->fd, out, n, at);

	if (got == -1)
		return LK_SYS("read of the store");
	return (size_t)got == n ? LK_NONE : damaged("store file is too short");
}

/* Marks pages as accounted for; false when one is out of place or was
 * accounted for before. */
static bool
take_pages(struct inspection *in, size_t first, size_t n)
{
	if (first < FIRST_PAGE || first > in->last_page ||
	    n > in->last_page - first + 1)
		return false;
	for (size_t p = first; p < first + n && p < in->pages; p++) {
		uint8_t bit = (uint8_t)(1u << (p & 7));

		if (in->seen[p >> 3] & bit)
			return false;
		in->seen[p >> 3] |= bit;
	}
	return true;
}

static int
view_compare(struct view a, struct view b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int c = n == 0 ? 0 : memcmp(a.ptr, b.ptr, n);

	return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

/* The free list's keys are numbers. */
static int
key_compare(enum tree_kind kind, struct view a, struct view b)
{
	size_t x, y;

	if (kind != TREE_FREE)
		return view_compare(a, b);
	memcpy(&x, a.ptr, sizeof(x));
	memcpy(&y, b.ptr, sizeof(y));
	return (x > y) - (x < y);
}

/* Pages are freed by transactions that were; 0 is none. */
static bool
free_key_good(struct inspection *in, struct view key)
{
	size_t txn;

	if (key.len != sizeof(txn))
		return false;
	memcpy(&txn, key.ptr, sizeof(txn));
	if (txn > in->freed)
		in->freed = txn;
	return txn >= 1 && txn <= in->txn;
}

static struct page_head
head_of(const uint8_t *page)
{
	struct page_head h;

	memcpy(&h, page, sizeof(h));
	return h;
}

static size_t
nodes_of(const struct page_head *h)
{
	return (h->lower - sizeof(*h)) / 2;
}

/* Reads node i of a page whose head was checked; false when it does not lie
 * on the page. */
static bool
node_at(const struct walk *w, const uint8_t *page, size_t i, struct node *n)
{
	struct page_head h = head_of(page);
	size_t size = w->in->page_size, room;
	uint16_t at;

	memcpy(&at, page + sizeof(h) + 2 * i, sizeof(at));
	if (at < h.upper || at > size - sizeof(n->head) || at % 2 != 0)
		return false;
	memcpy(&n->head, page + at, sizeof(n->head));
	room = size - at - sizeof(n->head);
	if (n->head.key_len > room || n->head.key_len > NAME_KEY_MAX)
		return false;
	n->key.ptr = page + at + sizeof(n->head);
	n->key.len = n->head.key_len;
	n->value = n->key.ptr + n->key.len;
	n->value_len = 0;
	room -= n->key.len;
	if (h.flags & PAGE_LEAF) {
		n->value_len = (size_t)n->head.high << 16 | n->head.low;
		if (n->head.flags & ~(NODE_LONG | NODE_TABLE))
			return false;
		if ((n->head.flags & NODE_LONG ? sizeof(size_t)
					       : n->value_len) > room)
			return false;
	}
	n->size = sizeof(n->head) + n->key.len +
	    (n->head.flags & NODE_LONG && h.flags & PAGE_LEAF ? sizeof(size_t)
							      : n->value_len);
	n->size += n->size & 1;
	return true;
}

static size_t
child_of(const struct node *n)
{
	uint64_t page = (uint64_t)n->head.low | (uint64_t)n->head.high << 16;

	if (sizeof(size_t) == 8)
		page |= (uint64_t)n->head.flags << 32;
	return (size_t)page;
}

/* Loads a page of a tree and checks its head. */
static lk_err
page_load(const struct walk *w, size_t number, unsigned level, uint8_t *page)
{
	uint16_t want = level + 1 == w->tree->depth ? PAGE_LEAF : PAGE_BRANCH;
	struct inspection *in = w->in;
	size_t least = want == PAGE_BRANCH && w->kind != TREE_FREE ? 2 : 1;
	struct page_head h;

	if (number >= in->pages || !take_pages(in, number, 1))
		return damaged("page number in the store");
	TRY(read_at(in, page, in->page_size, number, 0));
	h = head_of(page);
	if (h.number != number || h.flags != want || h.lower < sizeof(h) ||
	    h.lower % 2 != 0 || h.lower > h.upper || h.upper > in->page_size ||
	    nodes_of(&h) < least)
		return damaged("page in the store");
	return LK_NONE;
}

static lk_err
free_list(const struct walk *w, const uint8_t *list, size_t len)
{
	size_t n, page, before = SIZE_MAX;

	if (len < sizeof(n))
		return damaged("free list of the store");
	memcpy(&n, list, sizeof(n));
	if (n > len / sizeof(n) - 1)
		return damaged("free list of the store");
	for (size_t i = 1; i <= n; i++) {
		memcpy(&page, list + i * sizeof(page), sizeof(page));
		if (page >= before || !take_pages(w->in, page, 1))
			return damaged("free list of the store");
		before = page;
	}
	return LK_NONE;
}

/* A value on overflow pages; the free list's are read. */
static lk_err
long_value(const struct walk *w, const struct node *n)
{
	struct inspection *in = w->in;
	struct page_head h;
	uint8_t *copy;
	size_t first, pages;
	lk_err err;

	memcpy(&first, n->value, sizeof(first));
	pages = (sizeof(h) + n->value_len - 1) / in->page_size + 1;
	if (first >= in->pages)
		return damaged("long value in the store");
	TRY(read_at(in, &h, sizeof(h), first, 0));
	/* A shorter value put in place of a longer one keeps its pages. */
	if (h.number != first || h.flags != PAGE_OVERFLOW ||
	    h.overflow_pages < pages || h.overflow_pages > in->pages - first ||
	    !take_pages(in, first, h.overflow_pages))
		return damaged("long value in the store");
	if (w->kind != TREE_FREE)
		return LK_NONE;
	copy = malloc(n->value_len);
	if (copy == NULL)
		return LK_ERR(LK_E_NOMEM, "inspection of the store");
	err = read_at(in, copy, n->value_len, first, sizeof(h));
	if (err.code == LK_OK)
		err = free_list(w, copy, n->value_len);
	free(copy);
	return err;
}

static lk_err tree_inspect(
    struct inspection *, const struct tree *, enum tree_kind);

static lk_err
leaf_value(const struct walk *w, const struct node *n)
{
	struct tree table;

	if ((w->kind == TREE_TABLES) != ((n->head.flags & NODE_TABLE) != 0))
		return damaged("kind of a value in the store");
	if (n->head.flags & NODE_LONG)
		return w->kind == TREE_TABLES ? damaged("table in the store")
					      : long_value(w, n);
	if (w->kind == TREE_FREE)
		return free_list(w, n->value, n->value_len);
	if (w->kind == TREE_RECORDS)
		return LK_NONE;
	if (n->value_len != sizeof(table))
		return damaged("table in the store");
	memcpy(&table, n->value, sizeof(table));
	return tree_inspect(w->in, &table, TREE_RECORDS);
}

/* The keys of a page ascend within its range, and its nodes have room beside
 * each other.  The first key of a branch is never looked at by LMDB. */
static lk_err
page_keys(const struct walk *w, const uint8_t *page, struct range range)
{
	struct page_head h = head_of(page);
	struct view before = range.low;
	size_t used = 0;
	struct node n;

	for (size_t i = 0; i < nodes_of(&h); i++) {
		if (!node_at(w, page, i, &n))
			return damaged("node in the store");
		used += n.size;
		if (i == 0 && h.flags & PAGE_BRANCH)
			continue;
		if (n.key.len == 0 ||
		    (w->kind == TREE_FREE && !free_key_good(w->in, n.key)))
			return damaged("key in the store");
		if (before.ptr != NULL) {
			int c = key_compare(w->kind, before, n.key);

			/* Only the first of a leaf may equal its bound. */
			if (c > 0 ||
			    (c == 0 && i > 0 &&
				!(i == 1 && h.flags & PAGE_BRANCH)))
				return damaged("order of keys in the store");
		}
		before = n.key;
	}
	if (range.high.ptr != NULL && before.ptr != NULL &&
	    key_compare(w->kind, before, range.high) >= 0)
		return damaged("order of keys in the store");
	if (used > w->in->page_size - h.upper)
		return damaged("nodes of a page of the store");
	return LK_NONE;
}

/* Walks down; recursion is bounded by the depth, at most DEPTH_MAX. */
static lk_err
page_walk(struct walk *w, size_t number, unsigned level, struct range range)
{
	uint8_t *page = w->pages + level * w->in->page_size;
	struct page_head h;
	struct node n, next;

	TRY(page_load(w, number, level, page));
	TRY(page_keys(w, page, range));
	h = head_of(page);
	for (size_t i = 0; i < nodes_of(&h); i++) {
		struct range below = range;

		LK_ASSERT(node_at(w, page, i, &n));
		if (h.flags & PAGE_LEAF) {
			TRY(leaf_value(w, &n));
			w->entries++;
			continue;
		}
		if (i > 0)
			below.low = n.key;
		if (i + 1 < nodes_of(&h)) {
			LK_ASSERT(node_at(w, page, i + 1, &next));
			below.high = next.key;
		}
		TRY(page_walk(w, child_of(&n), level + 1, below));
	}
	return LK_NONE;
}

static lk_err
tree_inspect(
    struct inspection *in, const struct tree *tree, enum tree_kind kind)
{
	struct walk w = { .in = in, .tree = tree, .kind = kind };
	lk_err err;

	if (tree->flags != (kind == TREE_FREE ? INTEGER_KEY : 0) ||
	    tree->depth > DEPTH_MAX)
		return damaged("table in the store");
	if (tree->root == NO_PAGE)
		return tree->depth == 0 && tree->entries == 0
		    ? LK_NONE
		    : damaged("table in the store");
	if (tree->depth == 0)
		return damaged("table in the store");
	w.pages = calloc(tree->depth, in->page_size);
	if (w.pages == NULL)
		return LK_ERR(LK_E_NOMEM, "inspection of the store");
	err = page_walk(&w, tree->root, 0, (struct range){ 0 });
	free(w.pages);
	if (err.code == LK_OK && w.entries != tree->entries)
		return damaged("number of records in the store");
	return err;
}

static lk_err
meta_read(const struct inspection *in, size_t number, struct meta *m)
{
	uint8_t b[sizeof(struct page_head) + sizeof(struct meta)];
	struct page_head h;

	TRY(read_at(in, b, sizeof(b), number, 0));
	memcpy(&h, b, sizeof(h));
	memcpy(m, b + sizeof(h), sizeof(*m));
	if (h.number != number || h.flags != PAGE_META ||
	    m->magic != LMDB_MAGIC)
		return damaged("meta page of the store");
	if (m->format != LMDB_FORMAT)
		return LK_ERR(LK_E_VERSION, "database format");
	return LK_NONE;
}

/* Both metas of a file, the newer first. */
static lk_err
metas_read(struct inspection *in, struct meta metas[2])
{
	struct meta odd;

	/* The first meta is at 0 whatever the size of pages. */
	TRY(meta_read(in, 0, &metas[0]));
	in->page_size = metas[0].free.pad;
	if (in->page_size < PAGE_MIN || in->page_size > PAGE_MAX ||
	    (in->page_size & (in->page_size - 1)) != 0)
		return damaged("page size of the store");
	TRY(meta_read(in, 1, &odd));
	if (odd.free.pad != metas[0].free.pad)
		return damaged("page size of the store");
	/* Transactions alternate between the metas; both are 0 at first. */
	if (metas[0].txn % 2 != 0 || (odd.txn % 2 != 1 && odd.txn != 0) ||
	    (odd.txn != metas[0].txn && odd.txn + 1 != metas[0].txn &&
		metas[0].txn + 1 != odd.txn))
		return damaged("transaction numbers of the store");
	metas[1] = odd;
	if (odd.txn > metas[0].txn) {
		metas[1] = metas[0];
		metas[0] = odd;
	}
	return LK_NONE;
}

/* The trees of a snapshot: all, or the list of free pages alone. */
static lk_err
snapshot_inspect(struct inspection *in, const struct meta *m, bool all)
{
	in->last_page = m->last_page;
	in->txn = m->txn;
	in->freed = 0;
	if (in->last_page < 1 || in->last_page > in->pages + TAIL_MAX)
		return damaged("last page of the store");
	memset(in->seen, 0, in->pages / 8 + 1);
	if (all)
		TRY(tree_inspect(in, &m->tables, TREE_TABLES));
	return tree_inspect(in, &m->free, TREE_FREE);
}

/*
 * The older snapshot is whole as well: its pages are not used again before the
 * next commit.  Every transaction frees pages and says so under its number;
 * so a number that is wrong in one of the metas, which would make LMDB take
 * the older for the newer, does not fit what is in them.
 */
static lk_err
snapshots_inspect(struct inspection *in, const struct meta metas[2])
{
	TRY(snapshot_inspect(in, &metas[1], false));
	TRY(snapshot_inspect(in, &metas[0], true));
	if (in->txn >= 3 && in->freed + 1 < in->txn)
		return damaged("transaction numbers of the store");
	return LK_NONE;
}

lk_err
file_metas(int fd, struct buf *out)
{
	struct inspection in = { .fd = fd };
	struct meta metas[2];

	TRY(metas_read(&in, metas));
	buf_mem(out, metas, sizeof(metas));
	return buf_err(out, "meta pages");
}

lk_err
file_inspect(int fd)
{
	struct inspection in = { .fd = fd };
	struct meta metas[2];
	struct stat st;
	lk_err err;

	if (fstat(fd, &st) != 0)
		return LK_SYS("store file");
	TRY(metas_read(&in, metas));
	in.pages = (size_t)st.st_size / in.page_size;
	in.seen = malloc(in.pages / 8 + 1);
	if (in.seen == NULL)
		return LK_ERR(LK_E_NOMEM, "inspection of the store");
	err = snapshots_inspect(&in, metas);
	free(in.seen);
	return err;
}
