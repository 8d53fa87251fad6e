/* SPDX-License-Identifier: GPL-2.0 */
/* Plain packets, which are most of all: TCP or UDP in IPv4 without options or right behind the
 * header of IPv6, whole, without a VLAN tag, with hops left, to this host alone. Those of IPv6 are
 * short enough for every link; of IPv4 plain_is_short says so. All of it lies where it always does, so that it is read without a search. What is not
 * plain is not refused: xdp_parse.h reads it. */
#pragma once
#include "balance.h"
#include "bucket.h"
#include "encap.h"
#include "hop.h"
#include "too_big.h"

enum plain_limit {
	PLAIN_LENGTH = TOO_BIG_NEVER - ENCAP_IPV4,
	PLAIN_START = 0x080045, /* the frame's type; version 4, a header of five words */
	PLAIN_LENGTH_IPV6 = TOO_BIG_NEVER - ENCAP_IPV6,
	PLAIN_START_IPV6 = 0x86dd6, /* the frame's type; version 6 */
};

/* What is in every frame: the shortest is longer, so that UDP's shorter header fits too. */
struct plain_frame {
	__u8 macs[2 * ETH_ALEN];
	__be16 type;
	__u8 ip[sizeof(struct iphdr)];
	__u8 l4[sizeof(struct tcphdr)];
};

/* In every frame of TCP; one of UDP with fewer than 12 bytes of data may be shorter, and is not
 * plain. */
struct plain_frame6 {
	__u8 macs[2 * ETH_ALEN];
	__be16 type;
	__u8 ip[sizeof(struct ipv6hdr)];
	__u8 l4[sizeof(struct tcphdr)];
};

/* The beginning of one in another. */
struct plain_encapsulated {
	__u8 macs[2 * ETH_ALEN];
	__be16 type;
	__u8 outer[ENCAP_IPV4];
	__u8 ip[sizeof(struct iphdr)];
};

struct plain_encapsulated6 {
	__u8 macs[2 * ETH_ALEN];
	__be16 type;
	__u8 outer[ENCAP_IPV6];
	__u8 ip[sizeof(struct ipv6hdr)];
};

/* Of IPv4. */
struct plain {
	__u64 service; /* whose it may be, as bucket_key says */
	__u32 frame;  /* its bytes, padding included */
	__u32 hash;   /* the flow's, with its ports */
	__be32 outer; /* the first word of a packet around it */
};

/* Read in one go, wherever it lies: what the compiler knows to lie odd it puts together. */

static __always_inline __u32 plain_word(const void *at)
{
	return *(const __u32 *)at;
}

static __always_inline __u64 plain_half(const void *addr, int which)
{
	return ((const __u64 *)addr)[which];
}

/* A header of TCP or UDP in the first "left" bytes of what lies there. */
static __always_inline bool plain_has_ports(__u8 protocol, const void *l4, __u32 left)
{
	__u32 length;

	if (protocol == L4_TCP) {
		length = (((const struct tcp_head *)l4)->offset >> 4) * 4;
		return length >= sizeof(struct tcphdr) && length <= left;
	}
	length = bpf_ntohs(((const struct udphdr *)l4)->len);
	return protocol == L4_UDP && length >= sizeof(struct udphdr) && length <= left;
}

/* False: it is not plain. */
static __always_inline bool plain_parse(struct xdp_md *ctx, struct plain *p)
{
	struct plain_frame *frame = (void *)(long)ctx->data;
	struct iphdr *ip = (struct iphdr *)frame->ip;
	struct ports *ports = (struct ports *)frame->l4;
	__u32 left, odd, words;

	if ((void *)(frame + 1) > (void *)(long)ctx->data_end)
		return false;
	/* One question for what few packets are. The class, which is the last byte, may be any. */
	odd = plain_word(&frame->type) ^ bpf_htonl(PLAIN_START << 8);
	if ((odd & bpf_htonl(~0xffU)) | (frame->macs[0] & 1) |
	    (ip->frag_off & bpf_htons(IP_FRAGMENT_MASK | IP_MORE_FRAGMENTS)) || ip->ttl <= 1)
		return false;
	left = bpf_ntohs(ip->tot_len) - (__u32)sizeof(*ip);
	p->frame = frame_length(ctx);
	if (left > 0xffff - sizeof(*ip) || left + sizeof(*ip) + ETH_HLEN > p->frame ||
	    !plain_has_ports(ip->protocol, ports, left))
		return false;
	p->outer = encap_first(ip->tos, left + sizeof(*ip));
	words = (__u32)ports->source << 16 | ports->dest;
	p->service = bucket_key(ip->daddr, ports->dest, ip->protocol);
	p->hash = balance_hash_ipv4(ip->saddr, ip->daddr, words, ip->protocol);
	/* Computed here, or the compiler carries all that it is made of past the lookups. */
	asm volatile("" : "+r"(p->hash), "+r"(p->outer), "+r"(p->service));
	return true;
}

/* Is a frame of IPv4 short enough for every link, in an outer packet too? */
static __always_inline bool plain_is_short(__u32 frame)
{
	return frame <= PLAIN_LENGTH + ETH_HLEN;
}

/* The same of IPv6; null: it is not plain. An address whose first half is zero is that of no host
 * beyond a device (RFC 4291 §2.5), or an IPv4 one in disguise. */
static __always_inline const struct plain_frame6 *plain_parse_ipv6(struct xdp_md *ctx,
								   __u32 *length)
{
	struct plain_frame6 *frame = (void *)(long)ctx->data;
	struct ipv6hdr *ip = (struct ipv6hdr *)frame->ip;
	__u32 left, odd;

	if ((void *)(frame + 1) > (void *)(long)ctx->data_end)
		return 0;
	/* The class and the flow label, which are the last bits, may be any. */
	odd = plain_word(&frame->type) ^ bpf_htonl(PLAIN_START_IPV6 << 12);
	if ((odd & bpf_htonl(~0xfffU)) | (frame->macs[0] & 1) || ip->hop_limit <= 1)
		return 0;
	left = bpf_ntohs(ip->payload_len);
	*length = frame_length(ctx);
	if (left > PLAIN_LENGTH_IPV6 - sizeof(*ip) || left > *length - ETH_HLEN - sizeof(*ip) ||
	    !plain_half(&ip->saddr, 0) || !plain_half(&ip->daddr, 0) ||
	    !plain_has_ports(ip->nexthdr, frame->l4, left))
		return 0;
	return frame;
}

/* The way of the service that the packet is for. */
static __always_inline const struct bucket_way *plain_find_ipv6(const struct plain_frame6 *frame,
								bool *more)
{
	const struct ipv6hdr *ip = (const struct ipv6hdr *)frame->ip;
	const struct ports *ports = (const struct ports *)frame->l4;
	__u64 high = plain_half(&ip->daddr, 0), low = plain_half(&ip->daddr, 1);

	return bucket_find_ipv6(bucket_key_ipv6(high, low, ports->dest, ip->nexthdr), high, low,
				more);
}

/* The flow's hash. */
static __always_inline __u32 plain_hash_ipv6(const struct plain_frame6 *frame)
{
	const struct ipv6hdr *ip = (const struct ipv6hdr *)frame->ip;
	const struct ports *ports = (const struct ports *)frame->l4;

	/* Read anew: there are not registers enough for what was read before. */
	asm volatile("" ::: "memory");
	return balance_hash_ipv6(ip->saddr.in6_u.u6_addr32, ip->daddr.in6_u.u6_addr32,
				 (__u32)ports->source << 16 | ports->dest, ip->nexthdr);
}

static __always_inline void plain_arrival_l4(struct arrival *a, const struct tcp_head *l4,
					     __u8 protocol, __u32 l3_size, __u32 length)
{
	a->p.sport = l4->source;
	a->p.dport = l4->dest;
	a->p.protocol = protocol;
	if (protocol == L4_TCP)
		a->p.tcp_flags = l4->flags;
	a->p.l4_off = (__u16)(ETH_HLEN + l3_size);
	a->l3_off = ETH_HLEN;
	a->l3_len = length;
	a->has_addresses = true;
}

/* The same packet, read again as xdp_parse.h reads any: what few need is not kept for it. False:
 * never, but the verifier cannot know that. */
static __always_inline bool plain_arrival(struct xdp_md *ctx, struct arrival *a)
{
	struct plain_frame *frame = (void *)(long)ctx->data;
	struct iphdr *ip = (struct iphdr *)frame->ip;
	struct tcp_head *l4 = (struct tcp_head *)frame->l4;

	if ((void *)(frame + 1) > (void *)(long)ctx->data_end)
		return false;
	*a = (struct arrival){};
	ip_addr_set_v4(&a->p.src, ip->saddr);
	ip_addr_set_v4(&a->p.dst, ip->daddr);
	plain_arrival_l4(a, l4, ip->protocol, sizeof(*ip), bpf_ntohs(ip->tot_len));
	return true;
}

static __always_inline bool plain_arrival_ipv6(struct xdp_md *ctx, struct arrival *a)
{
	struct plain_frame6 *frame = (void *)(long)ctx->data;
	struct ipv6hdr *ip = (struct ipv6hdr *)frame->ip;
	struct tcp_head *l4 = (struct tcp_head *)frame->l4;

	if ((void *)(frame + 1) > (void *)(long)ctx->data_end)
		return false;
	*a = (struct arrival){};
	ip_addr_copy(&a->p.src, &ip->saddr);
	ip_addr_copy(&a->p.dst, &ip->daddr);
	a->p.flags = PACKET_IPV6;
	plain_arrival_l4(a, l4, ip->nexthdr, sizeof(*ip), bpf_ntohs(ip->payload_len) + sizeof(*ip));
	return true;
}

/* The packet is about to leave as it is; returns its head. */
static __always_inline struct ethhdr *plain_bare(struct xdp_md *ctx)
{
	struct plain_frame *frame = (void *)(long)ctx->data;

	if ((void *)(frame + 1) > (void *)(long)ctx->data_end)
		return 0;
	hop_age_ipv4((struct iphdr *)frame->ip);
	return (struct ethhdr *)frame;
}

/* The same in an outer packet to the backend. Null: there is no room in front of the frame; it is
 * unchanged. */
static __always_inline struct ethhdr *plain_encap(struct xdp_md *ctx, const struct plain *p,
						  const struct backend_hop *hop)
{
	struct plain_encapsulated *frame;

	if (bpf_xdp_adjust_head(ctx, -(int)ENCAP_IPV4))
		return 0;
	frame = (void *)(long)ctx->data;
	if ((void *)(frame + 1) > (void *)(long)ctx->data_end)
		return 0;
	frame->type = bpf_htons(L3_IPV4);
	encap_put_ipv4((struct iphdr *)frame->outer, p->outer, hop->source, hop->outer,
		       sum_fold16(hop->sum + (p->outer & 0xffff) + (p->outer >> 16)));
	hop_age_ipv4((struct iphdr *)frame->ip);
	return (struct ethhdr *)frame;
}

static __always_inline struct ethhdr *plain_bare_ipv6(struct xdp_md *ctx)
{
	struct plain_frame6 *frame = (void *)(long)ctx->data;

	if ((void *)(frame + 1) > (void *)(long)ctx->data_end)
		return 0;
	((struct ipv6hdr *)frame->ip)->hop_limit--;
	return (struct ethhdr *)frame;
}

static __always_inline struct ethhdr *plain_encap_ipv6(struct xdp_md *ctx,
						       const struct backend_hop6 *hop)
{
	struct plain_encapsulated6 *frame;
	struct ipv6hdr *ip;

	if (bpf_xdp_adjust_head(ctx, -(int)ENCAP_IPV6))
		return 0;
	frame = (void *)(long)ctx->data;
	if ((void *)(frame + 1) > (void *)(long)ctx->data_end)
		return 0;
	ip = (struct ipv6hdr *)frame->ip;
	frame->type = bpf_htons(L3_IPV6);
	encap_put_ipv6((struct ipv6hdr *)frame->outer, *(__be32 *)ip,
		       bpf_ntohs(ip->payload_len) + sizeof(*ip), &hop->source, &hop->outer);
	ip->hop_limit--;
	return (struct ethhdr *)frame;
}
