#!/usr/bin/env bash
# One way of balancing, built in two network namespaces of its own, measured, taken away:
#   cases.sh TOOLS CASE FLOWS COUNT
#   -> "result CASE known ARRIVED SENT NANOSECONDS", for COUNT packets of FLOWS flows that go on
#   -> "result CASE new ARRIVED SENT NANOSECONDS", for COUNT packets of which each opens a flow
# TOOLS has `balancer`, traffic.bpf.o and xdp.bpf.o.
#
#   outside: wire 10.9.0.2  ----veth----  balancer: nic 10.9.0.1, service 10.96.0.1:80
#
# Packets enter at "nic", and leave by it for one of 16 backends, 10.9.1.1 to .16, behind 10.9.0.2. Cases that
# begin with "ipv6-" are the same of IPv6: fd09::2, fd09::1, [fd96::1]:80, fd09:1::1 to ::10.
set -euo pipefail
tools=$1 case=$2 flows=$3 count=$4
vip=10.96.0.1 backends=16
sink=tc opening=ack
way=${case#ipv6-}
if [ "$way" = "$case" ]; then
    arrived=10.9.1.0/24 one=$vip/32
else
    vip=fd96::1 arrived=fd09:1::/112 one=$vip/128
fi

balancer() { ip netns exec balancer "$@"; }
outside() { ip netns exec outside "$@"; }

begin() {
    finish 2> /dev/null || true
    ip netns add balancer
    ip netns add outside
    off=1
    [ "$way" = "$case" ] || off=0
    for namespace in balancer outside; do
        ip netns exec "$namespace" sysctl -qw net.ipv6.conf.all.disable_ipv6=$off net.ipv6.conf.default.disable_ipv6=$off
        ip -n "$namespace" link set lo up
    done
    ip link add nic netns balancer address 02:00:00:00:00:01 type veth peer name wire netns outside address 02:00:00:00:00:02
    if [ "$off" = 0 ]; then
        begin_ipv6
        return
    fi
    ip -n balancer address add 10.9.0.1/24 dev nic
    ip -n outside address add 10.9.0.2/24 dev wire
    ip -n balancer link set nic up
    ip -n outside link set wire up
    ip -n balancer neighbour replace 10.9.0.2 lladdr 02:00:00:00:00:02 dev nic nud permanent
    ip -n balancer route add default via 10.9.0.2
    balancer sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.nic.rp_filter=0 \
        net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.nic.send_redirects=0
}

begin_ipv6() {
    for device in "balancer nic 1" "outside wire 2"; do
        # shellcheck disable=SC2086
        set -- $device
        ip -n "$1" link set "$2" addrgenmode none
        ip -n "$1" link set "$2" up
        ip -n "$1" address add "fd09::$3/64" dev "$2" nodad
    done
    ip -n balancer -6 neighbour replace fd09::2 lladdr 02:00:00:00:00:02 dev nic nud permanent
    ip -n balancer -6 route add default via fd09::2
    balancer sysctl -qw net.ipv6.conf.all.forwarding=1
}

finish() {
    ip netns delete balancer
    ip netns delete outside
}

other_service() { # NUMBER
    if [ "$way" = "$case" ]; then
        echo "10.97.$(($1 / 256)).$(($1 % 256))"
    else
        printf 'fd97::%x\n' "$1"
    fi
}

# The service under test is in the middle of N.
#   for_services N FUNCTION      calls FUNCTION ADDRESS
for_services() {
    i=1
    while [ "$i" -le "$1" ]; do
        if [ "$i" -eq $((($1 + 1) / 2)) ]; then
            "$2" "$vip"
        else
            "$2" "$(other_service "$i")"
        fi
        i=$((i + 1))
    done
}

ipvs_service() { # ADDRESS
    local at=$1:80
    [ "$way" = "$case" ] || at=[$1]:80
    echo "-A -t $at -s rr"
    [ "$1" = "$vip" ] || return 0
    for backend in $(seq 1 "$backends"); do
        if [ "$way" = "$case" ]; then
            echo "-a -t $at -r 10.9.1.$backend:80 $ipvs_way"
        else
            echo "-a -t $at -r [fd09:1::$(printf %x "$backend")]:80 $ipvs_way"
        fi
    done
}

#   ipvs WAY SERVICES      -m: NAT, -g: by MAC, -i: in IPIP
ipvs() {
    ipvs_way=$1
    balancer ip address add "$one" dev lo
    for_services "$2" ipvs_service > /run/rules
    balancer ipvsadm -R < /run/rules
    # Flows that began before the measurement are taken in by any packet.
    balancer sysctl -qw net.ipv4.vs.sloppy_tcp=1
}

# Packets of an adapter come with their checksums verified.
trust_checksums() {
    balancer sysctl -qw net.netfilter.nf_conntrack_checksum=0
}

iptables_service() { # ADDRESS
    echo "-A PREROUTING -d $1/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.9.1.1-10.9.1.$backends"
}

iptables_dnat() { # SERVICES
    {
        echo '*nat'
        for_services "$1" iptables_service
        echo COMMIT
    } > /run/rules
    balancer iptables-legacy-restore < /run/rules
    trust_checksums
}

# Replies must come back here unless this host is the backends' gateway: their clients are replaced too.
iptables_masquerade() { # SERVICES
    iptables_dnat "$1"
    balancer iptables-legacy -t nat -A POSTROUTING -d 10.9.1.0/24 -j MASQUERADE
}

nft_chain() { # ADDRESS
    echo "chain service-$1 {"
    echo -n "dnat to jhash ip saddr . tcp sport mod $backends map { 0 : 10.9.1.1"
    for backend in $(seq 2 "$backends"); do
        echo -n ", $((backend - 1)) : 10.9.1.$backend"
    done
    echo ' }'
    echo '}'
}

nft_element() { # ADDRESS
    echo "$1 . 80 : goto service-$1,"
}

nft_dnat() { # SERVICES
    {
        echo 'table ip nat {'
        for_services "$1" nft_chain
        echo 'map services { type ipv4_addr . inet_service : verdict; elements = {'
        for_services "$1" nft_element
        echo '} }'
        echo 'chain prerouting { type nat hook prerouting priority dstnat; ip daddr . tcp dport vmap @services'
        echo '}'
        echo '}'
    } > /run/rules
    balancer nft -f /run/rules
    trust_checksums
}

weir() { # MODE SERVICES
    sink=xdp opening=syn
    balancer "$tools/balancer" weir nic "$tools/xdp.bpf.o" "$1" "$2" "$vip"
}

attach() { # PROGRAM
    balancer "$tools/balancer" attach nic "$tools/traffic.bpf.o" "$1"
}

begin
services=${case##*-}
case $way in
    # Packets are made, received, and dropped; or sent back.
    floor) sink=floor arrived=$one ;;
    floor-tx) attach weir_reflect; sink=xdp arrived=$one ;;
    weir-*) ;;
    *) attach weir_pass ;;
esac
case $way in
    floor | floor-tx) ;;
    # Packets come to the stack, and are dropped before it looks at them.
    floor-tc) sink=floor-tc arrived=$one ;;
    ipvs-nat-*) ipvs -m "$services" ;;
    ipvs-dr-*) ipvs -g "$services"; arrived=$one ;;
    ipvs-tun-*) ipvs -i "$services" ;;
    ipvs-conntrack-*)
        ipvs -m "$services"
        # As kube-proxy has it: marked packets are masqueraded, no others.
        balancer iptables-legacy -t nat -A POSTROUTING -m mark --mark 0x4000/0x4000 -j MASQUERADE
        balancer sysctl -qw net.ipv4.vs.conntrack=1
        trust_checksums
        ;;
    iptables-masquerade-*) iptables_masquerade "$services" ;;
    iptables-*) iptables_dnat "$services" ;;
    nft-*) nft_dnat "$services" ;;
    weir-dsr-l2-*) weir dsr-l2 "$services"; arrived=$one ;;
    weir-dsr-*) weir dsr "$services" ;;
    weir-snat-*) weir snat "$services" ;;
    *) echo "cases.sh: no case $case" >&2; exit 2 ;;
esac
for kind in known new; do
    [ "$kind" = known ] || flows=0
    result=$(outside "$tools/balancer" run wire "$tools/traffic.bpf.o" "$sink" "$opening" "$flows" "$count" "$vip" "$arrived")
    echo "result $case $kind $result"
done
finish
