/* SPDX-License-Identifier: GPL-2.0 */
/* The last step of a packet that leaves by a device: time to live, MACs, device. */
#pragma once
#include "checksum.h"
#include "fate.h"
#include "route.h"
#include "xdp_parse.h"

#define HOP_MAC 0xffffffffffffULL /* the bytes of a word that a MAC takes */

/* Reads a MAC that has two more bytes behind it, in one word: it may be changing. */
static __always_inline __u64 hop_mac(const __u8 *mac)
{
	return *(const volatile __u64 *)mac & HOP_MAC;
}

/* Can the packet go there? A tag stays as it is, so a tagged packet goes back where it came from.
 */
static __always_inline bool hop_is_possible(struct xdp_md *ctx, const struct arrival *a,
					    const struct hop *hop)
{
	return a->l3_off == ETH_HLEN || hop->ifindex == ctx->ingress_ifindex;
}

static __always_inline bool hop_lives(struct xdp_md *ctx, const struct arrival *a)
{
	if (a->p.flags & PACKET_IPV6) {
		struct ipv6hdr *ip = ARRIVAL_AT(ctx, a->l3_off, struct ipv6hdr);

		return ip && ip->hop_limit > 1;
	} else {
		struct iphdr *ip = ARRIVAL_AT(ctx, a->l3_off, struct iphdr);

		return ip && ip->ttl > 1;
	}
}

static __always_inline void hop_age(struct xdp_md *ctx, const struct arrival *a)
{
	if (a->p.flags & PACKET_IPV6) {
		struct ipv6hdr *ip = ARRIVAL_AT(ctx, a->l3_off, struct ipv6hdr);

		if (ip)
			ip->hop_limit--;
	} else {
		struct iphdr *ip = ARRIVAL_AT(ctx, a->l3_off, struct iphdr);

		if (ip)
			hop_age_ipv4(ip);
	}
}

/* Both MACs, in two stores. */
static __always_inline void hop_put_macs(struct ethhdr *eth, const struct hop *hop)
{
	*(__u64 *)eth = hop->mac | hop->own_mac << 48;
	*(__u32 *)(eth->h_source + 2) = (__u32)(hop->own_mac >> 16);
}

static __always_inline enum fate hop_leave(struct xdp_md *ctx, const struct hop *hop)
{
	if (hop->ifindex == ctx->ingress_ifindex)
		return FATE_SENT;
	return (enum fate)bpf_redirect(hop->ifindex, 0);
}

static __always_inline enum fate hop_send(struct xdp_md *ctx, const struct hop *hop)
{
	struct ethhdr *eth = PARSE_AT(ctx, 0, struct ethhdr);

	if (!eth)
		return FATE_DROP;
	hop_put_macs(eth, hop);
	return hop_leave(ctx, hop);
}
