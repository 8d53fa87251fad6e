/* SPDX-License-Identifier: GPL-2.0 */
/* Flows to backends by SNAT: two entries each, one for each side. The reverse one is the flow: it
 * holds the port, and whose it is. A forward entry whose reverse one is another's is void: either
 * may have been pushed out, or its port given to another flow after it had ended. */
#pragma once
#include "balance.h"
#include "hop.h"
#include "maps.h"
#include "scratch.h"

enum nat_limit {
	/* A flow that was silent for longer is over, seconds. */
	NAT_OPENING_S = 60,
	NAT_UDP_S = 180,
	NAT_TCP_S = 21600,
	/* Ended, it is kept for what is sent again, and for the rightful one where a stranger ended
	 * it (RFC 9293 §3.6.1, twice the segment's life). */
	NAT_ENDED_S = 120,
};

/* What a client's packet brings, and what is found for it. No pointers: global functions take it. */
struct nat_path {
	__u64 now;
	__u32 backend_id; /* by the table; then the flow's */
	__u32 frontend_id;
	enum drop_reason reason; /* where there is no port */
	bool opens;
	bool goes_on; /* TCP: it is proved, and nothing has ended it */
	__u8 _pad0[2]; /* the verifier of older kernels wants no byte left out */
};

static __always_inline void nat_key_of(struct nat_key *key, const struct packet *p,
				       enum nat_direction direction)
{
	key->src = p->src;
	key->dst = p->dst;
	key->sport = p->sport;
	key->dport = p->dport;
	key->protocol = p->protocol;
	key->direction = (__u8)direction;
	__builtin_memset(key->_pad0, 0, sizeof(key->_pad0));
	key->ack = 0;
}

/* The key that the backend's packets have. */
static __always_inline void nat_key_from_backend(struct nat_key *key,
						 const struct backend_entry *backend, __be16 port,
						 __u8 protocol)
{
	key->src = backend->addr;
	key->dst = backend->source;
	key->sport = backend->port;
	key->dport = port;
	key->protocol = protocol;
	key->direction = NAT_REVERSE;
	__builtin_memset(key->_pad0, 0, sizeof(key->_pad0));
	key->ack = 0;
}

/* A flow that is no longer being opened. */
static __always_inline struct nat_entry *nat_lookup(const struct nat_key *key, bool tcp)
{
	struct nat_entry *entry;

	if (!tcp)
		return bpf_map_lookup_elem(&weir_nat_udp, key);
	entry = bpf_map_lookup_elem(&weir_nat, key);
	/* Two calls stay two: the kernel puts a lookup in line where it knows the map. */
	asm volatile("" : "+r"(entry));
	return entry;
}

static __always_inline bool nat_is_port(__be16 port, const struct settings *settings)
{
	__u16 number = bpf_ntohs(port);

	return number >= settings->nat_first_port && number <= settings->nat_last_port;
}

/* Does the reverse entry belong to the client that sent this packet? */
static __always_inline bool nat_is_of(const struct nat_entry *reverse, const struct packet *p,
				      __u32 frontend_id)
{
	return reverse->port == p->sport && reverse->frontend_id == frontend_id &&
	       ip_addr_equal(&reverse->addr, &p->src);
}

/* Nanoseconds since the flow was used; another CPU's clock may be a tick ahead. */
static __always_inline __u64 nat_silence(const struct nat_entry *reverse, __u64 now)
{
	__s64 silence = (__s64)(now - reverse->last_ns);

	return silence > 0 ? (__u64)silence : 0;
}

/* Of TCP: has it been closed or reset? */
static __always_inline bool nat_has_ended(const struct nat_entry *reverse)
{
	const __u16 both = NAT_CLIENT_FIN | NAT_BACKEND_FIN;

	return reverse->flags & (NAT_CLIENT_RST | NAT_BACKEND_RST) ||
	       (reverse->flags & both) == both;
}

/* Of weir_nat and weir_nat_udp: is the flow there no more, though its entry is? */
static __always_inline bool nat_is_over(const struct nat_entry *reverse, __u8 protocol, __u64 now)
{
	__u64 limit = NAT_UDP_S;

	if (protocol == L4_TCP)
		limit = nat_has_ended(reverse) ? NAT_ENDED_S : NAT_TCP_S;
	return nat_silence(reverse, now) > limit * BALANCE_SECOND;
}

/* Has the TCP packet anything behind its header? */
static __always_inline bool nat_has_data(struct xdp_md *ctx, const struct arrival *a)
{
	struct tcp_head *tcp = ARRIVAL_AT(ctx, a->p.l4_off, struct tcp_head);

	return tcp && a->p.l4_off - a->l3_off + (tcp->offset >> 4) * 4 < a->l3_len;
}

/* What a packet of TCP says of its flow's end. Whoever goes on sending has not ended it: the FIN or
 * RST was somebody else's, or is sent again behind the rest. */
static __always_inline __u16 nat_tcp_flags(struct xdp_md *ctx, const struct arrival *a,
					   __u16 flags, __u16 fin, __u16 rst)
{
	if (a->p.tcp_flags & TCP_RST)
		return flags | rst;
	if (a->p.tcp_flags & TCP_SYN)
		return flags;
	if (a->p.tcp_flags & TCP_FIN)
		flags |= fin;
	else if (flags & fin && nat_has_data(ctx, a))
		flags &= ~fin;
	return flags & ~rst;
}

/* Keeps the state by which it is seen when the flow has ended. */
static __always_inline void nat_touch(struct xdp_md *ctx, struct nat_entry *reverse,
				      const struct arrival *a, bool from_client, __u64 now)
{
	__u16 flags = reverse->flags;

	if (a->p.protocol != L4_TCP)
		flags |= !from_client ? NAT_ANSWERED : flags & NAT_ANSWERED ? NAT_STREAM : 0;
	else if (!(a->p.flags & PACKET_LATER_FRAGMENT))
		flags = from_client
			    ? nat_tcp_flags(ctx, a, flags, NAT_CLIENT_FIN, NAT_CLIENT_RST)
			    : nat_tcp_flags(ctx, a, flags, NAT_BACKEND_FIN, NAT_BACKEND_RST);
	if (flags != reverse->flags)
		reverse->flags = flags;
	if (nat_silence(reverse, now) > BALANCE_SECOND)
		reverse->last_ns = now;
}

/* A MAC of an entry and its padding, which stays zero: read and written as one word. */
static __always_inline volatile __u64 *nat_mac(__u8 *mac)
{
	return (volatile __u64 *)mac;
}

/* Remembers where the client's packets come from: replies go there. */
static __always_inline void nat_learn(struct xdp_md *ctx, struct nat_entry *reverse)
{
	struct ethhdr *eth = PARSE_AT(ctx, 0, struct ethhdr);
	__u64 mac, own_mac;

	if (!eth)
		return;
	mac = hop_mac(eth->h_source);
	own_mac = hop_mac(eth->h_dest);
	/* Written only where it is another: other CPUs read the same entry. */
	if (reverse->ifindex != ctx->ingress_ifindex)
		reverse->ifindex = ctx->ingress_ifindex;
	if (*nat_mac(reverse->mac) != mac)
		*nat_mac(reverse->mac) = mac;
	if (*nat_mac(reverse->own_mac) != own_mac)
		*nat_mac(reverse->own_mac) = own_mac;
}

/* The reverse entry of a client's new flow. */
static __always_inline void nat_begin(struct xdp_md *ctx, struct nat_entry *reverse,
				      const struct packet *p, const struct nat_path *path)
{
	struct ethhdr *eth = PARSE_AT(ctx, 0, struct ethhdr);

	reverse->addr = p->src;
	reverse->port = p->sport;
	reverse->flags = 0;
	reverse->backend = path->backend_id;
	reverse->frontend_id = path->frontend_id;
	reverse->ifindex = ctx->ingress_ifindex;
	*nat_mac(reverse->mac) = eth ? hop_mac(eth->h_source) : 0;
	*nat_mac(reverse->own_mac) = eth ? hop_mac(eth->h_dest) : 0;
	reverse->last_ns = path->now;
	*(__u64 *)&reverse->ack = 0; /* and the padding */
}

/* The forward entry of a flow that has its port. */
static __always_inline void nat_begin_forward(struct nat_entry *forward,
					      const struct backend_entry *backend, __u32 backend_id,
					      __be16 port)
{
	__builtin_memset(forward, 0, sizeof(*forward));
	forward->addr = backend->source;
	forward->port = port;
	forward->backend = backend_id;
}

/* The ends of a packet on its way to the backend. */
static __always_inline void nat_backend_ends(const struct backend_entry *backend, __be16 port,
					     struct ends *to)
{
	to->src = backend->source;
	to->sport = port;
	to->dst = backend->addr;
	to->dport = backend->port;
}

/* The ends of a packet on its way to the client. False: the frontend is gone. */
static __always_inline bool nat_client_ends(const struct nat_entry *reverse, struct ends *to)
{
	__u32 id = reverse->frontend_id;
	struct frontend_entry *frontend = bpf_map_lookup_elem(&weir_frontend, &id);

	if (!frontend || !frontend->protocol)
		return false;
	to->src = frontend->addr;
	to->sport = frontend->port;
	to->dst = reverse->addr;
	to->dport = reverse->port;
	return true;
}
