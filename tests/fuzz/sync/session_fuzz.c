#include <string.h>

#include "base/limits.h"
#include "crypto/noise.h"
#include "sync/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define OUT_MAX (256u * 1024)

static const uint8_t preface[] = { 'L', 'K', 1, 1, 0 };
static const uint8_t secrets[2][DH_LEN] = { { 8 }, { 16 } };
static const uint8_t ephemerals[2][DH_LEN] = { { 24 }, { 32 } };
static const uint8_t psk[SESSION_PSK_LEN] = { 1 };
static uint32_t body_max[SESSION_TYPES];

static struct session *
session_make(enum session_role role, struct buf *out)
{
	int side = role == SESSION_INITIATOR ? 0 : 1;
	struct dh_key local, remote;
	struct session *s = NULL;
	struct session_config config = {
		.role = role,
		.noise = &local,
		.ephemeral = ephemerals[side],
		.body_max = body_max,
		.pattern = SESSION_XK,
		.remote = remote.pk,
	};

	dh_key_from_secret(&local, secrets[side]);
	dh_key_from_secret(&remote, secrets[1]);
	LK_ASSERT(session_new(&s, &config, out).code == LK_OK);
	return s;
}

static void
event_check(
    struct session *s, const struct session_event *event, struct bytes left)
{
	switch (event->type) {
	case SESSION_NOTHING:
		LK_ASSERT(left.len == 0);
		break;
	case SESSION_TICKET:
		session_psk(s, psk);
		break;
	case SESSION_ESTABLISHED:
		LK_ASSERT(event->payload.len < HANDSHAKE_BYTES_MAX);
		break;
	case SESSION_MESSAGE:
		LK_ASSERT(event->body.len <= body_max[event->message]);
		break;
	}
}

/* Everything, in pieces whose lengths `cut` gives; false after an error. */
static bool
feed(struct session *s, struct bytes in, size_t cut, struct buf *out)
{
	while (in.len > 0) {
		size_t n = cut == 0 || cut > in.len ? in.len : cut;
		struct bytes part = { in.ptr, n };
		struct session_event event = { .type = SESSION_MESSAGE };

		while (event.type != SESSION_NOTHING) {
			lk_err err = session_step(s, &part, out, &event);

			if (err.code != LK_OK) {
				LK_ASSERT(
				    session_send(s, out, 1, BYTES(NULL, 0))
					.code == err.code);
				LK_ASSERT(
				    session_step(s, &part, out, &event).code ==
				    err.code);
				return false;
			}
			event_check(s, &event, part);
		}
		in = BYTES(in.ptr + n, in.len - n);
	}
	return true;
}

/* An honest initiator, of which the test has the keys. */
static void
responder_establish(
    struct session *s, struct noise_cipher *send, struct buf *out)
{
	struct dh_key local, remote;
	struct noise_cipher receive;
	struct noise n;
	BUF_SCOPED wire = { 0 };
	BUF_SCOPED got = { 0 };
	struct noise_config config = {
		.pattern = NOISE_XK,
		.initiator = true,
		.prologue = BYTES_OF(preface),
		.ephemeral = ephemerals[0],
		.local = &local,
		.remote = remote.pk,
	};

	buf_init(&wire, OUT_MAX);
	buf_init(&got, OUT_MAX);
	dh_key_from_secret(&local, secrets[0]);
	dh_key_from_secret(&remote, secrets[1]);
	noise_init(&n, &config);
	buf_mem(&wire, preface, sizeof(preface));
	buf_u16(&wire, (uint16_t)noise_overhead(&n));
	LK_ASSERT(noise_write(&n, &wire, BYTES(NULL, 0)).code == LK_OK);
	LK_ASSERT(feed(s, buf_bytes(&wire), 0, out));
	LK_ASSERT(
	    noise_read(&n, &got, BYTES(out->ptr + 2, out->len - 2)).code ==
	    LK_OK);
	buf_reset(&wire);
	buf_u16(&wire, (uint16_t)noise_overhead(&n));
	LK_ASSERT(noise_write(&n, &wire, BYTES(NULL, 0)).code == LK_OK);
	LK_ASSERT(feed(s, buf_bytes(&wire), 0, out));
	noise_split(&n, send, &receive);
}

/* The input as plaintext of honest frames. */
static void
feed_sealed(struct session *s, struct noise_cipher *send, struct bytes in,
    size_t cut, struct buf *out)
{
	bool alive = true;

	while (in.len > 0 && alive) {
		size_t n = cut == 0 || cut > in.len ? in.len : cut;
		BUF_SCOPED frame = { 0 };

		if (n > NOISE_PLAIN_MAX)
			n = NOISE_PLAIN_MAX;
		buf_init(&frame, OUT_MAX);
		buf_u16(&frame, (uint16_t)(n + NOISE_TAG_LEN));
		LK_ASSERT(
		    noise_seal(send, &frame, BYTES(in.ptr, n), BYTES(NULL, 0))
			.code == LK_OK);
		alive = feed(s, buf_bytes(&frame), 0, out);
		in = BYTES(in.ptr + n, in.len - n);
	}
}

/* The first byte chooses the side and the state, the second the pieces. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct session *s;
	struct noise_cipher send;
	struct bytes in;
	BUF_SCOPED out = { 0 };

	buf_init(&out, OUT_MAX);
	if (size < 2)
		return 0;
	for (size_t i = 0; i < SESSION_TYPES; i++)
		body_max[i] = (uint32_t)(i < 16 ? i * 4 : MESSAGE_MAX);
	in = BYTES(data + 2, size - 2);
	s = session_make(
	    data[0] % 4 == 1 ? SESSION_INITIATOR : SESSION_RESPONDER, &out);
	if (data[0] % 4 >= 2)
		responder_establish(s, &send, &out);
	if (data[0] % 4 == 3)
		feed_sealed(s, &send, in, data[1], &out);
	else
		(void)feed(s, in, data[1], &out);
	session_free(s);
	return 0;
}
