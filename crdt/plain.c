#include "crdt/plain.h"

#include <math.h>
#include <string.h>

#include "base/base64.h"
#include "base/clock.h"
#include "crdt/textdiff.h"

/* Above every integer of 64 bits. */
#define TWO_64 18446744073709551616.0

enum plain_kind {
	PLAIN_NULL,
	PLAIN_FALSE,
	PLAIN_TRUE,
	PLAIN_INTEGER,
	PLAIN_FLOAT,
	PLAIN_STRING,
};

struct plain {
	enum plain_kind kind;
	bool negative;      /* integers */
	uint64_t magnitude; /* integers; the bits of floats */
	struct bytes text;
};

static struct plain
plain_integer(int64_t n)
{
	return (struct plain){ .kind = PLAIN_INTEGER,
		.negative = n < 0,
		.magnitude = n < 0 ? -(uint64_t)n : (uint64_t)n };
}

static struct plain
plain_float(const struct value *v)
{
	struct plain p = { .kind = PLAIN_FLOAT };
	uint64_t bits = 0;
	double d, whole;

	for (int i = 7; i >= 0; i--)
		bits = bits << 8 | v->f64[i];
	memcpy(&d, &bits, sizeof(d));
	if (!isfinite(d))
		return (struct plain){ .kind = PLAIN_NULL };
	p.magnitude = bits;
	if (fabs(d) >= TWO_64)
		return p;
	whole = (double)(uint64_t)fabs(d);
	if (whole < fabs(d))
		return p;
	return (struct plain){ .kind = PLAIN_INTEGER,
		.negative = d < 0,
		.magnitude = (uint64_t)whole };
}

/* Texts that are not in the value are appended to `memory`, which must be
 * empty. */
static lk_err
plain_of(struct plain *out, const struct tree *t, struct buf *memory)
{
	const struct value *v = &t->value;
	char time[WALL_TEXT_LEN];

	*out = (struct plain){ .kind = PLAIN_STRING, .text = t->text };
	if (t->kind == TREE_TEXT)
		return LK_NONE;
	switch (v->type) {
	case VALUE_NULL:
		out->kind = PLAIN_NULL;
		return LK_NONE;
	case VALUE_FALSE:
		out->kind = PLAIN_FALSE;
		return LK_NONE;
	case VALUE_TRUE:
		out->kind = PLAIN_TRUE;
		return LK_NONE;
	case VALUE_UINT:
		*out = (struct plain){ .kind = PLAIN_INTEGER,
			.magnitude = v->u64 };
		return LK_NONE;
	case VALUE_INT:
	case VALUE_COUNTER:
		*out = plain_integer(v->i64);
		return LK_NONE;
	case VALUE_F64:
		*out = plain_float(v);
		return LK_NONE;
	case VALUE_STR:
		out->text = v->bytes;
		return LK_NONE;
	case VALUE_TIMESTAMP:
		wall_format(time, (struct wall){ v->i64 });
		buf_str(memory, time);
		break;
	default:
		base64_encode(memory, v->bytes);
		break;
	}
	out->text = buf_bytes(memory);
	return buf_err(memory, "compare values");
}

lk_err
plain_hash(const struct tree *t, uint64_t *hash)
{
	BUF_SCOPED memory = { .max = DOCUMENT_BODY_MAX };
	struct plain p;

	TRY(plain_of(&p, t, &memory));
	if (p.kind == PLAIN_STRING)
		*hash = text_hash(p.text);
	else
		*hash = (p.magnitude + 1) * UINT64_C(0x9e3779b97f4a7c15) +
		    (uint64_t)p.kind * 2 + p.negative;
	return LK_NONE;
}

lk_err
plain_same(const struct tree *a, const struct tree *b, bool *same)
{
	BUF_SCOPED memory_a = { .max = DOCUMENT_BODY_MAX };
	BUF_SCOPED memory_b = { .max = DOCUMENT_BODY_MAX };
	struct plain x, y;

	TRY(plain_of(&x, a, &memory_a));
	TRY(plain_of(&y, b, &memory_b));
	*same = x.kind == y.kind && x.negative == y.negative &&
	    x.magnitude == y.magnitude;
	if (*same && x.kind == PLAIN_STRING)
		*same = bytes_equal(x.text, y.text);
	return LK_NONE;
}

static bool
integer_fits(const struct plain *p, int64_t *out)
{
	if (p->kind != PLAIN_INTEGER ||
	    p->magnitude > (uint64_t)INT64_MAX + p->negative)
		return false;
	*out = (int64_t)(p->negative ? -p->magnitude : p->magnitude);
	return true;
}

/* By how much a counter is to grow; sums of counters wrap. */
static lk_err
counter_fit(struct plain_fit *fit, const struct tree *base,
    const struct plain *wanted, struct buf *memory)
{
	struct plain before;
	int64_t from, to;

	TRY(plain_of(&before, base, memory));
	fit->fits = integer_fits(wanted, &to) && integer_fits(&before, &from);
	if (!fit->fits)
		return LK_NONE;
	fit->increment = true;
	fit->value.i64 = (int64_t)((uint64_t)to - (uint64_t)from);
	return LK_NONE;
}

static lk_err
string_fit(struct plain_fit *fit, struct bytes text, struct buf *memory)
{
	struct wall time;

	switch (fit->value.type) {
	case VALUE_STR:
		fit->fits = true;
		fit->value.bytes = text;
		return LK_NONE;
	case VALUE_TIMESTAMP:
		fit->fits = wall_read(&time, text).code == LK_OK;
		fit->value.i64 = fit->fits ? time.ms : 0;
		return LK_NONE;
	case VALUE_NULL:
	case VALUE_FALSE:
	case VALUE_TRUE:
	case VALUE_UINT:
	case VALUE_INT:
	case VALUE_F64:
	case VALUE_COUNTER:
		return LK_NONE;
	default:
		fit->fits = base64_decode(memory, text).code == LK_OK;
		fit->value.bytes = buf_bytes(memory);
		return buf_err(memory, "read bytes");
	}
}

lk_err
plain_fit(struct plain_fit *out, const struct tree *now,
    const struct tree *base, const struct tree *wanted, struct buf *memory)
{
	struct plain_fit fit = { .value = { .type = now->value.type } };
	struct plain p;

	/* A plain tree holds its strings itself. */
	TRY(plain_of(&p, wanted, memory));
	if (p.kind == PLAIN_STRING)
		TRY(string_fit(&fit, p.text, memory));
	else if (fit.value.type == VALUE_COUNTER)
		TRY(counter_fit(&fit, base, &p, memory));
	else if (fit.value.type == VALUE_UINT && p.kind == PLAIN_INTEGER &&
	    !p.negative) {
		fit.fits = true;
		fit.value.u64 = p.magnitude;
	}
	*out = fit;
	return LK_NONE;
}
