#include "cli/progress.h"

#include <time.h>
#include <unistd.h>

#include "cli/params.h"

#define PATIENCE_MS 1000

struct progress {
	struct lk *lk;
	int64_t begun;
};

static int64_t
clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static bool
progress_show(void *ctx, json_object *event)
{
	struct progress *p = ctx;
	struct output *o = &p->lk->output;
	const char *verb = p->lk->command->name;
	long long n = field_int(event, "documents"),
		  of = field_int(event, "of");

	if (clock_ms() - p->begun < PATIENCE_MS)
		return true;
	if (field(event, "what")[0] != '\0')
		output_passing(o, "lk: %s: %lld of %lld %s", verb,
		    (long long)field_int(event, "done"), of,
		    field(event, "what"));
	else if (of > 0)
		output_passing(o,
		    "lk: %s: %lld of %lld documents; %s: %lld to go", verb, n,
		    of, safe(field(event, "name")),
		    (long long)field_int(event, "pending"));
	else
		output_passing(o, "lk: %s: %lld %s here", verb, n,
		    n == 1 ? "document is" : "documents are");
	return true;
}

int
progress_call(struct lk *lk, const char *method, json_object *params,
    json_object **result)
{
	struct progress p = { .lk = lk, .begun = clock_ms() };

	if (lk->quiet || lk->json || !isatty(STDERR_FILENO))
		return lk_call(lk, method, params, result);
	params_flag(params, "progress", true);
	return lk_call_each(
	    lk, method, params, (struct events){ progress_show, &p }, result);
}

int
progress_confirm(
    struct lk *lk, const char *method, json_object *params, render_fn *render)
{
	JSON_SCOPED *result = NULL;

	if (lk->quiet || lk->json || !isatty(STDERR_FILENO))
		return lk_confirm(lk, method, params, render);
	DO(progress_call(lk, method, params, &result));
	output_result(&lk->output, lk->command->name, result, render);
	return 0;
}
