/*
 * table.h - rows in columns, for people.
 */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stddef.h>

#define TABLE_COLUMNS_MAX 8

struct table;

/* Memory runs out as in malloc(3): then rows are missing, nothing else. */
struct table *table_new(size_t columns);
/* Copies `columns` strings. */
void table_row(struct table *, const char *const *cells);
/* Prints all rows, columns two spaces apart, and frees the table. */
void table_print(struct table *);

#endif
