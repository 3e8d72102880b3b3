/* vis.h wants to know which strnvis is meant; none is used here. */
#define LIBBSD_OPENBSD_VIS
#include <string.h>
#include <vis.h>

#include "daemon/daemon.h"
#include "daemon/hosting.h"
#include "daemon/remotes.h"
#include "sync/home.h"
#include "sync/refusals.h"

#define DROPPED_QUIET_MS 60000

/* Remembers to tell the engine, which learns it in the next transaction. */
static void
lost_add(struct daemon *d, uint64_t conn)
{
	if (d->lost_len < PEERS_LOST_MAX)
		d->lost[d->lost_len++] = conn;
}

/* Before `init` there is nobody to talk to; and a store that is not written to
 * any more has nothing to say to others, and could not keep what they say. */
static bool
peers_wanted(const struct daemon *d)
{
	return (d->engine != NULL && !d->read_only);
}

static lk_err
event_pass(struct daemon *d, const struct net_event *e)
{
	switch (e->type) {
	case NET_ACCEPTED:
		log_debug("connection from %s", e->address);
		return (
		    engine_accepted(d->engine, e->conn, e->address, d->now));
	case NET_DIALED:
		return (engine_dialed(d->engine, e->conn, d->now));
	case NET_BYTES:
		d->received += e->bytes.len;
		return (engine_bytes(d->engine, e->conn, e->bytes, d->now));
	case NET_SENT:
		engine_pending(
		    d->engine, e->conn, net_pending(d->net, e->conn));
		return (LK_NONE);
	case NET_DIAL_FAILED:
	case NET_CLOSED:
		net_hang_up(d->net, e->conn);
		return (engine_closed(d->engine, e->conn, d->now));
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

/* One line for each device, document and rule: whoever goes on is counted. */
static void
refused_log(struct daemon *d)
{
	struct refusal f;
	struct home_name name;
	char from[2 * LK_ID_LEN + 1];

	while (replica_refusal_news(d->replica, &f)) {
		hex_encode(from, BYTES_OF(f.from));
		log_warn("document %s: refused what %.8s sent: %s%s",
		    home_name(d->replica, f.docno, &name).code == LK_OK
			? name.name
			: "without a name",
		    from, f.why, f.duel ? ", a revocation" : "");
	}
}

void
peers_event(struct daemon *d, const struct net_event *e)
{
	lk_err err;

	if (d->relay != NULL) {
		hosting_event(d, e);
		return;
	}
	if (!peers_wanted(d)) {
		net_hang_up(d->net, e->conn);
		return;
	}
	err = round_begin(d);
	if (err.code != LK_OK) {
		net_hang_up(d->net, e->conn);
		lost_add(d, e->conn);
		return;
	}
	d->engine_touched = true;
	err = event_pass(d, e);
	if (err.code == LK_OK)
		err = remotes_offered(d);
	if (err.code != LK_OK)
		round_abort(d, err);
	else
		refused_log(d);
}

static lk_err
lost_tell(struct daemon *d)
{
	size_t len = d->lost_len;

	d->lost_len = 0;
	for (size_t i = 0; i < len; i++)
		TRY(engine_closed(d->engine, d->lost[i], d->now));
	return (LK_NONE);
}

int64_t
peers_next_ms(const struct daemon *d)
{
	if (d->relay != NULL)
		return (hosting_next_ms(d));
	if (!peers_wanted(d))
		return (INT64_MAX);
	return (
	    d->unanswered_len > 0 ? d->now.mono.ms : engine_next(d->engine).ms);
}

void
peers_tick(struct daemon *d)
{
	lk_err err;

	if (d->relay != NULL) {
		hosting_tick(d);
		return;
	}
	if (!peers_wanted(d) ||
	    (!d->engine_touched && d->lost_len == 0 &&
		peers_next_ms(d) > d->now.mono.ms))
		return;
	if (round_begin(d).code != LK_OK)
		return;
	d->engine_touched = false;
	err = lost_tell(d);
	if (err.code == LK_OK)
		err = remotes_answer(d);
	if (err.code == LK_OK)
		err = engine_tick(d->engine, d->now);
	if (err.code != LK_OK)
		round_abort(d, err);
}

void
peers_fresh(struct daemon *d, const struct replica_event *events, size_t len)
{
	lk_err err;

	if (!peers_wanted(d) || round_begin(d).code != LK_OK)
		return;
	d->engine_touched = true;
	err = engine_events(d->engine, events, len, d->now);
	if (err.code != LK_OK)
		round_abort(d, err);
}

static void
output_dial(struct daemon *d, const struct engine_output *out)
{
	if (net_dial(d->net, out->conn, out->address).code == LK_OK)
		return;
	log_debug("dial: not possible now");
	lost_add(d, out->conn);
}

static void
output_send(struct daemon *d, struct engine_output *out)
{
	lk_err err = net_send(d->net, out->conn, &out->bytes);

	if (err.code == LK_OK)
		engine_pending(
		    d->engine, out->conn, net_pending(d->net, out->conn));
	else if (err.code != LK_E_NOTFOUND) {
		/* A session with a hole in it is of no use. */
		log_warn("connection: dropped: %s", err.what);
		net_hang_up(d->net, out->conn);
		lost_add(d, out->conn);
	}
}

/* Whoever goes on sending nonsense does not fill the log with it. */
static bool
dropped_is_news(struct daemon *d, const char *address)
{
	struct dropped_host *oldest = &d->dropped[0];
	char host[NET_ADDRESS_MAX], *port;

	strlcpy(host, address, sizeof(host));
	port = strrchr(host, ':');
	if (port != NULL)
		*port = '\0';
	for (size_t i = 0; i < DROPPED_MAX; i++) {
		struct dropped_host *h = &d->dropped[i];

		if (strcmp(h->host, host) == 0 && h->logged.ms > 0 &&
		    d->now.mono.ms - h->logged.ms < DROPPED_QUIET_MS)
			return (false);
		if (h->logged.ms < oldest->logged.ms)
			oldest = h;
	}
	strlcpy(oldest->host, host, sizeof(oldest->host));
	oldest->logged = d->now.mono;
	return (true);
}

static void
dropped_log(struct daemon *d)
{
	char text[4 * NET_ADDRESS_MAX + 1];
	const char *address, *why;
	uint64_t conn;

	while (engine_dropped(d->engine, &conn, &address, &why)) {
		/* It may be what another device said. */
		if (strlen(address) < NET_ADDRESS_MAX)
			strvis(text, address, VIS_WHITE | VIS_CSTYLE);
		else
			strlcpy(text, "(long address)", sizeof(text));
		if (dropped_is_news(d, address))
			log_info("peer at %s: dropped: %s", text, why);
		else
			log_debug("peer at %s: dropped: %s", text, why);
	}
}

void
peers_output(struct daemon *d)
{
	struct engine_output out;

	if (d->relay != NULL)
		hosting_output(d);
	if (d->engine == NULL)
		return;
	while (engine_take(d->engine, &out)) {
		if (!peers_wanted(d)) {
			buf_clear(&out.bytes);
			object_request_clear(&out.object);
			continue;
		}
		switch (out.what) {
		case ENGINE_DIAL:
			output_dial(d, &out);
			break;
		case ENGINE_SEND:
			output_send(d, &out);
			break;
		case ENGINE_ANNOUNCE:
			lan_announce(d, out.beacons);
			break;
		case ENGINE_CLOSE:
			net_hang_up(d->net, out.conn);
			lost_add(d, out.conn);
			break;
		case ENGINE_OBJECT:
			remotes_ask(d, &out.object);
			break;
		}
	}
	dropped_log(d);
}
