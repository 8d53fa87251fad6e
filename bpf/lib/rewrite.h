/* SPDX-License-Identifier: GPL-2.0 */
/* Changing one end of a packet, in place, with every checksum that covers it. The helpers do right
 * by a checksum that the device is still to compute and by one that it has verified. */
#pragma once
#include "checksum.h"
#include "link.h"
#include "parse.h"

enum rewrite_end {
	REWRITE_SOURCE,
	REWRITE_DESTINATION,
};

struct rewrite {
	struct ip_addr from;
	struct ip_addr to;
	__be16 from_port;
	__be16 to_port;
	__u32 end; /* enum rewrite_end */
};

enum rewrite_offset {
	REWRITE_IPV4_CHECK = __builtin_offsetof(struct iphdr, check),
	REWRITE_IPV4_SOURCE = __builtin_offsetof(struct iphdr, saddr),
	REWRITE_IPV4_DESTINATION = __builtin_offsetof(struct iphdr, daddr),
	REWRITE_IPV6_HOP_LIMIT = __builtin_offsetof(struct ipv6hdr, hop_limit),
	REWRITE_IPV6_SOURCE = __builtin_offsetof(struct ipv6hdr, saddr),
	REWRITE_IPV6_DESTINATION = __builtin_offsetof(struct ipv6hdr, daddr),
	REWRITE_TCP_CHECK = 16,
	REWRITE_UDP_CHECK = 6,
	REWRITE_ICMP_CHECK = 2,
};

static __always_inline __s64 rewrite_difference(const struct rewrite *w)
{
	return bpf_csum_diff((__be32 *)w->from.word, sizeof(w->from), (__be32 *)w->to.word,
			     sizeof(w->to), 0);
}

/* Writes the address into the IP header at "l3". The IPv4 header's checksum follows it; what covers
 * an IPv6 address is the caller's, "flags" likewise. */
static __always_inline long rewrite_address(struct __sk_buff *skb, bool v6, __u32 l3,
					    const struct rewrite *w, __u32 end, __s64 difference,
					    __u64 flags)
{
	if (v6)
		return bpf_skb_store_bytes(
		    skb,
		    l3 + (end == REWRITE_SOURCE ? REWRITE_IPV6_SOURCE : REWRITE_IPV6_DESTINATION),
		    &w->to, sizeof(w->to), flags);
	return bpf_l3_csum_replace(skb, l3 + REWRITE_IPV4_CHECK, 0, (__u64)difference, 0) ||
	       bpf_skb_store_bytes(
		   skb,
		   l3 + (end == REWRITE_SOURCE ? REWRITE_IPV4_SOURCE : REWRITE_IPV4_DESTINATION),
		   &w->to.word[3], sizeof(w->to.word[3]), 0);
}

static __always_inline long rewrite_port(struct __sk_buff *skb, __u32 l4, const struct rewrite *w,
					 __u32 end)
{
	return bpf_skb_store_bytes(skb, l4 + (end == REWRITE_SOURCE ? 0 : sizeof(__be16)),
				   &w->to_port, sizeof(w->to_port), 0);
}

/* Rewrites a TCP or UDP packet. False: its header is cut short; it may be half rewritten. */
__noinline int rewrite_packet(struct __sk_buff *skb, const struct packet *p,
			      const struct rewrite *w)
{
	__u64 udp;
	__u32 check;
	__s64 difference;
	bool v6;

	if (!p || !w)
		return false;
	v6 = p->flags & PACKET_IPV6;
	difference = rewrite_difference(w);
	if (!(p->flags & PACKET_LATER_FRAGMENT)) {
		/* UDP over IPv4 may do without a checksum (RFC 768). */
		udp = p->protocol == L4_UDP ? BPF_F_MARK_MANGLED_0 : 0;
		check = p->l4_off + (p->protocol == L4_UDP ? REWRITE_UDP_CHECK : REWRITE_TCP_CHECK);
		if (bpf_l4_csum_replace(skb, check, 0, (__u64)difference, BPF_F_PSEUDO_HDR | udp) ||
		    bpf_l4_csum_replace(skb, check, w->from_port, w->to_port,
					udp | sizeof(__be16)) ||
		    rewrite_port(skb, p->l4_off, w, w->end))
			return false;
	}
	/* Without a checksum of its own, an IPv6 header counts in what the device summed up. */
	return !rewrite_address(skb, v6, LINK_HEADER, w, w->end, difference, BPF_F_RECOMPUTE_CSUM);
}

/* Gives one end another port. */
__noinline int rewrite_end_port(struct __sk_buff *skb, const struct packet *p, __be16 from, __be16 to,
				enum rewrite_end end)
{
	struct rewrite w = {};

	if (!p)
		return false;
	w.from = w.to = end == REWRITE_SOURCE ? p->src : p->dst;
	w.from_port = from;
	w.to_port = to;
	w.end = end;
	return rewrite_packet(skb, p, &w);
}

/* The same for the packet that an ICMP error quotes. */
static __always_inline bool rewrite_quoted_port(struct __sk_buff *skb, const struct packet *p,
						const struct packet *quoted, __be16 from, __be16 to,
						enum rewrite_end end)
{
	__u32 at = quoted->l4_off + (end == REWRITE_SOURCE ? 0 : sizeof(__be16));

	return !bpf_l4_csum_replace(skb, p->l4_off + REWRITE_ICMP_CHECK, from, to, sizeof(__be16)) &&
	       !bpf_skb_store_bytes(skb, at, &to, sizeof(to), 0);
}

/* Rewrites an ICMP error: this end of it, and the same end of the packet that it quotes, where it
 * is the other of the two. What the quoted packet's own checksum covers is not whole: it stays. */
__noinline int rewrite_error(struct __sk_buff *skb, const struct packet *p,
			     const struct packet *quoted, const struct rewrite *w)
{
	__u32 check, inner, other;
	__s64 difference;
	bool v6;

	if (!p || !quoted || !w)
		return false;
	v6 = p->flags & PACKET_IPV6;
	check = p->l4_off + REWRITE_ICMP_CHECK;
	inner = p->l4_off + sizeof(struct icmp_head);
	other = w->end == REWRITE_SOURCE ? REWRITE_DESTINATION : REWRITE_SOURCE;
	difference = rewrite_difference(w);
	/* ICMPv6 covers both addresses; in ICMP the quoted header's checksum makes up for its own.
	 */
	if (v6 && (bpf_l4_csum_replace(skb, check, 0, (__u64)difference, 0) ||
		   bpf_l4_csum_replace(skb, check, 0, (__u64)difference, 0)))
		return false;
	return !bpf_l4_csum_replace(skb, check, w->from_port, w->to_port, sizeof(__be16)) &&
	       !rewrite_port(skb, quoted->l4_off, w, other) &&
	       !rewrite_address(skb, v6, inner, w, other, difference, 0) &&
	       !rewrite_address(skb, v6, LINK_HEADER, w, w->end, difference, 0);
}

/* One hop less to go. False: there is none left; the packet is unchanged. */
static __always_inline bool rewrite_hop(struct __sk_buff *skb, bool v6)
{
	struct iphdr *ip;
	__u8 hops;

	if (!v6) {
		ip = PARSE_AT(skb, LINK_HEADER, struct iphdr);
		if (!ip || ip->ttl <= 1)
			return false;
		hop_age_ipv4(ip);
		return true;
	}
	if (bpf_skb_load_bytes(skb, LINK_HEADER + REWRITE_IPV6_HOP_LIMIT, &hops, sizeof(hops)) ||
	    hops <= 1)
		return false;
	hops--;
	return !bpf_skb_store_bytes(skb, LINK_HEADER + REWRITE_IPV6_HOP_LIMIT, &hops, sizeof(hops),
				    BPF_F_RECOMPUTE_CSUM);
}
