/* SPDX-License-Identifier: GPL-2.0 */
/* Answering a container's TCP packet with a reset (RFC 9293 §3.5.2), so that it learns at once that
 * its connection is over. The packet becomes its own answer. */
#pragma once
#include <linux/ip.h>
#include "gateway.h"

struct tcp_reset {
	__be16 source;
	__be16 dest;
	__be32 seq;
	__be32 ack_seq;
	__u8 offset;
	__u8 flags;
	__be16 window;
	__be16 checksum;
	__be16 urgent;
};

struct reset4 {
	struct iphdr ip;
	struct tcp_reset tcp;
};

struct reset6 {
	struct ipv6hdr ip;
	struct tcp_reset tcp;
};

enum reset_fields {
	RESET_OFFSET = sizeof(struct tcp_reset) / 4 << 4,
	RESET_TTL = 64,
	RESET_IPV4_HEAD = 0x45,
};

static __always_inline __be16 reset_fold(__s64 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__be16)~sum;
}

/* Fills the header for a packet that acknowledges "ack_seq"; "sum" is that of the pseudo header. */
static __always_inline void reset_fill(struct tcp_reset *tcp, const struct packet *p, __be32 ack_seq,
				       __s64 sum)
{
	tcp->source = p->dport;
	tcp->dest = p->sport;
	tcp->seq = ack_seq;
	tcp->ack_seq = 0;
	tcp->offset = RESET_OFFSET;
	tcp->flags = TCP_RST;
	tcp->window = 0;
	tcp->checksum = 0;
	tcp->urgent = 0;
	sum = bpf_csum_diff(0, 0, (__be32 *)tcp, sizeof(*tcp), (__wsum)sum);
	tcp->checksum = reset_fold(sum);
}

static __always_inline void reset_turn_link(struct ethhdr *eth)
{
	const volatile struct endpoint_config *c = &endpoint_config;

	mac_copy(eth->h_dest, c->mac);
	mac_copy(eth->h_source, c->gateway_mac);
}

/* False: it is no packet that a reset answers. */
static __always_inline bool reset_answer4(struct __sk_buff *skb, const struct packet *p)
{
	struct reset4 *frame = PARSE_AT(skb, ETH_HLEN, struct reset4);
	__be32 words[3] = {p->dst.word[3], p->src.word[3],
			   bpf_htonl(L4_TCP << 16 | sizeof(struct tcp_reset))};
	struct ethhdr *eth;

	if (!frame || bpf_skb_change_tail(skb, ETH_HLEN + sizeof(*frame), 0))
		return false;
	eth = PARSE_AT(skb, 0, struct ethhdr);
	frame = PARSE_AT(skb, ETH_HLEN, struct reset4);
	if (!eth || !frame)
		return false;
	reset_turn_link(eth);
	__builtin_memset(&frame->ip, 0, sizeof(frame->ip));
	*(__u8 *)&frame->ip = RESET_IPV4_HEAD;
	frame->ip.tot_len = bpf_htons(sizeof(*frame));
	frame->ip.ttl = RESET_TTL;
	frame->ip.protocol = L4_TCP;
	frame->ip.saddr = p->dst.word[3];
	frame->ip.daddr = p->src.word[3];
	frame->ip.check =
		reset_fold(bpf_csum_diff(0, 0, (__be32 *)&frame->ip, sizeof(frame->ip), 0));
	reset_fill(&frame->tcp, p, frame->tcp.ack_seq, bpf_csum_diff(0, 0, words, sizeof(words), 0));
	return true;
}

static __always_inline bool reset_answer6(struct __sk_buff *skb, const struct packet *p)
{
	struct reset6 *frame = PARSE_AT(skb, ETH_HLEN, struct reset6);
	__be32 words[10];
	struct ethhdr *eth;

	if (!frame || bpf_skb_change_tail(skb, ETH_HLEN + sizeof(*frame), 0))
		return false;
	eth = PARSE_AT(skb, 0, struct ethhdr);
	frame = PARSE_AT(skb, ETH_HLEN, struct reset6);
	if (!eth || !frame)
		return false;
	reset_turn_link(eth);
	__builtin_memset(&frame->ip, 0, sizeof(frame->ip));
	*(__u8 *)&frame->ip = 6 << 4;
	frame->ip.payload_len = bpf_htons(sizeof(frame->tcp));
	frame->ip.nexthdr = L4_TCP;
	frame->ip.hop_limit = RESET_TTL;
	__builtin_memcpy(&frame->ip.saddr, p->dst.word, sizeof(frame->ip.saddr));
	__builtin_memcpy(&frame->ip.daddr, p->src.word, sizeof(frame->ip.daddr));
	__builtin_memcpy(words, p->dst.word, sizeof(p->dst));
	__builtin_memcpy(words + 4, p->src.word, sizeof(p->src));
	words[8] = bpf_htonl(sizeof(struct tcp_reset));
	words[9] = bpf_htonl(L4_TCP);
	reset_fill(&frame->tcp, p, frame->tcp.ack_seq, bpf_csum_diff(0, 0, words, sizeof(words), 0));
	return true;
}

/* Turns the packet into its reset. False: it is no packet that a reset answers; it is unchanged or
 * of no use any more. */
__noinline int reset_answer(struct __sk_buff *skb, const struct packet *p)
{
	if (!p || p->protocol != L4_TCP || p->flags & (PACKET_FIRST_FRAGMENT | PACKET_LATER_FRAGMENT) ||
	    (p->tcp_flags & (TCP_RST | TCP_ACK)) != TCP_ACK)
		return false;
	return p->flags & PACKET_IPV6 ? reset_answer6(skb, p) : reset_answer4(skb, p);
}
