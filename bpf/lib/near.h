/* SPDX-License-Identifier: GPL-2.0 */
/* Flows of TCP by SNAT that this CPU saw a moment ago: what their packets become, where it is found
 * by one cache line. weir_nat is the truth, and is asked again after NEAR_NS; so a flow that goes on
 * keeps its place there, and what changes there is late here by no more. What has to be seen at once
 * is looked at: the backend's next hop, the frontend, where the client's packets come from, and any
 * flag that begins or ends a connection. docs/adr/0061-snat-remembers-for-a-moment.md */
#pragma once
#include "device_report.h"
#include "hop.h"
#include "maps.h"
#include "plain.h"
#include "route.h"

enum near_size {
	NEAR_WAYS = 2,
	NEAR_SETS = 8192, /* of each CPU; a power of two */
	/* Less than a port that ended rests before another gets it (NAT_ENDED_PRESSED_S, of which a
	 * second is the clock's of the truth). */
	NEAR_NS = 100000000,
};

/* What one direction's packets are and become. A cache line. */
struct near_flow {
	__u64 ends;   /* both addresses, as they lie in the packet */
	__u32 ports;  /* likewise */
	__u32 backend; /* its id: the flow's client sends this; 0: its backend does */
	__u64 until_ns; /* CLOCK_MONOTONIC, coarse */
	__u64 to_ends;
	__u32 to_ports;
	__u16 ip_sum; /* the change of both addresses, folded */
	__u16 l4_sum; /* and of the ports */
	__u64 mac;    /* of the client's next hop, and its own device's: where its packets come from and */
	__u64 own_mac; /* answers go to */
	__u32 ifindex;
	__u32 frontend_id;
};

struct near_set {
	struct near_flow way[NEAR_WAYS];
};

/* Those of one CPU after those of another: nobody else writes or reads them. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NEAR_SETS); /* for each CPU, when it is loaded */
	__uint(map_flags, BPF_F_MMAPABLE); /* its values begin with a page */
	__type(key, __u32);
	__type(value, struct near_set);
} weir_near SEC(".maps");

static __always_inline struct near_set *near_set(__u32 hash)
{
	__u32 index = bpf_get_smp_processor_id() * NEAR_SETS + (hash & (NEAR_SETS - 1));

	return bpf_map_lookup_elem(&weir_near, &index);
}

static __always_inline struct near_flow *near_find(struct near_set *set, __u64 ends, __u32 ports)
{
	struct near_flow *f = set->way;

	if (f->ends == ends && f->ports == ports)
		return f;
	f++;
	return f->ends == ends && f->ports == ports ? f : 0;
}

/* Flags of packets that change a flow, or that it may be judged anew by. */
static __always_inline bool near_is_plain(__u8 tcp_flags)
{
	return (tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK)) == TCP_ACK;
}

/* Does it come from where the client's packets came from before? */
static __always_inline bool near_is_from(struct xdp_md *ctx, const struct near_flow *f,
					 const struct plain_frame *frame)
{
	return !((hop_mac(frame->macs) ^ f->own_mac) | (hop_mac(frame->macs + ETH_ALEN) ^ f->mac) |
		 (ctx->ingress_ifindex ^ f->ifindex));
}

/* The hop to the flow's backend. False: it is not what it was. */
static __always_inline bool near_backend_hop(const struct near_flow *f, struct hop *hop)
{
	const struct backend_hop *to = &weir_hop.ipv4[f->backend & (HOP_COUNT - 1)];

	hop->mac = *(const volatile __u64 *)&to->mac;
	hop->own_mac = *(const volatile __u64 *)&to->source_mac;
	hop->ifindex = to->ifindex;
	return hop->mac && to->outer == (__be32)(f->to_ends >> 32);
}

/* Is the frontend what it was? */
static __always_inline bool near_frontend(const struct near_flow *f)
{
	__u32 id = f->frontend_id;
	struct frontend_entry *frontend = bpf_map_lookup_elem(&weir_frontend, &id);

	return frontend && frontend->protocol && frontend->addr.word[3] == (__be32)f->to_ends &&
	       frontend->port == (__be16)f->to_ports;
}

/* Sends a plain packet of a flow that is known here. "frontend_id" is that of the service that it is
 * for; 0: it is for a port of SNAT's. FATE_NOT_MINE: it is not known; it is unchanged. */
static __noinline enum fate near_send(struct xdp_md *ctx, __u32 hash, __u32 frontend_id)
{
	struct plain_frame *frame = (void *)(long)ctx->data;
	struct iphdr *ip = (struct iphdr *)frame->ip;
	struct tcphdr *tcp = (struct tcphdr *)frame->l4;
	struct near_set *set;
	struct near_flow *f;
	struct hop hop;

	if ((void *)(frame + 1) > (void *)(long)ctx->data_end || ip->protocol != L4_TCP)
		return FATE_NOT_MINE;
	set = near_set(hash);
	f = set ? near_find(set, plain_half(&ip->saddr, 0), plain_word(tcp)) : 0;
	if (!f)
		return FATE_NOT_MINE;
	if (!near_is_plain(((struct tcp_head *)tcp)->flags)) {
		/* Something begins or ends: what was known is asked anew. */
		f->until_ns = 0;
		return FATE_NOT_MINE;
	}
	if (f->until_ns < bpf_ktime_get_coarse_ns())
		return FATE_NOT_MINE;
	if (frontend_id) {
		if (f->frontend_id != frontend_id || !f->backend || !near_is_from(ctx, f, frame) ||
		    !near_backend_hop(f, &hop))
			return FATE_NOT_MINE;
	} else {
		if (f->backend || !near_frontend(f))
			return FATE_NOT_MINE;
		hop.mac = f->mac;
		hop.own_mac = f->own_mac;
		hop.ifindex = f->ifindex;
	}
	/* To another link only what fits every one. */
	if (hop.ifindex != ctx->ingress_ifindex && !plain_is_short(frame_length(ctx)))
		return FATE_NOT_MINE;
	if (frontend_id)
		device_count(frontend_id, frame_length(ctx));
	hop_age_ipv4(ip);
	*(__u64 *)&ip->saddr = f->to_ends;
	ip->check = sum_apply(ip->check, f->ip_sum);
	*(__u32 *)tcp = f->to_ports;
	tcp->check = sum_apply(tcp->check, f->l4_sum);
	hop_put_macs((struct ethhdr *)frame, &hop);
	return hop_leave(ctx, &hop);
}

/* May the packet's flow be known here? */
static __always_inline bool near_is_possible(const struct arrival *a)
{
	return a->p.protocol == L4_TCP &&
	       !(a->p.flags & (PACKET_IPV6 | PACKET_FIRST_FRAGMENT | PACKET_LATER_FRAGMENT));
}

static __always_inline __u64 near_ends(const struct ip_addr *src, const struct ip_addr *dst)
{
	return (__u64)dst->word[3] << 32 | src->word[3];
}

static __always_inline struct near_set *near_set_of(const struct packet *p)
{
	return near_set(balance_hash_ipv4(p->src.word[3], p->dst.word[3],
					  (__u32)p->sport << 16 | p->dport, L4_TCP));
}

/* Remembers what the packet becomes. "client" is the way to its client; "backend_id" the backend that
 * it goes to, 0: it comes from there. */
static __noinline void near_put(const struct arrival *a, const struct ends *to,
				const struct hop *client, __u32 backend_id, __u32 frontend_id)
{
	struct near_set *set;
	struct near_flow *f;
	__u64 ends, sum, now;
	__u32 ports;

	if (!near_is_possible(a) || !near_is_plain(a->p.tcp_flags) || backend_id >= HOP_COUNT)
		return;
	set = near_set_of(&a->p);
	if (!set)
		return;
	ends = near_ends(&a->p.src, &a->p.dst);
	ports = ends_ports(a->p.sport, a->p.dport);
	now = bpf_ktime_get_coarse_ns();
	f = near_find(set, ends, ports);
	/* Who is there stays: three that push one another out would all be asked for each time. */
	if (!f)
		f = &set->way[set->way[0].until_ns > now];
	if (f->until_ns > now && (f->ends != ends || f->ports != ports))
		return;
	sum = sum_change(0, a->p.src.word[3], to->src.word[3]);
	sum = sum_change(sum, a->p.dst.word[3], to->dst.word[3]);
	f->ends = ends;
	f->ports = ports;
	f->backend = backend_id;
	f->until_ns = now + NEAR_NS;
	f->to_ends = near_ends(&to->src, &to->dst);
	f->to_ports = ends_ports(to->sport, to->dport);
	f->ip_sum = sum_fold(sum);
	f->l4_sum = sum_fold(sum_change(sum, ports, f->to_ports));
	f->mac = client->mac;
	f->own_mac = client->own_mac;
	f->ifindex = client->ifindex;
	f->frontend_id = frontend_id;
}
