/* SPDX-License-Identifier: GPL-2.0 */
/* ICMP errors: they go with the flow whose packet they quote, if they are true (RFC 5508, 5927).
 *
 * What is true is small, quotes what this flow's end has just sent to the other, goes to that end,
 * and comes from the other one; or, where the other is outside, from any router outside. Nobody
 * else has seen the packet that it quotes. */
#pragma once
#include "known.h"
#include "parse.h"

enum related_size {
	RELATED_MOST_V4 = 576,	/* RFC 1812 §4.3.2.3 */
	RELATED_MOST_V6 = 1280, /* RFC 4443 §2.4 (c) */
};

static __always_inline bool related_fits(const struct __sk_buff *skb, const struct packet *p)
{
	return skb->len - LINK_HEADER <= (p->flags & PACKET_IPV6 ? RELATED_MOST_V6 : RELATED_MOST_V4);
}

/* The living flow of a quoted packet, and whether that was a reply; null: there is none of which it
 * could be. An entry of an older policy is judged by the flow's own next packet, not by an error.
 */
static __always_inline struct ct_entry *related_flow(const struct packet *quoted, __u32 revision,
						     __u64 now, bool *reply)
{
	struct ct_entry *entry;
	struct ct_key key;
	bool source_is_b;

	if (quoted->flags & (PACKET_ICMP_ERROR | PACKET_ICMP_OTHER | PACKET_NEIGHBOUR))
		return 0;
	source_is_b = ct_key_of(quoted, &key);
	entry = ct_find(&key, now);
	if (!entry || entry->flags & (CT_CLOSED | CT_CUT) || entry->revision != revision)
		return 0;
	*reply = ct_is_reply(entry, source_is_b);
	/* The proxy's two legs have numbers of their own. */
	if (quoted->protocol == L4_TCP && !ct_is_proxys(entry) &&
	    !sequence_quoted(entry, quoted->seq, *reply))
		return 0;
	return entry;
}

/* A function of its own for the sake of the stack. */
static __noinline enum drop_reason related_judge(struct __sk_buff *skb, const struct packet *p,
						 struct report *r, struct ruling *v,
						 enum judge_side side)
{
	struct packet quoted = {};
	struct ct_entry *entry;
	enum drop_reason reason;
	bool reply;

	if (side != JUDGE_FROM_ENDPOINT && flow_is_forged(skb, p, side))
		return DROP_REASON_SPOOFED_ENDPOINT;
	reason = parse_quoted(skb, p, &quoted);
	if (reason)
		return reason;
	if (!related_fits(skb, p) || !ip_addr_equal(&quoted.src, &p->dst))
		return DROP_REASON_ICMP_UNRELATED;
	/* An endpoint, here or of another node, is no router, and none is in the overlay. */
	if (!ip_addr_equal(&quoted.dst, &p->src) &&
	    (side != JUDGE_TO_ENDPOINT || identity_node(&p->src)))
		return DROP_REASON_ICMP_UNRELATED;
	entry = related_flow(&quoted, v->revision, bpf_ktime_get_coarse_ns(), &reply);
	/* No router is between two local endpoints. */
	if (!entry || (side != JUDGE_FROM_ENDPOINT && entry->src_endpoint && entry->dst_endpoint))
		return DROP_REASON_ICMP_UNRELATED;
	if (side == JUDGE_FROM_NODE && entry->node != v->node)
		return DROP_REASON_FOREIGN_ENDPOINT;
	if (side == JUDGE_TO_ENDPOINT && entry->node && node_is_overlay(entry->node))
		return DROP_REASON_ICMP_UNRELATED;
	r->is_reply = !reply;
	r->src_endpoint = entry->src_endpoint;
	r->dst_endpoint = entry->dst_endpoint;
	r->src_identity = entry->src_identity;
	r->dst_identity = entry->dst_identity;
	known_way(entry, side, 0, !reply, v, r);
	return DROP_REASON_NONE;
}
