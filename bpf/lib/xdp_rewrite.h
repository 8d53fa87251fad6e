/* SPDX-License-Identifier: GPL-2.0 */
/* Giving a packet other ends, with every checksum right. */
#pragma once
#include "checksum.h"
#include "route.h"
#include "xdp_parse.h"

/* The addresses alone; returns their change. */
static __always_inline __u64 rewrite_addresses(struct xdp_md *ctx, __u32 offset,
					       const struct packet *p, const struct ends *to)
{
	__u64 sum;

	offset = arrival_offset(offset);
	if (p->flags & PACKET_IPV6) {
		struct ipv6hdr *ip = PARSE_AT(ctx, offset, struct ipv6hdr);

		if (!ip)
			return 0;
		sum = sum_change_addr(0, &p->src, &to->src);
		sum = sum_change_addr(sum, &p->dst, &to->dst);
		__builtin_memcpy(&ip->saddr, &to->src, sizeof(ip->saddr));
		__builtin_memcpy(&ip->daddr, &to->dst, sizeof(ip->daddr));
	} else {
		struct iphdr *ip = PARSE_AT(ctx, offset, struct iphdr);

		if (!ip)
			return 0;
		sum = sum_change(0, ip->saddr, to->src.word[3]);
		sum = sum_change(sum, ip->daddr, to->dst.word[3]);
		ip->saddr = to->src.word[3];
		ip->daddr = to->dst.word[3];
		ip->check = sum_apply(ip->check, sum);
	}
	return sum;
}

/* Addresses and, except in a later fragment, ports and the checksum over both. */
static __always_inline void xdp_rewrite(struct xdp_md *ctx, const struct arrival *a,
					const struct ends *to)
{
	__u64 sum = rewrite_addresses(ctx, a->l3_off, &a->p, to);
	__u32 offset = arrival_offset(a->p.l4_off);

	if (a->p.flags & PACKET_LATER_FRAGMENT)
		return;
	sum = sum_change(sum, ends_ports(a->p.sport, a->p.dport), ends_ports(to->sport, to->dport));
	if (a->p.protocol == L4_TCP) {
		struct tcphdr *tcp = PARSE_AT(ctx, offset, struct tcphdr);

		if (!tcp)
			return;
		tcp->source = to->sport;
		tcp->dest = to->dport;
		tcp->check = sum_apply(tcp->check, sum);
	} else {
		struct udphdr *udp = PARSE_AT(ctx, offset, struct udphdr);

		if (!udp)
			return;
		udp->source = to->sport;
		udp->dest = to->dport;
		udp->check = sum_apply_udp(udp->check, sum);
	}
}
