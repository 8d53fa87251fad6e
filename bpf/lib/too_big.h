/* SPDX-License-Identifier: GPL-2.0 */
/* Telling a client that its packet does not fit the link to its backend ("fragmentation needed",
 * RFC 1191; "packet too big", RFC 4443 §3.2). The packet becomes the answer. */
#pragma once
#include "encap.h"
#include "hop.h"

enum too_big {
	/* Packets up to here fit every link (RFC 8200 §5): they are not measured. */
	TOO_BIG_NEVER = 1280,
	TOO_BIG_QUOTE = 256,
	TOO_BIG_TTL = 64,
};

struct too_big4 {
	struct iphdr ip;
	struct icmp_head icmp;
	__be32 quote[TOO_BIG_QUOTE / 4];
};

struct too_big6 {
	struct ipv6hdr ip;
	struct icmp_head icmp;
	__be32 quote[TOO_BIG_QUOTE / 4];
};

/* The largest packet that could have gone; 0: this one can. "more" is what it grows by. */
static __always_inline __u32 too_big_limit(struct xdp_md *ctx, const struct arrival *a,
					   __u32 ifindex, __u32 more)
{
	__u32 length = a->l3_len + more, mtu = length;

	if (length <= TOO_BIG_NEVER ||
	    bpf_check_mtu(ctx, ifindex, &mtu, 0, 0) != BPF_MTU_CHK_RET_FRAG_NEEDED)
		return 0;
	return mtu > more ? mtu - more : 1;
}

static __always_inline bool too_big_answer4(struct xdp_md *ctx, const struct arrival *a, __u32 mtu)
{
	struct too_big4 *answer = ARRIVAL_AT(ctx, a->l3_off, struct too_big4);
	__be32 *words = (__be32 *)answer;

	if (!answer)
		return false;
	words[0] = bpf_htonl(0x45000000 | sizeof(*answer));
	words[1] = 0;
	words[2] = bpf_htonl(TOO_BIG_TTL << 24 | L4_ICMP << 16);
	words[3] = a->p.dst.word[3];
	words[4] = a->p.src.word[3];
	answer->ip.check = (__u16)~sum_fold((__u64)words[0] + words[2] + words[3] + words[4]);
	answer->icmp = (struct icmp_head){
	    .type = ICMP4_UNREACHABLE,
	    .code = ICMP4_FRAG_NEEDED_CODE,
	    .sequence = bpf_htons((__u16)mtu),
	};
	answer->icmp.checksum = (__u16)~sum_fold((__u64)bpf_csum_diff(
	    0, 0, (__be32 *)&answer->icmp, sizeof(answer->icmp) + TOO_BIG_QUOTE, 0));
	return true;
}

static __always_inline bool too_big_answer6(struct xdp_md *ctx, const struct arrival *a, __u32 mtu)
{
	struct too_big6 *answer = ARRIVAL_AT(ctx, a->l3_off, struct too_big6);
	const __u32 length = sizeof(*answer) - sizeof(answer->ip);
	__u64 sum;

	if (!answer)
		return false;
	*(__be32 *)answer = bpf_htonl(0x60000000);
	answer->ip.payload_len = bpf_htons((__u16)length);
	answer->ip.nexthdr = L4_ICMPV6;
	answer->ip.hop_limit = TOO_BIG_TTL;
	__builtin_memcpy(&answer->ip.saddr, &a->p.dst, sizeof(a->p.dst));
	__builtin_memcpy(&answer->ip.daddr, &a->p.src, sizeof(a->p.src));
	answer->icmp = (struct icmp_head){
	    .type = ICMP6_PACKET_TOO_BIG,
	    .sequence = bpf_htons((__u16)mtu),
	};
	sum = (__u64)bpf_csum_diff(0, 0, (__be32 *)&answer->icmp, length, 0);
	sum += bpf_htonl(length) + (__u64)bpf_htonl(L4_ICMPV6);
	for (int i = 0; i < 4; i++)
		sum += (__u64)a->p.src.word[i] + a->p.dst.word[i];
	answer->icmp.checksum = (__u16)~sum_fold(sum);
	return true;
}

/* Is a source nobody in particular, or somebody who sends nothing by a device? */
static __always_inline bool address_is_nobody(const struct ip_addr *addr, bool v6)
{
	__u8 first = (__u8)(bpf_ntohl(addr->word[3]) >> 24);

	if (v6)
		return (addr->word[0] & bpf_htonl(0xff000000)) == bpf_htonl(0xff000000) ||
		       !(addr->word[0] | addr->word[1] | addr->word[2]);
	return first == 0 || first == 127 || first >= 224;
}

/* Whom no error may be sent about (RFC 1122 §3.2.2, RFC 4443 §2.4): nobody in particular, and
 * errors. */
static __always_inline bool too_big_is_mute(const struct arrival *a)
{
	return a->p.flags & PACKET_LATER_FRAGMENT ||
	       (a->p.protocol != L4_TCP && a->p.protocol != L4_UDP) ||
	       address_is_nobody(&a->p.src, a->p.flags & PACKET_IPV6);
}

/* Turns the packet into the answer. False: there is none; the packet is of no use any more. */
static __noinline bool too_big_answer(struct xdp_md *ctx, const struct arrival *a, __u32 mtu)
{
	bool v6 = a->p.flags & PACKET_IPV6;
	__u32 more =
	    (v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)) + sizeof(struct icmp_head);
	__u32 keep = a->l3_off + TOO_BIG_QUOTE;
	struct ethhdr *eth = PARSE_AT(ctx, 0, struct ethhdr);
	struct hop back = {};

	if (!eth || too_big_is_mute(a))
		return false;
	__builtin_memcpy(&back.mac, eth->h_source, ETH_ALEN);
	__builtin_memcpy(&back.own_mac, eth->h_dest, ETH_ALEN);
	back.ifindex = ctx->ingress_ifindex;
	if (bpf_xdp_adjust_tail(ctx, (int)(keep - frame_length(ctx))) ||
	    !link_make_room(ctx, a, more))
		return false;
	if (!(v6 ? too_big_answer6(ctx, a, mtu) : too_big_answer4(ctx, a, mtu)))
		return false;
	return hop_send(ctx, &back) == FATE_SENT;
}
