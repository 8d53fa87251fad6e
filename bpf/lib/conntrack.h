/* SPDX-License-Identifier: GPL-2.0 */
/* Flows: finding their entry from either direction, and their states (RFC 9293 §3.3.2, as far as a
 * bystander needs them). */
#pragma once
#include "maps.h"
#include "packet.h"
#include "sequence.h"

#define SECONDS(n) ((n)*1000000000ULL)

#define CT_FINS (CT_FIN_ORIGIN | CT_FIN_REPLY)

/* Fills the key; returns true when the packet's source is end b. */
static __always_inline bool ct_key_of(const struct packet *p, struct ct_key *key)
{
	bool swap = false;

#pragma unroll
	for (int i = 3; i >= 0; i--) {
		if (p->src.word[i] != p->dst.word[i]) {
			swap = p->src.word[i] > p->dst.word[i];
			goto ordered;
		}
	}
	swap = p->sport > p->dport;
ordered:
	if (swap) {
		key->addr_a = p->dst;
		key->addr_b = p->src;
		key->port_a = p->dport;
		key->port_b = p->sport;
	} else {
		key->addr_a = p->src;
		key->addr_b = p->dst;
		key->port_a = p->sport;
		key->port_b = p->dport;
	}
	key->protocol = p->protocol;
	__builtin_memset(key->_pad0, 0, sizeof(key->_pad0));
	return swap;
}

/* The flow's entry in weir_ct; null: there is none, or its time is over. */
static __always_inline struct ct_entry *ct_find_kept(const struct ct_key *key, __u64 now)
{
	struct ct_entry *entry = bpf_map_lookup_elem(&weir_ct, key);

	return entry && entry->expires_ns >= now ? entry : 0;
}

/* The same in weir_ct_brief. */
static __always_inline struct ct_entry *ct_find_brief(const struct ct_key *key, __u64 now)
{
	struct ct_entry *entry = bpf_map_lookup_elem(&weir_ct_brief, key);

	return entry && entry->expires_ns >= now ? entry : 0;
}

/* Wherever it lies. */
static __always_inline struct ct_entry *ct_find(const struct ct_key *key, __u64 now)
{
	struct ct_entry *entry = ct_find_kept(key, now);

	return entry ? entry : ct_find_brief(key, now);
}

/* Does the packet travel against the direction in which the flow was opened? */
static __always_inline bool ct_is_reply(const struct ct_entry *entry, bool source_is_b)
{
	return source_is_b != !!(entry->flags & CT_ORIGIN_B);
}

/* Is the proxy between its ends now? */
static __always_inline bool ct_is_proxys(const struct ct_entry *entry)
{
	return (entry->flags & (CT_PROXY | CT_HTTP)) == CT_PROXY;
}

/* Only a packet that can begin a conversation opens a flow. */
static __always_inline bool ct_may_open(const struct packet *p)
{
	if (p->flags & (PACKET_LATER_FRAGMENT | PACKET_ICMP_REPLY | PACKET_ICMP_ERROR))
		return false;
	if (p->protocol == L4_TCP)
		return (p->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN;
	return true;
}

static __always_inline bool packet_opens_tcp(const struct packet *p)
{
	return p->protocol == L4_TCP && ct_may_open(p);
}

/* Does the packet use the ports of a closed connection again? */
static __always_inline bool ct_reopens(const struct ct_entry *entry, const struct packet *p)
{
	return entry->flags & CT_CLOSED && packet_opens_tcp(p);
}

static __always_inline __u32 ct_timeout_tcp(__u32 flags)
{
	if (flags & (CT_CLOSED | CT_FINS)) {
		/* One of the proxy's legs can be over long before the other. */
		if (flags & CT_CLOSED && (flags & CT_FINS) != CT_FINS && !(flags & CT_PROXY))
			return CT_TIMEOUT_TCP_RESET;
		return CT_TIMEOUT_TCP_CLOSING;
	}
	if (flags & CT_ESTABLISHED)
		return CT_TIMEOUT_TCP_ESTABLISHED;
	return flags & CT_REPLIED ? CT_TIMEOUT_TCP_SYN_RECEIVED : CT_TIMEOUT_TCP_SYN_SENT;
}

static __always_inline __u64 ct_timeout(__u8 protocol, __u32 flags)
{
	if (protocol == L4_TCP)
		return SECONDS(ct_timeout_tcp(flags));
	if (protocol == L4_UDP)
		return SECONDS(flags & CT_ESTABLISHED ? CT_TIMEOUT_UDP_ESTABLISHED
						      : CT_TIMEOUT_UDP);
	if (protocol == L4_ICMP || protocol == L4_ICMPV6)
		return SECONDS(CT_TIMEOUT_ICMP);
	return SECONDS(CT_TIMEOUT_OTHER);
}

/* The flow's flags after a packet that is believed. What is not TCP has no TCP flags. */
static __always_inline __u32 ct_next_flags(const struct packet *p, __u32 flags, bool reply)
{
	if (p->tcp_flags & TCP_RST)
		return flags | CT_CLOSED;
	if (reply)
		flags |= CT_REPLIED;
	else if (flags & CT_REPLIED && !(p->tcp_flags & TCP_SYN))
		flags |= CT_ESTABLISHED;
	if (p->tcp_flags & TCP_FIN) {
		flags |= reply ? CT_FIN_REPLY : CT_FIN_ORIGIN;
		if ((flags & CT_FINS) == CT_FINS)
			flags |= CT_CLOSED;
	}
	return flags;
}
