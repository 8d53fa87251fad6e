/* SPDX-License-Identifier: GPL-2.0 */
/* What an endpoint's program says of itself to those of all endpoints that a packet goes on in: which endpoint the
 * packet is at, and its gateway. It lies in the packet's control block, of which each place is written before. */
#pragma once
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "../abi/address.h"

static __always_inline void own_say(struct __sk_buff *skb, __u32 endpoint_id,
				    const volatile struct ip_addr *gateway)
{
	skb->cb[0] = endpoint_id;
	skb->cb[1] = gateway->word[0];
	skb->cb[2] = gateway->word[1];
	skb->cb[3] = gateway->word[2];
	skb->cb[4] = gateway->word[3];
}

static __always_inline __u32 own_endpoint(const struct __sk_buff *skb)
{
	return skb->cb[0];
}

/* Of the packet's family; all zero: there is none. */
static __always_inline void own_gateway(const struct __sk_buff *skb, struct ip_addr *gateway)
{
	gateway->word[0] = skb->cb[1];
	gateway->word[1] = skb->cb[2];
	gateway->word[2] = skb->cb[3];
	gateway->word[3] = skb->cb[4];
}
