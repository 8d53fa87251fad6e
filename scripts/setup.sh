# shellcheck shell=bash
# What build.sh, test.sh and demo.sh share. Sourced, never run.

# Ends with one line unless root.
need_root() {
    if [ "$(id -u)" -ne 0 ]; then
        echo "$(basename "$0"): BPF programs and network namespaces need root: run 'sudo ./$(basename "$0")'" >&2
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
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" > /dev/null
}

# clang 16 or newer, under whatever name.
find_clang() {
    local name
    for name in clang-19 clang-18 clang-17 clang-16; do
        if command -v "$name"; then
            return
        fi
    done
    return 1
}

# What it takes to compile Weir.
setup_build() {
    local missing=()
    if ! find_clang > /dev/null; then
        if apt-cache show clang-19 > /dev/null 2>&1 || ! command -v apt-cache > /dev/null; then
            missing+=(clang-19 llvm-19)
        else
            missing+=(clang-18 llvm-18)
        fi
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

setup_dotnet() {
    if command -v dotnet > /dev/null && dotnet --list-sdks | grep -q '^10\.'; then
        return
    fi
    if apt-cache show dotnet-sdk-10.0 > /dev/null 2>&1; then
        install_packages dotnet-sdk-10.0
    elif command -v curl > /dev/null && curl -fsSL --max-time 60 -o /tmp/dotnet-install.sh https://dot.net/v1/dotnet-install.sh; then
        bash /tmp/dotnet-install.sh --channel 10.0 --install-dir /usr/share/dotnet
        ln -sf /usr/share/dotnet/dotnet /usr/local/bin/dotnet
        rm -f /tmp/dotnet-install.sh
    else
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
}

# Starts dockerd if none answers; stop_dockerd ends only what was started here.
WEIR_DOCKER_ROOT=
start_dockerd() {
    if docker info > /dev/null 2>&1; then
        return
    fi
    WEIR_DOCKER_ROOT=$(mktemp -d /tmp/weir-docker.XXXXXX)
    echo "starting dockerd (none was running)"
    dockerd --data-root "$WEIR_DOCKER_ROOT/data" --exec-root "$WEIR_DOCKER_ROOT/exec" \
        --pidfile "$WEIR_DOCKER_ROOT/pid" > "$WEIR_DOCKER_ROOT/log" 2>&1 &
    local waited
    for waited in $(seq 1 60); do
        if docker info > /dev/null 2>&1; then
            return
        fi
        sleep 0.5
    done
    echo "$(basename "$0"): dockerd did not start within 30 s (waited $waited times); its last words:" >&2
    tail -5 "$WEIR_DOCKER_ROOT/log" >&2
    exit 1
}

stop_dockerd() {
    [ -n "$WEIR_DOCKER_ROOT" ] || return 0
    if [ -e "$WEIR_DOCKER_ROOT/pid" ]; then
        local pid
        pid=$(cat "$WEIR_DOCKER_ROOT/pid")
        kill "$pid" 2> /dev/null || true
        while kill -0 "$pid" 2> /dev/null; do sleep 0.2; done
    fi
    rm -rf "$WEIR_DOCKER_ROOT"
    WEIR_DOCKER_ROOT=
}

# Makes an image of busybox alone; no registry is needed.
#   make_image NAME
make_image() {
    local root
    root=$(mktemp -d)
    mkdir -p "$root/bin" "$root/www" "$root/tmp" "$root/etc"
    cp "$(command -v busybox)" "$root/bin/busybox"
    busybox --list | grep -vx busybox | while read -r applet; do
        ln -s busybox "$root/bin/$applet"
    done
    tar -C "$root" -c . | docker import - "$1" > /dev/null
    rm -rf "$root"
}
