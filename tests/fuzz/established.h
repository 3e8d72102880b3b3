/*
 * established.h - sessions that are established, once for all scripts: each
 * script takes copies of both ends, and pays for no handshake.  Included by
 * targets alone, which get the machine itself with it, to copy one.
 */
#ifndef TESTS_FUZZ_ESTABLISHED_H
#define TESTS_FUZZ_ESTABLISHED_H

#include <stdlib.h>

#include "sync/session.c"
#include "tests/fuzz/script.h"

#define WIRE_MAX ((size_t)8 * MESSAGE_MAX)

struct established {
	struct session *target, *other;
};

static inline void
session_pass(struct session *to, struct buf *from, struct buf *answer)
{
	struct bytes in = buf_bytes(from);
	struct session_event ev = { .type = SESSION_MESSAGE };

	while (ev.type != SESSION_NOTHING)
		must(session_step(to, &in, answer, &ev));
	buf_reset(from);
}

/* A copy shares nothing with it. */
static inline void
session_bare(struct session *s)
{
	LK_ASSERT(s->state == OPEN);
	buf_clear(&s->frame);
	buf_clear(&s->payload);
	buf_clear(&s->stream);
}

/* Of two configurations without role and ephemeral key. */
static inline void
established_make(struct established *both, struct session_config *target,
    struct session_config *other)
{
	static const uint8_t ephemerals[2][DH_LEN] = { { 24 }, { 32 } };
	BUF_SCOPED there = { .max = WIRE_MAX };
	BUF_SCOPED back = { .max = WIRE_MAX };

	target->role = SESSION_RESPONDER;
	target->ephemeral = ephemerals[0];
	must(session_new(&both->target, target, &back));
	other->role = SESSION_INITIATOR;
	other->ephemeral = ephemerals[1];
	must(session_new(&both->other, other, &there));
	while (there.len > 0 || back.len > 0) {
		session_pass(both->target, &there, &back);
		session_pass(both->other, &back, &there);
	}
	session_bare(both->target);
	session_bare(both->other);
}

static inline struct session *
session_copy(const struct session *open)
{
	struct session *s = malloc(sizeof(*s));

	LK_ASSERT(s != NULL);
	*s = *open;
	return s;
}

#endif
