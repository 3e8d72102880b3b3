#!/usr/bin/env bash
# Ceph's object gateway from Debian, with a monitor and a store in memory, all in
# a folder: for tests/remote/buckets.py --ceph.
# usage: ceph.sh start FOLDER PORT KEY SECRET | stop FOLDER
set -euo pipefail

dir=$2
export CEPH_CONF=$dir/ceph.conf

# Whoever waits for the others, which are ending too, is not waited for.
stop() {
	local file pids=()
	for file in "$dir"/run/*.pid; do
		[ -s "$file" ] && pids+=("$(cat "$file")")
	done
	kill "${pids[@]}" || true
	sleep 3
	kill -9 "${pids[@]}" 2>/dev/null || true
}

configure() {
	mkdir -p "$dir"/{mon,osd,rgw,run}
	cat >"$CEPH_CONF" <<-END
		[global]
		fsid = $cluster
		mon host = v1:127.0.0.1:$((port + 1))
		ms bind msgr2 = false
		auth cluster required = none
		auth service required = none
		auth client required = none
		keyring = $dir/keyring
		run dir = $dir/run
		admin socket = $dir/run/\$name.asok
		pid file = $dir/run/\$name.pid
		log file = $dir/\$name.log
		osd class update on start = false
		osd crush chooseleaf type = 0
		osd pool default size = 1
		osd pool default min size = 1
		osd pool default pg num = 1
		osd pool default pgp num = 1
		osd pool default pg autoscale mode = off
		mon allow pool size one = true
		mon max pg per osd = 1000
		mon data avail crit = 0
		mon data avail warn = 0
		[mon.a]
		mon data = $dir/mon
		[osd.0]
		osd data = $dir/osd
		osd objectstore = memstore
		[client.rgw]
		rgw frontends = beast endpoint=127.0.0.1:$port
		rgw dns name = localhost
		rgw data = $dir/rgw
	END
}

keys() {
	ceph-authtool --create-keyring "$dir/keyring" --gen-key -n mon. --cap mon 'allow *'
	ceph-authtool "$dir/keyring" --gen-key -n client.admin \
		--cap mon 'allow *' --cap osd 'allow *'
	ceph-authtool "$dir/keyring" --gen-key -n client.rgw \
		--cap mon 'allow rw' --cap osd 'allow rwx'
}

case $1 in
stop) stop ;;
start)
	port=$3 cluster=$(uuidgen) store=$(uuidgen)
	configure
	keys
	monmaptool --create --addv a "[v1:127.0.0.1:$((port + 1))]" --fsid "$cluster" "$dir/monmap"
	ceph-mon --mkfs -i a --monmap "$dir/monmap" --keyring "$dir/keyring"
	ceph-mon -i a --setuser "$(id -un)" --setgroup "$(id -gn)"
	timeout 60 ceph osd new "$store"
	ceph-osd -i 0 --mkfs --osd-uuid "$store" --monmap "$dir/monmap" --fsid "$cluster"
	ceph-osd -i 0
	radosgw -n client.rgw --setuser "$(id -un)" --setgroup "$(id -gn)"
	timeout 120 radosgw-admin user create --uid=test --display-name=test \
		--access-key="$4" --secret-key="$5"
	for _ in $(seq 60); do
		! curl -s -o /dev/null "http://127.0.0.1:$port/" || exit 0
		sleep 1
	done
	exit 75
	;;
esac
