/* SPDX-License-Identifier: GPL-2.0 */
/* Flows: finding their entry from either direction, and keeping their state and timeout. */
#pragma once
#include "maps.h"
#include "packet.h"

#define SECONDS(n) ((n) * 1000000000ULL)

/* Timeouts in nanoseconds since the last packet. */
#define CT_TIMEOUT_TCP_SYN SECONDS(60)
#define CT_TIMEOUT_TCP_ESTABLISHED SECONDS(21600)
#define CT_TIMEOUT_TCP_RESET SECONDS(10)
#define CT_TIMEOUT_TCP_CLOSED SECONDS(2) /* FIN both ways: only repetitions may follow */
#define CT_TIMEOUT_UDP SECONDS(30)
#define CT_TIMEOUT_UDP_REPLIED SECONDS(180)
#define CT_TIMEOUT_ICMP SECONDS(30)
#define CT_TIMEOUT_OTHER SECONDS(120)

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

/* Does the packet travel against the direction in which the flow was opened? */
static __always_inline bool ct_is_reply(const struct ct_entry *entry, bool source_is_b)
{
	return source_is_b != !!(entry->flags & CT_ORIGIN_B);
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

static __always_inline __u64 ct_timeout(__u8 protocol, __u32 flags)
{
	if (protocol == L4_TCP) {
		/* One of the proxy's legs can be over long before the other. */
		if (flags & CT_CLOSED)
			return flags & CT_PROXY		      ? CT_TIMEOUT_OTHER
			       : (flags & CT_FINS) == CT_FINS ? CT_TIMEOUT_TCP_CLOSED
							      : CT_TIMEOUT_TCP_RESET;
		return flags & CT_ESTABLISHED ? CT_TIMEOUT_TCP_ESTABLISHED : CT_TIMEOUT_TCP_SYN;
	}
	if (protocol == L4_UDP)
		return flags & CT_REPLIED ? CT_TIMEOUT_UDP_REPLIED : CT_TIMEOUT_UDP;
	if (protocol == L4_ICMP || protocol == L4_ICMPV6)
		return CT_TIMEOUT_ICMP;
	return CT_TIMEOUT_OTHER;
}

/* The flow's flags after this packet (RFC 9293 §3.3.2, as far as a bystander needs it). */
static __always_inline __u32 ct_next_flags(const struct packet *p, __u32 flags, bool reply)
{
	if (reply)
		flags |= CT_REPLIED;
	if (p->protocol != L4_TCP || p->flags & PACKET_LATER_FRAGMENT)
		return flags;
	if (p->tcp_flags & TCP_RST)
		return flags | CT_CLOSED;
	if (p->tcp_flags & TCP_FIN)
		flags |= reply ? CT_FIN_REPLY : CT_FIN_ORIGIN;
	if ((flags & CT_FINS) == CT_FINS)
		return flags | CT_CLOSED;
	if (flags & CT_REPLIED && !reply && !(p->tcp_flags & TCP_SYN))
		flags |= CT_ESTABLISHED;
	return flags;
}

/* Is the entry still a flow, as seen by this packet? A SYN reuses the ports of a closed one. */
static __always_inline bool ct_alive(const struct ct_entry *entry, const struct packet *p,
				     __u64 now)
{
	if (entry->expires_ns < now)
		return false;
	return !(entry->flags & CT_CLOSED && p->protocol == L4_TCP && ct_may_open(p));
}

/* Ends the flow: it no longer counts among those of the endpoint that opened it. Two CPUs may come
 * here at once; the one that finds it open counts. */
static __always_inline void ct_close(struct ct_entry *entry, __u32 flags)
{
	__u32 id = entry->src_endpoint;
	struct endpoint_entry *endpoint;

	if (__sync_fetch_and_or(&entry->flags, flags) & CT_CLOSED || !id)
		return;
	endpoint = bpf_map_lookup_elem(&weir_endpoint, &id);
	/* The sweeper may have set the count right in between. */
	if (endpoint && !__sync_fetch_and_sub(&endpoint->ct_count, 1))
		__sync_fetch_and_add(&endpoint->ct_count, 1);
}

/* Counts the packet. Writes are not atomic: two CPUs may lose a count, never a state that
 * matters. */
static __always_inline void ct_touch(struct ct_entry *entry, const struct packet *p, bool reply,
				     __u64 now, __u32 length)
{
	__u32 flags = ct_next_flags(p, entry->flags, reply);

	if (flags != entry->flags) {
		if (flags & ~entry->flags & CT_CLOSED)
			ct_close(entry, flags);
		else
			entry->flags = flags;
	}
	entry->expires_ns = now + ct_timeout(p->protocol, flags);
	entry->packets++;
	entry->bytes += length;
}

/* An ICMP error is related when the packet that it quotes belongs to a living flow. */
static __always_inline struct ct_entry *ct_find_quoted(const struct packet *quoted,
						       bool *source_is_b, __u64 now)
{
	struct ct_key key;
	struct ct_entry *entry;

	*source_is_b = ct_key_of(quoted, &key);
	entry = bpf_map_lookup_elem(&weir_ct, &key);
	return entry && entry->expires_ns >= now ? entry : 0;
}
