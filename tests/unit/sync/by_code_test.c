/* Pairing by code between engines. */
#include "sync/pair_run.h"
#include "sync/person.h"
#include "tests/unit/sync/wired.h"

#define LAPTOP 1
#define PHONE 2
#define OTHER 3

struct scene {
	struct wires w;
	struct host laptop, phone, other;
	uint32_t mine; /* the laptop's document */
	char text[CODE_TEXT_LEN];
	uint64_t shown;
};

static void
scene_make(struct scene *s)
{
	memset(s, 0, sizeof(*s));
	host_make(&s->w, &s->laptop, LAPTOP, "laptop");
	host_make(&s->w, &s->phone, PHONE, "phone");
	host_make(&s->w, &s->other, OTHER, "other");
	s->mine = document(&s->laptop.d, "plan");
	host_edit(&s->laptop, s->mine, "by", "me");
}

static void
scene_clear(struct scene *s)
{
	host_remove(&s->laptop);
	host_remove(&s->phone);
	host_remove(&s->other);
}

static uint64_t
show(struct host *h, enum code_purpose purpose, char text[CODE_TEXT_LEN])
{
	struct mono until;
	uint64_t handle;

	device_begin(&h->d);
	ok(engine_code_show(h->e, purpose, h->d.now, text, &until, &handle));
	host_commit(h);
	assert_int_equal(until.ms, h->d.now.mono.ms + CODE_LASTS_MS);
	return handle;
}

static struct code_status
shown(struct host *h, uint64_t handle)
{
	struct code_status s;

	device_begin(&h->d);
	ok(engine_code_shown(h->e, handle, &s));
	device_commit(&h->d);
	return s;
}

static lk_err
try_type(struct host *h, struct host *at, const char *text,
    enum code_purpose purpose, uint64_t *handle)
{
	struct code_typed typed = { .text = BYTES_STR(text),
		.address = at->address,
		.purpose = purpose };
	lk_err err;

	device_begin(&h->d);
	err = engine_code_type(h->e, &typed, h->d.now, handle);
	host_commit(h);
	return err;
}

static uint64_t
type(struct host *h, struct host *at, const char *text,
    enum code_purpose purpose)
{
	uint64_t handle = 0;

	ok(try_type(h, at, text, purpose, &handle));
	return handle;
}

static struct redeem_status
typed(struct host *h, uint64_t handle)
{
	struct redeem_status s;

	device_begin(&h->d);
	ok(engine_redeemed(h->e, handle, &s));
	host_commit(h);
	return s;
}

static bool
same_person(const struct host *a, const struct host *b)
{
	return memcmp(a->d.identity.root_pk, b->d.identity.root_pk,
		   SIGN_PK_LEN) == 0;
}

static size_t
devices_of(struct host *h)
{
	struct cert certs[PERSON_DEVICES_MAX];
	size_t len;

	device_begin(&h->d);
	ok(person_devices(h->d.r, certs, &len));
	device_commit(&h->d);
	return len;
}

static size_t
contacts_of(struct host *h)
{
	struct home_contact c;
	size_t n = 0;

	device_begin(&h->d);
	while (home_contact(h->d.r, n, &c).code == LK_OK)
		n++;
	device_commit(&h->d);
	return n;
}

/* A code with its last word, or its number, of another good code. */
static void
wrong_code(char out[CODE_TEXT_LEN], const char *text, enum code_purpose purpose)
{
	struct code code;

	ok(code_decode(&code, BYTES_STR(text), purpose));
	code.secret ^= 1;
	code_encode(out, &code, purpose);
}

static void
assert_why(const struct redeem_status *s, const char *why, bool broken)
{
	assert_int_equal(s->state, REDEEM_REFUSED);
	assert_string_equal(s->why, why);
	assert_int_equal(s->broken, broken);
}

static void
a_code_makes_a_device_mine_and_both_show_the_same_words(void **state)
{
	struct code_status there;
	struct redeem_status here;
	struct scene s;
	uint64_t handle;

	(void)state;
	scene_make(&s);
	s.shown = show(&s.laptop, CODE_DEVICE, s.text);
	assert_int_equal(shown(&s.laptop, s.shown).state, CODE_OPEN);
	handle = type(&s.phone, &s.laptop, s.text, CODE_DEVICE);
	wires_run(&s.w, 5000);
	here = typed(&s.phone, handle);
	there = shown(&s.laptop, s.shown);
	assert_int_equal(here.state, REDEEM_DONE);
	assert_int_equal(here.documents, 1);
	assert_int_equal(there.state, CODE_DONE);
	assert_string_equal(there.name, "phone");
	assert_memory_equal(there.pk, s.phone.d.identity.sign.pk, SIGN_PK_LEN);
	assert_string_equal(here.words, there.words);
	assert_int_equal(strlen(here.words), KEY_WORDS_LEN - 1);
	assert_true(same_person(&s.phone, &s.laptop));
	assert_int_equal(devices_of(&s.laptop), 2);
	assert_int_equal(devices_of(&s.phone), 2);
	scene_clear(&s);
}

static void
a_code_makes_two_persons_contacts_of_each_other(void **state)
{
	struct code_status there;
	struct redeem_status here;
	struct scene s;
	uint64_t handle;

	(void)state;
	scene_make(&s);
	/* Who types may own documents: he stays who he is. */
	(void)document(&s.other.d, "his");
	s.shown = show(&s.laptop, CODE_CONTACT, s.text);
	handle = type(&s.other, &s.laptop, s.text, CODE_CONTACT);
	wires_run(&s.w, 5000);
	here = typed(&s.other, handle);
	there = shown(&s.laptop, s.shown);
	assert_int_equal(here.state, REDEEM_DONE);
	assert_int_equal(there.state, CODE_DONE);
	assert_memory_equal(there.pk, s.other.d.identity.root_pk, SIGN_PK_LEN);
	assert_memory_equal(
	    here.root_pk, s.laptop.d.identity.root_pk, SIGN_PK_LEN);
	assert_string_equal(here.words, there.words);
	assert_false(same_person(&s.other, &s.laptop));
	assert_int_equal(contacts_of(&s.laptop), 1);
	assert_int_equal(contacts_of(&s.other), 1);
	/* And again: nothing is there twice. */
	engine_code_hide(s.laptop.e, s.shown);
	s.shown = show(&s.laptop, CODE_CONTACT, s.text);
	handle = type(&s.other, &s.laptop, s.text, CODE_CONTACT);
	wires_run(&s.w, 5000);
	assert_int_equal(typed(&s.other, handle).state, REDEEM_DONE);
	assert_int_equal(contacts_of(&s.laptop), 1);
	assert_int_equal(contacts_of(&s.other), 1);
	scene_clear(&s);
}

static void
a_wrong_code_ends_it_for_the_right_one_too(void **state)
{
	char wrong[CODE_TEXT_LEN];
	struct redeem_status s1;
	struct scene s;
	uint64_t handle;

	(void)state;
	scene_make(&s);
	s.shown = show(&s.laptop, CODE_DEVICE, s.text);
	wrong_code(wrong, s.text, CODE_DEVICE);
	handle = type(&s.other, &s.laptop, wrong, CODE_DEVICE);
	wires_run(&s.w, 5000);
	s1 = typed(&s.other, handle);
	assert_why(&s1, "not the code that is shown there", false);
	assert_int_equal(shown(&s.laptop, s.shown).state, CODE_DEAD);
	assert_string_equal(
	    shown(&s.laptop, s.shown).why, "a wrong code was typed");
	handle = type(&s.phone, &s.laptop, s.text, CODE_DEVICE);
	wires_run(&s.w, 5000);
	s1 = typed(&s.phone, handle);
	assert_why(&s1, "no code of that number is shown there", false);
	assert_false(same_person(&s.phone, &s.laptop));
	assert_int_equal(devices_of(&s.laptop), 1);
	scene_clear(&s);
}

static void
a_typing_error_costs_nothing(void **state)
{
	struct scene s;
	uint64_t handle;
	char typo[CODE_TEXT_LEN];

	(void)state;
	scene_make(&s);
	s.shown = show(&s.laptop, CODE_DEVICE, s.text);
	memcpy(typo, s.text, sizeof(typo));
	typo[4] = typo[4] == 'a' ? 'o' : 'a';
	assert_int_equal(
	    try_type(&s.phone, &s.laptop, typo, CODE_DEVICE, &handle).code,
	    LK_E_MALFORMED);
	/* A code for something else is not tried either. */
	assert_int_equal(
	    try_type(&s.phone, &s.laptop, s.text, CODE_CONTACT, &handle).code,
	    LK_E_USAGE);
	assert_int_equal(
	    try_type(&s.laptop, &s.laptop, s.text, CODE_DEVICE, &handle).code,
	    LK_E_USAGE);
	wires_run(&s.w, 2000);
	handle = type(&s.phone, &s.laptop, s.text, CODE_DEVICE);
	wires_run(&s.w, 5000);
	assert_int_equal(typed(&s.phone, handle).state, REDEEM_DONE);
	scene_clear(&s);
}

static void
a_code_is_good_once(void **state)
{
	struct redeem_status second;
	struct scene s;
	uint64_t handle;

	(void)state;
	scene_make(&s);
	s.shown = show(&s.laptop, CODE_DEVICE, s.text);
	handle = type(&s.phone, &s.laptop, s.text, CODE_DEVICE);
	wires_run(&s.w, 5000);
	assert_int_equal(typed(&s.phone, handle).state, REDEEM_DONE);
	handle = type(&s.other, &s.laptop, s.text, CODE_DEVICE);
	wires_run(&s.w, 5000);
	second = typed(&s.other, handle);
	assert_why(&second, "no code of that number is shown there", false);
	assert_false(same_person(&s.other, &s.laptop));
	assert_int_equal(shown(&s.laptop, s.shown).state, CODE_DONE);
	assert_int_equal(devices_of(&s.laptop), 2);
	scene_clear(&s);
}

static void
a_code_dies_after_five_minutes_whatever_the_wall_clocks_say(void **state)
{
	struct redeem_status late;
	struct scene s;
	uint64_t handle;

	(void)state;
	scene_make(&s);
	s.shown = show(&s.laptop, CODE_DEVICE, s.text);
	wires_run(&s.w, CODE_LASTS_MS - 1000);
	assert_int_equal(shown(&s.laptop, s.shown).state, CODE_OPEN);
	wires_run(&s.w, 3000);
	assert_string_equal(shown(&s.laptop, s.shown).why, "expired");
	handle = type(&s.phone, &s.laptop, s.text, CODE_DEVICE);
	wires_run(&s.w, 2000);
	late = typed(&s.phone, handle);
	assert_why(&late, "no code of that number is shown there", false);
	/* Ten years ahead on one side, and back on the other. */
	s.shown = show(&s.laptop, CODE_DEVICE, s.text);
	s.laptop.d.now.wall.ms += INT64_C(3653) * 86400000;
	s.phone.d.now.wall.ms = 0;
	handle = type(&s.phone, &s.laptop, s.text, CODE_DEVICE);
	assert_true(wires_settle(&s.w));
	wires_run(&s.w, 5000);
	assert_int_equal(typed(&s.phone, handle).state, REDEEM_DONE);
	scene_clear(&s);
}

static void
two_codes_are_shown_at_once_and_each_is_one_devices(void **state)
{
	struct scene s;
	char second[CODE_TEXT_LEN];
	uint64_t other, here, there;

	(void)state;
	scene_make(&s);
	s.shown = show(&s.laptop, CODE_DEVICE, s.text);
	other = show(&s.laptop, CODE_DEVICE, second);
	assert_int_not_equal(memcmp(s.text, second, 2), 0);
	here = type(&s.phone, &s.laptop, s.text, CODE_DEVICE);
	there = type(&s.other, &s.laptop, second, CODE_DEVICE);
	wires_run(&s.w, 8000);
	assert_int_equal(typed(&s.phone, here).state, REDEEM_DONE);
	assert_int_equal(typed(&s.other, there).state, REDEEM_DONE);
	assert_string_equal(shown(&s.laptop, s.shown).name, "phone");
	assert_string_equal(shown(&s.laptop, other).name, "other");
	assert_int_equal(devices_of(&s.laptop), 3);
	scene_clear(&s);
}

static void
no_more_codes_are_shown_than_there_is_room_for(void **state)
{
	char text[CODE_TEXT_LEN];
	struct mono until;
	struct scene s;
	uint64_t handle;

	(void)state;
	scene_make(&s);
	for (int i = 0; i < CODES_MAX; i++)
		s.shown = show(&s.laptop, CODE_DEVICE, text);
	device_begin(&s.laptop.d);
	assert_int_equal(engine_code_show(s.laptop.e, CODE_DEVICE,
			     s.laptop.d.now, text, &until, &handle)
			     .code,
	    LK_E_LIMIT);
	device_commit(&s.laptop.d);
	engine_code_hide(s.laptop.e, s.shown);
	(void)show(&s.laptop, CODE_DEVICE, text);
	scene_clear(&s);
}

/* Carries one piece of each host, at most *left of them; false: none said any
 * more. */
static bool
carry_some(struct wires *w, size_t *left)
{
	bool moved = false;

	for (size_t h = 0; h<w->hosts_len && * left> 0; h++) {
		struct engine_output out;

		if (!engine_take(w->hosts[h]->e, &out))
			continue;
		moved = true;
		--*left;
		if (out.what == ENGINE_DIAL)
			wire_dial(w, w->hosts[h], &out);
		else
			wire_carry(w, w->hosts[h], &out);
	}
	return moved;
}

/* Up to the first word in the window: a run is under way. */
static void
carry_to_window(struct scene *s)
{
	size_t left = 100;

	while (TAILQ_FIRST(&s->laptop.e->windows)->conn == 0) {
		size_t one = 1;

		assert_true(left-- > 0);
		(void)carry_some(&s->w, &one);
	}
}

static void
a_second_run_is_told_that_the_first_is_under_way(void **state)
{
	struct redeem_status second;
	struct scene s;
	uint64_t handle;

	(void)state;
	scene_make(&s);
	s.shown = show(&s.laptop, CODE_DEVICE, s.text);
	(void)type(&s.other, &s.laptop, s.text, CODE_DEVICE);
	host_tick(&s.other);
	carry_to_window(&s);
	s.w.hosts_len = 2; /* the third sleeps */
	handle = type(&s.phone, &s.laptop, s.text, CODE_DEVICE);
	host_tick(&s.phone);
	assert_true(wires_settle(&s.w));
	second = typed(&s.phone, handle);
	assert_why(&second, "the code is being used by another", true);
	assert_int_equal(shown(&s.laptop, s.shown).state, CODE_OPEN);
	/* The first never says more; then the code can be typed again. */
	wires_run(&s.w, 25000);
	handle = type(&s.phone, &s.laptop, s.text, CODE_DEVICE);
	wires_run(&s.w, 5000);
	assert_int_equal(typed(&s.phone, handle).state, REDEEM_DONE);
	scene_clear(&s);
}

/* Whether anybody is half of anything. */
static void
assert_whole(struct scene *s, struct redeem_status *here)
{
	bool mine = same_person(&s->phone, &s->laptop);

	if (!mine) {
		assert_int_equal(devices_of(&s->phone), 1);
		/* Before the run it goes on trying; after that it must not. */
		assert_true(here->state == REDEEM_TRYING ||
		    (here->state == REDEEM_REFUSED && here->broken));
	} else {
		assert_int_equal(devices_of(&s->laptop), 2);
	}
}

/* The wire breaks after each of the messages; a new code brings it about. */
static void
whoever_quits_at_any_step_leaves_nothing_half_done(void **state)
{
	size_t pieces = 0;
	bool all = false;

	(void)state;
	for (; !all; pieces++) {
		struct redeem_status here;
		struct scene s;
		uint64_t handle;
		size_t left = pieces;
		bool moved = true;

		assert_true(pieces < 40);
		scene_make(&s);
		s.shown = show(&s.laptop, CODE_DEVICE, s.text);
		handle = type(&s.phone, &s.laptop, s.text, CODE_DEVICE);
		host_tick(&s.phone);
		while (moved && left > 0)
			moved = carry_some(&s.w, &left);
		all = !moved;
		s.phone.cut = true;
		wires_cut(&s.w);
		wires_run(&s.w, 1500);
		here = typed(&s.phone, handle);
		if (pieces > 0)
			assert_whole(&s, &here);
		s.phone.cut = false;
		if (!same_person(&s.phone, &s.laptop)) {
			device_begin(&s.phone.d);
			engine_code_leave(s.phone.e, handle);
			host_commit(&s.phone);
			s.shown = show(&s.laptop, CODE_DEVICE, s.text);
			handle = type(&s.phone, &s.laptop, s.text, CODE_DEVICE);
		}
		wires_run(&s.w, 70000);
		assert_int_equal(typed(&s.phone, handle).state, REDEEM_DONE);
		assert_int_equal(devices_of(&s.laptop), 2);
		assert_int_equal(devices_of(&s.phone), 2);
		scene_clear(&s);
	}
	assert_true(pieces > 10);
}

static void
eight_tries_that_break_off_end_a_code(void **state)
{
	struct scene s;

	(void)state;
	scene_make(&s);
	s.shown = show(&s.laptop, CODE_DEVICE, s.text);
	for (int i = 0; i < CODE_RUNS_MAX; i++) {
		uint64_t handle;

		assert_int_equal(shown(&s.laptop, s.shown).state, CODE_OPEN);
		handle = type(&s.other, &s.laptop, s.text, CODE_DEVICE);
		host_tick(&s.other);
		carry_to_window(&s);
		device_begin(&s.other.d);
		engine_code_leave(s.other.e, handle);
		host_commit(&s.other);
		wires_cut(&s.w);
		assert_true(wires_settle(&s.w));
	}
	assert_string_equal(
	    shown(&s.laptop, s.shown).why, "too many tries were broken off");
	scene_clear(&s);
}

static void
the_same_device_twice_is_there_once(void **state)
{
	struct scene s;
	uint64_t handle;

	(void)state;
	scene_make(&s);
	/* Without documents on either side there is nothing to lose. */
	for (int i = 0; i < 2; i++) {
		s.shown = show(&s.other, CODE_DEVICE, s.text);
		handle = type(&s.phone, &s.other, s.text, CODE_DEVICE);
		wires_run(&s.w, 5000);
		assert_int_equal(typed(&s.phone, handle).state, REDEEM_DONE);
		assert_int_equal(shown(&s.other, s.shown).state, CODE_DONE);
		assert_int_equal(devices_of(&s.other), 2);
		assert_int_equal(devices_of(&s.phone), 2);
		engine_code_hide(s.other.e, s.shown);
	}
	scene_clear(&s);
}

static void
a_device_with_documents_joins_nobody(void **state)
{
	struct redeem_status late;
	struct scene s;
	uint64_t handle;

	(void)state;
	scene_make(&s);
	s.shown = show(&s.other, CODE_DEVICE, s.text);
	assert_int_equal(
	    try_type(&s.laptop, &s.other, s.text, CODE_DEVICE, &handle).code,
	    LK_E_DENIED);
	/* Nor one where a document is made before the welcome comes. */
	handle = type(&s.phone, &s.other, s.text, CODE_DEVICE);
	(void)document(&s.phone.d, "mine");
	wires_run(&s.w, 5000);
	late = typed(&s.phone, handle);
	assert_why(&late, "this device has documents of its own", false);
	assert_false(same_person(&s.phone, &s.other));
	assert_string_equal(shown(&s.other, s.shown).why,
	    "the other device hung up before it was done");
	scene_clear(&s);
}

static void
a_device_of_the_same_person_is_no_contact(void **state)
{
	struct redeem_status refused;
	struct scene s;
	uint64_t handle;

	(void)state;
	scene_make(&s);
	s.shown = show(&s.laptop, CODE_DEVICE, s.text);
	handle = type(&s.phone, &s.laptop, s.text, CODE_DEVICE);
	wires_run(&s.w, 5000);
	assert_int_equal(typed(&s.phone, handle).state, REDEEM_DONE);
	s.shown = show(&s.laptop, CODE_CONTACT, s.text);
	handle = type(&s.phone, &s.laptop, s.text, CODE_CONTACT);
	wires_run(&s.w, 5000);
	refused = typed(&s.phone, handle);
	assert_why(&refused, "the other device may not do that", false);
	assert_string_equal(
	    shown(&s.laptop, s.shown).why, "a device of this person");
	assert_int_equal(contacts_of(&s.laptop), 0);
	assert_int_equal(contacts_of(&s.phone), 0);
	scene_clear(&s);
}

/* The home document comes in the session after the one of the code: what this
 * device needs for that is on its disk. */
static void
a_device_that_dies_when_it_has_joined_goes_on_afterwards(void **state)
{
	uint32_t docno;
	struct scene s;

	(void)state;
	scene_make(&s);
	s.shown = show(&s.laptop, CODE_DEVICE, s.text);
	(void)type(&s.phone, &s.laptop, s.text, CODE_DEVICE);
	host_tick(&s.phone);
	while (!same_person(&s.phone, &s.laptop)) {
		size_t one = 1;

		assert_true(carry_some(&s.w, &one));
	}
	wires_cut(&s.w);
	s.w.len = 0;
	engine_free(s.phone.e);
	device_reopen(&s.phone.d);
	host_engine(&s.phone);
	wires_run(&s.w, 5000);
	assert_int_equal(devices_of(&s.phone), 2);
	device_begin(&s.phone.d);
	ok(home_find(s.phone.d.r, "plan", &docno));
	device_commit(&s.phone.d);
	scene_clear(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_code_makes_a_device_mine_and_both_show_the_same_words),
		cmocka_unit_test(
		    a_code_makes_two_persons_contacts_of_each_other),
		cmocka_unit_test(a_wrong_code_ends_it_for_the_right_one_too),
		cmocka_unit_test(a_typing_error_costs_nothing),
		cmocka_unit_test(a_code_is_good_once),
		cmocka_unit_test(
		    a_code_dies_after_five_minutes_whatever_the_wall_clocks_say),
		cmocka_unit_test(
		    two_codes_are_shown_at_once_and_each_is_one_devices),
		cmocka_unit_test(
		    no_more_codes_are_shown_than_there_is_room_for),
		cmocka_unit_test(
		    a_second_run_is_told_that_the_first_is_under_way),
		cmocka_unit_test(
		    whoever_quits_at_any_step_leaves_nothing_half_done),
		cmocka_unit_test(eight_tries_that_break_off_end_a_code),
		cmocka_unit_test(the_same_device_twice_is_there_once),
		cmocka_unit_test(a_device_with_documents_joins_nobody),
		cmocka_unit_test(a_device_of_the_same_person_is_no_contact),
		cmocka_unit_test(
		    a_device_that_dies_when_it_has_joined_goes_on_afterwards),
	};

	if (crypto_start().code != LK_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
