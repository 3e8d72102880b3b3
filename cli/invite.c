#include "base/limits.h"
#include "cli/client.h"
#include "cli/params.h"
#include "cli/ticket.h"
#include "cli/verbs.h"

static const char *opt_role;
static bool opt_qr;
static int64_t opt_uses = 1, opt_expires = TICKET_EXPIRES_DEFAULT;

static const struct option options[] = {
	{ "role", 'r', OPTION_STRING, &opt_role },
	{ "qr", 0, OPTION_FLAG, &opt_qr },
	{ "uses", 0, OPTION_NUMBER, &opt_uses },
	{ "expires", 0, OPTION_DURATION, &opt_expires },
	OPTIONS_END,
};

static int
invite_run(struct lk *lk, const struct args *args)
{
	json_object *params;

	if (opt_uses < 1 || opt_uses > TICKET_USES_MAX)
		return lk_fail_usage(
		    lk, "--uses: from 1 to %d", TICKET_USES_MAX);
	params = params_new(args->operands[0]);
	params_text(params, "role", opt_role);
	params_number(params, "uses", opt_uses);
	DO(ticket_lasting(lk, params, opt_expires));
	return lk_answer(
	    lk, "invite", params, opt_qr ? ticket_draw : ticket_render);
}

const struct command verb_invite = {
	.name = "invite",
	.usage = "invite [--role ROLE] [--uses N] [--expires SPAN] [--qr] "
		 "DOC\n",
	.summary = "Print a ticket for somebody not yet met",
	.details =
	    "Whoever has the line can use it, so hand it over as you would a "
	    "key. This device has\nto be reachable when it is used.\n\n"
	    "  -r, --role ROLE     read, write (the default) or admin\n"
	    "  --qr                draw it for a camera too\n"
	    "  --uses N            how often (1)\n"
	    "  --expires SPAN      how long it is good for (7d)\n",
	.options = options,
	.operands_min = 1,
	.operands_max = 1,
	.run = invite_run,
};
