/* SPDX-License-Identifier: GPL-2.0 */
/* Answering a TCP packet with a reset (RFC 9293 §3.5.2), so that its sender learns at once that there is no
 * connection. The packet becomes its own answer: from the address that it was sent to, whatever a service
 * would have made of that. */
#pragma once
#include <linux/bpf.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include "parse.h"
#include "turn_round.h"

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

enum reset_field {
	RESET_OFFSET = sizeof(struct tcp_reset) / 4 << 4,
};

/* Makes the header its answer; "length" is what the packet carries, its header included, "sum" that of the
 * pseudo header. */
static __always_inline void reset_fill(struct tcp_reset *tcp, __u32 length, __s64 sum)
{
	__u32 carried = length - (tcp->offset >> 4) * 4;
	__be32 seq = tcp->seq;
	__be16 port = tcp->source;

	tcp->source = tcp->dest;
	tcp->dest = port;
	if (tcp->flags & TCP_ACK) {
		tcp->seq = tcp->ack_seq;
		tcp->ack_seq = 0;
		tcp->flags = TCP_RST;
	} else {
		carried += !!(tcp->flags & TCP_SYN) + !!(tcp->flags & TCP_FIN);
		tcp->seq = 0;
		tcp->ack_seq = bpf_htonl(bpf_ntohl(seq) + carried);
		tcp->flags = TCP_RST | TCP_ACK;
	}
	tcp->offset = RESET_OFFSET;
	tcp->window = 0;
	tcp->checksum = 0;
	tcp->urgent = 0;
	sum = bpf_csum_diff(0, 0, (__be32 *)tcp, sizeof(*tcp), (__wsum)sum);
	tcp->checksum = answer_checksum(sum);
}

/* False: it is no packet that a reset answers. */
static __always_inline bool reset_answer4(struct __sk_buff *skb)
{
	struct reset4 *frame = PARSE_AT(skb, ETH_HLEN, struct reset4);
	struct ethhdr *eth;
	__be32 words[3];
	__u32 length;

	if (!frame)
		return false;
	length = bpf_ntohs(frame->ip.tot_len) - sizeof(frame->ip);
	if (bpf_skb_change_tail(skb, ETH_HLEN + sizeof(*frame), 0))
		return false;
	eth = PARSE_AT(skb, 0, struct ethhdr);
	frame = PARSE_AT(skb, ETH_HLEN, struct reset4);
	if (!eth || !frame)
		return false;
	turn_round_link(eth);
	words[0] = frame->ip.daddr;
	words[1] = frame->ip.saddr;
	words[2] = bpf_htonl(L4_TCP << 16 | sizeof(frame->tcp));
	__builtin_memset(&frame->ip, 0, sizeof(frame->ip));
	*(__u8 *)&frame->ip = ANSWER_IPV4_HEAD;
	frame->ip.tot_len = bpf_htons(sizeof(*frame));
	frame->ip.ttl = ANSWER_TTL;
	frame->ip.protocol = L4_TCP;
	frame->ip.saddr = words[0];
	frame->ip.daddr = words[1];
	frame->ip.check =
	    answer_checksum(bpf_csum_diff(0, 0, (__be32 *)&frame->ip, sizeof(frame->ip), 0));
	reset_fill(&frame->tcp, length, bpf_csum_diff(0, 0, words, sizeof(words), 0));
	return true;
}

static __always_inline bool reset_answer6(struct __sk_buff *skb)
{
	struct reset6 *frame = PARSE_AT(skb, ETH_HLEN, struct reset6);
	struct ethhdr *eth;
	__be32 words[10];
	__u32 length;

	if (!frame)
		return false;
	length = bpf_ntohs(frame->ip.payload_len);
	if (bpf_skb_change_tail(skb, ETH_HLEN + sizeof(*frame), 0))
		return false;
	eth = PARSE_AT(skb, 0, struct ethhdr);
	frame = PARSE_AT(skb, ETH_HLEN, struct reset6);
	if (!eth || !frame)
		return false;
	turn_round_link(eth);
	__builtin_memcpy(words, &frame->ip.daddr, 16);
	__builtin_memcpy(words + 4, &frame->ip.saddr, 16);
	words[8] = bpf_htonl(sizeof(struct tcp_reset));
	words[9] = bpf_htonl(L4_TCP);
	__builtin_memset(&frame->ip, 0, sizeof(frame->ip));
	*(__u8 *)&frame->ip = ANSWER_IPV6_HEAD;
	frame->ip.payload_len = bpf_htons(sizeof(frame->tcp));
	frame->ip.nexthdr = L4_TCP;
	frame->ip.hop_limit = ANSWER_TTL;
	__builtin_memcpy(&frame->ip.saddr, words, 16);
	__builtin_memcpy(&frame->ip.daddr, words + 4, 16);
	reset_fill(&frame->tcp, length, bpf_csum_diff(0, 0, words, sizeof(words), 0));
	return true;
}

/* Turns the packet into its reset. False: it is no packet that a reset answers; it is unchanged or
 * of no use any more. */
__noinline int reset_answer(struct __sk_buff *skb, const struct packet *p)
{
	if (!p || p->protocol != L4_TCP || p->tcp_flags & TCP_RST ||
	    p->flags & (PACKET_FIRST_FRAGMENT | PACKET_LATER_FRAGMENT))
		return false;
	return p->flags & PACKET_IPV6 ? reset_answer6(skb) : reset_answer4(skb);
}
