/* SPDX-License-Identifier: GPL-2.0 */
/* Telling people: counters for every packet, events for drops, verdicts and traces. */
#pragma once
#include "maps.h"
#include "metrics.h"
#include "packet.h"

/* What events tell: who is concerned; filled in as far as the packet got. */
struct report {
	__u32 src_identity;
	__u32 dst_identity;
	__u32 rule_id; /* who decides; with audit_reason: which rule in audit would */
	__u32 frontend_id; /* the service address that the flow was opened to */
	__u16 endpoint_id; /* the endpoint that judges */
	__u16 src_endpoint;
	__u16 dst_endpoint;
	__u8 direction; /* enum direction */
	__u8 is_reply;
	bool proxy; /* the flow goes through the proxy */
	__u8 audit_reason;    /* enum drop_reason: why rules in audit would drop it; 0 = they would not */
	__u8 audit_direction; /* of the end whose they are */
};

__noinline int event_emit(struct __sk_buff *skb, const struct packet *p, const struct report *r,
			  enum event_type type, enum drop_reason reason)
{
	struct event *e;

	if (!p || !r)
		return 0;
	e = bpf_ringbuf_reserve(&weir_events, sizeof(*e), 0);
	if (!e) {
		__u32 zero = 0;
		__u64 *lost = bpf_map_lookup_elem(&weir_lost, &zero);

		if (lost)
			(*lost)++;
		return 0;
	}
	e->time_ns = bpf_ktime_get_ns();
	e->src = p->src;
	e->dst = p->dst;
	e->src_identity = r->src_identity;
	e->dst_identity = r->dst_identity;
	e->rule_id = r->rule_id;
	e->length = skb->len;
	e->endpoint_id = r->endpoint_id;
	e->src_endpoint = r->src_endpoint;
	e->dst_endpoint = r->dst_endpoint;
	e->sport = p->sport;
	e->dport = packet_is_icmp(p) ? p->policy_port : p->dport;
	e->type = (__u8)type;
	e->drop_reason = (__u8)reason;
	e->verdict = reason ? (type == EVENT_VERDICT ? VERDICT_AUDIT : VERDICT_DENY)
		     : r->proxy ? VERDICT_PROXY
				: VERDICT_ALLOW;
	e->direction = r->direction;
	e->protocol = p->protocol;
	e->tcp_flags = p->tcp_flags;
	e->is_reply = r->is_reply;
	e->_pad0 = 0;
	e->ether_type = (__be16)skb->protocol;
	__builtin_memset(e->_pad1, 0, sizeof(e->_pad1));
	e->frontend_id = r->frontend_id;
	e->_pad2 = 0;
	bpf_ringbuf_submit(e, 0);
	return 0;
}

/* A flow passes that would not, if rules in audit were enforced. By the same report: a copy would take too much of the
 * stack. */
__noinline int event_audit(struct __sk_buff *skb, const struct packet *p, struct report *r)
{
	__u8 direction;
	__u16 endpoint;

	if (!p || !r)
		return 0;
	direction = r->direction;
	endpoint = r->endpoint_id;
	r->direction = r->audit_direction;
	r->endpoint_id =
	    r->audit_direction == DIRECTION_EGRESS ? r->src_endpoint : r->dst_endpoint;
	metrics_count(METRICS_AUDITED + r->direction, r->audit_reason, skb->len);
	event_emit(skb, p, r, EVENT_VERDICT, r->audit_reason);
	r->direction = direction;
	r->endpoint_id = endpoint;
	r->rule_id = 0;
	return 0;
}
