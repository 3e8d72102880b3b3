#include "daemon/json_spans.h"

#include "crdt/doc_spans.h"
#include "daemon/json_text.h"

struct spans_writer {
	struct doc *doc;
	struct buf *out;
	enum json_style style;
	bool any;
};

static lk_err
marks_write(struct spans_writer *w, const struct span *s)
{
	buf_str(w->out, ",\"marks\":{");
	for (size_t i = 0; i < s->marks_len; i++) {
		struct item value = { .value = s->marks[i].value };

		if (i > 0)
			buf_u8(w->out, ',');
		json_text_string(w->out, s->marks[i].name);
		buf_u8(w->out, ':');
		TRY(json_value_write(w->out, w->doc, &value, w->style));
	}
	buf_u8(w->out, '}');
	return LK_NONE;
}

static lk_err
span_write(void *ctx, const struct span *s)
{
	struct spans_writer *w = ctx;
	struct item map = {
		.id = s->block, .is_obj = true, .obj_type = OBJ_MAP
	};

	buf_printf(w->out,
	    "%s{\"type\":\"%s\",\"start\":%llu,\"length\":%llu,\"value\":",
	    w->any ? "," : "", s->is_block ? "block" : "text",
	    (unsigned long long)s->start, (unsigned long long)s->length);
	w->any = true;
	if (s->is_block)
		TRY(json_value_write(w->out, w->doc, &map, w->style));
	else
		json_text_string(w->out, s->text);
	if (!s->is_block && s->marks_len > 0)
		TRY(marks_write(w, s));
	buf_u8(w->out, '}');
	return buf_err(w->out, "it is too large");
}

lk_err
json_spans_write(
    struct buf *out, struct doc *doc, struct op_id text, enum json_style style)
{
	struct spans_writer w = { doc, out, style, false };

	buf_u8(out, '[');
	TRY(doc_spans(doc, text, span_write, &w));
	buf_u8(out, ']');
	return buf_err(out, "it is too large");
}
