# shellcheck shell=bash
# What the benchmarks with containers share. Sourced first: it restarts the script in a sandbox.

cd "$(dirname "$0")/.."
. scripts/setup.sh
. bench/figures.sh
if [ -z "${WEIR_SANDBOX:-}" ]; then
    need_root
    need_kernel
    setup_docker
    command -v iperf3 > /dev/null || install_packages iperf3
    command -v cc > /dev/null || install_packages gcc libc6-dev
    ./build.sh
    WEIR_SANDBOX=1 exec scripts/sandbox.sh "bench/$(basename "$0")" "$@"
fi
export TMPDIR=/run
IMAGE=weir-bench
start_dockerd > /dev/null
make_image "$IMAGE"
cc -O2 -o /run/netbench bench/netbench/netbench.c
start_agent /run/agent.log
docker network create --driver weir --ipam-driver weir weir > /dev/null
docker network create plain > /dev/null

# Runs a container that sleeps.
#   container NAME NETWORK [FLAG]...
container() {
    local name=$1 network=$2
    shift 2
    docker run -d --name "$name" --network "$network" "$@" "$IMAGE" sleep 3600 > /dev/null
}

# The IPv4 address of a container.
address_of() {
    docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$1"
}

# Runs one of the host's programs in a container's network.
#   inside NAME COMMAND...
inside() {
    local name=$1
    shift
    nsenter -t "$(docker inspect -f '{{.State.Pid}}' "$name")" -n "$@"
}
