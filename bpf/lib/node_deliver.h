/* SPDX-License-Identifier: GPL-2.0 */
/* Step 7 for a receiver on another node: through the overlay, past the host's stack, or by the host's own routes.
 * What does not fit the overlay is cut by the host's stack, where it may be, or the container is told. */
#pragma once
#include "reply_send.h"
#include "tunnel.h"

/* The most that fits the overlay's device, if the packet is longer; 0: it fits. */
static __always_inline __u32 node_limit(struct __sk_buff *skb, const struct packet *p, __u32 ifindex)
{
	__u32 length = reply_length(skb, p), mtu = length;

	return length > REPLY_FITS &&
			       bpf_check_mtu(skb, ifindex, &mtu, 0, 0) == BPF_MTU_CHK_RET_FRAG_NEEDED
		   ? mtu
		   : 0;
}

enum node_leave {
	NODE_TO_STACK = -1, /* the host's stack decides: what it would refuse, cut, or send elsewhere */
};

/* Sends the packet where the host's routes lead, past its stack, if that is the device by which the other end's
 * come past it: netfilter sees both directions of a flow or neither. What bpf_redirect_neigh() says, or enum
 * node_leave, or the most that fits the way. A function of its own for the sake of the stack. */
__noinline int node_leave(struct __sk_buff *skb, const struct packet *p, __u32 ifindex, __u32 *mtu)
{
	struct bpf_fib_lookup way = {};
	struct bpf_redir_neigh next = {};
	long found;

	if (!p || !mtu)
		return NODE_TO_STACK;
	way.ifindex = skb->ifindex;
	way.l4_protocol = p->protocol;
	way.sport = p->sport;
	way.dport = p->dport;
	way.tot_len = (__u16)reply_length(skb, p);
	if (p->flags & PACKET_IPV6) {
		way.family = REPLY_IPV6;
		__builtin_memcpy(way.ipv6_src, &p->src, sizeof(way.ipv6_src));
		__builtin_memcpy(way.ipv6_dst, &p->dst, sizeof(way.ipv6_dst));
	} else {
		way.family = REPLY_IPV4;
		way.ipv4_src = p->src.word[3];
		way.ipv4_dst = p->dst.word[3];
	}
	found = bpf_fib_lookup(skb, &way, sizeof(way), 0);
	if (found == BPF_FIB_LKUP_RET_FRAG_NEEDED)
		*mtu = way.mtu_result;
	/* Who has no MAC yet is asked for it when the packet is sent. */
	if ((found != BPF_FIB_LKUP_RET_SUCCESS && found != BPF_FIB_LKUP_RET_NO_NEIGH) ||
	    way.ifindex != ifindex || !rewrite_hop(skb, p->flags & PACKET_IPV6))
		return NODE_TO_STACK;
	/* The lookup left the next hop where the destination was. */
	next.nh_family = way.family;
	__builtin_memcpy(next.ipv6_nh, way.ipv6_dst, sizeof(next.ipv6_nh));
	return (int)bpf_redirect_neigh(ifindex, &next, sizeof(next), 0);
}

/* Who sent the packet, whoever opened its flow. */
static __always_inline __u32 node_sender(const struct report *r)
{
	__u32 identity = r->src_identity;

	/* The compiler would choose between two addresses, by a way that the verifier refuses. */
	asm volatile("" : "+r"(identity));
	if (r->is_reply)
		identity = r->dst_identity;
	return identity;
}

/* Past the host's stack where both directions can, else by it. What does not fit the way and may not be cut is
 * answered here: fragments that went different ways are put together nowhere. */
static __always_inline int deliver_direct(struct __sk_buff *skb, const struct packet *p,
					  const struct report *r, const struct ruling *v)
{
	__u32 mtu = 0, length = skb->len;
	int action = node_leave(skb, p, v->ifindex, &mtu);

	if (mtu && !reply_may_be_cut(skb, p)) {
		drop(skb, p, r, DROP_REASON_TOO_BIG);
		return reply_error_about(skb, p, mtu) ? answer_send(skb) : TC_ACT_SHOT;
	}
	metrics_count(DIRECTION_EGRESS, DROP_REASON_NONE, length);
	return action == NODE_TO_STACK ? TC_ACT_OK : action;
}

static __always_inline int deliver_overlay(struct __sk_buff *skb, const struct packet *p,
					   const struct report *r, const struct ruling *v, __u32 ifindex)
{
	__u32 mtu = node_limit(skb, p, ifindex);

	if (mtu && !reply_may_be_cut(skb, p)) {
		drop(skb, p, r, DROP_REASON_TOO_BIG);
		return reply_error_about(skb, p, mtu) ? answer_send(skb) : TC_ACT_SHOT;
	}
	if (!mtu && !tunnel_address(skb, v->node, node_sender(r)))
		return drop(skb, p, r, DROP_REASON_NO_NODE);
	metrics_count(DIRECTION_EGRESS, DROP_REASON_NONE, skb->len);
	return mtu ? TC_ACT_OK : tunnel_send(skb, ifindex);
}

static __always_inline int deliver_node(struct __sk_buff *skb, const struct packet *p,
					const struct report *r, const struct ruling *v)
{
	struct node_entry *node = node_of(v->node);
	const struct settings *s = &weir_settings;

	if (!node)
		return drop(skb, p, r, DROP_REASON_NO_NODE);
	if (node->flags & NODE_OVERLAY)
		return s->overlay_ifindex ? deliver_overlay(skb, p, r, v, s->overlay_ifindex)
					  : drop(skb, p, r, DROP_REASON_NO_NODE);
	if (s->lb_flags & LB_NODES && v->ifindex)
		return deliver_direct(skb, p, r, v);
	metrics_count(DIRECTION_EGRESS, DROP_REASON_NONE, skb->len);
	return TC_ACT_OK;
}
