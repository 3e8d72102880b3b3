/*
 * schedule.h - what happens when, in virtual milliseconds.  Events of the same
 * moment come out in the order they were put in, so a run depends on nothing
 * but its seed.
 */
#ifndef TESTS_SIM_SCHEDULE_H
#define TESTS_SIM_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum event_kind {
	EVENT_NODE,    /* a device has something to do; a: node */
	EVENT_BYTES,   /* a wire delivers; a: wire, b: end */
	EVENT_CONNECT, /* a dial is decided; a: wire */
	EVENT_COMMAND, /* somebody types something */
	EVENT_FAULT,   /* something breaks or is mended */
	EVENT_START,   /* a device comes back; a: node */
	EVENT_CHECK,   /* look whether all is quiet */
	EVENT_TURN,    /* a device becomes hostile; a: node */
	EVENT_OBJECT,  /* the folder answers; a: which */
};

struct event {
	int64_t at;
	uint64_t order;
	enum event_kind kind;
	size_t a, b;
};

struct schedule {
	struct event *heap; /* owned */
	size_t len, cap;
	uint64_t order;
};

void schedule_clear(struct schedule *);
void schedule_put(
    struct schedule *, int64_t at, enum event_kind, size_t a, size_t b);
/* The earliest; false when there is none. */
bool schedule_take(struct schedule *, struct event *);

#endif
