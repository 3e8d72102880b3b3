/* Beacons between the engine and the network, and networks that change. */
#include <stdio.h>
#include <string.h>

#include "daemon/daemon.h"

void
lan_prepare(struct daemon *d)
{
	const struct options *o = &d->options;
	bool all = o->listen_host[0] == '\0' ||
	    strcmp(o->listen_host, "0.0.0.0") == 0 ||
	    strcmp(o->listen_host, "::") == 0;
	lk_err err =
	    net_lan_open(d->net, all ? "" : o->listen_host, o->discovery);

	strlcpy(
	    d->discovery, o->discovery ? "on" : "off", sizeof(d->discovery));
	if (err.code == LK_OK)
		return;
	log_warn("discovery: %s: %s, ignoring", err.what, strerror(err.sys));
	snprintf(d->discovery, sizeof(d->discovery), "%s, but %s: %s",
	    o->discovery ? "on" : "off", err.what, strerror(err.sys));
}

/* Where there was no network at all when it began. */
static void
listen_again(struct daemon *d)
{
	if (d->port == 0 &&
	    own_port_listen(&d->options, d->net, &d->port).code == LK_OK)
		log_info("lkd: listening on port %u", d->port);
}

void
lan_event(struct daemon *d, const struct net_event *e)
{
	struct beacon_source from;

	if (e->type == NET_CHANGED) {
		listen_again(d);
		addresses_refresh(d);
		if (d->engine != NULL)
			engine_network_changed(d->engine, d->now);
		return;
	}
	if (d->engine == NULL || d->read_only)
		return;
	memcpy(from.ip, e->from->ip, sizeof(from.ip));
	from.host = e->from->host;
	engine_heard(d->engine, e->bytes, &from, d->now);
}

void
lan_announce(struct daemon *d, unsigned beacons)
{
	const struct net_source *at;
	size_t n = net_sources(d->net, &at);

	for (size_t i = 0; i < n; i++)
		for (unsigned type = BEACON_DEVICE; type <= BEACON_WINDOW;
		     type++) {
			uint8_t out[BEACON_MAX];
			size_t len = 0;

			if (beacons & 1u << type)
				len = engine_beacon(d->engine,
				    (enum beacon_type)type, at[i].ip, out);
			if (len > 0)
				net_announce(d->net, &at[i], BYTES(out, len));
		}
}
