#include <stdio.h>

#include "cli/client.h"
#include "cli/history.h"
#include "cli/params.h"
#include "cli/verbs.h"

/* Whether something of a document is not here any more. */
static bool
document_lacks(json_object *doc)
{
	return json_object_array_length(field_list(doc, "damaged")) > 0 ||
	    field_int(doc, "lost") > 0;
}

static void
document_print(struct output *o, json_object *doc)
{
	json_object *damaged = field_list(doc, "damaged");
	const char *name = field(doc, "name");
	int64_t records = field_int(doc, "records");

	if (records == 0 && !document_lacks(doc))
		return;
	printf("%s%s%s\n", style_on(o, STYLE_BOLD),
	    name[0] == '\0' ? "the list of documents" : safe(name),
	    style_off(o));
	if (records > 0)
		printf("  %lld damaged %s, mended%s\n", (long long)records,
		    records == 1 ? "record" : "records",
		    field_bool(doc, "rebuilt") ? " from the log" : "");
	if (field_int(doc, "lost") > 0)
		printf("  %s%lld changes lost%s, and %lld that wait for them: "
		       "they come back from any device that has them\n",
		    style_on(o, STYLE_BAD), (long long)field_int(doc, "lost"),
		    style_off(o), (long long)field_int(doc, "waiting"));
	for (size_t i = 0; i < json_object_array_length(damaged); i++)
		change_render(o, json_object_array_get_idx(damaged, i));
}

static void
verify_render(struct output *o, json_object *result)
{
	json_object *docs = field_list(result, "documents");
	int64_t records = field_int(result, "device_records");

	if (records > 0)
		printf("%lld damaged records of this device, mended\n",
		    (long long)records);
	for (size_t i = 0; i < json_object_array_length(docs); i++)
		document_print(o, json_object_array_get_idx(docs, i));
}

static int
verify_run(struct lk *lk, const struct args *args)
{
	JSON_SCOPED *result = NULL;
	json_object *params = params_new(NULL), *docs;
	size_t lacking = 0;

	params_docs(params, args);
	DO(lk_call(lk, "doc.verify", params, &result));
	output_result(
	    &lk->output, "verify", result, lk->quiet ? NULL : verify_render);
	docs = field_list(result, "documents");
	for (size_t i = 0; i < json_object_array_length(docs); i++)
		lacking += document_lacks(json_object_array_get_idx(docs, i));
	if (lacking == 0)
		return 0;
	return lk_fail(lk, lk_exit_status(LK_E_CORRUPT), "damaged",
	    "lk sync asks the other devices now",
	    "verify: %zu %s damaged; what is missing comes back from any "
	    "device "
	    "that has it",
	    lacking, lacking == 1 ? "document" : "documents");
}

const struct command verb_verify = {
	.name = "verify",
	.usage = "verify [DOC ...]\n",
	.summary = "Read everything, and mend what the disk has damaged",
	.details = "What can be derived is made again from the log of changes. "
		   "Changes "
		   "that are\ndamaged there are listed, and asked of every "
		   "device that "
		   "has them; until then\nthe exit status is 65.\n",
	.operands_max = OPERANDS_MANY,
	.run = verify_run,
};
