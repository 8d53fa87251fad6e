/* SPDX-License-Identifier: GPL-2.0 */
/* A connection that policy surely denies fails at connect(), before there is a packet, with the error that the
 * answer to its first packet would bring (deny.h).
 *
 * Sure is what a container opens to an endpoint of this host: only Weir's links lead there. What goes elsewhere may
 * leave by a link of another engine's; it is judged by its packets, and so is what only the network forbids, since
 * the container may have several. */
#pragma once
#include "flow.h"
#include "socket.h"

static __always_inline void socket_event(const struct flow *f, const struct report *r, __be16 port,
					 enum drop_reason reason)
{
	struct event *e = bpf_ringbuf_reserve(&weir_events, sizeof(*e), 0);

	if (!e) {
		__u32 zero = 0;
		__u64 *lost = bpf_map_lookup_elem(&weir_lost, &zero);

		if (lost)
			(*lost)++;
		return;
	}
	__builtin_memset(e, 0, sizeof(*e));
	e->time_ns = bpf_ktime_get_ns();
	e->src = f->src;
	e->dst = f->dst;
	e->src_identity = r->src_identity;
	e->dst_identity = r->dst_identity;
	e->rule_id = r->rule_id;
	e->endpoint_id = r->endpoint_id;
	e->src_endpoint = r->src_endpoint;
	e->dst_endpoint = r->dst_endpoint;
	e->dport = port;
	e->type = EVENT_DROP;
	e->drop_reason = (__u8)reason;
	e->verdict = VERDICT_DENY;
	e->direction = r->direction;
	e->protocol = f->protocol;
	e->ether_type = f->v6 ? bpf_htons(L3_IPV6) : bpf_htons(L3_IPV4);
	e->frontend_id = r->frontend_id;
	bpf_ringbuf_submit(e, 0);
}

/* Fills in the flow that the socket is about to open. False: nothing sure can be said of it. */
static __always_inline bool socket_flow(struct bpf_sock_addr *ctx, const struct socket_peer *peer,
					struct flow *f)
{
	__u64 netns = bpf_get_netns_cookie(ctx);
	struct netns_entry *own = bpf_map_lookup_elem(&weir_netns, &netns);

	if (!own)
		return false;
	f->dst = peer->addr;
	f->v6 = !socket_is_ipv4(&f->dst);
	f->src = f->v6 ? own->ipv6 : own->ipv4;
	f->src_endpoint = (__u16)own->endpoint_id;
	f->dst_endpoint = (__u16)identity_local_endpoint(&f->dst);
	f->protocol = (__u8)ctx->protocol;
	f->policy_port = peer->port;
	return f->dst_endpoint && f->dst_endpoint != f->src_endpoint;
}

/* May the socket connect? Where policy says no and the one who says so answers, the call fails. */
static __noinline int socket_judge(struct bpf_sock_addr *ctx, const struct socket_peer *peer)
{
	struct report r = {.frontend_id = peer->frontend_id};
	struct endpoint_entry *judge;
	enum drop_reason reason;
	struct ruling v = {};
	struct flow f = {};

	if ((ctx->protocol != L4_TCP && ctx->protocol != L4_UDP) || !socket_flow(ctx, peer, &f))
		return SOCKET_ALLOW;
	reason = flow_judge(&f, &r, &v);
	if (reason != DROP_REASON_POLICY_DENIED && reason != DROP_REASON_POLICY_DENY_RULE)
		return SOCKET_ALLOW;
	judge = endpoint_of(r.endpoint_id);
	if (!judge || judge->deny_answer == DENY_ANSWER_NOBODY)
		return SOCKET_ALLOW;
	metrics_count(r.direction, reason, 0);
	socket_event(&f, &r, peer->port, reason);
	bpf_set_retval(f.protocol == L4_TCP ? -SOCKET_CONNECTION_REFUSED
					    : -SOCKET_HOST_UNREACHABLE);
	return SOCKET_REFUSE;
}
