/* SPDX-License-Identifier: GPL-2.0 */
/* A packet of no known flow: it opens one, if it can and policy lets it. */
#pragma once
#include "conntrack.h"
#include "flow.h"

/* The service that the socket hook found for this new connection: for display. A function of its
 * own: its key would take the room on the stack that a reply needs. */
__noinline __u32 opens_frontend(struct __sk_buff *skb, const struct packet *p)
{
	struct sock_key key = {};
	struct sock_entry *entry;

	if (!p)
		return 0;
	key.cookie = bpf_get_socket_cookie(skb);
	key.backend = p->dst;
	key.port = p->dport;
	key.protocol = p->protocol;
	entry = key.cookie ? bpf_map_lookup_elem(&weir_sock, &key) : 0;
	return entry ? entry->frontend_id : 0;
}

/* 5 and 6 */
static __always_inline enum drop_reason
opens_judge(struct __sk_buff *skb, const struct packet *p, struct report *r, enum judge_side side,
	    __u32 own, struct ruling *v, const struct ct_key *key, const struct settings *s)
{
	enum drop_reason reason;
	struct flow f;

	reason = flow_of(p, side, own, false, &f);
	if (reason)
		return reason;
	if (!(p->flags & PACKET_ICMP_OTHER) && !ct_may_open(p)) {
		r->src_endpoint = (__u16)f.src_endpoint;
		r->dst_endpoint = (__u16)f.dst_endpoint;
		return DROP_REASON_CT_INVALID;
	}
	if (side == JUDGE_FROM_DEVICE)
		r->frontend_id = v->frontend_id;
	else if (s->lb_flags & LB_SERVICES)
		r->frontend_id = opens_frontend(skb, p);
	reason = flow_judge_at(&f, r, side, v);
	if (reason)
		return reason;
	if (!(p->flags & PACKET_ICMP_OTHER)) {
		reason = flow_open(skb, key, p, r, v);
		if (reason)
			return reason;
	}
	v->endpoint = side == JUDGE_FROM_ENDPOINT ? r->dst_endpoint : own;
	if (v->way == WAY_PROXY)
		r->proxy = true;
	else if (side != JUDGE_TO_ENDPOINT && v->endpoint)
		v->way = WAY_ENDPOINT;
	if (!(p->flags & PACKET_ICMP_OTHER) && s->flags & SETTINGS_VERDICT)
		event_emit(skb, p, r, EVENT_VERDICT, DROP_REASON_NONE);
	return DROP_REASON_NONE;
}
