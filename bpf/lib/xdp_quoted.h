/* SPDX-License-Identifier: GPL-2.0 */
/* Reading ICMP errors at a device, and whether one can be true. */
#pragma once
#include "identity.h"
#include "rate.h"
#include "too_big.h"

enum quoted_limit {
	/* An error is no longer (RFC 1812 §4.3.2.3, RFC 4443 §2.4). */
	QUOTED_MOST4 = 576,
	QUOTED_MOST6 = 1280,
	/* Errors that one CPU sends on in a second. */
	QUOTED_PER_SECOND = 1000,
};

static __always_inline bool icmp_is_error(const struct arrival *a, const struct icmp_head *icmp)
{
	if (a->p.flags & PACKET_IPV6)
		return icmp->type >= ICMP6_UNREACHABLE && icmp->type <= ICMP6_PARAMETER_PROBLEM;
	return icmp->type == ICMP4_UNREACHABLE || icmp->type == ICMP4_TIME_EXCEEDED ||
	       icmp->type == ICMP4_PARAMETER_PROBLEM;
}

/* Reads what the error quotes. False: it quotes no packet of TCP or UDP with its ports. */
__noinline int xdp_parse_quoted(struct xdp_md *ctx, const struct arrival *a, struct arrival *quoted)
{
	struct icmp_head *icmp;
	__u32 offset;

	if (!a || !quoted)
		return false;
	offset = arrival_offset(a->p.l4_off);
	icmp = PARSE_AT(ctx, offset, struct icmp_head);
	if (!icmp || !icmp_is_error(a, icmp))
		return false;
	offset += sizeof(*icmp);
	if (offset > ARRIVAL_OFFSET)
		return false;
	quoted->l3_off = arrival_offset(offset);
	if (!(a->p.flags & PACKET_IPV6 ? arrival_ipv6(ctx, quoted) : arrival_ipv4(ctx, quoted)) ||
	    quoted->p.l4_off > ARRIVAL_OFFSET)
		return false;
	return arrival_quoted_ports(ctx, quoted, a->l3_off + a->l3_len);
}

/* The sequence number of the TCP packet that is quoted. */
static __always_inline __be32 quoted_seq(struct xdp_md *ctx, const struct arrival *quoted)
{
	const __u32 at = offsetof(struct tcp_head, seq);
	__be32 *seq = ARRIVAL_AT(ctx, quoted->p.l4_off + at, __be32);

	return seq ? *seq : 0;
}

/* Can the error come from the network, and is it one? Who it quotes is not looked at. */
static __always_inline bool quoted_is_possible(const struct arrival *a)
{
	bool v6 = a->p.flags & PACKET_IPV6;

	return a->l3_len <= (v6 ? QUOTED_MOST6 : QUOTED_MOST4) &&
	       !address_is_nobody(&a->p.src, v6) && !ip_addr_equal(&a->p.src, &a->p.dst) &&
	       !identity_local_endpoint(&a->p.src) &&
	       identity_of_outside(&a->p.src, v6) != IDENTITY_HOST;
}
