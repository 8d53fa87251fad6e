# shellcheck shell=bash
# What build.sh, test.sh, demo.sh and the benchmarks share. Sourced, never run; sets nothing at once.
#   need_root, need_kernel         end with one line where Weir cannot run
#   setup_build, setup_docker, setup_tests, setup_real_clients, setup_vm      install what is missing
#   setup_cross FOLDER             what it takes to compile for aarch64: its libraries go to that folder
#   setup_release                  what it takes to pack a release
#   COMPILER, end_compiler         flags of dotnet build by which its projects share one compiler, and the end of that
#   start_dockerd, stop_dockerd    a dockerd of our own, only where none runs; it may take WEIR_PATIENCE times 30 s, and is
#                                  started again where its containerd was too slow for it
#   make_image NAME                an image of busybox, without a registry
#   start_agent LOG, stop_agent    out/weir agent in the background: $WEIR_AGENT_PID
#   hand_back                      gives what root built to the owner of the clone

# Ends with one line unless root.
need_root() {
    if [ "$(id -u)" -ne 0 ]; then
        echo "$(basename "$0"): BPF programs and network namespaces need root: run 'sudo ./$(basename "$0")'" >&2
        exit 1
    fi
}

# Ends with one line where the kernel lacks what every part of Weir needs; `weir check` tells the rest.
need_kernel() {
    local release major minor
    release=$(uname -r)
    IFS=.- read -r major minor _ <<< "$release"
    if [ "$major" -lt 6 ] || { [ "$major" -eq 6 ] && [ "$minor" -lt 1 ]; }; then
        echo "$(basename "$0"): Linux $release is too old: Weir needs 6.1 or newer" >&2
        exit 1
    fi
    if [ ! -e /sys/kernel/btf/vmlinux ]; then
        echo "$(basename "$0"): this kernel has no BPF type information (/sys/kernel/btf/vmlinux): CONFIG_DEBUG_INFO_BTF is needed" >&2
        exit 1
    fi
    if ! grep -q '\sbpf$' /proc/filesystems; then
        echo "$(basename "$0"): this kernel has no BPF file system: CONFIG_BPF_SYSCALL is needed" >&2
        exit 1
    fi
}

# Installs Debian/Ubuntu packages by name.
install_packages() {
    [ "$#" -gt 0 ] || return 0
    if ! command -v apt-get > /dev/null; then
        echo "$(basename "$0"): please install: $*" >&2
        exit 1
    fi
    if [ "$(id -u)" -ne 0 ]; then
        echo "$(basename "$0"): missing packages: run 'sudo apt-get install $*'" >&2
        exit 1
    fi
    echo "installing $*"
    try_again install_now "$@"
}

install_now() {
    apt-get update -qq &&
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" > /dev/null
}

# Runs a command until it succeeds, four times at most: an archive may be out of reach for a moment.
try_again() {
    local wait
    for wait in 5 15 45; do
        ! "$@" || return 0
        echo "$(basename "$0"): $1 failed: again in $wait s" >&2
        sleep "$wait"
    done
    "$@"
}

# Whether the package archive has a package.
package_exists() {
    apt-cache show "$1" > /dev/null 2>&1
}

# clang 16 or newer, under whatever name.
find_clang() {
    local name version
    for name in clang-19 clang-18 clang-17 clang-16 clang; do
        if ! command -v "$name" > /dev/null; then
            continue
        fi
        version=$("$name" -dumpversion)
        if [ "${version%%.*}" -ge 16 ]; then
            command -v "$name"
            return
        fi
    done
    return 1
}

# What it takes to compile Weir.
setup_build() {
    local missing=() version
    if ! find_clang > /dev/null; then
        if command -v apt-get > /dev/null && ! package_exists clang-19 && ! package_exists clang-18; then
            apt-get update -qq || true
        fi
        version=18
        if package_exists clang-19 || ! package_exists clang-18; then
            version=19
        fi
        missing+=("clang-$version" "llvm-$version")
    fi
    if [ ! -e /usr/include/bpf/bpf.h ] || ! ls /usr/lib/*/libbpf.a > /dev/null 2>&1; then
        missing+=(libbpf-dev)
    fi
    ls /usr/lib/*/libelf.a > /dev/null 2>&1 || missing+=(libelf-dev)
    ls /usr/lib/*/libz.a > /dev/null 2>&1 || missing+=(zlib1g-dev)
    command -v cc > /dev/null || missing+=(gcc libc6-dev)
    install_packages "${missing[@]}"
    setup_dotnet
}

# What it takes to compile Weir for aarch64 elsewhere: a linker, and that processor's libraries as the archive of this very
# system has them. They are unpacked into a folder; nothing of them is installed, and no foreign processor is set up.
#   setup_cross FOLDER
setup_cross() {
    local folder=$1 clang version lists package
    clang=$(basename "$(find_clang)")
    version=${clang#clang}
    command -v "ld.lld$version" > /dev/null || install_packages "lld$version"
    [ ! -e "$folder/usr/lib/aarch64-linux-gnu/libbpf.a" ] || return 0
    echo "fetching aarch64's libraries to $folder"
    rm -rf "$folder"
    mkdir -p "$folder"
    lists=$(mktemp -d "${TMPDIR:-/tmp}/weir-cross.XXXXXX")
    mkdir -p "$lists/lists/partial" "$lists/archives/partial"
    # An archive and a status of its own: as if nothing were installed, so that all that is needed comes along.
    local apt=(apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o Dir::State::status=/dev/null
        -o "Dir::State::lists=$lists/lists" -o "Dir::Cache::archives=$lists/archives" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
        -o APT::Sandbox::User=root -o APT::Update::Post-Invoke= -o APT::Update::Post-Invoke-Success=)
    try_again "${apt[@]}" update
    try_again "${apt[@]}" install -y --download-only --no-install-recommends libbpf-dev libelf-dev zlib1g-dev libc6-dev iptables \
        "libgcc-$(cc -dumpversion | cut -d . -f 1)-dev" > /dev/null
    for package in "$lists"/archives/*.deb; do
        dpkg-deb -x "$package" "$folder"
    done
    rm -rf "$lists"
}

# What it takes to pack a release, beside what it takes to compile it.
setup_release() {
    local missing=()
    command -v rpmbuild > /dev/null || missing+=(rpm)
    command -v python3 > /dev/null || missing+=(python3-minimal)
    command -v readelf > /dev/null || missing+=(binutils)
    command -v xz > /dev/null || missing+=(xz-utils)
    command -v iptables > /dev/null || missing+=(iptables)
    install_packages "${missing[@]}"
}

# One compiler for all projects of a build, which has compiled its own analyzers once: what dotnet build is told for it, whatever
# the caller's environment says.
COMPILER=(-p:UseSharedCompilation=true -p:SharedCompilationId="weir-$$")

# Ends that compiler, which otherwise waits for ten minutes, and takes away its socket.
end_compiler() {
    pkill -f "VBCSCompiler.* -pipename:weir-$$\$" || true
    rm -f "${TMPDIR:-/tmp}/weir-$$"
}

setup_dotnet() {
    export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
    # The SDK refuses to start without ICU; nothing here needs cultures.
    if ! ls /usr/lib/*/libicuuc.so.* > /dev/null 2>&1; then
        export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1
    fi
    if command -v dotnet > /dev/null && dotnet --list-sdks | grep -q '^10\.'; then
        return
    fi
    if package_exists dotnet-sdk-10.0; then
        install_packages dotnet-sdk-10.0
        return
    fi
    command -v curl > /dev/null || install_packages curl ca-certificates
    local installer
    installer=$(mktemp)
    if curl -fsSL --max-time 60 -o "$installer" https://dot.net/v1/dotnet-install.sh &&
        bash "$installer" --channel 10.0 --install-dir /usr/share/dotnet; then
        rm -f "$installer"
        ln -sf /usr/share/dotnet/dotnet /usr/local/bin/dotnet
    else
        rm -f "$installer"
        echo "$(basename "$0"): the .NET 10 SDK is missing and could not be fetched." >&2
        echo "Install it from https://dot.net/download (or the package dotnet-sdk-10.0) and run this again." >&2
        exit 1
    fi
}

# What it takes to run containers.
setup_docker() {
    local missing=()
    command -v dockerd > /dev/null || missing+=(docker.io)
    command -v busybox > /dev/null || missing+=(busybox-static)
    command -v iptables > /dev/null || missing+=(iptables)
    command -v ip > /dev/null || missing+=(iproute2)
    install_packages "${missing[@]}"
    # Newer archives have the command line in a package of its own.
    command -v docker > /dev/null || install_packages docker-cli
}

# The peers of tests: what speaks HTTP, and what else a host may run.
setup_tests() {
    local missing=()
    command -v python3 > /dev/null || missing+=(python3-minimal)
    command -v curl > /dev/null || missing+=(curl)
    command -v pgrep > /dev/null || missing+=(procps)
    command -v ethtool > /dev/null || missing+=(ethtool)
    command -v nghttp > /dev/null || missing+=(nghttp2-client)
    command -v nghttpd > /dev/null || missing+=(nghttp2-server)
    command -v nghttpx > /dev/null || missing+=(nghttp2-proxy)
    command -v promtool > /dev/null || missing+=(prometheus)
    # The browser of tests/Weir.Ui.Tests.
    command -v chromium > /dev/null || missing+=(chromium fonts-dejavu-core)
    # Firewalls of others.
    command -v nft > /dev/null || missing+=(nftables)
    command -v ufw > /dev/null || missing+=(ufw)
    # One test speaks Compose, and is skipped where the archive has none.
    if ! command -v docker-compose > /dev/null && package_exists docker-compose; then
        missing+=(docker-compose)
    fi
    without_services install_packages "${missing[@]}"
    setup_etcd
}

# Nobody's service: tests and the demo start their own.
setup_etcd() {
    local missing=()
    command -v etcd > /dev/null || missing+=(etcd-server)
    command -v etcdctl > /dev/null || missing+=(etcd-client)
    without_services install_packages "${missing[@]}"
}

# The clients and servers of tests/Weir.EndToEnd.Tests/RealClients, as Debian has them: some 300 MB to fetch and 900 MB on
# disk where none is there, of which Go and Java are the most.
setup_real_clients() {
    local missing=() program module
    for program in git:git wget:wget openssl:openssl socat:socat skopeo:skopeo javac:default-jdk-headless node:nodejs go:golang-go \
        nginx:nginx apache2:apache2-bin haproxy:haproxy squid:squid docker-registry:docker-registry; do
        command -v "${program%%:*}" > /dev/null || missing+=("${program#*:}")
    done
    # Debian's own Python, whatever else is in the path.
    for module in requests:requests httpx:httpx aiohttp:aiohttp websockets:websockets grpc:grpcio google.protobuf:protobuf pip:pip; do
        /usr/bin/python3 -c "import ${module%%:*}" 2> /dev/null || missing+=("python3-${module#*:}")
    done
    # HTTP/2 without TLS in Go.
    [ -e /usr/share/gocode/src/golang.org/x/net/http2 ] || missing+=(golang-golang-x-net-dev)
    without_services install_packages "${missing[@]}"
}

# Runs a command that may install servers, and neither starts nor enables what it brings.
#   without_services COMMAND [ARGUMENT]...
without_services() {
    local policy=/usr/sbin/policy-rc.d before status=0 unit
    before=$(mktemp)
    ls /lib/systemd/system > "$before" 2> /dev/null || true
    if [ -e "$policy" ]; then
        policy=
    else
        printf '#!/bin/sh\nexit 101\n' > "$policy"
        chmod +x "$policy"
    fi
    # In a shell of its own, so that the policy goes whatever comes.
    ("$@") || status=$?
    [ -z "$policy" ] || rm "$policy"
    if command -v systemctl > /dev/null; then
        for unit in etcd nginx haproxy squid docker-registry prometheus prometheus-node-exporter; do
            if [ -e "/lib/systemd/system/$unit.service" ] && ! grep -qx "$unit.service" "$before"; then
                systemctl disable --quiet "$unit.service" || true
            fi
        done
    fi
    rm "$before"
    return "$status"
}

# What it takes to run another kernel: see scripts/vm.sh.
setup_vm() {
    local missing=()
    command -v qemu-system-x86_64 > /dev/null || missing+=(qemu-system-x86)
    command -v cpio > /dev/null || missing+=(cpio)
    command -v depmod > /dev/null || missing+=(kmod)
    command -v wg > /dev/null || missing+=(wireguard-tools)
    command -v busybox > /dev/null || missing+=(busybox-static)
    command -v cc > /dev/null || missing+=(gcc libc6-dev)
    ls /usr/lib/*/libbpf.a > /dev/null 2>&1 || missing+=(libbpf-dev)
    install_packages "${missing[@]}"
}

# Starts dockerd if none answers; stop_dockerd ends only what was started here. What has to be put
# back later lies beside its data, so that another shell can stop it: only WEIR_DOCKER_ROOT is needed.
WEIR_DOCKER_ROOT=${WEIR_DOCKER_ROOT:-}
start_dockerd() {
    if docker info > /dev/null 2>&1; then
        return
    fi
    WEIR_DOCKER_ROOT=$(mktemp -d "${TMPDIR:-/tmp}/weir-docker.XXXXXX")
    { iptables -S FORWARD 2> /dev/null || true; } | sed -n 's/^-P FORWARD //p' > "$WEIR_DOCKER_ROOT/forward-policy"
    cat /proc/sys/net/ipv4/ip_forward > "$WEIR_DOCKER_ROOT/ip-forward"
    local path
    for path in /sys/class/net/docker0 /etc/docker /var/lib/docker; do
        [ ! -e "$path" ] || echo "$path" >> "$WEIR_DOCKER_ROOT/was-there"
    done
    echo "starting dockerd (none was running)"
    run_dockerd
}

# Runs the dockerd of WEIR_DOCKER_ROOT: again after `stop_dockerd --for-restart`.
run_dockerd() {
    # One listener, no look at the machine's own configuration.
    echo '{}' > "$WEIR_DOCKER_ROOT/daemon.json"
    local dockerd end=$((SECONDS + 30 * ${WEIR_PATIENCE:-1})) lines=0
    spawn_dockerd
    while [ "$SECONDS" -lt "$end" ]; do
        # A client costs more than a look at its socket.
        if [ -S /var/run/docker.sock ] && docker info > /dev/null 2>&1; then
            return
        fi
        if ! kill -0 "$dockerd" 2> /dev/null; then
            # It gives its containerd 15 s, which a busy machine may need for less: the second time it is in memory.
            if ! tail -n "+$((lines + 1))" "$WEIR_DOCKER_ROOT/log" | grep -q 'timeout waiting for containerd'; then
                break
            fi
            spawn_dockerd
        fi
        sleep 0.25
    done
    if kill -0 "$dockerd" 2> /dev/null; then
        echo "$(basename "$0"): dockerd does not answer after $((30 * ${WEIR_PATIENCE:-1})) s; its last words:" >&2
    else
        echo "$(basename "$0"): dockerd ended; its last words:" >&2
    fi
    tail -5 "$WEIR_DOCKER_ROOT/log" >&2
    return 1
}

# Starts it, as run_dockerd's $dockerd; what it says begins after $lines of the log.
spawn_dockerd() {
    touch "$WEIR_DOCKER_ROOT/log"
    lines=$(wc -l < "$WEIR_DOCKER_ROOT/log")
    setsid dockerd --config-file "$WEIR_DOCKER_ROOT/daemon.json" --data-root "$WEIR_DOCKER_ROOT/data" \
        --exec-root "$WEIR_DOCKER_ROOT/exec" --pidfile "$WEIR_DOCKER_ROOT/pid" \
        ${WEIR_DOCKERD_FLAGS:-} >> "$WEIR_DOCKER_ROOT/log" 2>&1 < /dev/null &
    dockerd=$!
}

# Ends the dockerd started here and takes away what it left: its data, bridge, iptables chains.
stop_dockerd() {
    [ -n "$WEIR_DOCKER_ROOT" ] || return 0
    local pid
    pid=$(cat "$WEIR_DOCKER_ROOT/pid" 2> /dev/null || true)
    if [ -n "$pid" ]; then
        kill "$pid" 2> /dev/null || true
        while kill -0 "$pid" 2> /dev/null; do sleep 0.1; done
    fi
    [ "${1:-}" != --for-restart ] || return 0
    was_there() { grep -qx "$1" "$WEIR_DOCKER_ROOT/was-there" 2> /dev/null; }
    if ! was_there /sys/class/net/docker0; then
        ip link delete docker0 2> /dev/null || true
        remove_docker_chains
        iptables -P FORWARD "$(cat "$WEIR_DOCKER_ROOT/forward-policy")" 2> /dev/null || true
        cat "$WEIR_DOCKER_ROOT/ip-forward" > /proc/sys/net/ipv4/ip_forward
    fi
    was_there /etc/docker || rm -rf /etc/docker
    was_there /var/lib/docker || rm -rf /var/lib/docker
    # Mounts of namespaces and layers outlive a dockerd that had to be killed.
    grep -o " $WEIR_DOCKER_ROOT/[^ ]*" /proc/self/mounts | sort -r | xargs -r -n 1 umount -l 2> /dev/null || true
    rm -rf "$WEIR_DOCKER_ROOT"
    WEIR_DOCKER_ROOT=
}

# Removes the chains dockerd makes, and the rules that name them or docker0.
remove_docker_chains() {
    local command table
    for command in iptables ip6tables; do
        for table in filter nat; do
            "$command" -t "$table" -S 2> /dev/null | grep -E -- '^-A .*(DOCKER|docker0)' | sed 's/^-A/-D/' |
                while read -r rule; do
                    # shellcheck disable=SC2086 # the rule is a list of words
                    "$command" -t "$table" $rule 2> /dev/null || true
                done
            "$command" -t "$table" -S 2> /dev/null | sed -n 's/^-N \(DOCKER.*\)/\1/p' |
                while read -r chain; do
                    "$command" -t "$table" -F "$chain" 2> /dev/null || true
                    "$command" -t "$table" -X "$chain" 2> /dev/null || true
                done
        done
    done
}

# Makes an image of busybox alone; no registry is needed.
#   make_image NAME
make_image() {
    local root
    root=$(mktemp -d)
    mkdir -p "$root/bin" "$root/www" "$root/tmp" "$root/etc"
    cp "$(command -v busybox)" "$root/bin/busybox"
    # Hundreds of links by one command.
    chroot "$root" /bin/busybox --install -s /bin
    tar -C "$root" -c . | docker import - "$1" > /dev/null
    rm -rf "$root"
}

# Starts the agent in the background and waits until it answers.
#   start_agent LOG [FLAG]...
WEIR_AGENT_PID=
start_agent() {
    local log=$1
    shift
    out/weir agent "$@" >> "$log" 2>&1 &
    WEIR_AGENT_PID=$!
    local tries
    for tries in $(seq 1 200); do
        if out/weir status > /dev/null 2>&1; then
            return
        fi
        if ! kill -0 "$WEIR_AGENT_PID" 2> /dev/null; then
            WEIR_AGENT_PID=
            echo "$(basename "$0"): the agent ended; its last words:" >&2
            tail -5 "$log" >&2
            return 1
        fi
        sleep 0.05
    done
    echo "$(basename "$0"): the agent did not answer after $((tries / 20)) s; its last words:" >&2
    tail -5 "$log" >&2
    return 1
}

# Ends the agent; what it made stays.
end_agent() {
    [ -n "$WEIR_AGENT_PID" ] || return 0
    kill "$WEIR_AGENT_PID" 2> /dev/null || true
    wait "$WEIR_AGENT_PID" 2> /dev/null || true
    WEIR_AGENT_PID=
}

# Ends the agent and removes every trace of it.
stop_agent() {
    [ -n "$WEIR_AGENT_PID" ] || return 0
    end_agent
    out/weir cleanup --yes
}

# Gives what root built to whoever owns the clone.
hand_back() {
    local owner
    owner=$(stat -c %u .)
    [ "$owner" -ne 0 ] || return 0
    find . -xdev -user 0 -not -path './.git/*' -exec chown --no-dereference --reference=. {} +
}
