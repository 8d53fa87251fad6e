/* SPDX-License-Identifier: GPL-2.0 */
/* Plain packets, which are most of all: TCP or UDP in IPv4 without options, whole, without a VLAN
 * tag, short enough for every link, with hops left, to this host alone. All of it lies where it
 * always does, so that it is read without a search. What is not plain is not refused: xdp_parse.h
 * reads it. */
#pragma once
#include "balance.h"
#include "bucket.h"
#include "encap.h"
#include "hop.h"
#include "too_big.h"

enum plain_limit {
	PLAIN_LENGTH = TOO_BIG_NEVER - ENCAP_IPV4,
	PLAIN_START = 0x080045, /* the frame's type; version 4, a header of five words */
};

/* What is in every frame: the shortest is longer, so that UDP's shorter header fits too. */
struct plain_frame {
	__u8 macs[2 * ETH_ALEN];
	__be16 type;
	__u8 ip[sizeof(struct iphdr)];
	__u8 l4[sizeof(struct tcphdr)];
};

/* The beginning of one in another. */
struct plain_encapsulated {
	__u8 macs[2 * ETH_ALEN];
	__be16 type;
	__u8 outer[ENCAP_IPV4];
	__u8 ip[sizeof(struct iphdr)];
};

struct plain {
	__u64 service; /* whose it may be, as bucket_key says */
	__u32 frame;  /* its bytes, padding included */
	__u32 hash;   /* the flow's, with its ports */
	__be32 outer; /* the first word of a packet around it */
};

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
	odd = *(__u32 *)&frame->type ^ bpf_htonl(PLAIN_START << 8);
	if ((odd & bpf_htonl(~0xffU)) | (frame->macs[0] & 1) |
	    (ip->frag_off & bpf_htons(IP_FRAGMENT_MASK | IP_MORE_FRAGMENTS)) || ip->ttl <= 1)
		return false;
	left = bpf_ntohs(ip->tot_len) - (__u32)sizeof(*ip);
	p->frame = frame_length(ctx);
	if (left > PLAIN_LENGTH - sizeof(*ip) || left + sizeof(*ip) + ETH_HLEN > p->frame ||
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

/* The same packet, read again as xdp_parse.h reads any: what few need is not kept for it. False:
 * never, but the verifier cannot know that. */
static __always_inline bool plain_arrival(struct xdp_md *ctx, struct arrival *a)
{
	struct plain_frame *frame = (void *)(long)ctx->data;
	struct iphdr *ip = (struct iphdr *)frame->ip;
	struct tcp_head *l4 = (struct tcp_head *)frame->l4;

	if ((void *)(frame + 1) > (void *)(long)ctx->data_end)
		return false;
	ip_addr_set_v4(&a->p.src, ip->saddr);
	ip_addr_set_v4(&a->p.dst, ip->daddr);
	a->p.sport = l4->source;
	a->p.dport = l4->dest;
	a->p.protocol = ip->protocol;
	if (ip->protocol == L4_TCP)
		a->p.tcp_flags = l4->flags;
	a->p.l4_off = ETH_HLEN + sizeof(*ip);
	a->l3_off = ETH_HLEN;
	a->l3_len = bpf_ntohs(ip->tot_len);
	a->has_addresses = true;
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
