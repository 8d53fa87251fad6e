// SPDX-License-Identifier: GPL-2.0
/* The program of one endpoint, on the host side of its veth.
 *
 * weir_from_ep sees what the container sends, weir_to_ep what the host's stack sends to it. A
 * packet's way, numbered as in ARCHITECTURE.md:
 *   1 parse  2 gateway's own answers  3 anti-spoofing  4 conntrack  5 policy of both ends
 *   6 remember the flow  7 deliver
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "lib/config.h"
#include "lib/deny.h"
#include "lib/deliver.h"
#include "lib/gateway.h"
#include "lib/judge.h"
#include "lib/names.h"
#include "lib/node_deliver.h"
#include "lib/parse.h"
#include "lib/proxy.h"
#include "lib/reply_send.h"

/* Is the packet's address the endpoint's own? */
static __always_inline bool is_own_address(const struct packet *p, const struct ip_addr *a)
{
	const volatile struct endpoint_config *c = &endpoint_config;

	if (!(p->flags & PACKET_IPV6))
		return a->word[3] == c->ipv4.word[3] && a->word[3];
	return a->word[3] == c->ipv6.word[3] && a->word[2] == c->ipv6.word[2] &&
	       a->word[1] == c->ipv6.word[1] && a->word[0] == c->ipv6.word[0];
}

/* Or one that it has beside its own? */
static __always_inline bool is_address_of_it(const struct packet *p, const struct ip_addr *a)
{
	return is_own_address(p, a) || identity_claimant(a) == endpoint_config.endpoint_id;
}

/* The end of a packet of the container's that was denied: it learns so, where the endpoint that denied it has
 * nothing against that. */
static __always_inline int refuse(struct __sk_buff *skb, const struct packet *p,
				  const struct report *r, enum drop_reason reason)
{
	const volatile struct endpoint_config *c = &endpoint_config;
	struct ip_addr gateway;
	bool answered;

	drop(skb, p, r, reason);
	/* A connection that began without the proxy, or that nobody knows: that is no denial. */
	if (reason == DROP_REASON_PROXY_REQUIRED || reason == DROP_REASON_CT_INVALID) {
		answered = reset_answer(skb, p);
	} else if (deny_is_verdict(reason) && deny_is_heard(r->endpoint_id, c->endpoint_id)) {
		gateway_address(p->flags & PACKET_IPV6, &gateway);
		answered = deny_answer(skb, p, c->endpoint_id, &gateway);
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
	const volatile struct endpoint_config *c = &endpoint_config;
	__u32 asker = v->node || r->src_identity == IDENTITY_HOST ? c->endpoint_id : DENY_ASKER_OUTSIDE;

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

/* What the container sends. */
SEC("tc")
int weir_from_ep(struct __sk_buff *skb)
{
	const volatile struct endpoint_config *c = &endpoint_config;
	struct report r = {
	    .endpoint_id = (__u16)c->endpoint_id,
	    .src_endpoint = (__u16)c->endpoint_id,
	    .direction = DIRECTION_EGRESS,
	};
	struct packet p = {};
	struct ruling v = {};
	enum drop_reason reason;
	enum l3_proto l3;
	struct ethhdr *eth;

	/* 1 */
	parse_pull(skb);
	eth = PARSE_AT(skb, 0, struct ethhdr);
	if (!eth)
		return drop(skb, &p, &r, DROP_REASON_TRUNCATED);
	l3 = l3_of(skb);
	if (skb->vlan_present || l3 == L3_VLAN || l3 == L3_QINQ)
		return drop(skb, &p, &r, DROP_REASON_VLAN);
	if (mark_is(skb, MARK_ANSWER)) {
		skb->mark = 0;
		return TC_ACT_OK;
	}
	if (!mac_equal(eth->h_source, c->mac))
		return drop(skb, &p, &r, DROP_REASON_INVALID_SOURCE_MAC);

	/* 2 */
	if (l3 == L3_ARP) {
		reason = arp_answer(skb);
		if (reason)
			return drop(skb, &p, &r, reason);
		return answer_send(skb);
	}
	if (l3 != L3_IPV4 && l3 != L3_IPV6)
		return drop(skb, &p, &r, DROP_REASON_UNKNOWN_L3);
	reason = parse_packet(skb, l3, &p);
	/* Group management and router solicitation: named for what they are, not for how they
	 * look. */
	if (reason) {
		if ((reason == DROP_REASON_EXTENSION_HEADER || reason == DROP_REASON_IP_OPTIONS) &&
		    packet_is_multicast(&p))
			reason = DROP_REASON_MULTICAST;
		return drop(skb, &p, &r, reason);
	}
	if (p.flags & PACKET_NEIGHBOUR) {
		reason = neighbour_answer(skb, &p);
		if (reason)
			return drop(skb, &p, &r, reason);
		return answer_send(skb);
	}
	if (packet_is_multicast(&p))
		return drop(skb, &p, &r, DROP_REASON_MULTICAST);

	/* 3 */
	if (!is_address_of_it(&p, &p.src))
		return drop(skb, &p, &r, DROP_REASON_INVALID_SOURCE_IP);
	if (!mac_equal(eth->h_dest, c->gateway_mac))
		return drop(skb, &p, &r, DROP_REASON_MALFORMED);

	/* 4 to 6 */
	reason = judge(skb, &p, &r, JUDGE_FROM_ENDPOINT, c->endpoint_id, &v, 0);
	if (reason)
		return refuse(skb, &p, &r, reason);
	if (names_is_question(&p, &r)) {
		__u32 asked = skb->len;

		switch (names_answer(skb, &p, c->endpoint_id)) {
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
int weir_to_ep(struct __sk_buff *skb)
{
	struct report r = {
	    .endpoint_id = (__u16)endpoint_config.endpoint_id,
	    .dst_endpoint = (__u16)endpoint_config.endpoint_id,
	    .direction = DIRECTION_INGRESS,
	};
	struct packet p = {};
	struct ruling v = {};
	enum drop_reason reason;
	enum l3_proto l3;

	/* 1 */
	parse_pull(skb);
	l3 = l3_of(skb);
	if (skb->vlan_present || l3 == L3_VLAN || l3 == L3_QINQ)
		return drop(skb, &p, &r, DROP_REASON_VLAN);
	if (l3 == L3_ARP)
		return drop(skb, &p, &r, DROP_REASON_ARP);
	if (l3 != L3_IPV4 && l3 != L3_IPV6)
		return drop(skb, &p, &r, DROP_REASON_UNKNOWN_L3);
	reason = parse_packet(skb, l3, &p);
	if (reason)
		return drop(skb, &p, &r, reason);
	if (p.flags & PACKET_NEIGHBOUR)
		return drop(skb, &p, &r, DROP_REASON_NEIGHBOUR);
	if (packet_is_multicast(&p))
		return drop(skb, &p, &r, DROP_REASON_MULTICAST);
	if (!is_address_of_it(&p, &p.dst))
		return drop(skb, &p, &r, DROP_REASON_NO_ENDPOINT);

	/* 4 to 6 */
	reason = mark_is(skb, MARK_FROM_PROXY)
		     ? proxy_sent(skb, &p, &r)
		     : judge(skb, &p, &r, JUDGE_TO_ENDPOINT, endpoint_config.endpoint_id, &v, 0);
	if (reason)
		return refuse_outside(skb, &p, &r, &v, reason);

	/* 7 */
	if (v.way == WAY_PROXY)
		return deliver_proxy(skb, &p, &r);
	metrics_count(DIRECTION_INGRESS, DROP_REASON_NONE, skb->len);
	return TC_ACT_OK;
}

char _license[] SEC("license") = "GPL";
