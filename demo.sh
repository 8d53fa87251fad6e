#!/usr/bin/env bash
# Weir's main job on real Docker, step by step: containers that may talk by label, and those that may
# not, and why. Cleans up everything; with --keep the containers, the network and the agent stay. With --hosts N the same
# over several hosts, in sandboxes of this machine: scripts/demo-hosts.sh.
set -euo pipefail
cd "$(dirname "$0")"
. scripts/setup.sh

KEEP=
case "${1:-}" in
    "") ;;
    --keep) KEEP=1 ;;
    --hosts) exec scripts/demo-hosts.sh "${2:-3}" ;;
    *) echo "usage: sudo ./demo.sh [--keep | --hosts N]" >&2; exit 2 ;;
esac

need_root
need_kernel
setup_docker
./build.sh

if [ -t 1 ]; then bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'; else bold='' dim='' plain=''; fi
step() { printf '\n%s== %s%s\n' "$bold" "$1" "$plain"; }
say() { printf '%s\n' "$@"; }
show() { printf '%s$ %s%s\n' "$dim" "$*" "$plain"; "$@"; }
weir() { out/weir "$@"; }
fail() { printf 'demo.sh: %s\n' "$1" >&2; exit 1; }

work=$(mktemp -d)
monitor_pid=
ours= # set once the names below are known to be free

cleanup() {
    set +e
    # shellcheck disable=SC2086 # several
    [ -z "$monitor_pid" ] || kill $monitor_pid 2> /dev/null
    if [ -n "$KEEP" ]; then
        say "" "Kept: containers web, api and other, network app, and the agent (pid $WEIR_AGENT_PID)." \
            "To remove all: docker rm -f web api other; docker network rm app; kill $WEIR_AGENT_PID; out/weir cleanup --yes"
        return
    fi
    step "Cleaning up"
    if [ -n "$ours" ]; then
        docker rm -f web api other > /dev/null 2>&1
        docker network rm app > /dev/null 2>&1
        docker rmi weir-demo > /dev/null 2>&1
    fi
    stop_agent
    stop_dockerd
    rm -rf "$work"
    hand_back
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# What a container gets from http://api/. busybox's own time limit is broken, hence `timeout`.
fetch() {
    local answer
    if answer=$(docker exec "$1" timeout "${2:-3}" wget -qO- http://api/ 2> /dev/null); then
        say "  $1 → http://api/   $answer"
    else
        say "  $1 → http://api/   no answer"
        return 1
    fi
}
# A request by wget, with the given options, whose status must be the one given first.
request() {
    local answer
    answer=$(docker exec "$2" timeout 3 wget "${@:3}" 2>&1 || true)
    say "  $2: wget ${*:3}" "$(grep -m1 -o 'HTTP/1.1 [0-9]* .*' <<< "$answer" | sed 's/^/    /')"
    grep -q "HTTP/1.1 $1" <<< "$answer" || fail "that should have been $1: $answer"
}
must() { fetch "$1" || fail "$1 should reach api"; }
must_not() { ! fetch "$1" 1 || fail "$1 should not reach api"; }

step "Docker, and Weir's agent"
start_dockerd
for name in web api other; do
    ! docker container inspect "$name" > /dev/null 2>&1 || fail "a container named $name exists: the demo would need that name"
done
! docker network inspect app > /dev/null 2>&1 || fail "a network named app exists: the demo would need that name"
! weir status > /dev/null 2>&1 || fail "an agent runs already: stop it first"
ours=1
make_image weir-demo
start_agent "$work/agent.log"
show weir status

step "A network whose driver is Weir, and three containers with labels"
show docker network create --driver weir --ipam-driver weir app
show docker run -d --name web --network app -l app=shop -l role=web weir-demo sleep 600
show docker run -d --name api --network app -l app=shop -l role=api weir-demo \
    sh -c 'cd /www; echo "hello from api" > index.html; echo "for everybody" > public; echo "for few" > private; exec httpd -f -vv -p 80 -h /www'
show docker run -d --name other --network app -l app=blog weir-demo sleep 600
say "Every container has an endpoint; its labels make its identity:"
show weir endpoint list

step "Without a policy everybody reaches api"
must web
must other

step "What was seen is on record, and a policy can be made of it"
show weir flows --since 5m --summary
show weir policy suggest --for role=api --since 5m

step "A stricter one: only role=web may reach role=api, on 80/tcp"
show cat examples/policy.yaml
say "What would change?"
show weir policy apply --dry-run -f examples/policy.yaml
say "And what would it have refused of what is on record?"
show weir policy apply --dry-run --since 5m -f examples/policy.yaml && fail "it should refuse what other did"

step "In audit it refuses nothing and tells what it would refuse"
show weir policy apply --audit -f examples/policy.yaml
must web
must other
show weir flows --since 5m --verdict audited

step "In force"
show weir policy apply -f examples/policy.yaml
show weir policy get
out/weir monitor --type drop > "$work/drops" 2>&1 &
monitor_pid=$!
sleep 0.5

step "web still reaches api; other does not"
must web
must_not other

step "What was dropped, and why"
say "${dim}\$ weir monitor --type drop${plain}"
for _ in $(seq 1 20); do
    if [ -s "$work/drops" ]; then break; fi
    sleep 0.1
done
head -3 "$work/drops"

step "Why? Asked without a packet"
show weir policy explain --from role=web --to role=api --port 80/tcp
show weir policy explain --from app=blog --to role=api --port 80/tcp || true

step "kill -9 the agent: containers and their policy go on without it"
{ kill -9 "$WEIR_AGENT_PID" && wait "$WEIR_AGENT_PID"; } 2> /dev/null || true
must web
must_not other
start_agent "$work/agent.log"
say "The agent is back, with the same endpoints and identities:"
show weir endpoint list

step "The policy changes while everything runs: app=blog may, too"
sed 's/^\( *\)role: web/\1app: blog/' examples/policy.yaml | sed 's/name: .*/name: blog-to-api/' > "$work/blog.yaml"
show weir policy apply -f "$work/blog.yaml"
must web
must other
say "and may not any more, once that policy is gone:"
show weir policy delete blog-to-api
must web
must_not other

step "One open port opens every verb and path behind it: unless the policy speaks of requests"
show sed -n '/rules:/,$p' examples/http.yaml
show weir policy apply -f examples/http.yaml
out/weir monitor --type l7 > "$work/requests" 2>&1 &
monitor_pid="$monitor_pid $!"
sleep 0.5
request 200 web --spider -S http://api/public
request 403 web -S -O - http://api/private
request 403 web -S -O - --post-data x http://api/public
say "Every request, from whom, and which rule said so:" "${dim}\$ weir monitor --type l7${plain}"
for _ in $(seq 1 20); do
    if [ "$(wc -l < "$work/requests")" -ge 3 ]; then break; fi
    sleep 0.1
done
cat "$work/requests"
say "The server saw web's own address, and no refused request:"
show docker logs --tail 2 api
show weir policy explain --from role=web --to role=api --port 80/tcp --http 'PUT /public' || true

step "Done: identity, not addresses, decided every packet and every request"
show weir metrics | head -20
