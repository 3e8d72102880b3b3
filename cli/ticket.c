#include "cli/ticket.h"

#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/file.h"
#include "cli/output.h"
#include "cli/params.h"

#define TICKET_LINE_MAX 8192

static void
ticket_render(struct output *o, json_object *result)
{
	(void)o;
	puts(field(result, "ticket"));
}

int
ticket_print(struct lk *lk, const char *method, json_object *params)
{
	JSON_SCOPED *result = NULL;

	DO(lk_call(lk, method, params, &result));
	output_result(
	    lk->output, lk->command->name, result, ticket_render);
	return 0;
}

int
ticket_add(struct lk *lk, json_object *params, const char *ticket)
{
	char line[TICKET_LINE_MAX];

	if (strcmp(ticket, "-") != 0) {
		params_text(params, "ticket", ticket);
		return 0;
	}
	if (fgets(line, sizeof(line), stdin) == NULL)
		return lk_fail(lk, EXIT_USAGE_, "usage", NULL,
		    "ticket: standard input is empty");
	line[strcspn(line, "\r\n")] = '\0';
	params_text(params, "ticket", line);
	return 0;
}
