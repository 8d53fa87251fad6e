/* SPDX-License-Identifier: GPL-2.0 */
/* The way of a service's answer from the container to the client, and what becomes of one that does not
 * fit it. What may be cut goes through the host's stack, which cuts; of other packets the container is
 * told the size that fits, as its next router would tell it. */
#pragma once
#include <linux/ip.h>
#include "own.h"
#include "reply.h"
#include "turn_round.h"

enum reply_limit {
	/* Packets up to here fit every link (RFC 8200 §5): they are not measured. */
	REPLY_FITS = 1280,
	REPLY_QUOTE = 128,
	REPLY_DONT_FRAGMENT = 0x4000,
};

enum reply_family {
	REPLY_IPV4 = 2, /* AF_INET */
	REPLY_IPV6 = 10,
};

struct reply_error4 {
	struct iphdr ip;
	struct icmp_head icmp;
	__be32 quote[REPLY_QUOTE / 4];
};

struct reply_error6 {
	struct ipv6hdr ip;
	struct icmp_head icmp;
	__be32 quote[REPLY_QUOTE / 4];
};

/* The longest packet that this one becomes on the way. */
static __always_inline __u32 reply_length(struct __sk_buff *skb, const struct packet *p)
{
	__u32 length = skb->len - ETH_HLEN;
	__u8 words = 0;

	/* All fragments that may be cut again go one way, or the stack could not put them together: they
	 * are as long as the container's link lets them be. */
	if (!(p->flags & PACKET_IPV6) && p->flags & (PACKET_FIRST_FRAGMENT | PACKET_LATER_FRAGMENT)) {
		__u32 mtu = 0;

		bpf_check_mtu(skb, 0, &mtu, 0, 0);
		return mtu > length ? mtu : length;
	}
	if (!skb->gso_size)
		return length;
	/* Of many segments that travel as one, each gets the headers. */
	length = p->l4_off - ETH_HLEN + skb->gso_size;
	if (p->protocol == L4_UDP)
		return length + sizeof(struct icmp_head);
	bpf_skb_load_bytes(skb, p->l4_off + __builtin_offsetof(struct tcp_head, offset), &words,
			   sizeof(words));
	return length + (words >> 4) * 4;
}

/* The most that fits the way to the client, if the packet is longer; 0: it fits. */
__noinline __u32 reply_limit_of(struct __sk_buff *skb, const struct packet *p,
				const struct ruling *v)
{
	struct bpf_fib_lookup way = {};
	struct frontend_entry *frontend;
	__u32 id, length, mtu;

	if (!p || !v)
		return 0;
	length = mtu = reply_length(skb, p);
	if (length <= REPLY_FITS)
		return 0;
	if (bpf_check_mtu(skb, v->ifindex, &mtu, 0, 0) == BPF_MTU_CHK_RET_FRAG_NEEDED)
		return mtu;
	/* A route may be narrower than its device: "mtu lock", or by what it wraps packets in. */
	id = v->frontend_id;
	frontend = bpf_map_lookup_elem(&weir_frontend, &id);
	if (!frontend)
		return 0;
	way.ifindex = v->ifindex;
	way.l4_protocol = p->protocol;
	way.tot_len = (__u16)length;
	if (p->flags & PACKET_IPV6) {
		way.family = REPLY_IPV6;
		__builtin_memcpy(way.ipv6_src, &frontend->addr, sizeof(way.ipv6_src));
		__builtin_memcpy(way.ipv6_dst, &p->dst, sizeof(way.ipv6_dst));
	} else {
		way.family = REPLY_IPV4;
		way.ipv4_src = frontend->addr.word[3];
		way.ipv4_dst = p->dst.word[3];
	}
	return bpf_fib_lookup(skb, &way, sizeof(way), BPF_FIB_LOOKUP_OUTPUT) ==
			       BPF_FIB_LKUP_RET_FRAG_NEEDED
		       ? way.mtu_result
		       : 0;
}

/* May routers cut the packet? */
static __always_inline bool reply_may_be_cut(struct __sk_buff *skb, const struct packet *p)
{
	struct iphdr *ip = PARSE_AT(skb, ETH_HLEN, struct iphdr);

	return !(p->flags & PACKET_IPV6) && ip && !(ip->frag_off & bpf_htons(REPLY_DONT_FRAGMENT));
}

static __always_inline bool reply_error_ipv4(struct __sk_buff *skb, const struct packet *p, __u32 mtu)
{
	struct reply_error4 *error = PARSE_AT(skb, ETH_HLEN, struct reply_error4);
	struct ip_addr gateway;

	if (!error)
		return false;
	own_gateway(skb, &gateway);
	__builtin_memset(&error->ip, 0, sizeof(error->ip));
	*(__u8 *)&error->ip = ANSWER_IPV4_HEAD;
	error->ip.tot_len = bpf_htons(sizeof(*error));
	error->ip.ttl = ANSWER_TTL;
	error->ip.protocol = L4_ICMP;
	error->ip.saddr = gateway.word[3] ? gateway.word[3] : p->dst.word[3];
	error->ip.daddr = p->src.word[3];
	error->ip.check =
		answer_checksum(bpf_csum_diff(0, 0, (__be32 *)&error->ip, sizeof(error->ip), 0));
	error->icmp = (struct icmp_head){
	    .type = ICMP4_UNREACHABLE,
	    .code = ICMP4_FRAG_NEEDED_CODE,
	    .sequence = bpf_htons((__u16)mtu),
	};
	error->icmp.checksum = answer_checksum(bpf_csum_diff(
		0, 0, (__be32 *)&error->icmp, sizeof(*error) - sizeof(error->ip), 0));
	return true;
}

static __always_inline bool reply_error_ipv6(struct __sk_buff *skb, const struct packet *p, __u32 mtu)
{
	struct reply_error6 *error = PARSE_AT(skb, ETH_HLEN, struct reply_error6);
	const __u32 length = sizeof(*error) - sizeof(error->ip);
	struct ip_addr gateway;
	__be32 words[10];

	if (!error)
		return false;
	own_gateway(skb, &gateway);
	__builtin_memcpy(words, &gateway, sizeof(gateway));
	if (!words[0])
		__builtin_memcpy(words, &p->dst, sizeof(p->dst));
	__builtin_memcpy(words + 4, &p->src, sizeof(p->src));
	words[8] = bpf_htonl(length);
	words[9] = bpf_htonl(L4_ICMPV6);
	__builtin_memset(&error->ip, 0, sizeof(error->ip));
	*(__u8 *)&error->ip = ANSWER_IPV6_HEAD;
	error->ip.payload_len = bpf_htons((__u16)length);
	error->ip.nexthdr = L4_ICMPV6;
	error->ip.hop_limit = ANSWER_TTL;
	__builtin_memcpy(&error->ip.saddr, words, sizeof(error->ip.saddr));
	__builtin_memcpy(&error->ip.daddr, words + 4, sizeof(error->ip.daddr));
	error->icmp = (struct icmp_head){
	    .type = ICMP6_PACKET_TOO_BIG,
	    .sequence = bpf_htons((__u16)mtu),
	};
	error->icmp.checksum = answer_checksum(bpf_csum_diff(
		0, 0, (__be32 *)&error->icmp, length,
		(__wsum)bpf_csum_diff(0, 0, words, sizeof(words), 0)));
	return true;
}

/* Turns the packet into the error about it. False: it is one that no error may be about; it is of no use
 * any more. */
__noinline int reply_error_about(struct __sk_buff *skb, const struct packet *p, __u32 mtu)
{
	struct ethhdr *eth;
	__u32 more;
	bool v6;

	if (!p || p->flags & PACKET_LATER_FRAGMENT || packet_is_icmp(p))
		return false;
	v6 = p->flags & PACKET_IPV6;
	more = (v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)) + sizeof(struct icmp_head);
	if (bpf_skb_change_tail(skb, ETH_HLEN + REPLY_QUOTE, 0) ||
	    bpf_skb_adjust_room(skb, (int)more, BPF_ADJ_ROOM_MAC, 0) ||
	    bpf_skb_pull_data(skb, ETH_HLEN + more + REPLY_QUOTE))
		return false;
	eth = PARSE_AT(skb, 0, struct ethhdr);
	if (!eth)
		return false;
	turn_round_link(eth);
	return v6 ? reply_error_ipv6(skb, p, mtu) : reply_error_ipv4(skb, p, mtu);
}

/* From the frontend's address out by the device that the client's packets come in by, or through the
 * host's stack to where it finds the client. */
static __always_inline int reply_leave(struct __sk_buff *skb, const struct packet *p,
				       const struct report *r, const struct ruling *v, bool by_stack)
{
	enum drop_reason reason = reply_rewrite(skb, p, v->frontend_id, v->client_port);

	if (!reason && v->client_port && !(p->flags & PACKET_ICMP_ERROR) &&
	    !rewrite_end_port(skb, p, p->dport, v->client_port, REWRITE_DESTINATION))
		reason = DROP_REASON_TRUNCATED;
	if (!reason && !by_stack && !rewrite_hop(skb, p->flags & PACKET_IPV6))
		reason = DROP_REASON_MALFORMED;
	if (reason)
		return drop(skb, p, r, reason);
	metrics_count(DIRECTION_EGRESS, DROP_REASON_NONE, skb->len);
	return by_stack ? TC_ACT_OK : (int)bpf_redirect_neigh(v->ifindex, 0, 0, 0);
}

static __always_inline int reply_send(struct __sk_buff *skb, const struct packet *p,
				      struct report *r, const struct ruling *v)
{
	__u32 mtu = reply_limit_of(skb, p, v);

	r->frontend_id = v->frontend_id;
	if (!mtu || reply_may_be_cut(skb, p))
		return reply_leave(skb, p, r, v, mtu);
	drop(skb, p, r, DROP_REASON_TOO_BIG);
	return reply_error_about(skb, p, mtu) ? answer_send(skb) : TC_ACT_SHOT;
}
