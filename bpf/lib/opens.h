/* SPDX-License-Identifier: GPL-2.0 */
/* A packet of no known flow: it opens one, if it can and policy lets it. */
#pragma once
#include "flow_entry.h"

/* The service that the socket hook found for this new connection. A function of its own: its key
 * would take the room on the stack that a reply needs. */
__noinline __u32 opens_frontend(struct __sk_buff *skb, const struct packet *p)
{
	struct sock_key key = {};
	struct frontend_entry *frontend;
	struct sock_entry *entry;
	__u32 id;

	if (!p)
		return 0;
	key.cookie = bpf_get_socket_cookie(skb);
	key.backend = p->dst;
	key.port = p->dport;
	key.protocol = p->protocol;
	entry = key.cookie ? bpf_map_lookup_elem(&weir_sock, &key) : 0;
	if (!entry)
		return 0;
	/* One that is gone lets nobody in. */
	id = entry->frontend_id;
	frontend = bpf_map_lookup_elem(&weir_frontend, &id);
	return frontend && frontend->port ? id : 0;
}

/* May a flow be taken up in its middle, whose entry is gone: silent too long, or its table lost?
 * Who opened it is not known, so policy must let either end have done so: no packet passes for a
 * reply, and what policy forbids does not go on because the other end spoke first. docs/adr/0022.
 */
__noinline enum drop_reason opens_midway(const struct packet *p, const struct flow *f,
					 struct report *r, struct ruling *v)
{
	enum drop_reason reason;
	struct flow back;

	if (!p || !f || !r || !v || p->flags & (PACKET_FIRST_FRAGMENT | PACKET_LATER_FRAGMENT) ||
	    p->protocol != L4_TCP || (p->tcp_flags & (TCP_SYN | TCP_RST | TCP_ACK)) != TCP_ACK)
		return DROP_REASON_CT_INVALID;
	back = *f;
	back.src = f->dst;
	back.dst = f->src;
	back.src_endpoint = f->dst_endpoint;
	back.dst_endpoint = f->src_endpoint;
	back.policy_port = p->sport;
	reason = flow_judge(&back, r, v);
	r->rule_id = 0;
	return reason ? DROP_REASON_CT_INVALID : DROP_REASON_NONE;
}

/* Why requests of the flow that policy sends through the proxy cannot be judged without it, as long as they are plain. 0: they
 * can; the proxy is there to take it over. */
static __always_inline enum http_why opens_why(const struct packet *p, enum judge_side side,
					       const struct ruling *v, const struct settings *s)
{
	if (!(s->flags & SETTINGS_HTTP) || !s->proxy_port)
		return HTTP_WHY_SETTING;
	if (side != JUDGE_FROM_ENDPOINT || !v->endpoint)
		return HTTP_WHY_ENDS;
	if (!v->proxy_required)
		return HTTP_WHY_AUDIT;
	return packet_opens_tcp(p) && p->seq_end == p->seq + 1 ? HTTP_WHY_UNKNOWN : HTTP_WHY_HANDSHAKE;
}

/* 5 and 6 */
static __always_inline enum drop_reason
opens_judge(struct __sk_buff *skb, const struct packet *p, struct report *r, enum judge_side side,
	    __u32 own, struct ruling *v, const struct ct_key *key, const struct settings *s,
	    const struct ip_addr *outer)
{
	bool tracked = !(p->flags & PACKET_ICMP_OTHER), midway = tracked && !ct_may_open(p);
	enum drop_reason reason;
	struct flow f;

	if (side == JUDGE_FROM_NODE) {
		v->node = (__u16)node_at(outer);
		if (!v->node)
			return DROP_REASON_NOT_A_NODE;
	}
	reason = flow_of(skb, p, side, own, false, v, &f);
	if (reason)
		return reason;
	if (side == JUDGE_FROM_NODE)
		own = r->endpoint_id = f.dst_endpoint;
	if (midway) {
		reason = side == JUDGE_FROM_DEVICE || side == JUDGE_FROM_WIRE
			     ? DROP_REASON_CT_INVALID
			     : opens_midway(p, &f, r, v);
		r->src_endpoint = f.src_endpoint;
		r->dst_endpoint = f.dst_endpoint;
		if (reason)
			return reason;
	}
	if (side == JUDGE_FROM_DEVICE)
		r->frontend_id = v->frontend_id;
	else if (s->lb_flags & LB_SERVICES)
		r->frontend_id = opens_frontend(skb, p);
	reason = flow_judge_at(&f, r, side, v);
	if (reason)
		return midway ? DROP_REASON_CT_INVALID : reason;
	v->endpoint = side == JUDGE_FROM_ENDPOINT ? r->dst_endpoint : (__u16)own;
	/* Audit stops nobody. */
	if (v->way == WAY_PROXY && !v->proxy_required && (midway || !s->proxy_port))
		v->way = WAY_ON;
	if (v->way == WAY_PROXY) {
		r->proxy = true;
		if (midway)
			return DROP_REASON_PROXY_REQUIRED;
		v->http_why = (__u8)opens_why(p, side, v, s);
		if (!v->http_why)
			v->way = WAY_HTTP;
	} else if (side != JUDGE_TO_ENDPOINT && v->endpoint) {
		v->way = WAY_ENDPOINT;
	} else if (side == JUDGE_FROM_ENDPOINT && v->node) {
		v->way = WAY_NODE;
	}
	if (tracked) {
		if (side == JUDGE_FROM_WIRE)
			v->ifindex = skb->ifindex;
		reason = flow_open(skb, key, p, r, v);
		if (reason) {
			r->rule_id = 0;
			return reason;
		}
	}
	if (r->audit_reason)
		event_audit(skb, p, r);
	else if (tracked && s->flags & SETTINGS_VERDICT)
		event_emit(skb, p, r, EVENT_VERDICT, DROP_REASON_NONE);
	return DROP_REASON_NONE;
}
