/*
 * memory_watch.h - for tests: how much memory something takes at a time.
 *
 * With AddressSanitizer, which itself takes terabytes of addresses, it counts
 * what is allocated.  Without, the process is limited: an allocation beyond
 * that fails, and nothing needs to be counted.
 */
#ifndef TESTS_MEMORY_WATCH_H
#define TESTS_MEMORY_WATCH_H

#include <stddef.h>
#include <sys/resource.h>

#include "base/err.h"

#if defined(__SANITIZE_ADDRESS__)
int __sanitizer_install_malloc_and_free_hooks(
    void (*)(const volatile void *, size_t), void (*)(const volatile void *));
size_t __sanitizer_get_allocated_size(const volatile void *);

static struct {
	size_t now, peak;
} memory_watched;

static inline void
memory_watch_allocated(const volatile void *at, size_t n)
{
	(void)at;
	memory_watched.now += n;
	if (memory_watched.now > memory_watched.peak)
		memory_watched.peak = memory_watched.now;
}

static inline void
memory_watch_freed(const volatile void *at)
{
	size_t n = at == NULL ? 0 : __sanitizer_get_allocated_size(at);

	/* It may be from before the watch began. */
	memory_watched.now -= n < memory_watched.now ? n : memory_watched.now;
}

static inline void
memory_watch_init(size_t max)
{
	(void)max;
	LK_ASSERT(__sanitizer_install_malloc_and_free_hooks(
		      memory_watch_allocated, memory_watch_freed) > 0);
}

static inline void
memory_watch_begin(void)
{
	memory_watched.now = memory_watched.peak = 0;
}

static inline size_t
memory_watch_peak(void)
{
	return memory_watched.peak;
}
#else
static inline void
memory_watch_init(size_t max)
{
	const struct rlimit limit = { .rlim_cur = max, .rlim_max = max };

	LK_ASSERT(setrlimit(RLIMIT_AS, &limit) == 0);
}

static inline void
memory_watch_begin(void)
{
}

static inline size_t
memory_watch_peak(void)
{
	return 0;
}
#endif

#endif
