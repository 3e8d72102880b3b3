#include "cli/ticket.h"

#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/code.h"
#include "cli/params.h"
#include "cli/progress.h"
#include "cli/qr.h"

void
ticket_render(struct output *o, json_object *result)
{
	(void)o;
	puts(field(result, "ticket"));
}

void
ticket_draw(struct output *o, json_object *result)
{
	if (!qr_print(o, field(result, "ticket")))
		fputs("lk: no QR code: this lk draws none\n", stderr);
	ticket_render(o, result);
}

int
ticket_lasting(struct lk *lk, json_object *params, int64_t expires_ms)
{
	if (expires_ms == 0) {
		json_object_put(params);
		return lk_fail_usage(lk, "--expires: no time at all");
	}
	if (expires_ms != TICKET_EXPIRES_DEFAULT)
		params_number(params, "expires_ms", expires_ms);
	return 0;
}

int
ticket_line(struct lk *lk, char line[static TICKET_LINE_MAX])
{
	if (fgets(line, TICKET_LINE_MAX, stdin) == NULL)
		return lk_fail(lk, EXIT_USAGE_, "usage", NULL,
		    "%s: standard input is empty", lk->command->name);
	line[strcspn(line, "\r\n")] = '\0';
	return 0;
}

int
ticket_use(struct lk *lk, const char *method, const char *ticket,
    int64_t timeout_ms, render_fn *render)
{
	char line[TICKET_LINE_MAX];
	json_object *params;

	if (strcmp(ticket, "-") == 0) {
		DO(ticket_line(lk, line));
		ticket = line;
	}
	if (code_looks_like(ticket))
		return lk_fail(lk, EXIT_USAGE_, "usage",
		    "lk pair takes one of a device, lk contact pair of a "
		    "person",
		    "ticket: it is a code");
	params = params_new(NULL);
	params_text(params, "ticket", ticket);
	params_number(params, "timeout_ms", timeout_ms);
	return progress_confirm(lk, method, params, render);
}
