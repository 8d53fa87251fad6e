/* SPDX-License-Identifier: GPL-2.0 */
/* A flow of TCP by SNAT from its SYN to its proof. Until the client has acknowledged the backend's
 * SYN, which who forges an address never sees, the flow is in weir_nat_open, and its port is nobody's:
 * two may be opened from one port, told apart by the SYN that the backend acknowledges. A flood of
 * SYNs costs the flows that are being opened their place, oldest first, and no others. */
#pragma once
#include "nat_hint.h"
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
	nat_begin_forward(&s->entry, backend, path->backend_id, port);
	return !bpf_map_update_elem(&weir_nat, &s->key, &s->entry, BPF_ANY);
}

/* The flow that is being opened; the scratch gets its reverse key. Null: there is none. */
static __always_inline struct nat_entry *nat_opening_of(struct scratch *s, const struct packet *p,
							const struct nat_path *path,
							const struct backend_entry *backend,
							__be16 port, __be32 ack)
{
	struct nat_entry *reverse;

	nat_key_from_backend(&s->back, backend, port, L4_TCP);
	s->back.ack = ack;
	reverse = bpf_map_lookup_elem(&weir_nat_open, &s->back);
	return reverse && nat_is_of(reverse, p, path->frontend_id) ? reverse : 0;
}

/* The same by what its client sends: path gets its backend, and "port" its port. */
static __always_inline struct nat_entry *nat_opening_by_client(struct scratch *s,
							       const struct packet *p,
							       struct nat_path *path, __be16 *port)
{
	__u32 flow;
	struct nat_hints *hints = nat_hints_of(p, &flow);
	struct nat_hint *hint = hints ? nat_hint_find(hints, flow) : 0;
	const struct backend_entry *backend;

	if (!hint)
		return 0;
	*port = hint->port;
	path->backend_id = hint->backend;
	backend = backend_of(path->backend_id);
	return backend ? nat_opening_of(s, p, path, backend, *port, hint->ack) : 0;
}

/* The port of the flow that the same SYN opened before; 0: it did not. */
static __always_inline __be16 nat_opened_before(struct xdp_md *ctx, const struct arrival *a,
						const struct nat_path *path,
						const struct backend_entry *backend,
						const struct nat_hint *hint, __be32 ack,
						struct scratch *s)
{
	__be16 port = hint->port;
	struct nat_entry *reverse;

	/* A SYN that is sent again stays; another one goes by the table. */
	if (hint->ack != ack || hint->backend != path->backend_id)
		return 0;
	reverse = nat_opening_of(s, &a->p, path, backend, port, ack);
	if (!reverse)
		return 0;
	nat_learn(ctx, reverse);
	reverse->last_ns = path->now;
	return port;
}

/* Opens a flow by its SYN, or finds what the same SYN opened before; returns its port, 0: none is
 * free. */
static __noinline __u32 nat_open_tcp(struct xdp_md *ctx, const struct arrival *a,
				     const struct nat_path *path,
				     const struct backend_entry *backend, struct scratch *s)
{
	struct tcp_head *tcp = nat_tcp_head(ctx, a);
	struct nat_search search;
	struct nat_hints *hints;
	struct nat_hint fresh = {}, *hint;
	__u64 *given;

	hints = nat_hints_of(&a->p, &fresh.flow);
	if (!tcp || !hints)
		return 0;
	fresh.ack = nat_behind(tcp->seq);
	hint = nat_hint_find(hints, fresh.flow);
	if (hint) {
		__be16 port = nat_opened_before(ctx, a, path, backend, hint, fresh.ack, s);

		if (port)
			return port;
	}
	if (!nat_search_begin(&search, &a->p, path, backend))
		return 0;
	/* Most find one at once: the loop has its price. */
	if (!nat_try_tcp(0, &search))
		bpf_loop(NAT_TRIES - 1, nat_try_tcp, &search, 0);
	if (!search.port)
		return 0;
	nat_begin(ctx, &s->entry, &a->p, path);
	search.key.dport = search.port;
	search.key.ack = fresh.ack;
	if (bpf_map_update_elem(&weir_nat_open, &search.key, &s->entry, BPF_ANY))
		return 0;
	given = nat_given(search.places, search.port);
	if (given)
		*given = path->now;
	fresh.backend = path->backend_id;
	fresh.port = search.port;
	nat_hint_put(hints, hint, &fresh);
	return search.port;
}

/* Does a client's packet acknowledge the backend's SYN? */
static __always_inline bool nat_is_proof(const struct arrival *a, const struct nat_entry *reverse,
					 __be32 ack)
{
	return a->p.tcp_flags & TCP_ACK && reverse->flags & NAT_ANSWERED &&
	       bpf_ntohl(ack) - bpf_ntohl(reverse->ack) < NAT_PROOF_WINDOW;
}

/* Does a client's packet open another flow than the proved one of the same ports, or prove another
 * that was opened since? A SYN ends no flow that lives: its backend says what it thinks of it
 * (RFC 5961 §4). */
static __noinline bool nat_is_left(struct xdp_md *ctx, const struct arrival *a,
				   const struct nat_path *path, const struct nat_entry *proved,
				   struct scratch *s)
{
	struct tcp_head *tcp = nat_tcp_head(ctx, a);
	bool ended = nat_has_ended(proved);
	struct nat_path since = *path;
	struct nat_entry *opening;
	__be16 port;
	__be32 ack;

	if (path->opens)
		return ended || nat_is_over(proved, L4_TCP, path->now);
	if (!ended || !tcp || a->p.tcp_flags & TCP_RST)
		return false;
	ack = tcp->ack_seq;
	opening = nat_opening_by_client(s, &a->p, &since, &port);
	return opening && nat_is_proof(a, opening, ack);
}

/* The port for a client's packet that opens no flow and is of no proved one; 0: path has the
 * reason. The scratch has its forward key. Global: verified once. */
__noinline int nat_tcp_opening(struct xdp_md *ctx, const struct arrival *a, struct nat_path *path)
{
	struct scratch *s = scratch_get();
	struct nat_entry *reverse = 0;
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
	known = *path;
	reverse = nat_opening_by_client(s, &a->p, &known, &port);
	if (!reverse) {
		if (!backend_of(known.backend_id))
			path->reason = DROP_REASON_NO_BACKEND;
		return 0;
	}
	path->backend_id = known.backend_id;
	nat_learn(ctx, reverse);
	if (a->p.tcp_flags & TCP_RST)
		nat_give_back(path->backend_id, port);
	else if (nat_is_proof(a, reverse, ack)) {
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

/* The flow of TCP that a backend's packet belongs to. Null: it is not SNAT's. "goes_on": it is proved, and
 * nothing has ended it. */
static __always_inline struct nat_entry *nat_answered_tcp(struct xdp_md *ctx, struct scratch *s,
							  const struct arrival *a, __u64 now,
							  bool *goes_on)
{
	struct tcp_head *tcp = nat_tcp_head(ctx, a);
	__u8 flags = a->p.flags & PACKET_LATER_FRAGMENT ? 0 : a->p.tcp_flags;
	struct nat_entry *reverse, *opening = 0;

	nat_key_of(&s->key, &a->p, NAT_REVERSE);
	reverse = bpf_map_lookup_elem(&weir_nat, &s->key);
	/* The most part of all packets. */
	if (reverse && !(flags & (TCP_SYN | TCP_RST))) {
		*goes_on = !reverse->flags;
		return nat_is_over(reverse, L4_TCP, now) ? 0 : reverse;
	}
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
