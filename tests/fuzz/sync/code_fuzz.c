/*
 * Codes: any text, and what is taken is written so that it is taken again; and
 * runs: messages of any type and body to a side in any state, of which none
 * but the honest ones lead to an agreement.
 */
#include <string.h>

#include "sync/code_run.h"
#include "sync/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
text_any(struct bytes text, enum code_purpose purpose)
{
	char out[CODE_TEXT_LEN];
	struct code code, again;

	if (code_decode(&code, text, purpose).code != LK_OK)
		return;
	LK_ASSERT(code.window < CODE_WINDOWS && code.secret < 1u << 26);
	code_encode(out, &code, purpose);
	LK_ASSERT(code_decode(&again, BYTES_STR(out), purpose).code == LK_OK);
	LK_ASSERT(again.window == code.window && again.secret == code.secret);
}

static void
side_init(struct code_run *r, enum code_role role)
{
	static const uint8_t h[SESSION_HASH_LEN] = { 1 };
	uint8_t random[CPACE_RANDOM_LEN] = { (uint8_t)role };
	struct code code = { .window = 42, .secret = 1234 };
	struct code_run_config config = { .role = role,
		.purpose = CODE_DEVICE,
		.code = &code,
		.h = h,
		.random = random };

	LK_ASSERT(code_run_init(r, &config).code == LK_OK);
}

/* The displayer, to whom strangers speak: type, then length and body. */
static void
messages_any(struct bytes in)
{
	struct rd rd = rd_over(in);
	struct code_run run;

	side_init(&run, CODE_DISPLAYER);
	while (!rd.failed && rd.left.len > 0 && run.state != RUN_DEAD) {
		uint8_t type = rd_u8(&rd), reply = 0;
		struct bytes body = rd_take(&rd, rd_u8(&rd));
		BUF_SCOPED out = { .max = CPACE_POINT_LEN };

		if (rd.failed)
			break;
		(void)code_run_take(&run, type, body, &out, &reply).code;
		LK_ASSERT(out.len <= CPACE_POINT_LEN);
	}
	/* Whoever does not know the code guesses one confirmation in 2^256. */
	LK_ASSERT(run.state != RUN_AGREED);
	code_run_clear(&run);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LK_ASSERT(crypto_start().code == LK_OK);
	if (size == 0)
		return 0;
	if (data[0] % 4 < 3)
		text_any(BYTES(data + 1, size - 1),
		    data[0] % 2 == 0 ? CODE_DEVICE : CODE_CONTACT);
	else
		messages_any(BYTES(data + 1, size - 1));
	return 0;
}
