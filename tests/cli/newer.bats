# A store that another version wrote.

load setup

# format N: gives the store of the laptop that number, as a later lk would.
format() {
	/usr/bin/python3 - "$1" "$T/laptop/store/data.mdb" <<'PY'
import pathlib
import sys

from nacl.encoding import RawEncoder
from nacl.hash import siphash24


def siphash(data):
    return siphash24(data, key=b"lk1 checksum".ljust(16, b"\0"), encoder=RawEncoder)


def record(n):
    value = n.to_bytes(4, "big")
    return b"format" + siphash(b"\0format" + siphash(value)) + value


path = pathlib.Path(sys.argv[2])
was = path.read_bytes()
now = was.replace(record(1), record(int(sys.argv[1])))
if now == was:
    sys.exit("the record is not there: docs/storage.md says how it is made")
path.write_bytes(now)
PY
}

@test "a store of a newer version is refused, with a line that says so, and not changed" {
	device laptop
	on laptop new d
	lk daemon stop
	format 2
	before=$(sha256sum "$T/laptop/store/data.mdb" "$T/laptop/identity")
	lk ls
	[ "$status" -eq 76 ]
	[ "$output" = "" ]
	[[ $stderr == *"$T/laptop/store: written by a newer lk: install that one; nothing was changed"* ]]
	[ "$(sha256sum "$T/laptop/store/data.mdb" "$T/laptop/identity")" = "$before" ]
}

@test "an unreadable format is damage, and not changed" {
	device laptop
	lk daemon stop
	format 0
	before=$(sha256sum "$T/laptop/store/data.mdb")
	lk ls
	[ "$status" -eq 65 ]
	[ "$(sha256sum "$T/laptop/store/data.mdb")" = "$before" ]
}
