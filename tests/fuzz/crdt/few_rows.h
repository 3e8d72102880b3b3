/*
 * few_rows.h - the readers of changes and documents with small limits, in
 * place of the library's: forty bytes can say four million rows, all correct,
 * and a fuzzer that finds this out does nothing else from then on.
 */
#ifndef TESTS_FUZZ_FEW_ROWS_H
#define TESTS_FUZZ_FEW_ROWS_H

#include "base/limits.h"
#include "crdt/history_order.h"

#undef CHANGE_OPS_MAX
#define CHANGE_OPS_MAX 1024
#undef DOCUMENT_OPS_MAX
#define DOCUMENT_OPS_MAX 1024
#undef HISTORY_CHANGES_MAX
#define HISTORY_CHANGES_MAX 256

#include "crdt/change_read.c"
#include "crdt/document_changes.c"
#include "crdt/document_parse.c"

#endif
