#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/limits.h"
#include "daemon/rpc.h"
#include "daemon/transfer.h"

static uint64_t
next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return (*x);
}

/* What a line is answered with: 0 for a call, else the code. */
static int
parse_code(const char *line)
{
	struct rpc_call call;
	struct rpc_flaw flaw = { 0 };
	lk_err err = rpc_parse(&call, BYTES_STR(line), &flaw);

	rpc_call_clear(&call);
	if (err.code == LK_OK)
		return (0);
	assert_int_equal(err.code, LK_E_MALFORMED);
	assert_true(flaw.message[0] != '\0');
	return (flaw.code);
}

static void
a_request_has_a_method_an_id_and_params(void **state)
{
	struct rpc_call call;
	struct rpc_flaw flaw;
	const char *line =
	    "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"doc.get\","
	    "\"params\":{\"a\":18446744073709551615}}";
	json_object *a;

	(void)state;
	assert_int_equal(rpc_parse(&call, BYTES_STR(line), &flaw).code, LK_OK);
	assert_string_equal(call.method, "doc.get");
	assert_true(call.has_id);
	assert_int_equal(json_object_get_int64(call.id), 7);
	assert_true(json_object_object_get_ex(call.params, "a", &a));
	assert_true(json_object_get_uint64(a) == UINT64_MAX);
	assert_int_equal(call.params_upload, -1);
	rpc_call_clear(&call);
	line = "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"params_upload\":3}";
	assert_int_equal(rpc_parse(&call, BYTES_STR(line), &flaw).code, LK_OK);
	assert_false(call.has_id);
	assert_null(call.params);
	assert_int_equal(call.params_upload, 3);
	rpc_call_clear(&call);
	line = "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":null}";
	assert_int_equal(rpc_parse(&call, BYTES_STR(line), &flaw).code, LK_OK);
	assert_true(call.has_id);
	assert_null(call.id);
	assert_int_equal(json_object_object_length(call.params), 0);
	rpc_call_clear(&call);
}

static void
what_is_no_request_is_answered_with_why(void **state)
{
	static const struct {
		const char *line;
		int code;
	} cases[] = {
		{ "", RPC_PARSE },
		{ "x", RPC_PARSE },
		{ "{", RPC_PARSE },
		{ "{}x", RPC_PARSE },
		{ "{\"a\":}", RPC_PARSE },
		{ "{\"a\":1,}", RPC_PARSE },
		{ "\xff", RPC_PARSE },
		{ "{\"jsonrpc\":\"2.0\",\"method\":\"\xff\"}", RPC_PARSE },
		{ "{\"a\":1e999}", RPC_PARSE },
		{ "null", RPC_INVALID },
		{ "1", RPC_INVALID },
		{ "\"x\"", RPC_INVALID },
		{ "[]", RPC_INVALID },
		{ "[{\"jsonrpc\":\"2.0\",\"method\":\"m\"}]", RPC_INVALID },
		{ "{}", RPC_INVALID },
		{ "{\"method\":\"m\"}", RPC_INVALID },
		{ "{\"jsonrpc\":2.0,\"method\":\"m\"}", RPC_INVALID },
		{ "{\"jsonrpc\":\"1.0\",\"method\":\"m\"}", RPC_INVALID },
		{ "{\"jsonrpc\":\"2.0\"}", RPC_INVALID },
		{ "{\"jsonrpc\":\"2.0\",\"method\":1}", RPC_INVALID },
		{ "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":{}}",
		    RPC_INVALID },
		{ "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":1.5}",
		    RPC_INVALID },
		{ "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"params\":[]}",
		    RPC_PARAMS },
		{ "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"params\":null}",
		    RPC_PARAMS },
		{ "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"params\":{},"
		  "\"params_upload\":1}",
		    RPC_INVALID },
		{ "{\"jsonrpc\":\"2.0\",\"method\":\"m\","
		  "\"params_upload\":-1}",
		    RPC_PARAMS },
		{ "{\"jsonrpc\":\"2.0\",\"method\":\"m\","
		  "\"params_upload\":\"1\"}",
		    RPC_PARAMS },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (parse_code(cases[i].line) != cases[i].code)
			fail_msg("%s", cases[i].line);
}

static void
every_proper_prefix_of_a_request_is_no_json(void **state)
{
	static const char line[] =
	    "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"m\",\"params\":"
	    "{\"a\":[1,2.5e3,true,null,\"\\u00e4\\n\"]}}";
	char *part;

	(void)state;
	assert_int_equal(parse_code(line), 0);
	for (size_t n = 0; n < sizeof(line) - 1; n++) {
		part = strndup(line, n);
		assert_int_equal(parse_code(part), RPC_PARSE);
		free(part);
	}
}

static void
json_that_is_too_deep_is_refused_and_does_not_overflow(void **state)
{
	struct buf b;

	(void)state;
	for (size_t depth = 1; depth < CONTROL_LINE_MAX / 8; depth *= 2) {
		buf_init(&b, SIZE_MAX);
		buf_str(&b,
		    "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"params\":{"
		    "\"a\":");
		for (size_t i = 0; i < depth; i++)
			buf_u8(&b, '[');
		for (size_t i = 0; i < depth; i++)
			buf_u8(&b, ']');
		buf_str(&b, "}}");
		buf_u8(&b, 0);
		assert_int_equal(parse_code((const char *)b.ptr),
		    depth > TREE_DEPTH_MAX - 3 ? RPC_PARSE : 0);
		buf_clear(&b);
	}
}

/* Feeds `all` in random pieces; the lines joined by | come back. */
static void
lines_join(struct buf *out, struct bytes all, uint64_t seed)
{
	struct rpc_lines lines;
	struct bytes line;

	rpc_lines_init(&lines);
	while (all.len > 0) {
		size_t n = 1 + next_random(&seed) % 7;
		struct bytes in = BYTES(all.ptr, n < all.len ? n : all.len);

		all = BYTES(all.ptr + in.len, all.len - in.len);
		while (rpc_line(&lines, &in, &line).code == LK_OK) {
			buf_add(out, line);
			buf_str(out, "|");
		}
		assert_int_equal(in.len, 0);
	}
	rpc_lines_clear(&lines);
}

static void
lines_come_out_whole_however_they_are_cut(void **state)
{
	static const char text[] = "one\n\ntwo two\n\n\nthree\nfour";
	struct buf out;

	(void)state;
	for (uint64_t seed = 1; seed <= 200; seed++) {
		buf_init(&out, SIZE_MAX);
		lines_join(&out, BYTES_STR(text), seed);
		buf_u8(&out, 0);
		assert_string_equal((char *)out.ptr, "one||two two|||three|");
		buf_clear(&out);
	}
}

static void
a_line_may_have_so_many_bytes_and_no_more(void **state)
{
	uint8_t *big = malloc(CONTROL_LINE_MAX + 1);
	struct rpc_lines lines;
	struct bytes in, line;

	(void)state;
	memset(big, 'x', CONTROL_LINE_MAX + 1);
	for (size_t cut = 0; cut <= CONTROL_LINE_MAX; cut += 65535) {
		big[CONTROL_LINE_MAX - 1] = '\n';
		rpc_lines_init(&lines);
		in = BYTES(big, cut);
		assert_int_equal(
		    rpc_line(&lines, &in, &line).code, LK_E_NOTFOUND);
		in = BYTES(big + cut, CONTROL_LINE_MAX - cut);
		assert_int_equal(rpc_line(&lines, &in, &line).code, LK_OK);
		assert_int_equal(line.len, CONTROL_LINE_MAX - 1);
		rpc_lines_clear(&lines);
		big[CONTROL_LINE_MAX - 1] = 'x';
		rpc_lines_init(&lines);
		in = BYTES(big, cut);
		assert_int_equal(
		    rpc_line(&lines, &in, &line).code, LK_E_NOTFOUND);
		in = BYTES(big + cut, CONTROL_LINE_MAX + 1 - cut);
		assert_int_equal(rpc_line(&lines, &in, &line).code, LK_E_LIMIT);
		rpc_lines_clear(&lines);
	}
	free(big);
}

static void
answers_are_one_line_of_json_with_the_id_of_the_request(void **state)
{
	json_object *id = json_object_new_string("a\n\"b");
	json_object *value = json_object_new_object();
	struct rpc_error error = { .code = 66,
		.message = "no \"such\"\nthing",
		.word = "not-found",
		.hint = "look again",
		.details = value };
	struct buf out;

	(void)state;
	json_object_object_add(
	    value, "candidates", json_object_new_string("x"));
	buf_init(&out, SIZE_MAX);
	rpc_result(&out, id, value);
	rpc_failure(&out, NULL, &error);
	rpc_event(&out, id, value);
	rpc_download(&out, id, 5, 12345678);
	buf_u8(&out, 0);
	assert_string_equal((char *)out.ptr,
	    "{\"jsonrpc\":\"2.0\",\"id\":\"a\\n\\\"b\",\"result\":"
	    "{\"candidates\":\"x\"}}\n"
	    "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":66,"
	    "\"message\":\"no \\\"such\\\"\\nthing\",\"data\":"
	    "{\"error\":\"not-found\",\"hint\":\"look again\","
	    "\"candidates\":\"x\"}}}\n"
	    "{\"jsonrpc\":\"2.0\",\"method\":\"stream\",\"params\":"
	    "{\"id\":\"a\\n\\\"b\",\"event\":{\"candidates\":\"x\"}}}\n"
	    "{\"jsonrpc\":\"2.0\",\"id\":\"a\\n\\\"b\",\"result_download\":"
	    "{\"handle\":5,\"size\":12345678}}\n");
	buf_clear(&out);
	json_object_put(value);
	json_object_put(id);
}

static lk_err
append(struct transfers *t, int64_t handle, struct bytes b, size_t *size)
{
	struct buf text;
	lk_err err;

	buf_init(&text, SIZE_MAX);
	base64_encode(&text, b);
	err = upload_append(t, handle, buf_bytes(&text), size);
	buf_clear(&text);
	return (err);
}

static void
an_upload_is_what_its_pieces_are(void **state)
{
	struct transfers t;
	size_t total = 0, size = 0;
	int64_t handle;
	struct buf got;

	(void)state;
	transfers_init(&t, &total);
	assert_int_equal(upload_begin(&t, &handle).code, LK_OK);
	assert_int_equal(
	    append(&t, handle, BYTES_STR("hello "), &size).code, LK_OK);
	assert_int_equal(append(&t, handle, BYTES_STR(""), &size).code, LK_OK);
	assert_int_equal(
	    append(&t, handle, BYTES_STR("world"), &size).code, LK_OK);
	assert_int_equal(size, 11);
	assert_int_equal(total, 11);
	assert_int_equal(
	    upload_append(&t, handle, BYTES_STR("AA="), &size).code,
	    LK_E_MALFORMED);
	assert_int_equal(
	    append(&t, handle + 1, BYTES_STR("x"), &size).code, LK_E_NOTFOUND);
	assert_int_equal(upload_take(&t, handle, &got).code, LK_OK);
	assert_true(bytes_equal(buf_bytes(&got), BYTES_STR("hello world")));
	assert_int_equal(total, 0);
	assert_int_equal(upload_take(&t, handle, &got).code, LK_E_NOTFOUND);
	buf_clear(&got);
	transfers_clear(&t);
}

static void
transfers_are_bounded_in_number_and_in_bytes(void **state)
{
	static uint8_t piece[TRANSFER_PIECE_MAX + 1];
	struct transfers t;
	size_t total = TRANSFER_TOTAL_MAX - TRANSFER_PIECE_MAX, size;
	int64_t handle = 0, first;

	(void)state;
	transfers_init(&t, &total);
	assert_int_equal(upload_begin(&t, &first).code, LK_OK);
	for (size_t i = 1; i < TRANSFERS_MAX; i++)
		assert_int_equal(upload_begin(&t, &handle).code, LK_OK);
	assert_int_equal(upload_begin(&t, &handle).code, LK_E_LIMIT);
	assert_int_equal(
	    append(&t, first, BYTES(piece, sizeof(piece)), &size).code,
	    LK_E_LIMIT);
	assert_int_equal(
	    append(&t, first, BYTES(piece, TRANSFER_PIECE_MAX), &size).code,
	    LK_OK);
	assert_int_equal(
	    append(&t, first, BYTES(piece, 1), &size).code, LK_E_LIMIT);
	assert_int_equal(transfer_drop(&t, first).code, LK_OK);
	assert_int_equal(transfer_drop(&t, first).code, LK_E_NOTFOUND);
	transfers_clear(&t);
	assert_int_equal(total, TRANSFER_TOTAL_MAX - TRANSFER_PIECE_MAX);
}

static void
a_download_is_read_to_its_end(void **state)
{
	size_t len = TRANSFER_PIECE_MAX * 2 + 17, total = 0, left = 1;
	struct transfers t;
	struct buf in, got, piece;
	int64_t handle;

	(void)state;
	transfers_init(&t, &total);
	buf_init(&in, SIZE_MAX);
	buf_init(&got, SIZE_MAX);
	for (size_t i = 0; i < len; i++)
		buf_u8(&in, (uint8_t)(i * 31 >> 3));
	assert_int_equal(download_begin(&t, &in, &handle).code, LK_OK);
	assert_null(in.ptr);
	while (left > 0) {
		buf_init(&piece, SIZE_MAX);
		assert_int_equal(
		    download_read(&t, handle, &piece, &left).code, LK_OK);
		assert_int_equal(
		    base64_decode(&got, buf_bytes(&piece)).code, LK_OK);
		buf_clear(&piece);
	}
	assert_int_equal(got.len, len);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(got.ptr[i], (uint8_t)(i * 31 >> 3));
	assert_int_equal(
	    download_read(&t, handle, &piece, &left).code, LK_E_NOTFOUND);
	assert_int_equal(total, 0);
	buf_clear(&got);
	transfers_clear(&t);
}

static void
base64_has_one_form_only(void **state)
{
	static const char *const bad[] = { "A", "AA", "AAA", "A===", "AA=A",
		"AB==", "AAB=", "AA==AAAA", "AA=\n", "A A=", "AA-_", "====" };
	struct buf text, back;
	uint64_t seed = 9;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		buf_init(&back, SIZE_MAX);
		assert_int_equal(base64_decode(&back, BYTES_STR(bad[i])).code,
		    LK_E_MALFORMED);
		assert_int_equal(back.len, 0);
		buf_clear(&back);
	}
	for (size_t n = 0; n < 100; n++) {
		uint8_t bytes[100];

		for (size_t i = 0; i < n; i++)
			bytes[i] = (uint8_t)next_random(&seed);
		buf_init(&text, SIZE_MAX);
		buf_init(&back, SIZE_MAX);
		base64_encode(&text, BYTES(bytes, n));
		assert_int_equal(text.len, BASE64_LEN(n));
		assert_int_equal(
		    base64_decode(&back, buf_bytes(&text)).code, LK_OK);
		assert_true(bytes_equal(buf_bytes(&back), BYTES(bytes, n)));
		buf_clear(&text);
		buf_clear(&back);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_has_a_method_an_id_and_params),
		cmocka_unit_test(what_is_no_request_is_answered_with_why),
		cmocka_unit_test(every_proper_prefix_of_a_request_is_no_json),
		cmocka_unit_test(
		    json_that_is_too_deep_is_refused_and_does_not_overflow),
		cmocka_unit_test(lines_come_out_whole_however_they_are_cut),
		cmocka_unit_test(a_line_may_have_so_many_bytes_and_no_more),
		cmocka_unit_test(
		    answers_are_one_line_of_json_with_the_id_of_the_request),
		cmocka_unit_test(an_upload_is_what_its_pieces_are),
		cmocka_unit_test(transfers_are_bounded_in_number_and_in_bytes),
		cmocka_unit_test(a_download_is_read_to_its_end),
		cmocka_unit_test(base64_has_one_form_only),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
