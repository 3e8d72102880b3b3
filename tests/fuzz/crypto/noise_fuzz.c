#include <string.h>

#include "crypto/noise.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const uint8_t secrets[2][DH_LEN] = { { 8 }, { 16 } };
static const uint8_t ephemerals[2][DH_LEN] = { { 24 }, { 32 } };

static void
side_init(struct noise *n, enum noise_pattern pattern, int side)
{
	static const uint8_t psk[NOISE_PSK_LEN] = { 1 };
	struct dh_key local, remote;
	struct noise_config config = {
		.pattern = pattern,
		.initiator = side == 0,
		.ephemeral = ephemerals[side],
		.local = &local,
		.remote = remote.pk,
		.psk = psk,
	};

	dh_key_from_secret(&local, secrets[side]);
	dh_key_from_secret(&remote, secrets[1]);
	noise_init(n, &config);
}

#define PATTERNS 4
#define MESSAGES 3

/* Both sides, honest up to the message `bad`: made once, as keys are slow. */
struct stage {
	struct noise side[2];
	uint8_t honest[256]; /* what the message should have been */
	size_t honest_len;
	bool there;
};

static struct stage stages[PATTERNS][MESSAGES];

static void
message_pass(struct stage *s, size_t i, bool deliver)
{
	struct noise *from = &s->side[i % 2], *to = &s->side[1 - i % 2];
	BUF_SCOPED wire = { 0 };
	BUF_SCOPED got = { 0 };

	buf_init(&wire, sizeof(s->honest));
	buf_init(&got, sizeof(s->honest));
	LK_ASSERT(noise_write(from, &wire, BYTES_STR("abc")).code == LK_OK);
	memcpy(s->honest, wire.ptr, wire.len);
	s->honest_len = wire.len;
	if (deliver)
		LK_ASSERT(
		    noise_read(to, &got, buf_bytes(&wire)).code == LK_OK);
}

static void
stages_make(void)
{
	for (int p = 0; p < PATTERNS; p++) {
		size_t messages = p == NOISE_NK ? 2 : MESSAGES;

		for (size_t bad = 0; bad < messages; bad++) {
			struct stage *s = &stages[p][bad];

			side_init(&s->side[0], (enum noise_pattern)p, 0);
			side_init(&s->side[1], (enum noise_pattern)p, 1);
			for (size_t i = 0; i <= bad; i++)
				message_pass(s, i, i < bad);
			s->there = true;
		}
	}
}

/* XX's first message is not authenticated: whoever changed it is found out in
 * the next. */
static void
later_check(struct stage *s)
{
	BUF_SCOPED wire = { 0 };
	BUF_SCOPED got = { 0 };

	buf_init(&wire, NOISE_MESSAGE_MAX);
	buf_init(&got, NOISE_MESSAGE_MAX);
	if (noise_write(&s->side[1], &wire, BYTES(NULL, 0)).code == LK_OK)
		LK_ASSERT(memcmp(s->side[1].remote_ephemeral,
			      s->side[0].ephemeral.pk, DH_LEN) == 0 ||
		    noise_read(&s->side[0], &got, buf_bytes(&wire)).code !=
			LK_OK);
}

/* A handshake that is honest up to the message that the input replaces: then
 * the input must be refused, or be that message. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes message = BYTES(data + 2, size - 2);
	struct stage s;
	size_t bad;
	bool same;
	lk_err err;
	BUF_SCOPED got = { 0 };

	if (size < 2)
		return 0;
	if (!stages[0][0].there)
		stages_make();
	bad = data[1] % MESSAGES;
	s = stages[data[0] % PATTERNS][bad];
	if (!s.there)
		return 0;
	same = bytes_equal(message, BYTES(s.honest, s.honest_len));
	buf_init(&got, NOISE_MESSAGE_MAX);
	err = noise_read(&s.side[1 - bad % 2], &got, message);
	if (err.code != LK_OK) {
		LK_ASSERT(!same && got.len == 0);
		return 0;
	}
	if (same)
		return 0;
	LK_ASSERT(bad == 0 && s.side[1].pattern == NOISE_XX);
	later_check(&s);
	return 0;
}
