/* SPDX-License-Identifier: GPL-2.0 */
/* From bytes to struct packet. Each parser checks its own bounds and returns 0 or a drop reason. */
#pragma once
#include <linux/bpf.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include "headers.h"
#include "link.h"
#include "packet.h"

enum parse_limit {
	PARSE_HEADERS = 128, /* bytes made linear: every header read below lies within */
	PARSE_IPV4_PLAIN = 0x45, /* the first byte of a header without options */
	PARSE_TCP_LEAST = 20,
};

static __always_inline enum l3_proto l3_of(const struct __sk_buff *skb)
{
	return (enum l3_proto)bpf_ntohs((__be16)skb->protocol);
}

/* Whether the headers of an ordinary TCP segment are readable as they are. A sender of this host keeps a
 * segment's data in fragments behind them: pulling some of it would copy the head of each. */
static __always_inline bool parse_is_plain_tcp(struct __sk_buff *skb)
{
	if (l3_of(skb) == L3_IPV4) {
		struct iphdr *ip = PARSE_AT(skb, LINK_HEADER, struct iphdr);

		return ip && *(__u8 *)ip == PARSE_IPV4_PLAIN && ip->protocol == L4_TCP &&
		       PARSE_AT(skb, LINK_HEADER + sizeof(*ip), struct tcp_head);
	}
	if (l3_of(skb) == L3_IPV6) {
		struct ipv6hdr *ip = PARSE_AT(skb, LINK_HEADER, struct ipv6hdr);

		return ip && ip->nexthdr == L4_TCP && PARSE_AT(skb, LINK_HEADER + sizeof(*ip), struct tcp_head);
	}
	return false;
}

/* Makes the headers directly readable; a driver may leave them in fragments of the skb. */
static __always_inline void parse_pull(struct __sk_buff *skb)
{
	if ((void *)(long)skb->data + PARSE_HEADERS > (void *)(long)skb->data_end &&
	    skb->data_end - skb->data < skb->len && !parse_is_plain_tcp(skb))
		bpf_skb_pull_data(skb, skb->len < PARSE_HEADERS ? skb->len : PARSE_HEADERS);
}

/* An offset that was in memory is one of few constants. The verifier of Linux 6.1 does not know
 * that, and loses a comparison when the compiler adds to one copy and compares another. */
static __always_inline __u32 parse_bounded(__u32 offset)
{
	asm volatile("%0 &= 0xff" : "+r"(offset));
	return offset;
}

static __always_inline enum drop_reason parse_icmp(struct packet *p, const struct icmp_head *icmp)
{
	bool v6 = p->protocol == L4_ICMPV6;
	__u8 type = icmp->type;

	p->policy_port = bpf_htons((__u16)(type << 8 | icmp->code));
	p->sport = icmp->id;
	p->dport = icmp->id;
	if (type == (v6 ? ICMP6_ECHO_REQUEST : ICMP4_ECHO_REQUEST))
		return DROP_REASON_NONE;
	if (type == (v6 ? ICMP6_ECHO_REPLY : ICMP4_ECHO_REPLY)) {
		p->flags |= PACKET_ICMP_REPLY;
		return DROP_REASON_NONE;
	}
	if (v6) {
		if (type >= ICMP6_UNREACHABLE && type <= ICMP6_PARAMETER_PROBLEM)
			p->flags |= PACKET_ICMP_ERROR;
		else if (type >= ICMP6_ROUTER_SOLICITATION && type <= ICMP6_REDIRECT)
			p->flags |= PACKET_NEIGHBOUR;
		else
			p->flags |= PACKET_ICMP_OTHER;
		if (type == ICMP6_PACKET_TOO_BIG)
			p->flags |= PACKET_ICMP_PMTU;
		return DROP_REASON_NONE;
	}
	if (type == ICMP4_UNREACHABLE || type == ICMP4_TIME_EXCEEDED ||
	    type == ICMP4_PARAMETER_PROBLEM) {
		p->flags |= PACKET_ICMP_ERROR;
		if (type == ICMP4_UNREACHABLE && icmp->code == ICMP4_FRAG_NEEDED_CODE)
			p->flags |= PACKET_ICMP_PMTU;
	} else {
		p->flags |= PACKET_ICMP_OTHER;
	}
	return DROP_REASON_NONE;
}

static __always_inline __u32 parse_tcp_header(const struct tcp_head *tcp)
{
	return (tcp->offset >> 4) * 4;
}

/* "length" is that of the segment with its header. */
static __always_inline void parse_tcp(struct packet *p, const struct tcp_head *tcp, __u32 length)
{
	__u32 seq = bpf_ntohl(tcp->seq), carried = length - parse_tcp_header(tcp);
	__u8 flags = tcp->flags;

	p->sport = tcp->source;
	p->dport = tcp->dest;
	p->tcp_flags = flags;
	p->seq = seq;
	if (!(p->flags & PACKET_FIRST_FRAGMENT))
		p->ack = bpf_ntohl(tcp->ack_seq);
	if (flags & (TCP_SYN | TCP_FIN))
		carried += !!(flags & TCP_SYN) + !!(flags & TCP_FIN);
	p->seq_end = seq + carried;
}

/* RFC 9293 §3.1, 768, 9260 §3, 792, 4443. Protocols without ports keep 0 in them. */
static __always_inline enum drop_reason parse_l4(struct __sk_buff *skb, struct packet *p)
{
	__u32 offset = parse_bounded(p->l4_off);

	if (p->protocol == L4_TCP) {
		struct tcp_head *tcp = PARSE_AT(skb, offset, struct tcp_head);

		if (!tcp)
			return DROP_REASON_TRUNCATED;
		if (parse_tcp_header(tcp) < PARSE_TCP_LEAST)
			return DROP_REASON_MALFORMED;
		if (p->length < parse_tcp_header(tcp))
			return DROP_REASON_TRUNCATED;
		parse_tcp(p, tcp, p->length);
	} else if (p->protocol == L4_UDP || p->protocol == L4_SCTP) {
		/* Both headers are at least 8 bytes; read as ICMP's of the same length. */
		struct icmp_head *whole = PARSE_AT(skb, offset, struct icmp_head);
		struct ports *ports = (struct ports *)whole;

		if (!whole)
			return DROP_REASON_TRUNCATED;
		p->sport = ports->source;
		p->dport = ports->dest;
	} else if (packet_is_icmp(p)) {
		struct icmp_head *icmp = PARSE_AT(skb, offset, struct icmp_head);

		if (!icmp)
			return DROP_REASON_TRUNCATED;
		if ((p->protocol == L4_ICMPV6) != !!(p->flags & PACKET_IPV6))
			return DROP_REASON_MALFORMED;
		return parse_icmp(p, icmp);
	}
	p->policy_port = p->dport;
	return DROP_REASON_NONE;
}

static __always_inline enum drop_reason parse_ipv4(struct __sk_buff *skb, __u32 offset,
						   struct packet *p, bool inner)
{
	struct iphdr *ip = PARSE_AT(skb, offset, struct iphdr);
	__u32 length;
	__u8 head;

	if (!ip)
		return DROP_REASON_TRUNCATED;
	head = *(__u8 *)ip;
	if (head != PARSE_IPV4_PLAIN && (head >> 4 != 4 || head < PARSE_IPV4_PLAIN))
		return DROP_REASON_MALFORMED;
	length = bpf_ntohs(ip->tot_len);
	/* Many segments in one, more than the field can say (BIG TCP). */
	if (!length && !inner && skb->gso_size)
		length = skb->len - offset;
	if (length < sizeof(*ip))
		return DROP_REASON_MALFORMED;
	if (!inner && length + offset > skb->len)
		return DROP_REASON_TRUNCATED;
	p->flags = 0;
	p->length = length - sizeof(*ip);
	ip_addr_set_v4(&p->src, ip->saddr);
	ip_addr_set_v4(&p->dst, ip->daddr);
	if (head != PARSE_IPV4_PLAIN)
		return DROP_REASON_IP_OPTIONS;
	p->protocol = ip->protocol;
	p->l4_off = offset + sizeof(*ip);
	if (ip->frag_off & bpf_htons(IP_FRAGMENT_MASK | IP_MORE_FRAGMENTS)) {
		p->frag_id = ip->id;
		p->flags |= ip->frag_off & bpf_htons(IP_FRAGMENT_MASK) ? PACKET_LATER_FRAGMENT
								       : PACKET_FIRST_FRAGMENT;
	}
	return DROP_REASON_NONE;
}

static __always_inline enum drop_reason parse_ipv6(struct __sk_buff *skb, __u32 offset,
						   struct packet *p, bool inner)
{
	struct ipv6hdr *ip = PARSE_AT(skb, offset, struct ipv6hdr);
	__u32 behind = offset + sizeof(*ip);

	if (!ip)
		return DROP_REASON_TRUNCATED;
	if (ip->version != 6)
		return DROP_REASON_MALFORMED;
	p->length = bpf_ntohs(ip->payload_len);
	/* Many segments in one, more than the field can say (BIG TCP). */
	if (!p->length && !inner && skb->gso_size)
		p->length = skb->len - behind;
	if (!inner && p->length + behind > skb->len)
		return DROP_REASON_TRUNCATED;
	__builtin_memcpy(&p->src, &ip->saddr, sizeof(p->src));
	__builtin_memcpy(&p->dst, &ip->daddr, sizeof(p->dst));
	p->flags = PACKET_IPV6;
	p->protocol = ip->nexthdr;
	p->l4_off = behind;
	/* In IPv6 clothes they would be taken for the IPv4 ones (RFC 6890: not on the wire). */
	if (ip_addr_is_v4(&p->src) || ip_addr_is_v4(&p->dst))
		return DROP_REASON_MALFORMED;
	if (p->protocol == L4_HOPOPTS && !inner && skb->gso_size && !ip->payload_len) {
		struct ipv6_jumbo *jumbo = PARSE_AT(skb, behind, struct ipv6_jumbo);

		if (!jumbo)
			return DROP_REASON_TRUNCATED;
		if (jumbo->length || jumbo->option != IP6_JUMBO || bpf_ntohl(jumbo->payload) != p->length)
			return DROP_REASON_EXTENSION_HEADER;
		p->protocol = jumbo->next;
		p->l4_off = behind + sizeof(*jumbo);
		p->length -= sizeof(*jumbo);
	}
	if (p->protocol == L4_FRAGMENT) {
		struct ipv6_fragment *f = PARSE_AT(skb, behind, struct ipv6_fragment);
		__u16 fragment;

		if (!f)
			return DROP_REASON_TRUNCATED;
		fragment = bpf_ntohs(f->offset);
		p->protocol = f->next;
		p->l4_off = behind + sizeof(*f);
		p->length -= sizeof(*f);
		p->frag_id = f->id;
		if (fragment & IP6_FRAGMENT_MASK)
			p->flags |= PACKET_LATER_FRAGMENT;
		else if (fragment & IP6_MORE_FRAGMENTS)
			p->flags |= PACKET_FIRST_FRAGMENT;
	}
	if (p->protocol == L4_HOPOPTS || p->protocol == L4_ROUTING ||
	    p->protocol == L4_FRAGMENT || p->protocol == L4_DSTOPTS || p->protocol == L4_NONE)
		return DROP_REASON_EXTENSION_HEADER;
	return DROP_REASON_NONE;
}

struct plain_head {
	struct iphdr ip;
	struct tcp_head tcp;
};

/* Most packets: TCP over IPv4, whole and without options, read at once. False: nothing was read, and what is
 * wrong with the packet, if anything, comes out step by step. */
static __always_inline bool parse_plain(struct __sk_buff *skb, struct packet *p)
{
	struct plain_head *head = PARSE_AT(skb, LINK_HEADER, struct plain_head);
	__u32 length, header;

	if (!head || *(__u8 *)&head->ip != PARSE_IPV4_PLAIN || head->ip.protocol != L4_TCP ||
	    head->ip.frag_off & bpf_htons(IP_FRAGMENT_MASK | IP_MORE_FRAGMENTS))
		return false;
	length = bpf_ntohs(head->ip.tot_len);
	header = parse_tcp_header(&head->tcp);
	if (header < PARSE_TCP_LEAST || length < sizeof(head->ip) + header || length + LINK_HEADER > skb->len)
		return false;
	p->flags = 0;
	p->protocol = L4_TCP;
	p->l4_off = LINK_HEADER + sizeof(head->ip);
	ip_addr_set_v4(&p->src, head->ip.saddr);
	ip_addr_set_v4(&p->dst, head->ip.daddr);
	parse_tcp(p, &head->tcp, length - sizeof(head->ip));
	p->policy_port = p->dport;
	return true;
}

/* Global functions (not static) are verified once, not once a caller: the program loads in a
 * tenth of the time. Their pointers may be null as far as the verifier knows. */

/* Parses the packet behind the link's header. Later fragments have no ports yet (fragment.h). */
__noinline enum drop_reason parse_packet(struct __sk_buff *skb, __u32 l3, struct packet *p)
{
	enum drop_reason reason;

	if (!p)
		return DROP_REASON_MALFORMED;
	if (l3 == L3_IPV4 && parse_plain(skb, p))
		return DROP_REASON_NONE;
	reason = l3 == L3_IPV4 ? parse_ipv4(skb, LINK_HEADER, p, false)
			       : parse_ipv6(skb, LINK_HEADER, p, false);
	if (reason || p->flags & PACKET_LATER_FRAGMENT)
		return reason;
	return parse_l4(skb, p);
}

/* Reads the packet that an ICMP error quotes: at least its addresses and ports. */
__noinline enum drop_reason parse_quoted(struct __sk_buff *skb, const struct packet *p,
					 struct packet *quoted)
{
	enum drop_reason reason;
	struct icmp_head *head;
	__u32 offset;

	if (!p || !quoted)
		return DROP_REASON_MALFORMED;
	offset = parse_bounded(p->l4_off + sizeof(struct icmp_head));
	reason = p->flags & PACKET_IPV6 ? parse_ipv6(skb, offset, quoted, true)
					: parse_ipv4(skb, offset, quoted, true);
	if (reason)
		return reason;
	if (quoted->flags & PACKET_LATER_FRAGMENT)
		return DROP_REASON_CT_INVALID;
	head = PARSE_AT(skb, parse_bounded(quoted->l4_off), struct icmp_head);
	if (!head)
		return DROP_REASON_TRUNCATED;
	if (packet_is_icmp(quoted))
		return parse_icmp(quoted, head);
	if (quoted->protocol == L4_TCP || quoted->protocol == L4_UDP ||
	    quoted->protocol == L4_SCTP) {
		quoted->sport = ((struct ports *)head)->source;
		quoted->dport = ((struct ports *)head)->dest;
		/* Where TCP's number is. */
		quoted->seq = bpf_ntohl(*(__be32 *)&head->id);
	}
	return DROP_REASON_NONE;
}
