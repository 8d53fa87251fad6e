/* SPDX-License-Identifier: GPL-2.0 */
/* How nodes measure the way by the overlay: ICMP echo from a node's own address to this one's, which goes no further than
 * here. The host's stack would answer by its routes, and would take nothing from a node's address that comes by another
 * device than the routes' (rp_filter). The agent sends the question by the overlay's device, and reads in weir_node_echo
 * what came. */
#pragma once
#include <linux/bpf.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include "node.h"
#include "parse.h"
#include "turn_round.h"

struct node_echo_message {
	struct icmp_head icmp;
	__be64 asked;
} __attribute__((packed));

struct node_echo4 {
	struct iphdr ip;
	struct node_echo_message message;
};

struct node_echo6 {
	struct ipv6hdr ip;
	struct node_echo_message message;
};

static __always_inline bool node_echo_is(const struct packet *p, __u8 type4, __u8 type6)
{
	return p->flags & PACKET_IPV6
		   ? p->protocol == L4_ICMPV6 && p->policy_port == bpf_htons((__u16)(type6 << 8))
		   : p->protocol == L4_ICMP && p->policy_port == bpf_htons((__u16)(type4 << 8));
}

/* Is it a question from a node's own address to this one's, or the answer to this one's? */
static __noinline bool node_echo_ends(const struct packet *p, __u32 node)
{
	return p && node_has(node, &p->src) && node_has(NODE_SELF, &p->dst);
}

static __always_inline void node_echo_heard(__u32 node, __be64 asked)
{
	struct node_echo *echo = bpf_map_lookup_elem(&weir_node_echo, &node);

	if (!echo)
		return;
	echo->answered_ns = bpf_ktime_get_ns();
	echo->asked = bpf_be64_to_cpu(asked);
}

/* RFC 1624: the checksum with another type. */
static __always_inline void node_echo_turn(struct icmp_head *icmp, __u8 type)
{
	__be16 before = *(__be16 *)icmp;

	icmp->type = type;
	icmp->checksum = answer_checksum((__s64)(__u16)~icmp->checksum + (__u16)~before +
					 *(__be16 *)icmp);
}

static __always_inline bool node_echo_take4(struct __sk_buff *skb, bool question, __u32 node)
{
	struct node_echo4 *frame = PARSE_AT(skb, ETH_HLEN, struct node_echo4);
	__be32 asker;

	if (!frame)
		return false;
	if (!question) {
		node_echo_heard(node, frame->message.asked);
		return false;
	}
	asker = frame->ip.saddr;
	frame->ip.saddr = frame->ip.daddr;
	frame->ip.daddr = asker;
	node_echo_turn(&frame->message.icmp, ICMP4_ECHO_REPLY);
	return true;
}

static __always_inline bool node_echo_take6(struct __sk_buff *skb, bool question, __u32 node)
{
	struct node_echo6 *frame = PARSE_AT(skb, ETH_HLEN, struct node_echo6);
	struct in6_addr asker;

	if (!frame)
		return false;
	if (!question) {
		node_echo_heard(node, frame->message.asked);
		return false;
	}
	asker = frame->ip.saddr;
	frame->ip.saddr = frame->ip.daddr;
	frame->ip.daddr = asker;
	node_echo_turn(&frame->message.icmp, ICMP6_ECHO_REPLY);
	return true;
}

/* Notes an answer, turns a question into one. True: it is to be sent back. */
static __noinline bool node_echo_take(struct __sk_buff *skb, const struct packet *p, __u32 node)
{
	struct ethhdr *eth = PARSE_AT(skb, 0, struct ethhdr);
	bool question;

	if (!p || !eth)
		return false;
	question = node_echo_is(p, ICMP4_ECHO_REQUEST, ICMP6_ECHO_REQUEST);
	if (!question && !node_echo_is(p, ICMP4_ECHO_REPLY, ICMP6_ECHO_REPLY))
		return false;
	if (question)
		turn_round_link(eth);
	/* With options, which nobody sends, the headers are longer. */
	if (p->flags & PACKET_IPV6)
		return p->l4_off == ETH_HLEN + sizeof(struct ipv6hdr) &&
		       node_echo_take6(skb, question, node);
	return p->l4_off == ETH_HLEN + sizeof(struct iphdr) && node_echo_take4(skb, question, node);
}
