/*
 * Whole answers of an object store: status, header lines and body, for every
 * kind of request.  What is made of them is bounded and can be shown.
 */
/* The machine itself: what curl would hand to it. */
#include "net/http.c"
#include "net/s3_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* u8 length and line, for each header. */
static void
headers_take(struct http_answer *a, struct http *h, struct rd *rd, size_t n)
{
	for (; n > 0 && !rd->failed; n--) {
		struct bytes line = rd_take(rd, rd_u8(rd));
		char *text = malloc(line.len + 1);

		/* Behind it there is nothing to be read. */
		LK_ASSERT(text != NULL);
		if (line.len > 0)
			memcpy(text + 1, line.ptr, line.len);
		LK_ASSERT(header_receive(text + 1, 1, line.len, h) == line.len);
		free(text);
	}
	LK_ASSERT(strlen(a->date) < sizeof(a->date));
	LK_ASSERT(strlen(a->region) < sizeof(a->region));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd rd = rd_over(BYTES(data, size));
	struct http_answer a = { .body = { .max = 64 * 1024 } };
	struct http_request request = { .answer_max = 64 * 1024 };
	struct http h = { .request = &request, .answer = &a };
	enum object_op op = (enum object_op)(rd_u8(&rd) % 4);
	struct s3_judgement j;

	a.status = rd_u16(&rd) % 1000;
	headers_take(&a, &h, &rd, rd_u8(&rd) % 4);
	buf_add(&a.body, rd.left);
	s3_judge(&j, op, &a);
	for (const char *c = j.why; *c != '\0'; c++)
		LK_ASSERT(*c >= ' ' && *c <= '~');
	LK_ASSERT(j.verdict != S3_REGION || j.region[0] != '\0');
	LK_ASSERT(j.verdict == S3_DONE || j.verdict == S3_CLOCK ||
	    j.verdict == S3_REGION || j.err.code != LK_OK);
	buf_clear(&a.body);
	return (0);
}
