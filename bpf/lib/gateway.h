/* SPDX-License-Identifier: GPL-2.0 */
/* The gateway's answer to ARP (RFC 826) and neighbour solicitation (RFC 4861 §7.2). Both turn the
 * question into the answer in place and send it back. */
#pragma once
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include "config.h"
#include "identity.h"
#include "link.h"
#include "parse.h"

struct arp_ipv4 {
	__be16 hardware;
	__be16 protocol;
	__u8 hardware_len;
	__u8 protocol_len;
	__be16 operation;
	__u8 sender_mac[ETH_ALEN];
	__u8 sender_ip[4];
	__u8 target_mac[ETH_ALEN];
	__u8 target_ip[4];
};

struct arp_frame {
	struct ethhdr eth;
	struct arp_ipv4 arp;
};

enum arp_operation {
	ARP_REQUEST = 1,
	ARP_REPLY = 2,
};

static __always_inline __be32 arp_word(const __u8 *bytes)
{
	__be32 word;

	__builtin_memcpy(&word, bytes, sizeof(word));
	return word;
}

/* Turns the request for the gateway into its reply, or says why not. */
__noinline enum drop_reason arp_answer(struct __sk_buff *skb)
{
	const volatile struct endpoint_config *c = &endpoint_config;
	struct arp_frame *frame = PARSE_AT(skb, 0, struct arp_frame);
	struct arp_ipv4 *arp;
	__be32 sender, target;

	if (!frame)
		return DROP_REASON_TRUNCATED;
	arp = &frame->arp;
	sender = arp_word(arp->sender_ip);
	target = arp_word(arp->target_ip);
	if (arp->hardware != bpf_htons(1) || arp->protocol != bpf_htons(L3_IPV4) ||
	    arp->hardware_len != ETH_ALEN || arp->protocol_len != 4 ||
	    arp->operation != bpf_htons(ARP_REQUEST) || !mac_equal(arp->sender_mac, c->mac))
		return DROP_REASON_ARP;
	if (target != c->gateway4.word[3] || target == 0)
		return DROP_REASON_ARP;
	if (sender != c->ipv4.word[3] && sender != 0) {
		struct ip_addr claimed = {.word = {0, 0, bpf_htonl(0xffff), sender}};

		if (identity_claimant(&claimed) != c->endpoint_id)
			return DROP_REASON_ARP;
	}
	arp->operation = bpf_htons(ARP_REPLY);
	mac_copy(arp->target_mac, c->mac);
	mac_copy(arp->sender_mac, c->gateway_mac);
	__builtin_memcpy(arp->target_ip, &sender, sizeof(sender));
	__builtin_memcpy(arp->sender_ip, &target, sizeof(target));
	mac_copy(frame->eth.h_dest, c->mac);
	mac_copy(frame->eth.h_source, c->gateway_mac);
	return DROP_REASON_NONE;
}

static __always_inline void gateway_address(bool v6, struct ip_addr *gateway)
{
	const volatile struct endpoint_config *c = &endpoint_config;
	const volatile struct ip_addr *from = v6 ? &c->gateway6 : &c->gateway4;

	gateway->word[0] = from->word[0];
	gateway->word[1] = from->word[1];
	gateway->word[2] = from->word[2];
	gateway->word[3] = from->word[3];
}

struct neighbour_message {
	__u8 type;
	__u8 code;
	__be16 checksum;
	__be32 flags;
	struct ip_addr target;
	__u8 option_type;
	__u8 option_len; /* in units of 8 bytes */
	__u8 option_mac[ETH_ALEN];
};

struct neighbour_frame {
	struct ethhdr eth;
	struct ipv6hdr ip;
	struct neighbour_message message;
} __attribute__((packed));

enum neighbour_constant {
	NEIGHBOUR_SOLICITED_OVERRIDE = 0x60000000,
	NEIGHBOUR_TARGET_MAC = 2,
	NEIGHBOUR_HOP_LIMIT = 255, /* RFC 4861 §7.1.1: nobody forwarded it */
	NEIGHBOUR_FRAME = sizeof(struct neighbour_frame),
	NEIGHBOUR_NO_OPTION = NEIGHBOUR_FRAME - 8,
};

static __always_inline __be16 neighbour_checksum(const struct ip_addr *src,
						 const struct ip_addr *dst,
						 struct neighbour_message *message)
{
	__be32 tail[2] = {bpf_htonl(sizeof(*message)), bpf_htonl(L4_ICMPV6)};
	__s64 sum = bpf_csum_diff(0, 0, (__be32 *)src, sizeof(*src), 0);

	sum = bpf_csum_diff(0, 0, (__be32 *)dst, sizeof(*dst), (__wsum)sum);
	sum = bpf_csum_diff(0, 0, tail, sizeof(tail), (__wsum)sum);
	sum = bpf_csum_diff(0, 0, (__be32 *)message, sizeof(*message), (__wsum)sum);
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__be16)~sum;
}

/* Turns the solicitation for the gateway into its advertisement, or says why not. */
__noinline enum drop_reason neighbour_answer(struct __sk_buff *skb, const struct packet *p)
{
	const volatile struct endpoint_config *c = &endpoint_config;
	struct ip_addr gateway, asker, target;
	struct neighbour_message message = {};
	struct neighbour_frame *frame;
	bool own, link_local;

	if (!p)
		return DROP_REASON_MALFORMED;

	gateway_address(true, &gateway);
	asker = p->src;
	own = (asker.word[0] == c->ipv6.word[0] && asker.word[1] == c->ipv6.word[1] &&
	       asker.word[2] == c->ipv6.word[2] && asker.word[3] == c->ipv6.word[3]) ||
	      identity_claimant(&asker) == c->endpoint_id;
	link_local = (asker.word[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000);
	if (p->policy_port != bpf_htons(ICMP6_NEIGHBOUR_SOLICITATION << 8) ||
	    !(own || link_local) || !gateway.word[0])
		return DROP_REASON_NEIGHBOUR;
	if (skb->len < NEIGHBOUR_NO_OPTION || p->l4_off != ETH_HLEN + sizeof(struct ipv6hdr))
		return DROP_REASON_TRUNCATED;
	if (skb->len != NEIGHBOUR_FRAME && bpf_skb_change_tail(skb, NEIGHBOUR_FRAME, 0))
		return DROP_REASON_NEIGHBOUR;
	bpf_skb_pull_data(skb, NEIGHBOUR_FRAME);
	frame = PARSE_AT(skb, 0, struct neighbour_frame);
	if (!frame)
		return DROP_REASON_TRUNCATED;
	target = frame->message.target;
	if (frame->ip.hop_limit != NEIGHBOUR_HOP_LIMIT || !ip_addr_equal(&target, &gateway))
		return DROP_REASON_NEIGHBOUR;
	message.type = ICMP6_NEIGHBOUR_ADVERTISEMENT;
	message.flags = bpf_htonl(NEIGHBOUR_SOLICITED_OVERRIDE);
	message.target = gateway;
	message.option_type = NEIGHBOUR_TARGET_MAC;
	message.option_len = 1;
	/* No word lies there: mac_copy. */
#pragma unroll
	for (int i = 0; i < ETH_ALEN; i++)
		message.option_mac[i] = c->gateway_mac[i];
	message.checksum = neighbour_checksum(&gateway, &asker, &message);
	frame->message = message;
	frame->ip.payload_len = bpf_htons(sizeof(message));
	__builtin_memcpy(&frame->ip.daddr, &asker, sizeof(asker));
	__builtin_memcpy(&frame->ip.saddr, &gateway, sizeof(gateway));
	mac_copy(frame->eth.h_dest, c->mac);
	mac_copy(frame->eth.h_source, c->gateway_mac);
	return DROP_REASON_NONE;
}

