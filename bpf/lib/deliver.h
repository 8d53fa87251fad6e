/* SPDX-License-Identifier: GPL-2.0 */
/* Step 7 for a local receiver: straight into its container, past the host's stack. */
#pragma once
#include <linux/if_ether.h>
#include "flow.h"
#include "headers.h"
#include "link.h"

static __always_inline int deliver_local(struct __sk_buff *skb, const struct packet *p,
					 const struct report *r, __u32 endpoint)
{
	struct endpoint_entry *to = endpoint_of(endpoint);
	struct ethhdr *eth = PARSE_AT(skb, 0, struct ethhdr);

	if (!to)
		return drop(skb, p, r, DROP_REASON_NO_ENDPOINT);
	if (!eth)
		return TC_ACT_SHOT;
	metrics_count(r->direction, DROP_REASON_NONE, skb->len);
	mac_copy(eth->h_dest, to->mac);
	mac_copy(eth->h_source, to->gateway_mac);
	return (int)bpf_redirect_peer(to->ifindex, 0);
}
