#!/bin/sh
# Lists the documents of this device, and what is in those named, by the
# daemon's socket alone.  Needs socat and jq.
# usage: list.sh [DOC ...]
set -eu

socket=${LK_SOCKET:-$(lk daemon status --json | jq -r .socket)}

# ask METHOD [NAME VALUE]...: sets `result`, or says what went wrong and ends.
ask() {
	method=$1
	shift
	question=$(jq -cn --arg method "$method" '{jsonrpc: "2.0", id: 1,
	    method: $method, params: ($ARGS.positional |
	    [range(0; length; 2) as $i | {(.[$i]): .[$i + 1]}] | add // {})}' \
	    --args "$@")
	# -t: how long to wait for the answer when the question is out.
	answer=$(printf '%s\n' "$question" |
	    socat -t 60 - "UNIX-CONNECT:$socket")
	result=$(printf '%s\n' "$answer" | jq -ce .result) || {
		printf '%s\n' "$answer" | jq -r .error.message >&2
		exit 1
	}
}

if [ $# -eq 0 ]; then
	ask doc.list
	printf '%s\n' "$result" |
	    jq -r '.documents[] | [.name, .type, .role // "none"] | @tsv'
fi
for doc; do
	# A value is a JSON text, so that no number loses a digit.
	ask doc.get doc "$doc"
	printf '%s\n' "$result" | jq -r '.text // .json'
done
