#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/control.h"
#include "sync/home.h"

#define STORE_DIR "store"

lk_err
store_open_home(struct daemon *d)
{
	char dir[PATH_MAX + 8];

	verify_sweep(d);
	snprintf(dir, sizeof(dir), "%s/" STORE_DIR, d->options.home);
	return (store_open(&d->store, dir, 0));
}

static void
verify_one(void *jobs, size_t i)
{
	verify_job_run((struct verify_job *)jobs + i);
}

void
verify_run(void *daemon, struct verify_job *jobs, size_t n)
{
	struct daemon *d = daemon;

	workers_run(d->workers, verify_one, jobs, n);
}

static lk_err
addresses_tell(struct daemon *d)
{
	struct engine_config config = {
		.listen_port = d->port,
		.discovery = d->options.discovery,
		.addresses = d->addresses.list,
		.addresses_len = d->addresses.len,
	};

	return (engine_configure(d->engine, &config));
}

void
addresses_refresh(struct daemon *d)
{
	struct own_addresses found;
	lk_err err;

	own_addresses_find(&found, &d->options, d->port);
	if (own_addresses_equal(&found, &d->addresses))
		return;
	own_addresses_find(&d->addresses, &d->options, d->port);
	log_info("addresses: changed: %s", d->addresses.list[0]);
	if (d->engine == NULL || round_begin(d).code != LK_OK)
		return;
	err = addresses_tell(d);
	if (err.code != LK_OK)
		round_abort(d, err);
}

static lk_err
engine_start(struct daemon *d)
{
	lk_err err;

	TRY(engine_new(&d->engine, d->replica, &d->identity, random_system()));
	err = remotes_adopt(d);
	/* Documents are of use without them. */
	if (err.code == LK_E_CORRUPT)
		log_error("remotes: their list is damaged, ignoring");
	else if (err.code != LK_OK)
		return (err);
	return (addresses_tell(d));
}

lk_err
replica_start(struct daemon *d)
{
	struct verifier verifier = { .run = verify_run, .ctx = d };
	lk_err err;

	TRY(replica_new(&d->replica, &d->identity, random_system(), verifier));
	replica_begin(d->replica, d->txn, d->now);
	err = engine_start(d);
	if (err.code != LK_OK)
		replica_stop(d);
	return (err);
}

void
replica_stop(struct daemon *d)
{
	engine_free(d->engine);
	d->engine = NULL;
	replica_free(d->replica);
	d->replica = NULL;
}

/* New keys, or those with which a recovery was begun. */
static lk_err
identity_make(struct daemon *d, const char *name)
{
	struct random random = random_system();

	if (!d->has_identity) {
		TRY(identity_create(&d->identity, &random, name));
		d->has_identity = true;
		return (replica_start(d));
	}
	engine_recover_cancel(d->engine);
	return (identity_rename(&d->identity, name));
}

lk_err
request_init_empty(struct request *r, const char *name)
{
	struct daemon *d = r->daemon;
	struct store_usage usage;
	lk_err err;

	LK_ASSERT(
	    d->txn != NULL && (call_of(r)->command->flags & COMMAND_ALONE));
	if (d->relay != NULL) {
		request_hint(r, "your documents have another LK_HOME");
		return (request_fail(r, LK_ERR(LK_E_EXISTS, "relay"),
		    "init: this is a relay's home"));
	}
	if (d->restoring)
		return (request_fail(r, LK_ERR(LK_E_EXISTS, "restoring"),
		    "init: a backup is being restored here"));
	if (daemon_identity(d) != NULL) {
		request_hint(r, "another device has another LK_HOME");
		return (request_fail(r, LK_ERR(LK_E_EXISTS, "identity"),
		    "init: there is an identity here"));
	}
	TRY(store_usage(d->store, &usage));
	if (usage.envelopes > 0) {
		request_hint(r,
		    "put the file " IDENTITY_FILE " back into %s, or move "
		    "the folder " STORE_DIR " away",
		    d->options.home);
		return (request_fail(r, LK_ERR(LK_E_EXISTS, "identity"),
		    "the documents here belong to an identity that is gone"));
	}
	/* An error undoes all this with the transaction: round_abort. */
	err = identity_make(d, name);
	if (err.code == LK_E_USAGE) {
		request_hint(r, "a name is 1 to 255 bytes of UTF-8");
		return (request_fail(r, err, "%s: not a name", name));
	}
	TRY(err);
	r->replica = d->replica;
	r->engine = d->engine;
	return (LK_NONE);
}

lk_err
request_init(
    struct request *r, const char *name, const uint8_t entropy[static 16])
{
	struct daemon *d = r->daemon;

	TRY(request_init_empty(r, name));
	TRY(home_create(d->replica, &d->identity, entropy));
	log_info("identity: made");
	return (LK_NONE);
}

void
daemon_info(const struct daemon *d, struct daemon_info *info)
{
	const struct options *o = &d->options;

	*info = (struct daemon_info){
		.home = o->home,
		.socket = o->socket,
		.log = d->logfile.path[0] == '\0' ? NULL : d->logfile.path,
		.listen = o->listen_host,
		.port = d->port,
		.addresses = d->addresses.list,
		.addresses_len = d->addresses.len,
		.sandbox = d->sandbox.line,
		.discovery = d->discovery,
		.started = d->started,
		.pid = getpid(),
		.read_only = d->read_only,
		.identity = daemon_identity(d) != NULL,
		.connections = net_peers(d->net),
	};
}

const struct identity *
daemon_identity(const struct daemon *d)
{
	return (
	    d->has_identity && d->identity.cert_len > 0 ? &d->identity : NULL);
}

struct replica *
daemon_replica(struct daemon *d)
{
	return (d->replica);
}

struct engine *
daemon_engine(struct daemon *d)
{
	return (d->engine);
}

struct store *
daemon_store(struct daemon *d)
{
	return (d->store);
}

struct random
daemon_random(const struct daemon *d)
{
	(void)d;
	return (random_system());
}

void
daemon_stop(struct daemon *d)
{
	d->stopping = true;
}
