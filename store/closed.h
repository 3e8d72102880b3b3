/*
 * closed.h - a note beside the database that says in which state it was left.
 *
 * Looking at every page before LMDB is let near the file (inspect.h) costs
 * about a microsecond each.  What the last process left in good order, and
 * nobody has written since, was looked at then: the note is made when a store
 * is closed and taken away when it is opened, so that there is none while it is
 * used or after its process died.  It holds what stat(2) says of the file, and
 * both meta pages: a file that was written, cut, copied or put in place of the
 * old one does not fit its note.
 */
#ifndef STORE_CLOSED_H
#define STORE_CLOSED_H

#include <stdbool.h>

#define CLOSED_FILE "closed"

/* Takes the note away; true if there was one and it fits the database. */
bool closed_take(const char *dir, int data_fd);
/* Leaves a note, if it can; the database is closed.  Dates the file back by a
 * second, so that whatever is written to it next gives it another time. */
void closed_leave(const char *dir, int data_fd);

#endif
