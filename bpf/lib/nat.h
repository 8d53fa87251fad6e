/* SPDX-License-Identifier: GPL-2.0 */
/* Flows to backends by SNAT: two entries in weir_nat, one for each side. The reverse one is the
 * flow: it holds the port, and whose it is. A forward entry whose reverse one is another's is
 * void: either may have been pushed out, or its port given to another flow after it had ended. */
#pragma once
#include "balance.h"
#include "hop.h"
#include "maps.h"
#include "rewrite.h"
#include "scratch.h"

enum nat_limit {
	NAT_PORTS = NAT_LAST_PORT - NAT_FIRST_PORT + 1,
	NAT_TRIES = 32,
	/* A port is given to another flow when its own has been silent for so long, seconds. */
	NAT_ENDED_S = 2,
	NAT_OPENING_S = 60,
	NAT_UDP_S = 180,
	NAT_TCP_S = 21600,
};

/* The flow on this host's side. */
struct nat_path {
	const struct backend_entry *backend;
	__u32 backend_id;
	__u32 frontend_id;
	__u64 now;
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
}

static __always_inline bool nat_is_port(__be16 port)
{
	return bpf_ntohs(port) >= NAT_FIRST_PORT;
}

/* Does the reverse entry belong to the client that sent this packet? */
static __always_inline bool nat_is_of(const struct nat_entry *reverse, const struct packet *p,
				      __u32 frontend_id)
{
	return reverse->port == p->sport && reverse->frontend_id == frontend_id &&
	       ip_addr_equal(&reverse->addr, &p->src);
}

static __always_inline bool nat_has_ended(const struct nat_entry *reverse, __u8 protocol, __u64 now)
{
	const __u16 both = NAT_CLIENT_FIN | NAT_BACKEND_FIN;
	__u64 limit = NAT_UDP_S;

	if (protocol == L4_TCP) {
		if (reverse->flags & NAT_RESET || (reverse->flags & both) == both)
			limit = NAT_ENDED_S;
		else
			limit = reverse->flags & NAT_ESTABLISHED ? NAT_TCP_S : NAT_OPENING_S;
	}
	return now - reverse->last_ns > limit * BALANCE_SECOND;
}

/* Keeps the state by which it is seen when the flow has ended. */
static __always_inline void nat_touch(struct nat_entry *reverse, const struct packet *p,
				      bool from_client, __u64 now)
{
	__u16 flags = reverse->flags;

	if (p->protocol == L4_TCP && !(p->flags & PACKET_LATER_FRAGMENT)) {
		if (from_client && p->tcp_flags & TCP_SYN)
			flags = 0;
		else if (from_client)
			flags |= NAT_ESTABLISHED;
		if (p->tcp_flags & TCP_FIN)
			flags |= from_client ? NAT_CLIENT_FIN : NAT_BACKEND_FIN;
		if (p->tcp_flags & TCP_RST)
			flags |= NAT_RESET;
	}
	if (flags != reverse->flags)
		reverse->flags = flags;
	if (now - reverse->last_ns > BALANCE_SECOND)
		reverse->last_ns = now;
}

/* Remembers where the client's packets come from: replies go there. */
static __always_inline void nat_learn(struct xdp_md *ctx, struct nat_entry *reverse)
{
	struct ethhdr *eth = PARSE_AT(ctx, 0, struct ethhdr);

	if (!eth)
		return;
	if (reverse->ifindex != ctx->ingress_ifindex)
		reverse->ifindex = ctx->ingress_ifindex;
	if (__builtin_memcmp(reverse->mac, eth->h_source, 2) ||
	    __builtin_memcmp(reverse->mac + 2, eth->h_source + 2, 4))
		__builtin_memcpy(reverse->mac, eth->h_source, ETH_ALEN);
	if (__builtin_memcmp(reverse->own_mac, eth->h_dest, 2) ||
	    __builtin_memcmp(reverse->own_mac + 2, eth->h_dest + 2, 4))
		__builtin_memcpy(reverse->own_mac, eth->h_dest, ETH_ALEN);
}

/* Takes the port unless a living flow has it. */
static __always_inline bool nat_take(const struct nat_key *key, const struct nat_entry *entry,
				     __u64 now)
{
	struct nat_entry *other = bpf_map_lookup_elem(&weir_nat, key);

	/* Of those who want the port of a flow that has ended, one deletes it. */
	if (other &&
	    (!nat_has_ended(other, key->protocol, now) || bpf_map_delete_elem(&weir_nat, key)))
		return false;
	return !bpf_map_update_elem(&weir_nat, key, entry, BPF_NOEXIST);
}

/* Where the search for a port begins: clients are spread over all. */
static __always_inline __u32 nat_first_place(const struct packet *p)
{
	__u64 hash = balance_mix((__u64)p->src.word[3] << 32 | (__u32)p->sport << 16 | p->dport);

	hash ^= ((__u64)p->src.word[1] << 32 | p->src.word[2]) ^ p->src.word[0] ^ p->dst.word[3];
	return (__u32)balance_mix(hash) % NAT_PORTS;
}

/* Writes the forward entry of a flow that has its port. */
static __always_inline bool nat_point(struct scratch *s, const struct packet *p,
				      const struct backend_entry *backend, __u32 backend_id,
				      __be16 port)
{
	nat_key_of(&s->key, p, NAT_FORWARD);
	__builtin_memset(&s->entry, 0, sizeof(s->entry));
	s->entry.addr = backend->source;
	s->entry.port = port;
	s->entry.backend = backend_id;
	return !bpf_map_update_elem(&weir_nat, &s->key, &s->entry, BPF_ANY);
}

struct nat_search {
	__u64 now;
	__u32 place;
	__be16 port; /* found; 0: not yet */
};

/* One step of the search; the key and the entry are in the scratch. */
static long nat_try(__u32 index, struct nat_search *search)
{
	struct scratch *s = scratch_get();
	__be16 port = bpf_htons((__u16)(NAT_FIRST_PORT + search->place));

	(void)index;
	if (!s)
		return 1;
	s->key.dport = port;
	if (nat_take(&s->key, &s->entry, search->now)) {
		search->port = port;
		return 1;
	}
	/* 13 has no factor in common with the number of ports: it comes past all. */
	search->place = (search->place + 13) % NAT_PORTS;
	return 0;
}

/* Opens a flow; returns its port, 0: none is free. Global: verified once. */
__noinline int nat_open(struct xdp_md *ctx, const struct packet *p, __u32 backend_id,
			__u32 frontend_id, __u64 now)
{
	const struct backend_entry *backend = backend_of(backend_id);
	struct nat_search search = {.now = now};
	struct scratch *s = scratch_get();

	if (!p || !s || !backend)
		return 0;
	search.place = nat_first_place(p);
	nat_key_from_backend(&s->key, backend, 0, p->protocol);
	__builtin_memset(&s->entry, 0, sizeof(s->entry));
	s->entry.addr = p->src;
	s->entry.port = p->sport;
	s->entry.frontend_id = frontend_id;
	s->entry.last_ns = now;
	nat_learn(ctx, &s->entry);
	bpf_loop(NAT_TRIES, nat_try, &search, 0);
	if (!search.port || !nat_point(s, p, backend, backend_id, search.port))
		return 0;
	return search.port;
}

/* The port of this host that a client's packet leaves from; 0: its flow is not known there. */
static __always_inline __be16 nat_known(struct xdp_md *ctx, struct scratch *s,
					const struct packet *p, const struct nat_path *path,
					__be16 port)
{
	struct nat_entry *reverse;

	nat_key_from_backend(&s->key, path->backend, port, p->protocol);
	reverse = bpf_map_lookup_elem(&weir_nat, &s->key);
	if (!reverse || !nat_is_of(reverse, p, path->frontend_id))
		return 0;
	nat_touch(reverse, p, true, path->now);
	nat_learn(ctx, reverse);
	return port;
}

/* The entry of the flow, by a packet as it comes from that side. */
static __always_inline struct nat_entry *nat_find(struct scratch *s, const struct packet *p,
						  enum nat_direction direction)
{
	nat_key_of(&s->key, p, direction);
	return bpf_map_lookup_elem(&weir_nat, &s->key);
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
