/* vis.h wants to know which strnvis is meant; none is used here. */
#define LIBBSD_OPENBSD_VIS
#include "daemon/hosting.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <vis.h>

#include "daemon/daemon.h"

#define KEY_RECORD "K"
#define ACCOUNTS_DIR "accounts"

static lk_err
relay_open(struct daemon *d, const uint8_t secret[static DH_LEN])
{
	char dir[PATH_MAX + 16];
	struct dh_key key;
	struct relay_config config = { .dir = dir, .noise = &key };
	lk_err err;

	snprintf(dir, sizeof(dir), "%s/" ACCOUNTS_DIR, d->options.home);
	if (mkdir(dir, 0700) == -1 && errno != EEXIST)
		return (LK_SYS("accounts"));
	config.random = random_system();
	dh_key_from_secret(&key, secret);
	err = relay_new(&d->relay, &config);
	if (err.code == LK_OK) {
		memcpy(d->relay_pk, key.pk, DH_LEN);
		relay_begin(d->relay, d->txn, d->now);
	}
	dh_key_clear(&key);
	return (err);
}

lk_err
hosting_start(struct daemon *d)
{
	struct bytes secret;
	lk_err err = kv_get(txn_space(d->txn, STORE_DEVICE, SPACE_META),
	    BYTES_STR(KEY_RECORD), &secret);

	if (err.code == LK_E_NOTFOUND)
		return (LK_NONE);
	TRY(err);
	if (secret.len != DH_LEN)
		return (LK_ERR(LK_E_CORRUPT, "key of the relay"));
	return (relay_open(d, secret.ptr));
}

lk_err
hosting_make(struct daemon *d)
{
	struct random random = random_system();
	uint8_t secret[DH_LEN];
	lk_err err;

	random_fill(&random, secret, sizeof(secret));
	err = kv_put(txn_space(d->txn, STORE_DEVICE, SPACE_META),
	    BYTES_STR(KEY_RECORD), BYTES_OF(secret));
	if (err.code == LK_OK)
		err = relay_open(d, secret);
	d->relay_made = err.code == LK_OK;
	secret_wipe(secret, sizeof(secret));
	return (err);
}

void
hosting_stop(struct daemon *d)
{
	relay_free(d->relay);
	d->relay = NULL;
}

static lk_err
event_pass(struct daemon *d, const struct net_event *e)
{
	switch (e->type) {
	case NET_ACCEPTED:
		return (relay_accepted(d->relay, e->conn, e->address));
	case NET_BYTES:
		d->received += e->bytes.len;
		return (relay_bytes(d->relay, e->conn, e->bytes));
	case NET_SENT:
		relay_pending(d->relay, e->conn, net_pending(d->net, e->conn));
		return (LK_NONE);
	case NET_DIALED:
	case NET_DIAL_FAILED:
	case NET_CLOSED:
		net_hang_up(d->net, e->conn);
		relay_closed(d->relay, e->conn);
		return (LK_NONE);
	case NET_CONTROL:
	case NET_SIGNAL:
	case NET_WATCHED:
	case NET_DATAGRAM:
	case NET_CHANGED:
	case NET_OBJECT:
		break;
	}
	return (LK_NONE);
}

void
hosting_event(struct daemon *d, const struct net_event *e)
{
	lk_err err;

	if (d->read_only || round_begin(d).code != LK_OK) {
		net_hang_up(d->net, e->conn);
		relay_closed(d->relay, e->conn);
		return;
	}
	d->engine_touched = true;
	err = event_pass(d, e);
	if (err.code != LK_OK)
		round_abort(d, err);
}

int64_t
hosting_next_ms(const struct daemon *d)
{
	return (d->read_only ? INT64_MAX : relay_next(d->relay).ms);
}

void
hosting_tick(struct daemon *d)
{
	lk_err err;

	if (!d->engine_touched && hosting_next_ms(d) > d->now.mono.ms)
		return;
	if (round_begin(d).code != LK_OK)
		return;
	d->engine_touched = false;
	err = relay_tick(d->relay);
	if (err.code != LK_OK)
		round_abort(d, err);
}

static void
output_close(struct daemon *d, const struct relay_output *out)
{
	char text[4 * NET_ADDRESS_MAX + 1] = "(long address)";

	if (out->why != NULL) {
		if (strlen(out->address) < NET_ADDRESS_MAX)
			strvis(text, out->address, VIS_WHITE | VIS_CSTYLE);
		log_debug("client at %s: dropped: %s", text, out->why);
	}
	net_hang_up(d->net, out->conn);
	relay_closed(d->relay, out->conn);
}

void
hosting_output(struct daemon *d)
{
	struct relay_output out;

	while (relay_take(d->relay, &out)) {
		if (out.what == RELAY_CLOSE) {
			output_close(d, &out);
			continue;
		}
		if (net_send(d->net, out.conn, &out.bytes).code == LK_OK) {
			relay_pending(
			    d->relay, out.conn, net_pending(d->net, out.conn));
			continue;
		}
		/* A session with a hole in it is of no use. */
		buf_clear(&out.bytes);
		net_hang_up(d->net, out.conn);
		relay_closed(d->relay, out.conn);
	}
}
