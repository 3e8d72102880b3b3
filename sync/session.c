#include "sync/session.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "crypto/noise.h"

#define PREFACE_MAGIC "LK"
#define PREFACE_VERSION 1
#define PREFACE_FIXED 5   /* magic, version, pattern, n */
#define PAYLOAD_MESSAGE 2 /* from 0; that of XK and XKpsk3 has one */
#define PREFACE_MAX (PREFACE_FIXED + SESSION_TICKET_LEN)
#define FRAME_HEAD 2
#define FRAME_MIN (NOISE_TAG_LEN + 1) /* an empty one would say nothing */
#define MESSAGE_HEAD 5                /* length, type */
#define STREAM_MAX (MESSAGE_HEAD + MESSAGE_MAX + NOISE_PLAIN_MAX)
/* A buffer that grew beyond this is given back when it is empty. */
#define IDLE_MAX 4096
/* What of HANDSHAKE_BYTES_MAX is left for the initiator's payload. */
#define PAYLOAD_MAX \
	(HANDSHAKE_BYTES_MAX - PREFACE_MAX - 2 * FRAME_HEAD - 48 - 64)

_Static_assert(SESSION_PSK_LEN == NOISE_PSK_LEN, "psk");
_Static_assert(SESSION_HASH_LEN == NOISE_HASH_LEN, "h");
_Static_assert(MESSAGE_MAX < UINT32_MAX, "a length is 32 bits");

enum state {
	PREFACE,
	PSK,
	WINDOW,
	HANDSHAKE,
	OPEN,
	DEAD,
};

struct session {
	enum state state;
	enum session_role role;
	enum session_pattern pattern;
	bool relay;    /* a responder that takes NK only */
	lk_err failed; /* when DEAD */
	const uint32_t *body_max;
	struct dh_key noise_key;
	uint8_t ephemeral[DH_LEN];
	uint8_t preface[PREFACE_MAX];
	size_t preface_len;
	size_t handshake_bytes; /* received so far */
	struct noise noise;     /* later only its hash and remote */
	struct noise_cipher send, receive;
	struct buf frame;   /* the beginning of a frame, with its length */
	struct buf payload; /* ours until sent, or theirs until taken */
	struct buf stream;  /* decrypted; a message may be spread out */
	size_t stream_at;   /* what of it was delivered */
	struct buf queue;   /* to be sent, less than a frame */
};

static enum noise_pattern
handshake_pattern(enum session_pattern pattern)
{
	switch (pattern) {
	case SESSION_XK:
		break;
	case SESSION_XKPSK3:
		return NOISE_XKPSK3;
	case SESSION_XX:
		return NOISE_XX;
	case SESSION_NK:
		return NOISE_NK;
	}
	return NOISE_XK;
}

static void
handshake_init(struct session *s, const uint8_t *remote, const uint8_t *psk)
{
	struct noise_config config = {
		.pattern = handshake_pattern(s->pattern),
		.initiator = s->role == SESSION_INITIATOR,
		.prologue = { s->preface, s->preface_len },
		.ephemeral = s->ephemeral,
		.local =
		    s->role == SESSION_INITIATOR && s->pattern == SESSION_NK
		    ? NULL
		    : &s->noise_key,
		.remote = remote,
		.psk = psk,
	};

	noise_init(&s->noise, &config);
	dh_key_clear(&s->noise_key);
	secret_wipe(s->ephemeral, sizeof(s->ephemeral));
	s->state = HANDSHAKE;
}

/* One handshake message, with its length in front. */
static lk_err
handshake_write(struct session *s, struct buf *out, struct bytes payload)
{
	size_t len = out->len;
	lk_err err;

	buf_u16(out, (uint16_t)(noise_overhead(&s->noise) + payload.len));
	err = noise_write(&s->noise, out, payload);
	if (err.code != LK_OK)
		out->len = len;
	return err;
}

/* Returns how long the preface of a pattern is. */
static size_t
preface_len(enum session_pattern pattern)
{
	switch (pattern) {
	case SESSION_XK:
	case SESSION_NK:
		break;
	case SESSION_XKPSK3:
		return PREFACE_FIXED + SESSION_TICKET_LEN;
	case SESSION_XX:
		return PREFACE_FIXED + SESSION_WINDOW_LEN;
	}
	return PREFACE_FIXED;
}

static lk_err
initiator_start(
    struct session *s, const struct session_config *config, struct buf *out)
{
	s->pattern = config->pattern;
	s->preface_len = preface_len(s->pattern);
	memcpy(s->preface, PREFACE_MAGIC, strlen(PREFACE_MAGIC));
	s->preface[2] = PREFACE_VERSION;
	s->preface[3] = (uint8_t)s->pattern;
	s->preface[4] = (uint8_t)(s->preface_len - PREFACE_FIXED);
	if (s->pattern == SESSION_XKPSK3)
		memcpy(s->preface + PREFACE_FIXED, config->ticket,
		    SESSION_TICKET_LEN);
	if (s->pattern == SESSION_XX)
		s->preface[PREFACE_FIXED] = config->window;
	buf_add(&s->payload, config->payload);
	TRY(buf_err(&s->payload, "session"));
	handshake_init(s, config->remote, config->psk);
	buf_mem(out, s->preface, s->preface_len);
	return handshake_write(s, out, BYTES(NULL, 0));
}

lk_err
session_new(struct session **out_session, const struct session_config *config,
    struct buf *out)
{
	size_t len = out->len;
	struct session *s;
	lk_err err = LK_NONE;

	if (config->payload.len > PAYLOAD_MAX)
		return LK_ERR(LK_E_LIMIT, "session");
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return LK_ERR(LK_E_NOMEM, "session");
	s->role = config->role;
	s->body_max = config->body_max;
	s->relay =
	    config->role == SESSION_RESPONDER && config->pattern == SESSION_NK;
	if (config->noise != NULL)
		s->noise_key = *config->noise;
	memcpy(s->ephemeral, config->ephemeral, DH_LEN);
	buf_init(&s->frame, FRAME_HEAD + NOISE_MESSAGE_MAX);
	buf_init(&s->payload, PAYLOAD_MAX);
	buf_init(&s->stream, STREAM_MAX);
	buf_init(&s->queue, NOISE_PLAIN_MAX);
	if (s->role == SESSION_INITIATOR)
		err = initiator_start(s, config, out);
	if (err.code != LK_OK) {
		out->len = len;
		session_free(s);
		return err;
	}
	*out_session = s;
	return LK_NONE;
}

/* Everything secret goes at once; only what the caller may still look at and
 * the error stay. */
static void
session_wipe(struct session *s)
{
	dh_key_clear(&s->noise_key);
	secret_wipe(s->ephemeral, sizeof(s->ephemeral));
	noise_cipher_clear(&s->send);
	noise_cipher_clear(&s->receive);
	buf_wipe(&s->frame);
	buf_wipe(&s->payload);
	buf_wipe(&s->stream);
	buf_wipe(&s->queue);
	if (s->state != OPEN)
		noise_clear(&s->noise);
	s->state = DEAD;
}

static lk_err
session_fail(struct session *s, lk_err err)
{
	session_wipe(s);
	s->failed = err;
	return err;
}

void
session_free(struct session *s)
{
	if (s == NULL)
		return;
	session_wipe(s);
	noise_clear(&s->noise);
	free(s);
}

static struct bytes
front_take(struct bytes *in, size_t n)
{
	struct bytes part = { in->ptr, n };

	if (n > 0) {
		in->ptr += n;
		in->len -= n;
	}
	return part;
}

static bool
pattern_is_taken(const struct session *s, uint8_t pattern)
{
	return s->relay ? pattern == SESSION_NK
			: pattern == SESSION_XK || pattern == SESSION_XKPSK3 ||
		pattern == SESSION_XX;
}

/* Refuses at the first byte that is wrong, so that a client of some other
 * protocol is not left waiting. */
static lk_err
preface_check(const struct session *s)
{
	const uint8_t *p = s->preface;
	size_t n = s->preface_len;

	for (size_t i = 0; i < n && i < strlen(PREFACE_MAGIC); i++)
		if (p[i] != (uint8_t)PREFACE_MAGIC[i])
			return LK_ERR(LK_E_MALFORMED, "preface");
	if (n > 2 && p[2] != PREFACE_VERSION)
		return LK_ERR(LK_E_VERSION, "preface");
	if (n > 3 && !pattern_is_taken(s, p[3]))
		return LK_ERR(LK_E_VERSION, "preface");
	if (n > 4 && p[4] != preface_len(p[3]) - PREFACE_FIXED)
		return LK_ERR(LK_E_MALFORMED, "preface");
	return LK_NONE;
}

/* The preface is whole: on to the handshake, or to a question first. */
static void
preface_done(struct session *s, struct session_event *event)
{
	s->handshake_bytes = s->preface_len;
	s->pattern = s->preface[3];
	*event = (struct session_event){ .pattern = s->pattern };
	switch (s->pattern) {
	case SESSION_XK:
	case SESSION_NK:
		handshake_init(s, NULL, NULL);
		break;
	case SESSION_XKPSK3:
		s->state = PSK;
		event->type = SESSION_TICKET;
		event->ticket = s->preface + PREFACE_FIXED;
		break;
	case SESSION_XX:
		s->state = WINDOW;
		event->type = SESSION_WINDOW;
		event->window = s->preface[PREFACE_FIXED];
		break;
	}
}

static lk_err
step_preface(struct session *s, struct bytes *in, struct session_event *event)
{
	while (in->len > 0) {
		s->preface[s->preface_len++] = *front_take(in, 1).ptr;
		TRY(preface_check(s));
		if (s->preface_len < PREFACE_FIXED ||
		    s->preface_len < preface_len(s->preface[3]))
			continue;
		preface_done(s, event);
		return LK_NONE;
	}
	return LK_NONE;
}

void
session_psk(struct session *s, const uint8_t psk[static SESSION_PSK_LEN])
{
	LK_ASSERT(s->state == PSK);
	handshake_init(s, NULL, psk);
}

void
session_window(struct session *s, const struct dh_key *key)
{
	LK_ASSERT(s->state == WINDOW);
	s->noise_key = *key;
	handshake_init(s, NULL, NULL);
}

static size_t
frame_len(const uint8_t head[static FRAME_HEAD])
{
	return (size_t)head[0] << 8 | head[1];
}

/* Only the last message of a handshake has a payload, and that of XX and NK
 * none. */
static bool
payload_allowed(const struct session *s)
{
	return s->pattern != SESSION_XX && s->noise.message == PAYLOAD_MESSAGE;
}

static lk_err
frame_check(const struct session *s, size_t len)
{
	size_t overhead;

	if (s->state == OPEN)
		return len >= FRAME_MIN ? LK_NONE
					: LK_ERR(LK_E_MALFORMED, "frame");
	overhead = noise_overhead(&s->noise);
	if (len < overhead || (len > overhead && !payload_allowed(s)))
		return LK_ERR(LK_E_MALFORMED, "handshake");
	if (len > HANDSHAKE_BYTES_MAX - FRAME_HEAD - s->handshake_bytes)
		return LK_ERR(LK_E_LIMIT, "handshake");
	return LK_NONE;
}

/* Takes what is missing of a frame; *frame stays as it is while something
 * still is. */
static lk_err
frame_take(struct session *s, struct bytes *in, struct bytes *frame)
{
	size_t want = FRAME_HEAD, n;

	for (;;) {
		if (s->frame.len >= FRAME_HEAD) {
			want = FRAME_HEAD + frame_len(s->frame.ptr);
			TRY(frame_check(s, want - FRAME_HEAD));
		}
		n = want - s->frame.len;
		if (n == 0)
			break;
		if (n > in->len)
			n = in->len;
		buf_add(&s->frame, front_take(in, n));
		TRY(buf_err(&s->frame, "frame"));
		if (s->frame.len < want)
			return LK_NONE;
	}
	*frame = BYTES(s->frame.ptr + FRAME_HEAD, want - FRAME_HEAD);
	return LK_NONE;
}

/* The responder wants more, or is established, after each of its messages. */
static lk_err
handshake_read(struct session *s, struct bytes frame, struct buf *out)
{
	s->handshake_bytes += FRAME_HEAD + frame.len;
	if (s->role == SESSION_INITIATOR) {
		struct buf empty;

		buf_init(&empty, 0);
		TRY(noise_read(&s->noise, &empty, frame));
		if (noise_writes(&s->noise))
			TRY(handshake_write(s, out, buf_bytes(&s->payload)));
		buf_wipe(&s->payload);
		return LK_NONE;
	}
	TRY(noise_read(&s->noise, &s->payload, frame));
	if (noise_writes(&s->noise))
		TRY(handshake_write(s, out, BYTES(NULL, 0)));
	return LK_NONE;
}

static void
session_establish(struct session *s, struct session_event *event)
{
	noise_split(&s->noise, &s->send, &s->receive);
	s->state = OPEN;
	*event = (struct session_event){
		.type = SESSION_ESTABLISHED,
		.pattern = s->pattern,
		.hash = s->noise.hash,
		.remote = s->noise.remote,
		.payload = buf_bytes(&s->payload),
	};
	if (s->pattern == SESSION_XKPSK3)
		event->ticket = s->preface + PREFACE_FIXED;
	if (s->pattern == SESSION_XX)
		event->window = s->preface[PREFACE_FIXED];
}

static lk_err
step_handshake(struct session *s, struct bytes *in, struct buf *out,
    struct session_event *event)
{
	struct bytes frame = { 0 };

	TRY(frame_take(s, in, &frame));
	if (frame.ptr == NULL)
		return LK_NONE;
	TRY(handshake_read(s, frame, out));
	buf_reset(&s->frame);
	if (noise_done(&s->noise))
		session_establish(s, event);
	return LK_NONE;
}

/* The length of the next message in the stream with its head, 0 while that is
 * not known.  Checked as soon as it can be. */
static lk_err
message_len(const struct session *s, size_t *len)
{
	size_t left = s->stream.len - s->stream_at;
	struct rd r = { .failed = left == 0 };
	uint32_t length;
	uint8_t type;

	if (left > 0)
		r = rd_over(BYTES(s->stream.ptr + s->stream_at, left));
	*len = 0;
	length = rd_u32(&r);
	if (r.failed)
		return LK_NONE;
	if (length == 0)
		return LK_ERR(LK_E_MALFORMED, "message");
	if (length - 1 > MESSAGE_MAX)
		return LK_ERR(LK_E_LIMIT, "message");
	type = rd_u8(&r);
	if (r.failed)
		return LK_NONE;
	if (length - 1 > s->body_max[type])
		return LK_ERR(LK_E_LIMIT, "message");
	*len = MESSAGE_HEAD + length - 1;
	return LK_NONE;
}

/* Forgets what was delivered. */
static void
stream_compact(struct session *s)
{
	size_t left = s->stream.len - s->stream_at;

	if (left == 0 && s->stream.cap > IDLE_MAX)
		buf_wipe(&s->stream);
	else if (left > 0 && s->stream_at > 0)
		memmove(s->stream.ptr, s->stream.ptr + s->stream_at, left);
	s->stream.len = left;
	s->stream_at = 0;
	if (left == 0 && s->frame.len == 0 && s->frame.cap > IDLE_MAX)
		buf_clear(&s->frame);
}

static void
message_deliver(struct session *s, size_t len, struct session_event *event)
{
	const uint8_t *at = s->stream.ptr + s->stream_at;

	*event = (struct session_event){
		.type = SESSION_MESSAGE,
		.message = at[MESSAGE_HEAD - 1],
		.body = { at + MESSAGE_HEAD, len - MESSAGE_HEAD },
	};
	s->stream_at += len;
}

static lk_err
step_open(struct session *s, struct bytes *in, struct session_event *event)
{
	for (;;) {
		struct bytes frame = { 0 };
		size_t len;

		TRY(message_len(s, &len));
		if (len > 0 && len <= s->stream.len - s->stream_at) {
			message_deliver(s, len, event);
			return LK_NONE;
		}
		stream_compact(s);
		TRY(frame_take(s, in, &frame));
		if (frame.ptr == NULL)
			return LK_NONE;
		TRY(noise_open(&s->receive, &s->stream, frame));
		buf_reset(&s->frame);
	}
}

static lk_err
step(struct session *s, struct bytes *in, struct buf *out,
    struct session_event *event)
{
	LK_ASSERT(s->state != PSK && s->state != WINDOW);
	while (
	    in->len > 0 && event->type == SESSION_NOTHING && s->state != OPEN) {
		if (s->state == PREFACE)
			TRY(step_preface(s, in, event));
		else
			TRY(step_handshake(s, in, out, event));
	}
	if (event->type == SESSION_NOTHING && s->state == OPEN) {
		buf_wipe(&s->payload);
		return step_open(s, in, event);
	}
	return LK_NONE;
}

lk_err
session_step(struct session *s, struct bytes *in, struct buf *out,
    struct session_event *event)
{
	struct session_event happened = { .type = SESSION_NOTHING };
	lk_err err;

	if (s->state == DEAD)
		return s->failed;
	err = step(s, in, out, &happened);
	if (err.code != LK_OK)
		return session_fail(s, err);
	*event = happened;
	return LK_NONE;
}

/* Seals what waits, followed by n bytes from the front of `more`. */
static lk_err
frame_write(struct session *s, struct buf *out, struct bytes *more, size_t n)
{
	size_t len = s->queue.len + n;

	if (len == 0)
		return LK_NONE;
	buf_u16(out, (uint16_t)(len + NOISE_TAG_LEN));
	TRY(noise_seal(
	    &s->send, out, buf_bytes(&s->queue), front_take(more, n)));
	buf_wipe(&s->queue);
	return LK_NONE;
}

/* The stream is cut into as few frames as it fits. */
static lk_err
message_write(struct session *s, struct buf *out, struct bytes body)
{
	while (s->queue.len + body.len >= NOISE_PLAIN_MAX)
		TRY(frame_write(s, out, &body, NOISE_PLAIN_MAX - s->queue.len));
	buf_add(&s->queue, body);
	return buf_err(&s->queue, "message");
}

lk_err
session_flush(struct session *s, struct buf *out)
{
	struct bytes nothing = { .len = 0 };
	lk_err err;

	if (s == NULL)
		return LK_NONE;
	err = frame_write(s, out, &nothing, 0);
	return err.code == LK_OK ? err : session_fail(s, err);
}

void
session_end(struct session *s)
{
	if (s != NULL && s->state != DEAD)
		(void)session_fail(s, LK_ERR(LK_E_AGAIN, "session")).code;
}

lk_err
session_queue(
    struct session *s, struct buf *out, uint8_t message, struct bytes body)
{
	size_t len = s->queue.len + body.len;
	lk_err err;

	if (s->state == DEAD)
		return s->failed;
	if (s->state != OPEN)
		return LK_ERR(LK_E_AGAIN, "session");
	if (body.len > MESSAGE_MAX || out->failed ||
	    SESSION_WIRE_MAX(len) > out->max - out->len)
		return LK_ERR(LK_E_LIMIT, "message");
	if (s->queue.len + MESSAGE_HEAD > NOISE_PLAIN_MAX)
		TRY(session_flush(s, out));
	buf_u32(&s->queue, (uint32_t)body.len + 1);
	buf_u8(&s->queue, message);
	err = message_write(s, out, body);
	return err.code == LK_OK ? err : session_fail(s, err);
}

lk_err
session_send(
    struct session *s, struct buf *out, uint8_t message, struct bytes body)
{
	TRY(session_queue(s, out, message, body));
	return session_flush(s, out);
}

const uint8_t *
session_hash(const struct session *s)
{
	return s->noise.hash;
}

const uint8_t *
session_remote(const struct session *s)
{
	return s->noise.remote;
}
