#include "tests/unit/store/scratch.h"

#include "crypto/identity.h"
#include "store/table.h"
#include "sync/replica.h"
#include "sync/welcome.h"
#include "tests/unit/crypto/vectors.h"

/*
 * A store made of the protocol's vectors, record by record: the phone is
 * welcomed and receives the document's history up to a revocation (a change
 * becomes a ghost) and one envelope that has to wait.  With LK_STORAGE_WRITE
 * set, the records are written there instead of compared: docs/storage.md.
 */

#define RECORDS_FILE LK_TEST_DATA "/storage/store.json"
#define RECORDS_MAX ((size_t)1024 * 1024)

static const char *const delivered[] = { "grant-phone", "doc", "phone-1",
	"grant-fred", "phone-2", "laptop-2", "fred-1", "laptop-3", "fred-2",
	"fred-void", "phone-on-void", "revoke-fred", "epoch-1", "grant-nora" };
#define DELIVERED_LEN (sizeof(delivered) / sizeof(*delivered))

static const char *const tables[TABLES] = { "meta", "log", "id", "chain",
	"doclog", "fp", "state" };

static struct json_object *
vectors_of(const char *name)
{
	char path[512];
	struct json_object *all;

	(void)snprintf(
	    path, sizeof(path), LK_TEST_DATA "/protocol/%s.json", name);
	all = json_object_from_file(path);
	assert_non_null(all);
	return all;
}

/* The object of a list whose `name` it is. */
static struct json_object *
named(struct json_object *all, const char *list, const char *name)
{
	struct json_object *items = vector_field(all, list);

	for (size_t i = 0; i < json_object_array_length(items); i++) {
		struct json_object *o = json_object_array_get_idx(items, i);

		if (strcmp(vector_text(o, "name"), name) == 0)
			return o;
	}
	fail_msg("%s: no such vector", name);
	return NULL;
}

static void
secret_of(uint8_t out[static 32], struct json_object *o, const char *name)
{
	VECTOR v = vector_get(o, name);

	assert_int_equal(v.len, 32);
	memcpy(out, v.ptr, 32);
}

static void
identity_of(struct identity *id, const char *name)
{
	struct json_object *keys = vectors_of("keys");
	struct json_object *device = named(keys, "devices", name);
	uint8_t secret[32];

	*id = (struct identity){ .boxes_len = 1 };
	secret_of(secret, device, "sign_seed");
	sign_key_from_seed(&id->sign, secret);
	secret_of(secret, device, "noise_secret");
	dh_key_from_secret(&id->noise, secret);
	secret_of(secret, device, "box_secret");
	dh_key_from_secret(&id->box, secret);
	json_object_put(keys);
}

static void
welcome_take(struct replica *r, uint32_t *docno)
{
	struct json_object *all = vectors_of("welcome");
	VECTOR raw =
	    vector_get(named(all, "welcomes", "document, own device, unsigned"),
		"welcome");
	struct welcome w;

	assert_ok(
	    welcome_decode(&w, VECTOR_VIEW(raw), replica_identity(r)->sign.pk));
	assert_ok(replica_welcome(r, &w, docno));
	welcome_clear(&w);
	json_object_put(all);
}

static void
history_take(struct replica *r, uint32_t docno)
{
	struct json_object *all = vectors_of("envelope");

	for (size_t i = 0; i < DELIVERED_LEN; i++) {
		VECTOR raw = vector_get(
		    named(all, "envelopes", delivered[i]), "envelope");
		struct bytes envelope = VECTOR_VIEW(raw);
		struct received verdict;
		bool waits = i == 0 || i + 1 == DELIVERED_LEN;

		assert_ok(replica_receive(r, docno, NULL, &envelope, 1, &verdict));
		if (verdict.what !=
		    (waits ? RECEIPT_WAITING : RECEIPT_ACCEPTED))
			fail_msg("%s: %s", delivered[i], verdict.why);
	}
	json_object_put(all);
}

/* All of it in one transaction, at one time. */
static void
store_fill(struct store *store, struct scratch *scratch)
{
	struct now now = { .wall = { .ms = INT64_C(1800000000000) } };
	struct verifier verifier = { .run = verify_jobs_here };
	struct txn *txn = scratch_txn(store, TXN_WRITE);
	const struct replica_event *events;
	struct identity phone;
	struct replica *r;
	uint32_t docno;
	size_t n;

	identity_of(&phone, "phone");
	assert_ok(replica_new(&r, &phone, scratch->random, verifier));
	replica_begin(r, txn, now);
	welcome_take(r, &docno);
	history_take(r, docno);
	assert_ok(txn_commit(txn));
	replica_committed(r, &events, &n);
	replica_free(r);
	identity_clear(&phone);
}

static void
hex_add(struct buf *out, struct bytes b)
{
	char digits[3];

	for (size_t i = 0; i < b.len; i++) {
		hex_encode(digits, BYTES(b.ptr + i, 1));
		buf_str(out, digits);
	}
}

/* One line of JSON for each record, as LMDB has it. */
static void
records_dump(struct txn *txn, enum table table, struct buf *out)
{
	struct bytes key = { 0 }, raw = { 0 };
	lk_err err = cursor_move(txn, table, MDB_FIRST, &key, &raw);

	while (err.code == LK_OK) {
		buf_printf(out, "%s[\"%s\", \"", out->len == 0 ? "" : ",\n",
		    tables[table]);
		hex_add(out, key);
		buf_str(out, "\", \"");
		hex_add(out, raw);
		buf_str(out, "\"]");
		err = cursor_move(txn, table, MDB_NEXT, &key, &raw);
	}
	assert_int_equal(err.code, LK_E_NOTFOUND);
}

static void
records_write(const char *path, struct bytes records)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	(void)fprintf(f,
	    "{\"description\": \"Every record of a store: table, key, value "
	    "with its checksum. What went in: "
	    "tests/unit/sync/storage_test.c\",\n\"records\": [\n%.*s\n]}\n",
	    (int)records.len, (const char *)records.ptr);
	assert_int_equal(fclose(f), 0);
}

/* The list of the file, written as records_dump does. */
static void
records_read(struct buf *out)
{
	struct json_object *all = json_object_from_file(RECORDS_FILE), *list;

	assert_non_null(all);
	list = vector_field(all, "records");
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *r = json_object_array_get_idx(list, i);

		buf_str(out, i == 0 ? "" : ",\n");
		for (size_t k = 0; k < 3; k++)
			buf_printf(out, "%s%s\"", k == 0 ? "[\"" : ", \"",
			    json_object_get_string(
				json_object_array_get_idx(r, k)));
		buf_str(out, "]");
	}
	json_object_put(all);
}

static void
a_store_has_the_records_that_are_written_down(void **state)
{
	BUF_SCOPED got = { .max = RECORDS_MAX };
	BUF_SCOPED want = { .max = RECORDS_MAX };
	const char *path = getenv("LK_STORAGE_WRITE");
	struct scratch scratch;
	struct store *store;
	struct txn *txn;

	(void)state;
	scratch_init(&scratch, 1);
	store = scratch_store(&scratch, 0);
	store_fill(store, &scratch);
	txn = scratch_txn(store, TXN_READ);
	for (enum table t = 0; t < TABLES; t++)
		records_dump(txn, t, &got);
	txn_abort(txn);
	store_close(store);
	scratch_clear(&scratch);
	if (path != NULL)
		records_write(path, buf_bytes(&got));
	else
		records_read(&want);
	assert_false(got.failed || want.failed);
	if (path == NULL && !bytes_equal(buf_bytes(&got), buf_bytes(&want)))
		fail_msg("other records than in %s: a new format needs a new "
			 "version; compare with LK_STORAGE_WRITE",
		    RECORDS_FILE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_store_has_the_records_that_are_written_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
