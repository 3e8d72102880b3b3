#include <string.h>

#include "base/limits.h"
#include "daemon/rpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* A stream of lines, cut by its first byte; what is a call is answered. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes all, in, line;
	struct rpc_lines lines;
	size_t piece;

	if (size == 0)
		return (0);
	piece = data[0] + 1U;
	all = BYTES(data + 1, size - 1);
	rpc_lines_init(&lines);
	while (all.len > 0) {
		in = BYTES(all.ptr, piece < all.len ? piece : all.len);
		all = BYTES(all.ptr + in.len, all.len - in.len);
		while (rpc_line(&lines, &in, &line).code == LK_OK) {
			struct rpc_call call;
			struct rpc_flaw flaw;
			struct buf out;

			buf_init(&out, CONTROL_LINE_MAX);
			if (rpc_parse(&call, line, &flaw).code == LK_OK)
				rpc_result(&out, call.id, call.params);
			else {
				struct rpc_error error = { .code = flaw.code,
					.message = flaw.message,
					.word = "malformed" };

				rpc_failure(&out, call.id, &error);
			}
			if (!out.failed && out.ptr[out.len - 1] != '\n')
				__builtin_trap();
			buf_clear(&out);
			rpc_call_clear(&call);
		}
	}
	rpc_lines_clear(&lines);
	return (0);
}
