#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Asks a server what clients ask, by curl or wget, and prints what came of it.
#   client.sh URL curl [FLAG]...      client.sh URL wget
# With $LAB_PATHS they get those alone.
set -u
url=$1
kind=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
yes 0123456789abcde | head -c 1048576 > megabyte
: > body
: > head

# A body of some size as its digest.
tell() {
    if [ "$(stat -c %s body)" -gt 8192 ]; then sha256sum body; else cat body; fi
    : > body
}

if [ "$kind" = wget ]; then
    ask() {
        echo "== $*"
        wget -nv -S -T 15 -t 1 -O body "$@" 2>&1 | grep -v '^20[0-9][0-9]-.* URL:' | sed 's/^20[0-9-]* [0-9:]* //'
        tell
    }
    if [ -n "${LAB_PATHS:-}" ]; then
        for path in $LAB_PATHS; do ask "$url$path"; done
        exit
    fi
    ask "$url/show"
    ask --post-data 'a=1&b=2' "$url/show"
    ask --post-file megabyte "$url/show"
    ask --method DELETE "$url/show"
    ask "$url/show?q=\"<>\\|^\`{}%0A%25"
    ask "$url/redirect"
    ask "$url/missing"
    ask --start-pos 1000 "$url/stream"
    ask "$url/stream"
    exit
fi

flags=("$@")
ask() {
    echo "== $*"
    curl -sS -m 15 --expect100-timeout 3 "${flags[@]}" -D head -o body "$@" 2>&1 || echo "curl: $?"
    # Kestrel leaves out HTTP/2's 100 where the body is there before it is read.
    tr -d '\r' < head | sed '/^HTTP\/2 100/,+1d'
    tell
    : > head
}
if [ -n "${LAB_PATHS:-}" ]; then
    for path in $LAB_PATHS; do ask "$url$path"; done
    exit
fi
many=()
for i in $(seq 250); do many+=(-H "X-Many-$i: value $i"); done
ask "$url/show"
ask -I "$url/show"
ask -d 'a=1&b=2' "$url/show"
ask -T megabyte "$url/show"
ask -T - "$url/show" < megabyte
ask -H 'Expect: 100-continue' -d expected "$url/show"
ask -X DELETE "$url/show"
ask -X REPORT -d '<x/>' "$url/show"
ask -g "$url/show?q=\"<>\\|^\`{}"
ask "$url/show?café=é%0A%25"
ask --path-as-is "$url/./a/../show"
ask "$url/show/x%0Ay%09z%7F"
ask "$url//show"
ask --compressed -H 'X-Empty;' -H 'X-Quoted: a "b", c' -H $'X-Latin: caf\xe9' "$url/show"
ask -e "$url/" -A 'Mozilla/5.0 (X11; Linux x86_64)' -b 'a=1; b="2"' -u user:secret "$url/show"
ask "${many[@]}" "$url/show"
ask -L "$url/redirect"
ask "$url/missing"
ask -r 1000-1999 "$url/stream"
# curl 7.88 can't take an upgrade's answer that is larger than its buffer, or can, as it happens to arrive.
[[ " ${flags[*]} " == *" --http2 "* ]] || ask "$url/stream"
# Nor does it use a connection of HTTP/2 twice that it began without asking: "Error in the HTTP2 framing layer", nginx's too.
[[ " ${flags[*]} " == *" --http2-prior-knowledge "* ]] ||
    ask "$url/show" --next -sS -m 15 "${flags[@]}" -D head -o body "$url/missing" --next -sS -m 15 "${flags[@]}" -D head -o body -I "$url/show"
