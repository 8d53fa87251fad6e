/* SPDX-License-Identifier: GPL-2.0 */
/* The last step of a packet that leaves by a device: time to live, MACs, device. */
#pragma once
#include "checksum.h"
#include "xdp_parse.h"

#define HOP_MAC 0xffffffffffffULL /* the bytes of a word that a MAC takes */

/* Where to. MACs are in the low six bytes, as they lie in memory. */
struct hop {
	__u64 mac; /* 0: not known */
	__u64 own_mac;
	__u32 ifindex;
};

/* Reads a MAC that has two bytes of padding behind it, in one word: it may be changing. */
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
		__u32 check;

		if (!ip)
			return;
		/* The upper byte of a word falls by one: its complement rises (RFC 1141). */
		check = ip->check + bpf_htons(0x0100);
		ip->check = (__u16)(check + (check >= 0xffff));
		ip->ttl--;
	}
}

static __always_inline void hop_put_mac(__u8 *to, __u64 mac)
{
	__u16 *half = (__u16 *)to;

	half[0] = (__u16)mac;
	half[1] = (__u16)(mac >> 16);
	half[2] = (__u16)(mac >> 32);
}

static __always_inline int hop_send(struct xdp_md *ctx, const struct hop *hop)
{
	struct ethhdr *eth = PARSE_AT(ctx, 0, struct ethhdr);

	if (!eth)
		return XDP_DROP;
	hop_put_mac(eth->h_dest, hop->mac);
	hop_put_mac(eth->h_source, hop->own_mac);
	return hop->ifindex == ctx->ingress_ifindex ? XDP_TX : (int)bpf_redirect(hop->ifindex, 0);
}
