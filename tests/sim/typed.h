/*
 * typed.h - inside the simulator: what is typed at a device.
 */
#ifndef TESTS_SIM_TYPED_H
#define TESTS_SIM_TYPED_H

#include "tests/sim/ledger.h"
#include "tests/sim/node.h"

#define WORD_MAX 24

/* A command with room for what any of them needs. */
struct typed {
	struct command command; /* first */
	struct world *world;
	uint32_t docno;
	size_t doc;
	struct node *other; /* who is invited, shared with or revoked */
	enum role role;
	/* An edit: */
	bool changed;
	uint8_t hash[LK_ID_LEN];
	char key[WORD_MAX], name[WORD_MAX];
	int64_t counted;
	struct ledger_revoke revoke;
	/* A ticket: */
	enum ticket_purpose purpose;
	char ticket[TICKET_TEXT_MAX + 1];
};

enum role role_here(struct node *, uint32_t docno);
/* A random document of this device in which it has the role, if any. */
bool doc_choose(struct node *, enum role least, uint32_t *docno);
/* An edit of t->docno, or of any document when that is 0. */
lk_err edit_run(struct node *, struct command *);
void edit_committed(struct node *, struct command *);

#endif
