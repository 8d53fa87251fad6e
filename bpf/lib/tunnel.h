/* SPDX-License-Identifier: GPL-2.0 */
/* Sending by the overlay's device: VXLAN that carries the sender's identity for a network's number. */
#pragma once
#include "../abi/proxy.h"
#include "node.h"
#include "packet.h"

enum tunnel_field {
	TUNNEL_HOPS = 64,
};

/* Says to which node the overlay's device shall send the packet, and who its sender is. Not cut on its way: what is
 * too long was told so. False: that node is not known. */
static __noinline bool tunnel_address(struct __sk_buff *skb, __u32 id, __u32 identity)
{
	struct bpf_tunnel_key key = {.tunnel_id = identity, .tunnel_ttl = TUNNEL_HOPS};
	struct node_entry *node = node_of(id), *self = node_of(NODE_SELF);

	if (!node)
		return false;
	if (ip_addr_is_v4(&node->addr)) {
		key.remote_ipv4 = bpf_ntohl(node->addr.word[3]);
		/* Else the route says it. */
		if (self && ip_addr_is_v4(&self->addr))
			key.local_ipv4 = bpf_ntohl(self->addr.word[3]);
		return !bpf_skb_set_tunnel_key(skb, &key, sizeof(key),
					       BPF_F_ZERO_CSUM_TX | BPF_F_DONT_FRAGMENT);
	}
	__builtin_memcpy(key.remote_ipv6, &node->addr, sizeof(node->addr));
	if (self && !ip_addr_is_v4(&self->addr))
		__builtin_memcpy(key.local_ipv6, &self->addr, sizeof(self->addr));
	return !bpf_skb_set_tunnel_key(skb, &key, sizeof(key),
				       BPF_F_TUNINFO_IPV6 | BPF_F_ZERO_CSUM_TX | BPF_F_DONT_FRAGMENT);
}

/* Sends a packet to a node by the overlay's device. */
static __always_inline int tunnel_send(struct __sk_buff *skb, __u32 ifindex)
{
	skb->mark = MARK_OVERLAY;
	return (int)bpf_redirect(ifindex, 0);
}
