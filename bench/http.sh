#!/usr/bin/env bash
# HTTP between two containers: direct over Docker's bridge, over a weir network without and with HTTP rules
# (1 and 100), by the proxy (weir-N) and judged in the kernel (kernel-N, http-verdict: auto), and with nginx or HAProxy as a proxy in between; HTTP/2 beside nghttpx and HAProxy. All in turn, round
# after round; medians, and their ratio to direct. CPU is that of the proxy alone, by the kernel's accounting. At the end
# the proxies' system calls a request, which a busy machine hardly disturbs.
# WAYS and WAYS2 (of HTTP/2) pick; empty: none.
set -Eeuo pipefail
trap 'echo "http.sh: line $LINENO: $BASH_COMMAND" >&2; tail -n 20 /run/agent.log >&2 2> /dev/null || true' ERR
if [ -z "${WEIR_SANDBOX:-}" ]; then
    . "$(dirname "$0")/../scripts/setup.sh"
    missing=()
    for tool in wrk:wrk ab:apache2-utils strace:strace nginx:nginx-light haproxy:haproxy python3:python3-minimal h2load:nghttp2-client nghttpd:nghttp2-server nghttpx:nghttp2-proxy; do
        command -v "${tool%%:*}" > /dev/null || missing+=("${tool##*:}")
    done
    install_packages "${missing[@]}"
fi
. "$(dirname "$0")/sandboxed.sh"

ROUNDS=${ROUNDS:-5}
SECONDS_EACH=${SECONDS_EACH:-3}
IDLE=${IDLE:-5000}
read -ra WAYS <<< "${WAYS-direct weir kernel-1 kernel-100 weir-1 weir-100 nginx haproxy}"
read -ra WAYS2 <<< "${WAYS2-direct weir weir-1 weir-100 nghttpx haproxy}"

for network in weir plain; do
    container "server-$network" "$network" -l bench=server
    container "client-$network" "$network" -l bench=client
done
container nginx plain
container haproxy plain
container nghttpx plain

mkdir -p /run/www /run/nginx
head -c 100 /dev/zero | tr '\0' x > /run/www/small
head -c 1048576 /dev/zero | tr '\0' x > /run/www/big
common='error_log /dev/null; events { worker_connections 20000; } worker_rlimit_nofile 40000; daemon off;'
paths='client_body_temp_path /run/nginx/a; proxy_temp_path /run/nginx/b; fastcgi_temp_path /run/nginx/c; uwsgi_temp_path /run/nginx/d; scgi_temp_path /run/nginx/e;'
http="access_log off; keepalive_requests 100000000; sendfile on; tcp_nodelay on; $paths"
for network in weir plain; do
    echo "$common pid /run/nginx/server-$network; worker_processes 1; http { $http server { listen 80 reuseport; root /run/www; open_file_cache max=10; } }" > "/run/nginx/server-$network.conf"
    inside "server-$network" nginx -c "/run/nginx/server-$network.conf" 2> /dev/null &
    inside "server-$network" nghttpd --no-tls -d /run/www -n 1 81 > /dev/null &
done
server=$(address_of server-plain)
echo "$common pid /run/nginx/proxy; worker_processes 2; http { $http proxy_buffering off;
    upstream s { server $server:80; keepalive 128; keepalive_requests 100000000; }
    server { listen 80 reuseport; location ~ ^/(small|big)\$ { proxy_pass http://s; proxy_http_version 1.1; proxy_set_header Connection \"\"; } } }" > /run/nginx/proxy.conf
inside nginx nginx -c /run/nginx/proxy.conf 2> /dev/null &
cat > /run/haproxy.cfg <<EOF
global
    nbthread 2
    maxconn 4000
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    http-reuse always
frontend f
    bind :80
    http-request deny unless { path /small /big }
    default_backend b
backend b
    server s $server:80
frontend f2
    bind :81 proto h2
    http-request deny unless { path /small /big }
    default_backend b2
backend b2
    server s $server:81 proto h2
EOF
inside nghttpx nghttpx --conf=/dev/null --workers=2 --accesslog-file=/dev/null --errorlog-file=/dev/null \
    "-f*,81;no-tls" "-b$server,81;;proto=h2" &
inside haproxy haproxy -f /run/haproxy.cfg &
sleep 1.5

# N rules, the last of which allows what is measured.
rules() {
    {
        echo '[{"endpointSelector": {"matchLabels": {"bench": "server"}}, "ingress": [{"fromEndpoints": [{"matchLabels": {"bench": "client"}}],'
        echo '"toPorts": [{"ports": [{"port": "80", "protocol": "TCP"}, {"port": "81", "protocol": "TCP"}], "rules": {"http": ['
        for i in $(seq 2 "$1"); do
            printf '{"method": "GET|POST", "path": "/api/v1/resource%d/[0-9]+(/.*)?"},\n' "$i"
        done
        echo '{"method": "GET", "path": "/(small|big)"}]}}]}]}]'
    } > /run/bench.json
    out/weir policy apply -f /run/bench.json > /dev/null
}

# Sets who judges requests.
verdict=proxy
judge() {
    [ "$verdict" != "$1" ] || return 0
    verdict=$1
    end_agent
    start_agent /run/agent.log --http-verdict "$1"
}

# Sets the way: whom to ask from where, and which processes stand between.
take() {
    from=client-plain pids=
    case "$1" in
        direct) to=$server ;;
        nginx) to=$(address_of nginx) pids=$(cat /run/nginx/proxy) pids="$pids $(pgrep -P "$pids" | tr '\n' ' ')" ;;
        nghttpx) to=$(address_of nghttpx) pids=$(pgrep -x nghttpx | tr '\n' ' ') ;;
        haproxy) to=$(address_of haproxy) pids=$(pgrep -x haproxy | tr '\n' ' ') ;;
        weir) from=client-weir to=$(address_of server-weir); out/weir policy delete --all > /dev/null 2>&1 || true ;;
        weir-*) judge proxy; from=client-weir to=$(address_of server-weir); rules "${1#weir-}"; pids=$(pgrep -f '^[^ ]*weir proxy') ;;
        kernel-*) judge auto; from=client-weir to=$(address_of server-weir); rules "${1#kernel-}"; pids=$(pgrep -f '^[^ ]*weir proxy') ;;
    esac
}

# Microseconds of processor that processes have used.
cpu() {
    local pid sum=0 ticks
    for pid in $1; do
        ticks=$(sed 's/.*) //' "/proc/$pid/stat" | awk '{ print $12 + $13 }')
        sum=$((sum + ticks * 10000))
    done
    echo "$sum"
}

# load NAME WAY ARGUMENT... : one run of wrk; requests/s, p50 and p99 in ms, CPU per request in µs.
load() {
    local name=$1 way=$2 before after
    shift 2
    take "$way"
    before=$(cpu "$pids")
    inside "$from" wrk -t2 -d"$SECONDS_EACH" --latency "${@:1:$#-1}" "http://$to/${*: -1}" > /run/wrk
    after=$(cpu "$pids")
    awk -v used=$((after - before)) '
        function ms(t) { return t ~ /us$/ ? t / 1000 : t ~ /ms$/ ? t + 0 : t * 1000 }
        /^ +50%/ { p50 = ms($2) } /^ +99%/ { p99 = ms($2) }
        / requests in / { n = $1 } /^Requests\/sec/ { rate = $2 }
        /Non-2xx/ || /Socket errors/ { print "bad: " $0 > "/dev/stderr" }
        END { print rate, p50, p99, used / n }' /run/wrk >> "/run/result.$name.$way"
}

# load2 NAME WAY ARGUMENT... : likewise of h2load; it tells the mean and the longest time of a request.
load2() {
    local name=$1 way=$2 before after
    shift 2
    take "$way"
    before=$(cpu "$pids")
    inside "$from" h2load -t2 -D"$SECONDS_EACH" "${@:1:$#-1}" "http://$to:81/${*: -1}" > /run/h2load
    after=$(cpu "$pids")
    awk -v used=$((after - before)) '
        function ms(t) { return t ~ /us$/ ? t / 1000 : t ~ /ms$/ ? t + 0 : t * 1000 }
        /^finished in/ { rate = $4 } /^requests:/ { n = $8; bad = $10 + $12 + $14 }
        /^time for request:/ { longest = ms($5); mean = ms($6) }
        END { if (bad > 0 || n == 0) print "bad: " bad " of " n > "/dev/stderr"; print rate, mean, longest, used / n }' /run/h2load >> "/run/result.$name.$way"
}

for _ in $(seq 1 "$ROUNDS"); do
    for way in "${WAYS2[@]}"; do
        load2 h2-many "$way" -c16 -m16 small
        load2 h2-one "$way" -c64 -m1 small
        load2 h2-calm "$way" -c4 -m1 small
        load2 h2-big "$way" -c8 -m1 big
    done
    for way in "${WAYS[@]}"; do
        load small "$way" -c64 small
        load big "$way" -c8 big
        load new "$way" -c64 -H 'Connection: close' small
        load calm "$way" -c4 small
    done
done

# calls WAY CLIENT... : system calls of the processes in between, for each of the client's requests.
calls() {
    local way=$1 strace
    shift
    take "$way"
    strace -f -c -o /run/calls -p "$pids" 2> /run/strace &
    strace=$!
    until grep -q attached /run/strace; do sleep 0.1; done
    inside "$from" "$@" "http://$to/small" > /run/client 2>&1
    kill -TERM "$strace"
    wait "$strace" || true
    awk 'FNR == NR { if (/^Complete requests:/) n = $3; next } $NF == "total" { printf "%12.1f", $4 / n }' /run/client /run/calls
}

column() { awk -v c="$2" '{ print $c }' "/run/result.$1.$3" | median; }
show() { table "$1" "$2" "p50 ms" "p99 ms" "${WAYS[@]}"; }
show2() { table "$1" "$2" "mean ms" "max ms" "${WAYS2[@]}"; }
table() {
    [ $# -gt 4 ] || return 0
    printf '\n%s\n%-12s %12s %8s %9s %9s %12s\n' "$2" "" "requests/s" "ratio" "$3" "$4" "CPU µs/req"
    local way
    for way in "${@:5}"; do
        printf '%-12s %12.0f %8.2f %9.2f %9.2f %12.1f\n' "$way" "$(column "$1" 1 "$way")" \
            "$(awk "BEGIN { print $(column "$1" 1 "$way") / $(column "$1" 1 direct) }")" \
            "$(column "$1" 2 "$way")" "$(column "$1" 3 "$way")" "$(column "$1" 4 "$way")"
    done
}
show small "100 bytes, 64 connections kept alive (aims: weir ≥ 0.97, weir-1 ≥ 0.66 and ≤ 22 µs, weir-100 no slower)"
show big "1 MB, 8 connections kept alive"
show new "100 bytes, a connection for each request"
show calm "100 bytes, 4 connections: far from full load (aim: p99 at most 0.3 ms over direct)"
show2 h2-many "HTTP/2: 100 bytes, 16 connections of 16 streams (aim: CPU of weir-1 ≤ that of nghttpx)"
show2 h2-one "HTTP/2: 100 bytes, 64 connections of one stream (likewise)"
show2 h2-calm "HTTP/2: 100 bytes, 4 connections of one stream"
show2 h2-big "HTTP/2: 1 MB, 8 connections of one stream"

printf '\nsystem calls a request\n%-12s %12s %12s\n' "" "kept alive" "new"
for way in "${WAYS[@]}"; do
    case "$way" in direct | weir | kernel-*) continue ;; esac
    printf '%-12s %s %s\n' "$way" "$(calls "$way" ab -q -k -n 20000 -c 32)" "$(calls "$way" ab -q -n 2000 -c 32)"
done

# Of a proxy that has served nothing yet: memory that a load has left behind would hide what idle ones take.
take weir-1
kill "$pids"
until fresh=$(pgrep -f '^[^ ]*weir proxy') && [ "$fresh" != "$pids" ]; do sleep 0.2; done
pids=$fresh
sleep 2
memory() { awk '/VmRSS/ { print $2 }' "/proc/$pids/status"; }
before=$(memory)
inside client-weir python3 - "$to" "$IDLE" << 'EOF' &
import socket, sys, time
held = []
for i in range(int(sys.argv[2])):
    c = socket.create_connection((sys.argv[1], 80))
    c.sendall(b"GET /small HTTP/1.1\r\nHost: a\r\n\r\n")
    c.recv(4096)
    held.append(c)
open("/run/idle", "w").write("held")
time.sleep(30)
EOF
idle=$!
until [ -e /run/idle ]; do sleep 0.1; done
sleep 2
printf '\n%-52s %8.1f KB (aim: at most 10)\n' "memory of the proxy per idle connection ($IDLE)" "$(awk "BEGIN { print ($(memory) - $before) / $IDLE }")"
printf '%-52s %8.1f MB\n' "memory of the proxy before" "$(awk "BEGIN { print $before / 1024 }")"
kill "$idle"
