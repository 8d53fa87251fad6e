#!/usr/bin/env bash
# Makes a machine a host of the cluster: Docker, Weir from the release in /release, and etcd on the machine whose address is
# etcd's. May run again: what is there stays.
#   host.sh NAME ADDRESS ETCD-ADDRESS       RELEASE is another folder than /release
set -euo pipefail
[ "$#" -eq 3 ] || { echo "usage: host.sh NAME ADDRESS ETCD-ADDRESS" >&2; exit 2; }
name=$1 address=$2 etcd=$3
export DEBIAN_FRONTEND=noninteractive

archive=$(ls "${RELEASE:-/release}"/weir-*-linux-"$(uname -m)".tar.gz 2> /dev/null | tail -n 1) || archive=
[ -n "$archive" ] || { echo "host.sh: ${RELEASE:-/release} has no release for $(uname -m): make one with ./release.sh 1.0.0" >&2; exit 1; }

packages=()
command -v dockerd > /dev/null || packages+=(docker.io)
if [ "$address" = "$etcd" ]; then
    command -v etcd > /dev/null || packages+=(etcd-server)
    command -v etcdctl > /dev/null || packages+=(etcd-client)
fi
if [ "${#packages[@]}" -gt 0 ]; then
    apt-get -qq update
    apt-get -qq install --no-install-recommends "${packages[@]}" iptables ca-certificates > /dev/null
fi

if [ "$address" = "$etcd" ]; then
    # To try it: without certificates, on a network that only these machines have. docs/guides/many-hosts.md says how it is
    # where others are.
    cat > /etc/default/etcd << EOF
ETCD_NAME=$name
ETCD_LISTEN_CLIENT_URLS=http://$address:2379,http://127.0.0.1:2379
ETCD_ADVERTISE_CLIENT_URLS=http://$address:2379
EOF
    systemctl --quiet enable etcd.service
    systemctl restart etcd.service
fi

# The settings first, so that the agent's first start is in the cluster.
mkdir -p /etc/weir
cat > /etc/weir/agent.yaml << EOF
cluster:
  endpoints: [http://$etcd:2379]
node:
  name: $name
  address: $address
EOF
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tar -xzf "$archive" -C "$work" --strip-components 1
"$work/install.sh"
systemctl restart weir.service
for _ in $(seq 60); do
    ! weir node list | grep -q "^$name " || break
    sleep 0.5
done
weir node list
