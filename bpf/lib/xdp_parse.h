/* SPDX-License-Identifier: GPL-2.0 */
/* What a device received, parsed in two steps: addresses first, for the prefilter. What these
 * functions refuse is for the host's stack to judge. */
#pragma once
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include "headers.h"
#include "packet.h"

struct arrival {
	struct packet p;
	__u32 l3_off;
	__u32 l3_len;	    /* of the IP packet with its headers; the frame may be padded */
	bool group;	    /* its MAC is multicast or broadcast */
	bool has_addresses; /* they were read; the rest may be broken */
	__u8 _pad0[2];	    /* the verifier of older kernels wants no byte left out */
};

enum arrival_limit {
	ARRIVAL_EXTENSIONS = 4, /* IPv6 extension headers that are walked over */
	ARRIVAL_OFFSET = 0x1ff, /* where a layer 4 header may begin; one less than a power of two */
	ARRIVAL_QUOTED_L4 = 8,	/* what an ICMP error quotes of it at least (RFC 792) */
};

struct vlan_tag {
	__be16 id;
	__be16 type;
};

struct ipv6_extension {
	__u8 next;
	__u8 length; /* in units of 8 bytes, without the first */
	__u8 type;
	__u8 segments_left; /* of a routing header */
};

/* Tells the verifier what was checked before: the compiler keeps such knowledge to itself. */
static __always_inline __u32 arrival_offset(__u32 offset)
{
	asm volatile("%0 &= %1" : "+r"(offset) : "i"(ARRIVAL_OFFSET));
	return offset;
}

/* Bytes of the frame. The verifier wants pointers subtracted whole, not their lower halves. */
static __always_inline __u32 frame_length(struct xdp_md *ctx)
{
	long length = (long)ctx->data_end - (long)ctx->data;

	asm volatile("" : "+r"(length));
	return (__u32)length;
}

#define ARRIVAL_AT(ctx, offset, type) PARSE_AT(ctx, arrival_offset(offset), type)

/* Walks over at most two VLAN tags; returns the type of what follows, 0: none. */
static __always_inline __u32 arrival_link(struct xdp_md *ctx, struct arrival *a)
{
	struct ethhdr *eth = PARSE_AT(ctx, 0, struct ethhdr);
	struct vlan_tag *tag;
	__be16 type;

	if (!eth)
		return 0;
	a->group = eth->h_dest[0] & 1;
	a->l3_off = ETH_HLEN;
	type = eth->h_proto;
#pragma unroll
	for (int i = 0; i < 2; i++) {
		if (type != bpf_htons(L3_VLAN) && type != bpf_htons(L3_QINQ))
			break;
		tag = PARSE_AT(ctx, ETH_HLEN + i * sizeof(*tag), struct vlan_tag);
		if (!tag)
			return 0;
		type = tag->type;
		a->l3_off += sizeof(*tag);
	}
	return bpf_ntohs(type);
}

/* Does the whole packet lie within the frame? */
static __always_inline bool arrival_is_whole(struct xdp_md *ctx, const struct arrival *a)
{
	return a->l3_off + a->l3_len <= frame_length(ctx);
}

static __always_inline bool arrival_ipv4(struct xdp_md *ctx, struct arrival *a)
{
	struct iphdr *ip = ARRIVAL_AT(ctx, a->l3_off, struct iphdr);
	__u32 head, fragment;

	if (!ip)
		return false;
	ip_addr_set_v4(&a->p.src, ip->saddr);
	ip_addr_set_v4(&a->p.dst, ip->daddr);
	a->has_addresses = true;
	head = ip->ihl * 4;
	a->l3_len = bpf_ntohs(ip->tot_len);
	if (ip->version != 4 || head < sizeof(*ip) || a->l3_len < head)
		return false;
	a->p.protocol = ip->protocol;
	a->p.l4_off = a->l3_off + head;
	fragment = bpf_ntohs(ip->frag_off);
	if (fragment & (IP_FRAGMENT_MASK | IP_MORE_FRAGMENTS)) {
		a->p.frag_id = ip->id;
		a->p.flags |=
		    fragment & IP_FRAGMENT_MASK ? PACKET_LATER_FRAGMENT : PACKET_FIRST_FRAGMENT;
	}
	return true;
}

/* Walks over extension headers (RFC 8200 §4). Global: verified once. */
__noinline int arrival_extensions(struct xdp_md *ctx, struct arrival *a)
{
	__u32 next, offset;

	if (!a)
		return false;
	next = a->p.protocol;
	offset = a->p.l4_off;

	for (int i = 0; i < ARRIVAL_EXTENSIONS; i++) {
		struct ipv6_extension *head;

		if (next != L4_HOPOPTS && next != L4_ROUTING && next != L4_DSTOPTS &&
		    next != L4_FRAGMENT)
			break;
		if (offset > ARRIVAL_OFFSET)
			return false;
		offset = arrival_offset(offset);
		head = PARSE_AT(ctx, offset, struct ipv6_extension);
		if (!head)
			return false;
		/* On its way to somewhere else. */
		if (next == L4_ROUTING && head->segments_left)
			return false;
		if (next == L4_FRAGMENT) {
			struct ipv6_fragment *f = PARSE_AT(ctx, offset, struct ipv6_fragment);
			__u32 fragment;

			if (!f || a->p.flags & (PACKET_FIRST_FRAGMENT | PACKET_LATER_FRAGMENT))
				return false;
			fragment = bpf_ntohs(f->offset);
			a->p.frag_id = f->id;
			if (fragment & IP6_FRAGMENT_MASK)
				a->p.flags |= PACKET_LATER_FRAGMENT;
			else if (fragment & IP6_MORE_FRAGMENTS)
				a->p.flags |= PACKET_FIRST_FRAGMENT;
			next = f->next;
			offset += sizeof(*f);
			if (a->p.flags & PACKET_LATER_FRAGMENT)
				break;
			continue;
		}
		next = head->next;
		offset += (head->length + 1) * 8;
	}
	a->p.protocol = (__u8)next;
	a->p.l4_off = offset;
	return offset <= ARRIVAL_OFFSET;
}

static __always_inline bool arrival_ipv6(struct xdp_md *ctx, struct arrival *a)
{
	struct ipv6hdr *ip = ARRIVAL_AT(ctx, a->l3_off, struct ipv6hdr);
	__u32 next;

	if (!ip)
		return false;
	ip_addr_copy(&a->p.src, &ip->saddr);
	ip_addr_copy(&a->p.dst, &ip->daddr);
	a->has_addresses = true;
	a->p.flags |= PACKET_IPV6;
	a->l3_len = bpf_ntohs(ip->payload_len) + sizeof(*ip);
	/* In IPv6 clothes they would be taken for the IPv4 ones (RFC 6890: not on the wire). */
	if (ip->version != 6 || ip_addr_is_v4(&a->p.src) || ip_addr_is_v4(&a->p.dst))
		return false;
	next = ip->nexthdr;
	a->p.protocol = (__u8)next;
	a->p.l4_off = a->l3_off + sizeof(*ip);
	if (next == L4_TCP || next == L4_UDP || next == L4_ICMPV6)
		return true;
	return arrival_extensions(ctx, a);
}

/* Reads the ports. False: the packet is broken, or has none. */
static __always_inline bool arrival_ports(struct xdp_md *ctx, struct arrival *a)
{
	__u32 offset = arrival_offset(a->p.l4_off);
	__u32 left = a->l3_off + a->l3_len - offset;

	if (a->p.protocol == L4_TCP) {
		struct tcphdr *tcp = PARSE_AT(ctx, offset, struct tcphdr);
		struct tcp_head *head = (struct tcp_head *)tcp;
		__u32 length;

		if (!tcp)
			return false;
		length = (head->offset >> 4) * 4;
		if (length < sizeof(*tcp) || (__s32)left < (__s32)length)
			return false;
		a->p.sport = head->source;
		a->p.dport = head->dest;
		a->p.tcp_flags = head->flags;
		return true;
	}
	if (a->p.protocol == L4_UDP) {
		struct udphdr *udp = PARSE_AT(ctx, offset, struct udphdr);
		__u32 length;

		if (!udp)
			return false;
		length = bpf_ntohs(udp->len);
		if (length < sizeof(*udp) || (__s32)left < (__s32)sizeof(*udp))
			return false;
		if (!(a->p.flags & PACKET_FIRST_FRAGMENT) && length > left)
			return false;
		a->p.sport = udp->source;
		a->p.dport = udp->dest;
		return true;
	}
	return false;
}

/* Reads the ports of a packet that an ICMP error quotes; the rest of it may be cut off. */
static __always_inline bool arrival_quoted_ports(struct xdp_md *ctx, struct arrival *quoted,
						 __u32 end)
{
	__u32 offset = arrival_offset(quoted->p.l4_off);
	struct udphdr *head = PARSE_AT(ctx, offset, struct udphdr);

	if (!head || offset + ARRIVAL_QUOTED_L4 > end || quoted->p.flags & PACKET_LATER_FRAGMENT ||
	    (quoted->p.protocol != L4_TCP && quoted->p.protocol != L4_UDP))
		return false;
	quoted->p.sport = head->source;
	quoted->p.dport = head->dest;
	return true;
}
