/*
 * table.h - rows in columns, for people.
 */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "cli/output.h"

#define TABLE_COLUMNS_MAX 8

struct table;

/* Memory runs out as in malloc(3): then rows are missing, nothing else. */
struct table *table_new(size_t columns);
/* Copies `columns` strings. */
void table_row(struct table *, const char *const *cells);
/* Prints all rows, columns two spaces apart, and frees the table. */
void table_print(struct table *);

/* Fills the cells of one row; they are copied at once. */
typedef void row_fn(json_object *, const char *cells[]);
/* Prints a row for each object of the array `key` of a result. */
void table_list(json_object *result, const char *key, size_t columns, row_fn *);

#endif
