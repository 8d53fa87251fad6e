// SPDX-License-Identifier: GPL-2.0
/* The program of one endpoint, on the host side of its veth.
 *
 * weir_from_ep sees what the container sends, weir_to_ep what the host's stack sends to it. A
 * packet's way, numbered as in ARCHITECTURE.md:
 *   1 parse  2 gateway's own answers  3 anti-spoofing  4 conntrack  5 policy of both ends
 *   6 remember the flow  7 deliver
 * Here is what needs the endpoint's constants, 1 to 3, and the way of a flow that goes on as before. Any other
 * packet goes on in judge.bpf.c.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "lib/config.h"
#include "lib/deliver.h"
#include "lib/gateway.h"
#include "lib/known.h"
#include "lib/names.h"
#include "lib/own.h"
#include "lib/parse.h"
#include "lib/proxy.h"
#include "lib/steady.h"
#include "lib/turn_round.h"

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

/* The packet goes on in a program that all endpoints share. */
static __always_inline int go_on(struct __sk_buff *skb, const struct packet *p, const struct report *r,
				 enum call call)
{
	const volatile struct endpoint_config *c = &endpoint_config;

	own_say(skb, c->endpoint_id, p->flags & PACKET_IPV6 ? &c->gateway6 : &c->gateway4);
	bpf_tail_call(skb, &weir_calls, call);
	return drop(skb, p, r, DROP_REASON_MISSED_TAIL_CALL);
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

	/* 4 to 7 */
	if (steady_packet(&p)) {
		__u64 now = bpf_ktime_get_coarse_ns();
		bool reply;
		struct ct_entry *entry = steady_find(&p, now, &reply);

		if (entry && !names_is_question(&p, reply)) {
			__u32 to = reply ? entry->src_endpoint : entry->dst_endpoint;

			if (entry->flags & CT_HTTP && known_is_passed(entry, &p, reply)) {
				bpf_tail_call(skb, &weir_calls, CALL_HTTP);
				return drop(skb, &p, &r, DROP_REASON_PROXY_UNAVAILABLE);
			}
			steady_advance(entry, &p, reply, now, skb->len);
			if (to)
				return deliver_local(skb, &p, &r, to);
			metrics_count(DIRECTION_EGRESS, DROP_REASON_NONE, skb->len);
			return TC_ACT_OK;
		}
	}
	return go_on(skb, &p, &r, CALL_FROM_ENDPOINT);
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

	/* 4 to 7 */
	if (steady_packet(&p) && !mark_is(skb, MARK_FROM_PROXY)) {
		__u64 now = bpf_ktime_get_coarse_ns();
		bool reply;
		struct ct_entry *entry = steady_find(&p, now, &reply);

		if (entry && !known_is_local(entry) && !known_is_forged(skb, entry, reply)) {
			steady_advance(entry, &p, reply, now, skb->len);
			metrics_count(DIRECTION_INGRESS, DROP_REASON_NONE, skb->len);
			return TC_ACT_OK;
		}
	}
	return go_on(skb, &p, &r, CALL_TO_ENDPOINT);
}

char _license[] SEC("license") = "GPL";
