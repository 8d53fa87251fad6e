/* SPDX-License-Identifier: GPL-2.0 */
/* Step 7 for a receiver on this host: straight into its container, past the host's stack, or to a socket
 * of the proxy's. */
#pragma once
#include <linux/if_ether.h>
#include "flow.h"
#include "headers.h"
#include "link.h"
#include "proxy.h"

/* The same in every network namespace. */
#define LOOPBACK_IFINDEX 1

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

/* To the host's stack, marked, as if it came by loopback. */
static __always_inline int deliver_proxy(struct __sk_buff *skb, const struct packet *p,
					 const struct report *r)
{
	struct ethhdr *eth = PARSE_AT(skb, 0, struct ethhdr);

	if (!proxy_listens(p))
		return drop(skb, p, r, DROP_REASON_PROXY_UNAVAILABLE);
	if (!eth)
		return TC_ACT_SHOT;
	metrics_count(r->direction, DROP_REASON_NONE, skb->len);
	/* Loopback's own: the stack would take it for another host's. */
	__builtin_memset(eth->h_dest, 0, ETH_ALEN);
	skb->mark = MARK_TO_PROXY;
	return (int)bpf_redirect(LOOPBACK_IFINDEX, BPF_F_INGRESS);
}
