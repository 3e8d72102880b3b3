#include "tests/bench/crdt/trace.h"

#include <err.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct bytes
file_map(const char *path)
{
	struct stat st;
	void *at;
	int fd = open(path, O_RDONLY);

	if (fd == -1 || fstat(fd, &st) == -1)
		err(1, "%s", path);
	if (st.st_size == 0)
		return BYTES(NULL, 0);
	at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (at == MAP_FAILED)
		err(1, "%s", path);
	close(fd);
	return BYTES(at, (size_t)st.st_size);
}

uint32_t
trace_u32(struct trace *t)
{
	uint32_t v = 0;
	struct bytes b = rd_take(&t->rd, sizeof(v));

	if (b.len == 0)
		errx(1, "a trace that ends early");
	for (size_t i = b.len; i > 0; i--)
		v = v << 8 | b.ptr[i - 1];
	return v;
}

struct trace
trace_open(const char *path)
{
	struct trace t = { .rd = rd_over(file_map(path)) };

	t.agents = trace_u32(&t);
	t.len = trace_u32(&t);
	return t;
}

struct trace_txn
trace_txn(struct trace *t)
{
	struct trace_txn x = { .agent = trace_u32(t) };

	x.arrivals = trace_u32(t);
	return x;
}

struct trace_patch
trace_patch(struct trace *t)
{
	struct trace_patch p = { .pos = trace_u32(t) };

	p.del = trace_u32(t);
	p.insert = rd_take(&t->rd, trace_u32(t));
	return p;
}
