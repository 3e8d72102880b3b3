#include "cli/code.h"

#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/params.h"
#include "cli/progress.h"
#include "cli/ticket.h"

bool
code_looks_like(const char *typed)
{
	return strspn(typed, "0123456789") == 2;
}

static bool
for_device(const char *purpose)
{
	return strcmp(purpose, "device") == 0;
}

/* For a device that cannot find this one on the local network. */
static void
code_places(json_object *event)
{
	json_object *list = field_list(event, "addresses");
	size_t len = list == NULL ? 0 : json_object_array_length(list);

	if (len > 0)
		puts("From another network, with one of\n");
	for (size_t i = 0; i < len; i++)
		printf("  %s@%s\n", field(event, "code"),
		    safe(json_object_get_string(
			json_object_array_get_idx(list, i))));
}

static void
paired_render(struct output *o, json_object *result)
{
	printf("%s is %s now. Both show: %s%s%s\n", safe(field(result, "name")),
	    field(result, "device")[0] != '\0' ? "one of your devices"
					       : "a contact",
	    style_on(o, STYLE_BOLD), field(result, "words"), style_off(o));
}

static void
shown_render(struct output *o, json_object *event)
{
	if (strcmp(field(event, "event"), "code") != 0) {
		paired_render(o, event);
		return;
	}
	printf("Code: %s%s%s\n\n", style_on(o, STYLE_BOLD),
	    field(event, "code"), style_off(o));
	printf("On the other %s, within 5 minutes: %s\n\n",
	    for_device(field(event, "purpose")) ? "device" : "person's device",
	    for_device(field(event, "purpose"))
		? "lk pair, and there this"
		: "lk contact pair, and there this");
	code_places(event);
}

/* What -q leaves. */
static void
code_only(struct output *o, json_object *event)
{
	(void)o;
	if (strcmp(field(event, "event"), "code") == 0)
		puts(field(event, "code"));
}

struct showing {
	struct lk *lk;
	render_fn *render;
};

static bool
event_take(void *ctx, json_object *event)
{
	struct showing *s = ctx;

	output_event(&s->lk->output, "code", event, s->render);
	return !ferror(stdout);
}

int
code_show(struct lk *lk, const char *purpose)
{
	struct showing s = { .lk = lk,
		.render = lk->quiet ? code_only : shown_render };
	json_object *params = params_new(NULL);

	params_text(params, "purpose", purpose);
	return lk_stream(lk, "code.show", params, event_take, &s);
}

static void
typed_device(struct output *o, json_object *result)
{
	long long n = field_int(result, "documents");

	printf("paired; %lld %s here. Both show: %s%s%s\n", n,
	    n == 1 ? "document is" : "documents are", style_on(o, STYLE_BOLD),
	    field(result, "words"), style_off(o));
}

int
code_type(struct lk *lk, const char *purpose, const char *typed, bool given,
    int64_t timeout_ms)
{
	json_object *params = params_new(NULL);

	if (given && !lk->quiet)
		fprintf(stderr,
		    "lk: %s: other users of this machine can see the code in "
		    "the arguments; - reads it from standard input\n",
		    lk->command->name);
	params_text(params, "purpose", purpose);
	params_text(params, "code", typed);
	params_number(params, "timeout_ms", timeout_ms);
	return progress_confirm(lk, "code.type", params,
	    for_device(purpose) ? typed_device : paired_render);
}

int
code_ask(struct lk *lk, const char *purpose, int64_t timeout_ms)
{
	char line[TICKET_LINE_MAX];

	fputs("Code of the other device (nothing: show one here): ", stderr);
	DO(ticket_line(lk, line));
	if (line[0] == '\0')
		return code_show(lk, purpose);
	return code_type(lk, purpose, line, false, timeout_ms);
}
