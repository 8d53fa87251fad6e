/* SPDX-License-Identifier: GPL-2.0 */
/* IP in IP (RFC 2003, RFC 2473): the packet reaches the backend, or its node, as the client sent it. */
#pragma once
#include "checksum.h"
#include "link_room.h"
#include "maps.h"

enum encap_field {
	ENCAP_IPV4 = sizeof(struct iphdr),
	ENCAP_IPV6 = sizeof(struct ipv6hdr),
	ENCAP_PROTOCOL4 = 4,
	ENCAP_PROTOCOL6 = 41,
	ENCAP_TTL = 64,
	ENCAP_DONT_FRAGMENT = 0x4000,
};

static __always_inline __u32 encap_size(const struct arrival *a)
{
	return a->p.flags & PACKET_IPV6 ? ENCAP_IPV6 : ENCAP_IPV4;
}

/* Does the backend get its packets in others? */
static __always_inline bool encap_is_due(__u8 flags, __u8 mode)
{
	return mode == SERVICE_MODE_DSR || flags & BACKEND_NODE;
}

/* The first word of the outer header for a packet with that class. */
static __always_inline __be32 encap_first(__u8 tos, __u32 length)
{
	return bpf_htonl(0x45000000 | (__u32)tos << 16 | (length + ENCAP_IPV4));
}

#define ENCAP_SECOND bpf_htonl(ENCAP_DONT_FRAGMENT)
#define ENCAP_THIRD bpf_htonl(ENCAP_TTL << 24 | ENCAP_PROTOCOL4 << 16)

/* Writes the outer header, "sum" being that of its words. Never fragmented on its way, so that its
 * id need not be unique (RFC 6864). */
static __always_inline void encap_put_ipv4(struct iphdr *ip, __be32 first, __be32 saddr,
					   __be32 daddr, __u16 sum)
{
	__be32 *words = (__be32 *)ip;

	words[0] = first;
	words[1] = ENCAP_SECOND;
	/* The checksum is the word's other half. */
	words[2] = ENCAP_THIRD | (__u32)(__u16)~sum << 16;
	words[3] = saddr;
	words[4] = daddr;
}

static __always_inline bool encap_ipv4(struct xdp_md *ctx, const struct arrival *a,
				       const struct backend_entry *backend)
{
	struct iphdr *ip = ARRIVAL_AT(ctx, a->l3_off, struct iphdr);
	__be32 saddr = backend->source.word[3], daddr = backend->outer.word[3], first;

	if (!ip)
		return false;
	first = encap_first(ip->tos, a->l3_len);
	if (!link_make_room(ctx, a, ENCAP_IPV4))
		return false;
	ip = ARRIVAL_AT(ctx, a->l3_off, struct iphdr);
	if (!ip)
		return false;
	encap_put_ipv4(ip, first, saddr, daddr,
		       sum_fold((__u64)ENCAP_SECOND + ENCAP_THIRD + first + saddr + daddr));
	return true;
}

/* Writes the outer header for a packet of that length; "first" is its first word. Class and flow
 * label are the client's: routers spread flows by them. */
static __always_inline void encap_put_ipv6(struct ipv6hdr *ip, __be32 first, __u32 length,
					   const struct ip_addr *source,
					   const struct ip_addr *outer)
{
	*(__be32 *)ip = first;
	ip->payload_len = bpf_htons((__u16)length);
	ip->nexthdr = ENCAP_PROTOCOL6;
	ip->hop_limit = ENCAP_TTL;
	ip_addr_copy(&ip->saddr, source);
	ip_addr_copy(&ip->daddr, outer);
}

static __always_inline bool encap_ipv6(struct xdp_md *ctx, const struct arrival *a,
				       const struct backend_entry *backend)
{
	struct ipv6hdr *ip = ARRIVAL_AT(ctx, a->l3_off, struct ipv6hdr);
	__be32 first;

	if (!ip)
		return false;
	first = *(__be32 *)ip;
	if (!link_make_room(ctx, a, ENCAP_IPV6))
		return false;
	ip = ARRIVAL_AT(ctx, a->l3_off, struct ipv6hdr);
	if (!ip)
		return false;
	encap_put_ipv6(ip, first, a->l3_len, &backend->source, &backend->outer);
	return true;
}

/* False: the frame has no room for it. */
static __always_inline bool encap_packet(struct xdp_md *ctx, const struct arrival *a,
					 const struct backend_entry *backend)
{
	return a->p.flags & PACKET_IPV6 ? encap_ipv6(ctx, a, backend) : encap_ipv4(ctx, a, backend);
}
