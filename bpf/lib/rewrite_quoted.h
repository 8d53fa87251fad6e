/* SPDX-License-Identifier: GPL-2.0 */
/* Giving an ICMP error, and the packet that it quotes, other ends (RFC 5508 §4). */
#pragma once
#include "xdp_rewrite.h"
#include "scratch.h"

/* The quoted packet's transport checksum, if it was quoted that far; returns its change. */
static __always_inline __u64 rewrite_quoted_check(struct xdp_md *ctx, const struct arrival *quoted,
						  __u32 end, __u64 sum)
{
	__u32 offset = arrival_offset(quoted->p.l4_off);
	__u16 before;

	if (quoted->p.protocol == L4_TCP) {
		const __u32 at = offset + __builtin_offsetof(struct tcphdr, check);
		__u16 *check = PARSE_AT(ctx, at, __u16);

		if (!check || at + sizeof(*check) > end)
			return 0;
		before = *check;
		*check = sum_apply(before, sum);
		return sum_change16(0, before, *check);
	} else {
		struct udphdr *udp = PARSE_AT(ctx, offset, struct udphdr);

		if (!udp)
			return 0;
		before = udp->check;
		udp->check = sum_apply_udp(before, sum);
		return sum_change16(0, before, udp->check);
	}
}

/* Rewrites the quoted packet; returns the change to the ICMP checksum. */
static __always_inline __u64 rewrite_quoted(struct xdp_md *ctx, const struct arrival *quoted,
					    __u32 end, const struct ends *to)
{
	__u32 offset = arrival_offset(quoted->p.l4_off);
	/* An IPv4 header sums up to the same whatever is in it: its checksum sees to that. */
	bool v6 = quoted->p.flags & PACKET_IPV6;
	__u64 sum = rewrite_addresses(ctx, quoted->l3_off, &quoted->p, to), ports, check;
	struct udphdr *head;

	ports = sum_change(0, ends_ports(quoted->p.sport, quoted->p.dport),
			   ends_ports(to->sport, to->dport));
	check = rewrite_quoted_check(ctx, quoted, end, sum + ports);
	head = PARSE_AT(ctx, offset, struct udphdr);
	if (!head)
		return 0;
	head->source = to->sport;
	head->dest = to->dport;
	return (v6 ? sum : 0) + ports + check;
}

/* Rewrites the error to the ends of its route. The quoted packet travelled the other way. */
static __always_inline void xdp_rewrite_error(struct xdp_md *ctx, const struct arrival *a,
					      struct scratch *s)
{
	__u64 sum, addresses;
	struct icmp_head *icmp;

	s->inner.src = s->route.ends.dst;
	s->inner.sport = s->route.ends.dport;
	s->inner.dst = s->route.ends.src;
	s->inner.dport = s->route.ends.sport;
	sum = rewrite_quoted(ctx, &s->quoted, a->l3_off + a->l3_len, &s->inner);
	addresses = rewrite_addresses(ctx, a->l3_off, &a->p, &s->route.ends);
	icmp = ARRIVAL_AT(ctx, a->p.l4_off, struct icmp_head);
	if (!icmp)
		return;
	/* Only ICMPv6 has the addresses in its checksum (RFC 4443 §2.3). */
	if (a->p.flags & PACKET_IPV6)
		sum += addresses;
	icmp->checksum = sum_apply(icmp->checksum, sum);
}
