/* SPDX-License-Identifier: GPL-2.0 */
/* A packet of a flow that conntrack has: it goes with its flow, which is judged anew when policy
 * has changed. */
#pragma once
#include "flow_entry.h"
#include "proxy.h"

/* Between two local endpoints nothing travels through the host's stack. */
static __always_inline bool known_is_local(const struct ct_entry *entry)
{
	return entry->src_endpoint && entry->dst_endpoint;
}

/* The host's own packets come to an endpoint by no device; its answers may, translated. */
static __always_inline bool known_is_forged(const struct __sk_buff *skb, const struct ct_entry *entry, bool reply)
{
	return !reply && entry->src_identity == IDENTITY_HOST && !(entry->flags & CT_FORWARDED) &&
	       skb->ingress_ifindex;
}

/* A flow that a service led here belongs to it. The same ports towards another of its addresses are
 * another connection, which the backend could not tell from this one: alias.h. */
static __always_inline enum drop_reason
known_service(struct ct_entry *entry, const struct packet *p, struct ruling *v, bool reply)
{
	if (reply)
		return DROP_REASON_CT_INVALID;
	if (!(entry->flags & CT_SERVICE) || entry->frontend_id != v->frontend_id)
		return DROP_REASON_CT_INVALID;
	/* Later fragments take the port that their first one was given. */
	if (entry->client_port != v->client_port) {
		if (!(p->flags & PACKET_LATER_FRAGMENT))
			return DROP_REASON_CT_INVALID;
		v->client_port = entry->client_port;
	}
	if (entry->ifindex != v->ifindex)
		entry->ifindex = v->ifindex;
	return DROP_REASON_NONE;
}

/* Where a known flow's packet goes: who is between its ends, and whose address its replies get. */
static __always_inline void known_way(const struct ct_entry *entry, enum judge_side side, __u32 own,
				      bool reply, struct ruling *v, struct report *r)
{
	v->way = WAY_ON;
	if (ct_is_proxys(entry)) {
		v->way = WAY_PROXY;
		r->proxy = true;
	} else if (side == JUDGE_FROM_DEVICE || side == JUDGE_FROM_WIRE) {
		v->way = WAY_ENDPOINT;
		v->endpoint = (__u16)own;
	} else if (side == JUDGE_FROM_NODE) {
		v->way = WAY_ENDPOINT;
		v->endpoint = reply ? entry->src_endpoint : entry->dst_endpoint;
	} else if (side == JUDGE_FROM_ENDPOINT) {
		v->endpoint = reply ? entry->src_endpoint : entry->dst_endpoint;
		if (v->endpoint) {
			v->way = WAY_ENDPOINT;
		} else if (reply && entry->flags & CT_SERVICE) {
			v->way = WAY_CLIENT;
			v->frontend_id = entry->frontend_id;
			v->ifindex = entry->ifindex;
			v->client_port = entry->client_port;
		} else if (entry->node) {
			v->way = WAY_NODE;
			v->node = entry->node;
			v->ifindex = entry->ifindex;
		}
	}
}

/* 5 and 6 for a flow whose verdict is of an older policy. One that is denied is not forgotten: no
 * packet of its other end passes for the first of a new flow, and it goes on if policy lets it
 * again. */
static __always_inline enum drop_reason
known_rejudge(struct __sk_buff *skb, const struct packet *p, struct report *r, enum judge_side side,
	      __u32 own, struct ruling *v, const struct ct_key *key, struct ct_entry *entry, bool reply)
{
	enum drop_reason reason;
	struct flow f;

	reason = flow_of(skb, p, side, own, reply, v, &f);
	if (reason)
		return reason;
	f.forwarded |= !!(entry->flags & CT_FORWARDED);
	if (side == JUDGE_FROM_ENDPOINT && entry->flags & CT_OVERLAY) {
		f.node = entry->node;
		f.identity = entry->src_identity;
		f.remembered = true;
	}
	if (entry->flags & CT_SERVICE) {
		v->frontend_id = entry->frontend_id;
		v->ifindex = entry->ifindex;
	}
	reason = flow_judge_at(&f, r, side, v);
	if (reason) {
		/* The proxy ends a connection that it does not find. */
		if (ct_is_proxys(entry))
			room_forget(key, entry);
		return reason;
	}
	/* What went through the proxy once stays with it: its connections end there. */
	if (v->way == WAY_PROXY && v->proxy_required && !(entry->flags & CT_PROXY)) {
		r->proxy = true;
		entry->flags |= CT_PROXY | CT_CLOSED | CT_CUT;
		if (!(entry->flags & CT_BRIEF))
			room_retire(key, entry);
		return DROP_REASON_PROXY_REQUIRED;
	}
	/* What rules in audit would end is told of once. */
	if (!r->audit_reason) {
		entry->flags &= ~CT_AUDITED;
	} else if (!(entry->flags & CT_AUDITED)) {
		entry->flags |= CT_AUDITED;
		event_audit(skb, p, r);
	} else {
		r->rule_id = 0;
	}
	entry->http_egress = v->http_egress;
	entry->http_ingress = v->http_ingress;
	entry->src_identity = r->src_identity;
	entry->dst_identity = r->dst_identity;
	entry->src_endpoint = r->src_endpoint;
	entry->dst_endpoint = r->dst_endpoint;
	entry->node = v->node;
	entry->revision = v->revision;
	return DROP_REASON_NONE;
}

/* Does what the packet says change the flow? TCP's numbers tell. The proxy's two legs have numbers
 * of their own: there it is the proxy that ends a flow, or an endpoint, whose packets nobody
 * forges. */
static __always_inline enum drop_reason known_believe(const struct packet *p, enum judge_side side,
						      struct ct_entry *entry, bool reply,
						      bool *believed)
{
	*believed = p->protocol != L4_TCP;
	/* A fragment has not all of its numbers: it changes nothing. */
	if (*believed || p->flags & (PACKET_FIRST_FRAGMENT | PACKET_LATER_FRAGMENT))
		return DROP_REASON_NONE;
	if (ct_is_proxys(entry)) {
		*believed = side == JUDGE_FROM_ENDPOINT || !(p->tcp_flags & (TCP_RST | TCP_FIN));
	} else if (p->tcp_flags & TCP_RST) {
		enum sequence_reset reset = sequence_reset(entry, p, reply);

		*believed = reset == SEQUENCE_RESET_TRUE;
		if (reset == SEQUENCE_RESET_FORGED)
			return DROP_REASON_TCP_SEQUENCE;
	} else {
		*believed = sequence_follow(entry, p, reply);
	}
	return DROP_REASON_NONE;
}

/* Does weir_http_pass have a say in a CT_HTTP flow's packet? Until both ends' numbers are known, then in whatever the
 * opener sends, and in what may begin an answer. */
static __always_inline bool known_is_passed(const struct ct_entry *entry, const struct packet *p, bool reply)
{
	if (!reply || !(entry->flags & CT_ESTABLISHED))
		return true;
	return entry->flags & CT_ASKED && (p->seq_end != p->seq || p->tcp_flags & TCP_RST) &&
	       !(p->flags & (PACKET_FIRST_FRAGMENT | PACKET_LATER_FRAGMENT));
}

static __always_inline enum drop_reason known_judge(struct __sk_buff *skb, const struct packet *p,
						    struct report *r, enum judge_side side,
						    __u32 own, struct ruling *v,
						    const struct ct_key *key,
						    struct ct_entry *entry, bool reply, __u64 now,
						    const struct ip_addr *outer)
{
	enum drop_reason reason;
	bool believed;

	r->is_reply = reply;
	r->src_endpoint = entry->src_endpoint;
	r->dst_endpoint = entry->dst_endpoint;
	if (side != JUDGE_FROM_ENDPOINT && known_is_local(entry))
		return DROP_REASON_SPOOFED_ENDPOINT;
	if (side == JUDGE_TO_ENDPOINT && known_is_forged(skb, entry, reply))
		return DROP_REASON_SPOOFED_ENDPOINT;
	/* Nor does the host send for another node's endpoint, nor anybody for one that the overlay leads to. */
	if (side == JUDGE_TO_ENDPOINT && entry->node) {
		if (!skb->ingress_ifindex)
			return DROP_REASON_SPOOFED_ENDPOINT;
		if (node_is_overlay(entry->node))
			return DROP_REASON_FOREIGN_ENDPOINT;
	}
	if (side == JUDGE_FROM_NODE) {
		if (!node_has(entry->node, outer))
			return DROP_REASON_FOREIGN_ENDPOINT;
		v->node = entry->node;
		r->endpoint_id = reply ? entry->src_endpoint : entry->dst_endpoint;
	}
	if (entry->flags & (CT_CUT | CT_HELD)) {
		if (entry->flags & CT_CUT)
			return DROP_REASON_PROXY_REQUIRED;
		if (reply && entry->flags & CT_HTTP)
			return DROP_REASON_HTTP_HELD;
	}
	/* A service's packets come by a device: this one was sent past it, with the same ports. Its
	 * answer would leave from the service's address. */
	if ((side == JUDGE_TO_ENDPOINT || side == JUDGE_FROM_WIRE) && !reply &&
	    entry->flags & CT_SERVICE)
		return DROP_REASON_CT_INVALID;
	if (side == JUDGE_FROM_DEVICE) {
		reason = known_service(entry, p, v, reply);
		if (reason)
			return reason;
		reply = false;
	}
	if (entry->revision == v->revision) {
		r->src_identity = entry->src_identity;
		r->dst_identity = entry->dst_identity;
	} else {
		reason = known_rejudge(skb, p, r, side, own, v, key, entry, reply);
		if (reason)
			return reason;
	}
	if (entry->flags & CT_HTTP && known_is_passed(entry, p, reply)) {
		r->proxy = true;
		v->way = WAY_HTTP;
		return side == JUDGE_FROM_ENDPOINT ? DROP_REASON_NONE : DROP_REASON_HTTP_CUT;
	}
	reason = known_believe(p, side, entry, reply, &believed);
	if (reason)
		return reason;
	/* By the same one the other direction may go past the stack: node_deliver.h. */
	if (side == JUDGE_FROM_WIRE && entry->ifindex != skb->ifindex)
		entry->ifindex = skb->ifindex;
	known_way(entry, side, own, reply, v, r);
	return flow_advance(key, entry, p, reply, believed, now, skb->len);
}
