/* SPDX-License-Identifier: GPL-2.0 */
/* What makes a packet its own answer: whoever sent it gets it back. */
#pragma once
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <bpf/bpf_helpers.h>
#include "link.h"

enum answer_field {
	ANSWER_TTL = 64,
	ANSWER_IPV4_HEAD = 0x45,
	ANSWER_IPV6_HEAD = 0x60,
};

static __always_inline void turn_round_link(struct ethhdr *eth)
{
	__u8 sender[ETH_ALEN] __attribute__((aligned(4)));

	mac_copy(sender, eth->h_source);
	mac_copy(eth->h_source, eth->h_dest);
	mac_copy(eth->h_dest, sender);
}

/* Sends the answer straight into the container that the packet came from: the way out through the veth would meet
 * weir_to_ep, which lets no ARP and no neighbour discovery pass. */
static __always_inline int answer_send(struct __sk_buff *skb)
{
	bpf_skb_change_type(skb, PACKET_HOST);
	return (int)bpf_redirect_peer(skb->ifindex, 0);
}

/* The checksum of what was summed up in steps. */
static __always_inline __be16 answer_checksum(__s64 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__be16)~sum;
}
