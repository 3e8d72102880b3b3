/*
 * few_rows.h - the readers of changes and documents with small limits, in
 * place of the library's: forty bytes can say four million rows, all correct,
 * and a fuzzer that finds this out does nothing else from then on.  A unit test
 * of what happens at a limit takes them too.
 */
#ifndef TESTS_FUZZ_FEW_ROWS_H
#define TESTS_FUZZ_FEW_ROWS_H

#include "base/limits.h"
#include "crdt/history_order.h"

#undef OPS_FREE
#define OPS_FREE 1024
#undef DOCUMENT_DEPS_MAX
#define DOCUMENT_DEPS_MAX 1024
#undef HISTORY_CHANGES_MAX
#define HISTORY_CHANGES_MAX 256

#include "crdt/change_read.c"
#include "crdt/document_changes.c"
#include "crdt/document_parse.c"

#endif
