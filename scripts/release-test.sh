#!/usr/bin/env bash
# Looks at what release.sh made, which takes longer than a test may. On fresh machines (Debian 12 and 13, Ubuntu 22.04 and 24.04, each
# with its own systemd and its own Docker, in sandboxes) every line that a user types is typed: installed, used, installed again,
# switched off and on, removed, purged. The other processor's executable runs under emulation. With --twice: the same commit is built
# again in another folder and compared.
#   sudo scripts/release-test.sh [--twice] [SUITE...]      bookworm trixie jammy noble if none is told
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh
need_root
twice=no
if [ "${1:-}" = --twice ]; then
    twice=yes
    shift
fi
suites=("$@")
[ "$#" -gt 0 ] || suites=(bookworm trixie jammy noble)
release=$PWD/out/release
[ -e "$release/SHA256SUMS" ] || { echo "release-test.sh: there is no out/release: make one with ./release.sh 1.0.0" >&2; exit 1; }
version=$(cat out/weir.version)
own=$(uname -m)
archive=weir-$version-linux-$own
deb=weir_${version}_$(dpkg --print-architecture).deb
work=$(mktemp -d)
machine=
trap 'switch_off; rm -rf --one-file-system "$work"' EXIT

ok() { echo "ok  $*"; }

# Boots the machine whose root is $root, with what it changed before.
switch_on() {
    local launcher state=
    scripts/sandbox.sh scripts/release/fresh.sh "$root" "$work/$suite" < /dev/null > "$work/boot.log" 2>&1 &
    launcher=$!
    for _ in $(seq 600); do
        machine=$(tr -d ' ' < "/proc/$launcher/task/$launcher/children") || { cat "$work/boot.log" >&2; return 1; }
        [ -z "$machine" ] || state=$(on 'systemctl is-system-running' 2> /dev/null) || true
        [ "$state" != running ] || return 0
        sleep 0.2
    done
    echo "$suite does not boot: $state" >&2
    on 'systemctl --failed' >&2 || true
    return 1
}

# As when the power fails.
switch_off() {
    [ -n "$machine" ] || return 0
    kill -9 "$machine" 2> /dev/null || true
    machine=
    wait
}

# Types a line there.
on() {
    scripts/sandbox.sh --enter "$machine" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 TMPDIR=/tmp bash -euo pipefail -c "cd /root; $1"
}

# The line's output must have this.
says() {
    local said
    said=$(on "$1" 2>&1) || { echo "$suite: '$1' failed: $said" >&2; return 1; }
    grep -qF -- "$2" <<< "$said" || { echo "$suite: '$1' does not say '$2', but: $said" >&2; return 1; }
}

# What of Weir is on the machine, beside logs of who installed it, and what systemd takes away at the next boot: it knows boots by
# the kernel's number, which here is always the same.
traces() {
    (cd "$work/$suite/upper" && find . ! -type c \( -iname '*weir*' -o -path '*weir*' \) -not -path './var/log/*' -not -path './var/lib/dpkg/*' -not -path './root/*' \
        -not -path './var/tmp/systemd-private-*')
    on 'grep weir /etc/group /etc/gshadow; ls -d /run/weir /sys/fs/bpf/weir 2> /dev/null; ip -o link | grep -o ": weir[^:]*"; iptables-save | grep WEIR; systemctl list-units --all --plain --no-legend | grep weir' || true
}

without_traces() {
    [ -z "$(traces)" ] || { echo "$suite: what is left of Weir:" >&2; traces >&2; return 1; }
}

# A server of the world, which knows the machine's own address alone.
make_world() {
    on 'ip netns add world
        ip link add world0 type veth peer name up0 netns world
        ip address add 198.51.100.1/24 dev world0
        ip link set world0 up
        ip -n world address add 198.51.100.2/24 dev up0
        ip -n world link set up0 up
        mkdir /run/world
        echo hello > /run/world/index.html
        ip netns exec world busybox httpd -p 80 -h /run/world'
}

use_docker() {
    on '. /root/setup.sh; make_image weir-busybox
        docker network create --driver weir --ipam-driver weir app > /dev/null
        for role in api web other; do
            docker run -d --name $role --restart always --network app -l role=$role -p 80 weir-busybox \
                sh -c "echo hello > /www/index.html; exec httpd -f -p 80 -h /www" > /dev/null
        done
        weir policy apply -f /root/policy.yaml > /dev/null'
    holds
}

# web reaches api, other does not.
holds() {
    on 'for try in $(seq 60); do
            [ "$(docker exec web timeout 3 wget -qO- http://api/ 2> /dev/null)" != hello ] || break
            [ "$try" -lt 60 ] || { weir status; weir endpoint list; docker ps -a; journalctl -n 30 -u weir -u docker; exit 1; }
            sleep 0.5
        done
        ! docker exec other timeout 3 wget -qO- http://api/ 2> /dev/null' || { echo "$suite: policy does not hold" >&2; return 1; }
}

remove_containers() { on 'docker rm -f api web other > /dev/null; docker network rm app > /dev/null'; }

# What fails is counted, while a line is typed: web asks api, and a server of the world, over and over by new connections.
nothing_lost() {
    on 'docker exec web sh -c "rm -f /tmp/end; while [ ! -e /tmp/end ]; do for of in api 198.51.100.2; do
            said=\$(wget -qO- http://\$of/ 2>&1) && echo ok || echo lost \$of: \$said; done; done > /tmp/asked" & asking=$!
        '"$1"' > /root/said 2>&1 || { cat /root/said; exit 1; }
        docker exec web touch /tmp/end; wait $asking
        docker exec web sh -c "sort /tmp/asked | uniq -c" | tee /root/asked >&2
        ! grep -q lost /root/asked && grep -q ok /root/asked' || { echo "$suite: requests were lost while '$1'" >&2; return 1; }
}

try_machine() {
    local docker
    rm -rf --one-file-system "${work:?}/$suite"
    mkdir -p "$work/$suite/upper/root"
    tar -xzf "$release/$archive.tar.gz" -C "$work/$suite/upper/root"
    cp scripts/setup.sh "$release/$deb" "$work/$suite/upper/root/"
    cat > "$work/$suite/upper/root/policy.yaml" << 'END'
- endpointSelector: {matchLabels: {role: api}}
  ingress: [{fromEndpoints: [{matchLabels: {role: web}}]}]
END
    switch_on
    make_world
    docker=$(on 'docker version -f "{{.Server.Version}}"')
    without_traces

    says "$archive/install.sh" "Weir $version is installed."
    says 'systemctl is-enabled weir; systemctl is-active weir' active
    says 'weir check' 'ok '
    use_docker
    nothing_lost "$archive/install.sh"
    says 'cat /root/said' 'installed again'
    holds
    ok "$suite, Docker $docker: install.sh, used, install.sh again: no request lost"

    # As 'weir check' advises where firewalld runs.
    on 'systemctl start firewalld; firewall-cmd --quiet --permanent --zone=trusted --add-interface=weir+; firewall-cmd --quiet --reload'
    nothing_lost 'firewall-cmd --reload'
    holds
    on 'systemctl stop firewalld; ufw --force enable > /dev/null'
    nothing_lost 'ufw reload'
    holds
    on 'ufw disable > /dev/null'
    ok "$suite: firewalld, then ufw, reloaded meanwhile: no request lost"

    switch_off
    switch_on
    make_world
    says 'systemctl is-active weir' active
    holds
    ok "$suite: switched off and on: containers are back, under policy"

    says '/usr/share/weir/install.sh --remove' 'Weir is removed'
    says 'test ! -e /usr/bin/weir -a ! -e /sys/fs/bpf/weir -a ! -e /run/weir && ls /etc/weir /var/lib/weir' agent.yaml
    says "apt-get install -y ./$deb" 'Setting up weir'
    on 'docker restart -t 0 api web other > /dev/null'
    holds
    nothing_lost "apt-get install -y --reinstall ./$deb"
    ok "$suite: removed, and back by apt install ./$deb with networks and policy"
    remove_containers
    on 'apt-get purge -y weir > /dev/null 2>&1'
    without_traces
    ok "$suite: apt purge: no trace"

    says "$archive/install.sh --plain" "Weir $version is installed."
    use_docker
    nothing_lost "$archive/install.sh --plain"
    remove_containers
    says "$archive/install.sh --remove --purge" 'with its state, settings and groups'
    without_traces
    ok "$suite: install.sh --plain, again, --remove --purge: no trace"
    switch_off
}

missing=()
[ "$own" = aarch64 ] || command -v qemu-aarch64-static > /dev/null || missing+=(qemu-user-static)
without_services install_packages "${missing[@]}"
(cd "$release" && sha256sum --quiet -c SHA256SUMS)
ok "SHA256SUMS"
for file in "$release"/*.deb; do
    [ "$(stat -c %s "$file")" -le 12000000 ] || { echo "$file is larger than 12 MB" >&2; exit 1; }
done
ok "each deb has 12 MB at most"

if [ "$twice" = yes ]; then
    git clone -q --shared . "$work/elsewhere/clone"
    git -C "$work/elsewhere/clone" -c advice.detachedHead=false checkout -q "$(git rev-parse HEAD)"
    (cd "$work/elsewhere/clone" && ./release.sh "$version" "$own" > /dev/null)
    (cd "$work/elsewhere/clone/out/release" && for file in weir*; do cmp "$file" "$release/$file"; done)
    ok "built again in another folder: the same bytes"
fi

for suite in "${suites[@]}"; do
    root=$PWD/out/roots/$suite
    scripts/release/root.sh "$suite" "$root"
    try_machine
done

if [ -x out/weir-aarch64 ] && [ "$own" != aarch64 ]; then
    emulated() { qemu-aarch64-static -L "$PWD/out/aarch64" out/weir-aarch64 "$@"; }
    [ "$(emulated --version)" = "weir $version" ]
    # It calls itself as its file is called.
    diff <(emulated policy apply --help | sed 's/weir-aarch64/weir/') <(out/weir policy apply --help)
    emulated policy test examples
    ok "aarch64, emulated: --version, --help, policy test"
fi
