/*
 * hosting.h - inside daemon/: lkd as a relay for others (relay/relay.h).  An
 * LK_HOME is a device's or a relay's, never both: what a relay's operator can
 * read is what he is paid to keep, and nothing of his own lies beside it.
 *
 * The relay's key is a record of its own database, LK_HOME/store; the accounts
 * are in LK_HOME/accounts.
 */
#ifndef DAEMON_HOSTING_H
#define DAEMON_HOSTING_H

#include "net/net.h"
#include "relay/relay.h"

struct daemon;

/* Whether this is a relay's home; then it is one from now on.  Inside a round.
 */
LK_MUST_USE lk_err hosting_start(struct daemon *);
/* Makes it one: draws the key.  Inside a round, which the caller aborts after
 * an error. */
LK_MUST_USE lk_err hosting_make(struct daemon *);
void hosting_stop(struct daemon *);

/* As those of peers.c. */
void hosting_event(struct daemon *, const struct net_event *);
void hosting_tick(struct daemon *);
void hosting_output(struct daemon *);
int64_t hosting_next_ms(const struct daemon *);

#endif
