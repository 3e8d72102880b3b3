/* What lk doctor says of backups. */
#include <string.h>
#include <time.h>

#include "cli/client.h"
#include "cli/doctor.h"

#define DAY_S (INT64_C(24) * 60 * 60)
/* A place that is not used any more. */
#define GIVEN_UP_S (365 * DAY_S)

/* How long ago it was made, by this machine's clock. */
static int64_t
age_s(json_object *place)
{
	struct tm tm = { 0 };

	if (strptime(field(place, "time"), "%Y-%m-%dT%H:%M:%S", &tm) == NULL)
		return 0;
	return (int64_t)time(NULL) - (int64_t)timegm(&tm);
}

/* In a second of its own it would be no age at all. */
static bool
is_old(json_object *place, int64_t limit_ms)
{
	return limit_ms > 0 && age_s(place) >= limit_ms / 1000;
}

static int64_t
youngest_s(json_object *places)
{
	int64_t least = INT64_MAX;

	for (size_t i = 0; i < json_object_array_length(places); i++) {
		int64_t s = age_s(json_object_array_get_idx(places, i));

		if (s < least)
			least = s;
	}
	return least;
}

static void
place_look(struct doctor *d, json_object *place, int64_t limit_ms)
{
	struct finding f = { .verdict = VERDICT_OK };
	const char *where = field(place, "place");

	if (is_old(place, limit_ms)) {
		f.verdict = VERDICT_WARNING;
		f.hint = "lk backup create makes one";
	}
	doctor_say(d, f, "%s: the last one was made %s",
	    strcmp(where, "-") == 0 ? "a stream" : where,
	    field_ago(place, "time"));
}

void
check_backups(struct doctor *d)
{
	struct finding none = { .verdict = VERDICT_OK,
		.hint = "lk backup create DEST, where this machine is not" };
	JSON_SCOPED *result = NULL;
	json_object *places;
	int64_t youngest;

	if (lk_call(d->lk, "backup.places", NULL, &result) != 0) {
		doctor_say(d,
		    (struct finding){
			VERDICT_WRONG, "lk daemon logs may say why", false },
		    "the daemon does not answer");
		return;
	}
	places = field_list(result, "places");
	youngest = youngest_s(places);
	if (json_object_array_length(places) == 0)
		doctor_say(d, none, "none was made of this device");
	for (size_t i = 0; i < json_object_array_length(places); i++) {
		json_object *place = json_object_array_get_idx(places, i);
		int64_t s = age_s(place);

		if (s < GIVEN_UP_S || s == youngest)
			place_look(d, place, field_int(result, "age_ms"));
	}
}
