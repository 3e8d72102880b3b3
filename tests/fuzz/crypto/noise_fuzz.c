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

/* A handshake that is honest up to the message that the input replaces: then
 * the input must be refused, or be that message. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct noise side[2];
	size_t bad;

	if (size < 2)
		return 0;
	side_init(&side[0], data[0] & 3, 0);
	side_init(&side[1], data[0] & 3, 1);
	bad = data[1] % 3;
	for (size_t i = 0; !noise_done(&side[0]) || !noise_done(&side[1]);
	     i++) {
		struct noise *from = &side[i % 2], *to = &side[1 - i % 2];
		BUF_SCOPED wire = { 0 };
		BUF_SCOPED got = { 0 };
		struct bytes message;
		lk_err err;

		buf_init(&wire, NOISE_MESSAGE_MAX);
		buf_init(&got, NOISE_MESSAGE_MAX);
		err = noise_write(from, &wire, BYTES(data, i));
		/* XX computes with the first key only when it answers. */
		if (err.code != LK_OK) {
			LK_ASSERT(bad == 0 && i == 1);
			break;
		}
		message =
		    i == bad ? BYTES(data + 2, size - 2) : buf_bytes(&wire);
		err = noise_read(to, &got, message);
		if (err.code != LK_OK) {
			LK_ASSERT(got.len == 0);
			LK_ASSERT(i >= bad);
			break;
		}
		/* XX's first message is not authenticated: see the next. */
		LK_ASSERT(bytes_equal(message, buf_bytes(&wire)) ||
		    (i == 0 && to->pattern == NOISE_XX));
		LK_ASSERT(i != 1 || bad != 0 ||
		    memcmp(side[1].remote_ephemeral, side[0].ephemeral.pk,
			DH_LEN) == 0);
	}
	return 0;
}
