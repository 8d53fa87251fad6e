#!/usr/bin/env bash
# Containers on both machines, and one policy: only role=web may reach role=api. On the first machine api, on the second web
# and other, which try to reach it. May run again. IMAGE is any image that has busybox's commands.
#   demo.sh NAME
set -euo pipefail
image=${IMAGE:-busybox}

show() {
    printf '$ %s\n' "$*"
    "$@"
}
# Tries a command for half a minute: what another machine did takes a moment to be here.
eventually() {
    for _ in $(seq 60); do
        ! "$@" > /dev/null 2>&1 || return 0
        sleep 0.5
    done
    echo "demo.sh: in vain for 30 s: $*" >&2
    return 1
}
run() {
    local container=$1
    shift
    docker rm -f "$container" > /dev/null 2>&1 || true
    show docker run -d --name "$container" --network app -l role="$container" "$image" "$@" > /dev/null
}
fetch() { docker exec "$1" timeout 3 wget -qO- http://api/; }

case "${1:-}" in
    weir1)
        docker network inspect app > /dev/null 2>&1 || show weir network create app --subnet 10.40.0.0/16
        eventually docker network inspect app
        run api sh -c 'mkdir -p /www; echo "hello from weir1" > /www/index.html; exec httpd -f -p 80 -h /www'
        ;;
    weir2)
        eventually docker network inspect app
        run web sleep 1000000
        run other sleep 1000000
        eventually fetch web
        cat > /root/policy.yaml << 'EOF'
- endpointSelector: {matchLabels: {role: api}}
  ingress: [{fromEndpoints: [{matchLabels: {role: web}}]}]
EOF
        show weir policy apply -f /root/policy.yaml
        echo "web → api: $(fetch web)"
        ! fetch other > /dev/null 2>&1 || { echo "demo.sh: other reached api" >&2; exit 1; }
        echo "other → api: no answer"
        show weir node list
        show weir endpoint list --all-nodes
        show weir policy explain --from role=other --to role=api --port 80/tcp || true
        ;;
    *)
        echo "usage: demo.sh weir1|weir2" >&2
        exit 2
        ;;
esac
