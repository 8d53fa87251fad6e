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

static __always_inline int deliver_node(struct __sk_buff *skb, const struct packet *p,
					const struct report *r, const struct ruling *v)
{
	struct node_entry *node = node_of(v->node);
	__u32 zero = 0, mtu;
	struct settings *s = bpf_map_lookup_elem(&weir_settings, &zero);

	if (!node || !s)
		return drop(skb, p, r, DROP_REASON_NO_NODE);
	if (!(node->flags & NODE_OVERLAY))
		goto by_stack;
	if (!s->overlay_ifindex)
		return drop(skb, p, r, DROP_REASON_NO_NODE);
	mtu = node_limit(skb, p, s->overlay_ifindex);
	if (mtu) {
		if (reply_may_be_cut(skb, p))
			goto by_stack;
		drop(skb, p, r, DROP_REASON_TOO_BIG);
		return reply_error_about(skb, p, mtu) ? gateway_send(skb) : TC_ACT_SHOT;
	}
	if (!tunnel_address(skb, v->node, node_sender(r)))
		return drop(skb, p, r, DROP_REASON_NO_NODE);
	metrics_count(DIRECTION_EGRESS, DROP_REASON_NONE, skb->len);
	return tunnel_send(skb, s->overlay_ifindex);
by_stack:
	metrics_count(DIRECTION_EGRESS, DROP_REASON_NONE, skb->len);
	return TC_ACT_OK;
}
