#include "cli/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

struct row {
	char *cells[TABLE_COLUMNS_MAX];
};

struct table {
	struct row *rows;
	size_t len, cap, columns;
	size_t widths[TABLE_COLUMNS_MAX];
};

struct table *
table_new(size_t columns)
{
	struct table *t = calloc(1, sizeof(*t));

	LK_ASSERT(columns <= TABLE_COLUMNS_MAX);
	if (t != NULL)
		t->columns = columns;
	return t;
}

/* What a terminal shows of it, near enough: code points. */
static size_t
width(const char *cell)
{
	struct bytes b = BYTES_STR(cell);

	return utf8_valid(b) ? utf8_count(b) : b.len;
}

void
table_row(struct table *t, const char *const *cells)
{
	struct row *row;

	if (t == NULL)
		return;
	if (t->len == t->cap) {
		size_t cap = t->cap == 0 ? 16 : t->cap * 2;
		struct row *grown = reallocarray(t->rows, cap, sizeof(*grown));

		if (grown == NULL)
			return;
		t->rows = grown;
		t->cap = cap;
	}
	row = &t->rows[t->len++];
	for (size_t i = 0; i < t->columns; i++) {
		size_t w = width(cells[i]);

		row->cells[i] = strdup(cells[i]);
		if (w > t->widths[i])
			t->widths[i] = w;
	}
}

static void
row_print(const struct table *t, const struct row *row)
{
	size_t last = t->columns;

	/* No blanks at the end of a line. */
	while (last > 0 &&
	    (row->cells[last - 1] == NULL || *row->cells[last - 1] == '\0'))
		last--;
	for (size_t i = 0; i < last; i++) {
		const char *cell = row->cells[i] == NULL ? "" : row->cells[i];
		size_t pad = i + 1 < last ? t->widths[i] + 2 - width(cell) : 0;

		printf("%s%*s", cell, (int)pad, "");
	}
	putchar('\n');
}

void
table_print(struct table *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->len; i++) {
		row_print(t, &t->rows[i]);
		for (size_t j = 0; j < t->columns; j++)
			free(t->rows[i].cells[j]);
	}
	free(t->rows);
	free(t);
}

void
table_list(json_object *result, const char *key, size_t columns, row_fn *fill)
{
	json_object *list = field_list(result, key);
	const char *cells[TABLE_COLUMNS_MAX];
	struct table *t = table_new(columns);

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		fill(json_object_array_get_idx(list, i), cells);
		table_row(t, cells);
	}
	table_print(t);
}
