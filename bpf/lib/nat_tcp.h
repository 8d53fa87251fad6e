/* SPDX-License-Identifier: GPL-2.0 */
/* A flow of TCP by SNAT from its SYN to its proof. Until the client has acknowledged the backend's
 * SYN, which who forges an address never sees, the flow is in weir_nat_open, and its port is nobody's:
 * two may be opened from one port, told apart by the SYN that the backend acknowledges. A flood of
 * SYNs costs the flows that are being opened their place, oldest first, and no others. */
#pragma once
#include "nat_port.h"

enum nat_tcp_limit {
	/* How far a client's first acknowledgement may lie behind the backend's SYN: what a backend
	 * may send before (RFC 7413). */
	NAT_PROOF_WINDOW = 65536,
};

/* Null: a later fragment has none. */
static __always_inline struct tcp_head *nat_tcp_head(struct xdp_md *ctx, const struct arrival *a)
{
	return a->p.flags & PACKET_LATER_FRAGMENT ? 0
						  : ARRIVAL_AT(ctx, a->p.l4_off, struct tcp_head);
}

/* The sequence number behind a SYN's. */
static __always_inline __be32 nat_behind(__be32 seq)
{
	return bpf_htonl(bpf_ntohl(seq) + 1);
}

/* A flow that is not open gave its port back, or has its proof. */
static __always_inline void nat_give_back(__u32 backend_id, __be16 port)
{
	__u64 *given = nat_given(nat_places(backend_id), port);

	if (given)
		*given = 0;
}

/* Moves the flow to those that are proved; the scratch has both its keys. False: another of the
 * same port came first. */
static __noinline bool nat_prove(struct xdp_md *ctx, const struct arrival *a,
				 const struct nat_path *path, __be16 port, struct scratch *s)
{
	const struct backend_entry *backend = backend_of(path->backend_id);
	struct nat_entry *other;

	if (!backend)
		return false;
	bpf_map_delete_elem(&weir_nat_open, &s->back);
	s->back.ack = 0;
	other = bpf_map_lookup_elem(&weir_nat, &s->back);
	if (other && !nat_has_ended(other) && !nat_is_over(other, L4_TCP, path->now))
		return false;
	if (other)
		bpf_map_delete_elem(&weir_nat, &s->back);
	nat_begin(ctx, &s->entry, &a->p, path);
	nat_touch(ctx, &s->entry, a, true, path->now);
	if (bpf_map_update_elem(&weir_nat, &s->back, &s->entry, BPF_NOEXIST))
		return false;
	nat_give_back(path->backend_id, port);
	bpf_map_delete_elem(&weir_nat_open, &s->key);
	nat_begin_forward(&s->entry, backend, path->backend_id, port);
	return !bpf_map_update_elem(&weir_nat, &s->key, &s->entry, BPF_ANY);
}

/* The flow that is being opened; the scratch gets its reverse key. Null: there is none. */
static __always_inline struct nat_entry *nat_opening_of(struct scratch *s, const struct packet *p,
							const struct nat_path *path, __be16 port,
							__be32 ack)
{
	const struct backend_entry *backend = backend_of(path->backend_id);
	struct nat_entry *reverse;

	if (!backend)
		return 0;
	nat_key_from_backend(&s->back, backend, port, L4_TCP);
	s->back.ack = ack;
	reverse = bpf_map_lookup_elem(&weir_nat_open, &s->back);
	return reverse && nat_is_of(reverse, p, path->frontend_id) ? reverse : 0;
}

/* The port of the flow that the same SYN opened before; 0: it did not. The scratch has its forward
 * key. */
static __noinline __u32 nat_opened_before(struct xdp_md *ctx, const struct arrival *a,
					  const struct nat_path *path, __be32 ack,
					  struct scratch *s)
{
	struct nat_entry *forward, *reverse;
	__be16 port;

	forward = bpf_map_lookup_elem(&weir_nat_open, &s->key);
	/* A SYN that is sent again stays; another one goes by the table. */
	if (!forward || forward->ack != ack || forward->backend != path->backend_id)
		return 0;
	port = forward->port;
	reverse = nat_opening_of(s, &a->p, path, port, ack);
	if (!reverse)
		return 0;
	nat_learn(ctx, reverse);
	reverse->last_ns = path->now;
	return port;
}

/* Opens a flow by its SYN, or finds what the same SYN opened before; returns its port, 0: none is
 * free. The scratch has its forward key. */
static __noinline __u32 nat_open_tcp(struct xdp_md *ctx, const struct arrival *a,
				     const struct nat_path *path,
				     const struct backend_entry *backend, struct scratch *s)
{
	struct nat_search search;
	struct tcp_head *tcp = nat_tcp_head(ctx, a);
	__u64 *given;
	__be32 ack;

	if (!tcp || !nat_search_begin(&search, &a->p, path, backend))
		return 0;
	ack = nat_behind(tcp->seq);
	/* Most find one at once: the loop has its price. */
	if (!nat_try_tcp(0, &search))
		bpf_loop(NAT_TRIES - 1, nat_try_tcp, &search, 0);
	nat_begin_forward(&s->entry, backend, path->backend_id, search.port);
	s->entry.ack = ack;
	/* Most SYNs are the first of their flow: whether it is there is not asked before. */
	if (!search.port ||
	    bpf_map_update_elem(&weir_nat_open, &s->key, &s->entry, BPF_NOEXIST)) {
		__u32 known = nat_opened_before(ctx, a, path, ack, s);

		if (known || !search.port ||
		    bpf_map_update_elem(&weir_nat_open, &s->key, &s->entry, BPF_ANY))
			return known;
	}
	given = nat_given(search.places, search.port);
	if (given)
		*given = path->now;
	nat_begin(ctx, &s->entry, &a->p, path);
	search.key.dport = search.port;
	search.key.ack = ack;
	return bpf_map_update_elem(&weir_nat_open, &search.key, &s->entry, BPF_ANY) ? 0
										    : search.port;
}

/* The port for a client's packet that opens no flow and is of no proved one; 0: path has the
 * reason. The scratch has its forward key. Global: verified once. */
__noinline int nat_tcp_opening(struct xdp_md *ctx, const struct arrival *a, struct nat_path *path)
{
	struct scratch *s = scratch_get();
	struct nat_entry *forward, *reverse = 0;
	struct nat_path known;
	struct tcp_head *tcp;
	__be16 port = 0;
	__be32 ack;

	if (!a || !path || !s)
		return 0;
	tcp = nat_tcp_head(ctx, a);
	if (!tcp)
		return 0;
	ack = tcp->ack_seq;
	forward = bpf_map_lookup_elem(&weir_nat_open, &s->key);
	known = *path;
	if (forward) {
		port = forward->port;
		known.backend_id = forward->backend;
		reverse = nat_opening_of(s, &a->p, &known, port, forward->ack);
	}
	if (!reverse) {
		if (!backend_of(known.backend_id))
			path->reason = DROP_REASON_NO_BACKEND;
		return 0;
	}
	path->backend_id = known.backend_id;
	nat_learn(ctx, reverse);
	if (a->p.tcp_flags & TCP_RST)
		nat_give_back(path->backend_id, port);
	else if (a->p.tcp_flags & TCP_ACK && reverse->flags & NAT_ANSWERED &&
		 bpf_ntohl(ack) - bpf_ntohl(reverse->ack) < NAT_PROOF_WINDOW) {
		path->reason = DROP_REASON_NAT_NO_PORT;
		return nat_prove(ctx, a, path, port, s) ? port : 0;
	}
	return port;
}

/* The flow that is being opened and that a backend's packet acknowledges, refuses or is about; the
 * scratch has the key but for its last word. */
static __always_inline struct nat_entry *nat_answered_opening(struct scratch *s, __be32 ack,
							      __u64 now)
{
	struct nat_entry *reverse;

	s->key.ack = ack;
	reverse = bpf_map_lookup_elem(&weir_nat_open, &s->key);
	s->key.ack = 0;
	if (!reverse || nat_silence(reverse, now) > NAT_OPENING_S * BALANCE_SECOND)
		return 0;
	return reverse;
}

/* The flow of TCP that a backend's packet belongs to. Null: it is not SNAT's. */
static __always_inline struct nat_entry *nat_answered_tcp(struct xdp_md *ctx, struct scratch *s,
							  const struct arrival *a, __u64 now)
{
	struct tcp_head *tcp = nat_tcp_head(ctx, a);
	__u8 flags = a->p.flags & PACKET_LATER_FRAGMENT ? 0 : a->p.tcp_flags;
	struct nat_entry *reverse, *opening = 0;

	nat_key_of(&s->key, &a->p, NAT_REVERSE);
	reverse = bpf_map_lookup_elem(&weir_nat, &s->key);
	/* The most part of all packets. */
	if (reverse && !(flags & (TCP_SYN | TCP_RST)))
		return nat_is_over(reverse, L4_TCP, now) ? 0 : reverse;
	if (tcp && flags & TCP_ACK)
		opening = nat_answered_opening(s, tcp->ack_seq, now);
	if (opening) {
		if (flags & TCP_SYN) {
			opening->ack = nat_behind(tcp->seq);
			opening->flags |= NAT_ANSWERED;
		}
		if (flags & TCP_RST)
			nat_give_back(opening->backend, a->p.dport);
		return opening;
	}
	if (!reverse || nat_is_over(reverse, L4_TCP, now))
		return 0;
	/* It answers a SYN of this host's own: what had the port before is gone. */
	if (flags & TCP_SYN && nat_has_ended(reverse)) {
		bpf_map_delete_elem(&weir_nat, &s->key);
		return 0;
	}
	return reverse;
}
