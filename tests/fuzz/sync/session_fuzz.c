/* The machine itself, to copy one that is established: a handshake costs a
 * hundred times what the rest does. */
#include "sync/session.c"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define OUT_MAX (256u * 1024)
#define PIECES_MAX 48

static const uint8_t preface[] = { 'L', 'K', 1, 1, 0 };
static const uint8_t secrets[2][DH_LEN] = { { 8 }, { 16 } };
static const uint8_t ephemerals[2][DH_LEN] = { { 24 }, { 32 } };
static const uint8_t psk[SESSION_PSK_LEN] = { 1 };
static uint32_t body_max[SESSION_TYPES];
static struct dh_key keys[2]; /* of secrets; once */

static void
keys_make(void)
{
	for (size_t i = 0; i < SESSION_TYPES; i++)
		body_max[i] = (uint32_t)(i < 16 ? i * 4 : MESSAGE_MAX);
	dh_key_from_secret(&keys[0], secrets[0]);
	dh_key_from_secret(&keys[1], secrets[1]);
}

static struct session *
session_make(enum session_role role, struct buf *out)
{
	int side = role == SESSION_INITIATOR ? 0 : 1;
	struct session *s = NULL;
	struct session_config config = {
		.role = role,
		.noise = &keys[side],
		.ephemeral = ephemerals[side],
		.body_max = body_max,
		.pattern = SESSION_XK,
		.remote = keys[1].pk,
	};

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
	case SESSION_WINDOW:
		session_window(s, &keys[1]);
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
	struct noise_cipher receive;
	struct noise n;
	BUF_SCOPED wire = { 0 };
	BUF_SCOPED got = { 0 };
	struct noise_config config = {
		.pattern = NOISE_XK,
		.initiator = true,
		.prologue = BYTES_OF(preface),
		.ephemeral = ephemerals[0],
		.local = &keys[0],
		.remote = keys[1].pk,
	};

	buf_init(&wire, OUT_MAX);
	buf_init(&got, OUT_MAX);
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

/* A copy of an established responder and of what speaks to it. */
static struct session *
responder_copy(struct noise_cipher *send)
{
	static struct noise_cipher sends;
	static struct session *open;
	struct session *s = malloc(sizeof(*s));
	BUF_SCOPED out = { 0 };

	LK_ASSERT(s != NULL);
	if (open == NULL) {
		buf_init(&out, OUT_MAX);
		open = session_make(SESSION_RESPONDER, &out);
		responder_establish(open, &sends, &out);
		buf_clear(&open->frame);
		buf_clear(&open->payload);
		buf_clear(&open->stream);
	}
	*s = *open;
	*send = sends;
	return s;
}

/* The first byte chooses the side and the state, the second the pieces. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct session *s;
	struct noise_cipher send;
	struct bytes in;
	size_t cut;
	BUF_SCOPED out = { 0 };

	buf_init(&out, OUT_MAX);
	if (size < 2)
		return 0;
	if (body_max[1] == 0)
		keys_make();
	in = BYTES(data + 2, size - 2);
	cut = data[1] == 0 ? 0 : data[1] + in.len / PIECES_MAX;
	if (data[0] % 4 >= 2)
		s = responder_copy(&send);
	else
		s = session_make(
		    data[0] % 4 == 1 ? SESSION_INITIATOR : SESSION_RESPONDER,
		    &out);
	if (data[0] % 4 == 3)
		feed_sealed(s, &send, in, cut, &out);
	else
		(void)feed(s, in, cut, &out);
	session_free(s);
	return 0;
}
