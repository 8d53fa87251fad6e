/* SPDX-License-Identifier: GPL-2.0 */
/* Answering a packet that is not TCP's with ICMP "administratively prohibited" (RFC 1812 §5.2.7.1, RFC 4443
 * §3.1). The packet becomes the answer, and what it was is quoted in it. */
#pragma once
#include <linux/bpf.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include "parse.h"
#include "turn_round.h"

enum prohibited {
	PROHIBITED_CODE4 = 13,
	PROHIBITED_CODE6 = 1,
	PROHIBITED_QUOTE = 8, /* bytes behind the quoted header: ports, or an echo's number */
};

struct prohibited4 {
	struct iphdr ip;
	struct icmp_head icmp;
	struct iphdr quoted;
	__u8 quote[PROHIBITED_QUOTE];
};

struct prohibited6 {
	struct ipv6hdr ip;
	struct icmp_head icmp;
	struct ipv6hdr quoted;
	__u8 quote[PROHIBITED_QUOTE];
};

/* Cuts the packet down to what is quoted, and makes room for the answer's headers before it. */
static __always_inline bool prohibited_make_room(struct __sk_buff *skb, __u32 quote, __u32 headers)
{
	return skb->len >= ETH_HLEN + quote && !bpf_skb_change_tail(skb, ETH_HLEN + quote, 0) &&
	       !bpf_skb_adjust_room(skb, (__s32)headers, BPF_ADJ_ROOM_MAC, 0) &&
	       !bpf_skb_pull_data(skb, ETH_HLEN + headers + quote);
}

/* "from": whose words these are. */
static __always_inline bool prohibited_answer4(struct __sk_buff *skb, const struct ip_addr *from)
{
	const __u32 headers = sizeof(struct iphdr) + sizeof(struct icmp_head);
	struct prohibited4 *frame;
	struct ethhdr *eth;

	if (!prohibited_make_room(skb, sizeof(*frame) - headers, headers))
		return false;
	eth = PARSE_AT(skb, 0, struct ethhdr);
	frame = PARSE_AT(skb, ETH_HLEN, struct prohibited4);
	if (!eth || !frame)
		return false;
	turn_round_link(eth);
	__builtin_memset(frame, 0, headers);
	*(__u8 *)&frame->ip = ANSWER_IPV4_HEAD;
	frame->ip.tot_len = bpf_htons(sizeof(*frame));
	frame->ip.ttl = ANSWER_TTL;
	frame->ip.protocol = L4_ICMP;
	frame->ip.saddr = from->word[3];
	frame->ip.daddr = frame->quoted.saddr;
	frame->ip.check =
	    answer_checksum(bpf_csum_diff(0, 0, (__be32 *)&frame->ip, sizeof(frame->ip), 0));
	frame->icmp.type = ICMP4_UNREACHABLE;
	frame->icmp.code = PROHIBITED_CODE4;
	frame->icmp.checksum = answer_checksum(
	    bpf_csum_diff(0, 0, (__be32 *)&frame->icmp, sizeof(*frame) - sizeof(frame->ip), 0));
	return true;
}

static __always_inline bool prohibited_answer6(struct __sk_buff *skb, const struct ip_addr *from)
{
	const __u32 headers = sizeof(struct ipv6hdr) + sizeof(struct icmp_head);
	const __u32 length = sizeof(struct prohibited6) - sizeof(struct ipv6hdr);
	struct prohibited6 *frame;
	struct ethhdr *eth;
	__be32 tail[2] = {bpf_htonl(length), bpf_htonl(L4_ICMPV6)};
	struct ip_addr to;
	__s64 sum;

	if (!prohibited_make_room(skb, sizeof(*frame) - headers, headers))
		return false;
	eth = PARSE_AT(skb, 0, struct ethhdr);
	frame = PARSE_AT(skb, ETH_HLEN, struct prohibited6);
	if (!eth || !frame)
		return false;
	turn_round_link(eth);
	__builtin_memcpy(&to, &frame->quoted.saddr, sizeof(to));
	__builtin_memset(frame, 0, headers);
	*(__u8 *)&frame->ip = ANSWER_IPV6_HEAD;
	frame->ip.payload_len = bpf_htons(length);
	frame->ip.nexthdr = L4_ICMPV6;
	frame->ip.hop_limit = ANSWER_TTL;
	__builtin_memcpy(&frame->ip.saddr, from, sizeof(*from));
	__builtin_memcpy(&frame->ip.daddr, &to, sizeof(to));
	frame->icmp.type = ICMP6_UNREACHABLE;
	frame->icmp.code = PROHIBITED_CODE6;
	sum = bpf_csum_diff(0, 0, (__be32 *)&frame->icmp, length, 0);
	sum = bpf_csum_diff(0, 0, (__be32 *)from, sizeof(*from), (__wsum)sum);
	sum = bpf_csum_diff(0, 0, (__be32 *)&to, sizeof(to), (__wsum)sum);
	sum = bpf_csum_diff(0, 0, tail, sizeof(tail), (__wsum)sum);
	frame->icmp.checksum = answer_checksum(sum);
	return true;
}

/* Turns the packet into that answer, from the address given. False: nobody may be answered (RFC 1122 §3.2.2,
 * RFC 4443 §2.4), or it could not be done; the packet is of no use any more. */
__noinline int prohibited_answer(struct __sk_buff *skb, const struct packet *p,
				 const struct ip_addr *from)
{
	struct ip_addr own;

	if (!p || !from || p->protocol == L4_TCP ||
	    p->flags & (PACKET_FIRST_FRAGMENT | PACKET_LATER_FRAGMENT | PACKET_ICMP_ERROR |
			PACKET_ICMP_REPLY | PACKET_NEIGHBOUR))
		return false;
	own = *from;
	return p->flags & PACKET_IPV6 ? prohibited_answer6(skb, &own) : prohibited_answer4(skb, &own);
}
