/* SPDX-License-Identifier: GPL-2.0 */
/* What the datapath knows of one packet after parsing it once. */
#pragma once
#include <stdbool.h>
#include <linux/types.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "../abi/address.h"
#include "../abi/drop_reason.h"

enum l3_proto {
	L3_IPV4 = 0x0800,
	L3_ARP = 0x0806,
	L3_VLAN = 0x8100,
	L3_QINQ = 0x88a8,
	L3_IPV6 = 0x86dd,
};

enum l4_proto {
	L4_HOPOPTS = 0,
	L4_ICMP = 1,
	L4_TCP = 6,
	L4_UDP = 17,
	L4_ROUTING = 43,
	L4_FRAGMENT = 44,
	L4_ICMPV6 = 58,
	L4_NONE = 59,
	L4_DSTOPTS = 60,
	L4_SCTP = 132,
};

enum icmp_type {
	ICMP4_ECHO_REPLY = 0,
	ICMP4_UNREACHABLE = 3,
	ICMP4_FRAG_NEEDED_CODE = 4,
	ICMP4_ECHO_REQUEST = 8,
	ICMP4_TIME_EXCEEDED = 11,
	ICMP4_PARAMETER_PROBLEM = 12,
	ICMP6_UNREACHABLE = 1,
	ICMP6_PACKET_TOO_BIG = 2,
	ICMP6_TIME_EXCEEDED = 3,
	ICMP6_PARAMETER_PROBLEM = 4,
	ICMP6_ECHO_REQUEST = 128,
	ICMP6_ECHO_REPLY = 129,
	ICMP6_ROUTER_SOLICITATION = 133,
	ICMP6_NEIGHBOUR_SOLICITATION = 135,
	ICMP6_NEIGHBOUR_ADVERTISEMENT = 136,
	ICMP6_REDIRECT = 137,
};

enum tcp_flag {
	TCP_FIN = 1,
	TCP_SYN = 2,
	TCP_RST = 4,
	TCP_ACK = 16,
	TCP_URG = 32,
};

enum packet_flag {
	PACKET_IPV6 = 1,
	PACKET_FIRST_FRAGMENT = 2,
	PACKET_LATER_FRAGMENT = 4,
	PACKET_ICMP_ERROR = 8, /* carries the head of another packet */
	PACKET_ICMP_PMTU = 16, /* "fragmentation needed", "packet too big" */
	PACKET_ICMP_REPLY = 32, /* echo reply: never opens a flow */
	PACKET_ICMP_OTHER = 64, /* ICMP that is judged packet by packet, without conntrack */
	PACKET_NEIGHBOUR = 128, /* neighbour discovery */
	PACKET_HANDED_OVER = 256, /* it came in at another node, which handed it over (hand_over.h) */
};

struct packet {
	/* Aligned: copied by halves, not by words. */
	struct ip_addr src __attribute__((aligned(8)));
	struct ip_addr dst __attribute__((aligned(8)));
	__be16 sport; /* ICMP echo: the id, in both */
	__be16 dport;
	__be16 policy_port; /* what policy looks at: dport; ICMP: type << 8 | code */
	__u8 protocol;	    /* enum l4_proto */
	__u8 tcp_flags; /* 0 where no TCP header is: other protocols, later fragments */
	__u16 flags; /* enum packet_flag */
	__u16 l4_off;
	union {
		__be32 frag_id; /* of a fragment */
		__u32 ack;	/* of a whole TCP packet, if tcp_flags has it */
	};
	__u32 seq; /* TCP */
	union {
		__u32 length;  /* from the transport header on */
		__u32 seq_end; /* TCP: behind what the packet carries, SYN and FIN included */
	};
};

static __always_inline bool ip_addr_equal(const struct ip_addr *a, const struct ip_addr *b)
{
	return a->word[3] == b->word[3] && a->word[2] == b->word[2] && a->word[1] == b->word[1] &&
	       a->word[0] == b->word[0];
}

/* By halves, wherever they lie in a packet or a map: the compiler would copy by words. */
static __always_inline void ip_addr_copy(void *to, const void *from)
{
	__u64 high = ((const __u64 *)from)[0], low = ((const __u64 *)from)[1];

	((__u64 *)to)[0] = high;
	((__u64 *)to)[1] = low;
}

static __always_inline void ip_addr_set_v4(struct ip_addr *a, __be32 v4)
{
	a->word[0] = 0;
	a->word[1] = 0;
	a->word[2] = bpf_htonl(0xffff);
	a->word[3] = v4;
}

static __always_inline bool ip_addr_is_v4(const struct ip_addr *a)
{
	return !a->word[0] && !a->word[1] && a->word[2] == bpf_htonl(0xffff);
}

static __always_inline bool packet_is_icmp(const struct packet *p)
{
	return p->protocol == L4_ICMP || p->protocol == L4_ICMPV6;
}

/* Multicast, and for IPv4 broadcast and "this network" too. */
static __always_inline bool packet_is_multicast(const struct packet *p)
{
	if (p->flags & PACKET_IPV6)
		return (p->dst.word[0] & bpf_htonl(0xff000000)) == bpf_htonl(0xff000000);
	return (p->dst.word[3] & bpf_htonl(0xf0000000)) == bpf_htonl(0xe0000000) ||
	       p->dst.word[3] == bpf_htonl(0xffffffff) || p->dst.word[3] == 0;
}
