// SPDX-License-Identifier: GPL-2.0
/* Where the programs of endpoints go on with a packet, but that of a steady flow (lib/steady.h). All endpoints share
 * these: the kernel verifies them once, and for each endpoint only what needs its constants. The numbers are those of
 * endpoint.bpf.c.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "lib/deny.h"
#include "lib/deliver.h"
#include "lib/judge.h"
#include "lib/names.h"
#include "lib/node_deliver.h"
#include "lib/own.h"
#include "lib/parse.h"
#include "lib/proxy.h"
#include "lib/reply_send.h"

/* The end of a packet of the container's that was denied: it learns so, where the endpoint that denied it has
 * nothing against that. */
static __always_inline int refuse(struct __sk_buff *skb, const struct packet *p,
				  const struct report *r, enum drop_reason reason)
{
	__u32 own = own_endpoint(skb);
	struct ip_addr gateway;
	bool answered;

	drop(skb, p, r, reason);
	/* A connection that began without the proxy, or that nobody knows: that is no denial. */
	if (reason == DROP_REASON_PROXY_REQUIRED || reason == DROP_REASON_CT_INVALID) {
		answered = reset_answer(skb, p);
	} else if (deny_is_verdict(reason) && deny_is_heard(r->endpoint_id, own)) {
		own_gateway(skb, &gateway);
		answered = deny_answer(skb, p, own, &gateway);
	} else {
		return TC_ACT_SHOT;
	}
	return answered ? answer_send(skb) : TC_ACT_SHOT;
}

/* The same for a packet that came by the host's stack, from the host itself, another node or outside: the answer goes
 * where packets of this link arrive, and from there its way through the stack. */
static __always_inline int refuse_outside(struct __sk_buff *skb, const struct packet *p,
					  const struct report *r, const struct ruling *v,
					  enum drop_reason reason)
{
	__u32 asker = v->node || r->src_identity == IDENTITY_HOST ? own_endpoint(skb) : DENY_ASKER_OUTSIDE;

	drop(skb, p, r, reason);
	/* Its ports are a service's connection's: the client takes others when it hears so. */
	if (reason == DROP_REASON_CT_INVALID && packet_opens_tcp(p)) {
		if (!deny_may_answer(asker) || !reset_answer(skb, p))
			return TC_ACT_SHOT;
	} else if (!deny_is_verdict(reason) || !deny_is_heard(r->endpoint_id, asker) ||
		   !deny_answer(skb, p, asker, &p->dst)) {
		return TC_ACT_SHOT;
	}
	skb->mark = MARK_ANSWER;
	return (int)bpf_redirect(skb->ifindex, BPF_F_INGRESS);
}

/* What the container sends, with a source that was proven. */
SEC("tc")
int weir_judge_from_ep(struct __sk_buff *skb)
{
	__u32 own = own_endpoint(skb);
	struct report r = {
	    .endpoint_id = (__u16)own,
	    .src_endpoint = (__u16)own,
	    .direction = DIRECTION_EGRESS,
	};
	struct packet p = {};
	struct ruling v = {};
	enum drop_reason reason;

	/* 1 again: nothing but the packet itself comes from one program to another. */
	reason = parse_packet(skb, l3_of(skb), &p);
	if (reason)
		return drop(skb, &p, &r, reason);

	/* 4 to 6 */
	reason = judge(skb, &p, &r, JUDGE_FROM_ENDPOINT, own, &v, 0);
	if (reason)
		return refuse(skb, &p, &r, reason);
	if (names_is_question(&p, r.is_reply)) {
		__u32 asked = skb->len;

		switch (names_answer(skb, &p, own)) {
		case NAMES_ANSWERED:
			metrics_count(DIRECTION_EGRESS, DROP_REASON_NONE, asked);
			names_trace(skb, &p, &r);
			return answer_send(skb);
		case NAMES_BROKEN:
			return drop(skb, &p, &r, DROP_REASON_TRUNCATED);
		}
	}

	/* 7 */
	switch (v.way) {
	case WAY_CLIENT:
		return reply_send(skb, &p, &r, &v);
	case WAY_ENDPOINT:
		return deliver_local(skb, &p, &r, v.endpoint);
	case WAY_PROXY:
		return deliver_proxy(skb, &p, &r);
	case WAY_NODE:
		return deliver_node(skb, &p, &r, &v);
	case WAY_HTTP:
		bpf_tail_call(skb, &weir_calls, CALL_HTTP);
		return drop(skb, &p, &r, DROP_REASON_PROXY_UNAVAILABLE);
	}
	metrics_count(DIRECTION_EGRESS, DROP_REASON_NONE, skb->len);
	return TC_ACT_OK;
}

/* What the host's stack sends to the container: from the host itself and from outside. */
SEC("tc")
int weir_judge_to_ep(struct __sk_buff *skb)
{
	__u32 own = own_endpoint(skb);
	struct report r = {
	    .endpoint_id = (__u16)own,
	    .dst_endpoint = (__u16)own,
	    .direction = DIRECTION_INGRESS,
	};
	struct packet p = {};
	struct ruling v = {};
	enum drop_reason reason;

	/* 1 again */
	reason = parse_packet(skb, l3_of(skb), &p);
	if (reason)
		return drop(skb, &p, &r, reason);

	/* 4 to 6 */
	reason = mark_is(skb, MARK_FROM_PROXY)
		     ? proxy_sent(skb, &p, &r)
		     : judge(skb, &p, &r, JUDGE_TO_ENDPOINT, own, &v, 0);
	if (reason)
		return refuse_outside(skb, &p, &r, &v, reason);

	/* 7 */
	if (v.way == WAY_PROXY)
		return deliver_proxy(skb, &p, &r);
	metrics_count(DIRECTION_INGRESS, DROP_REASON_NONE, skb->len);
	return TC_ACT_OK;
}

char _license[] SEC("license") = "GPL";
