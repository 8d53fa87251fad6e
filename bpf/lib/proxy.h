/* SPDX-License-Identifier: GPL-2.0 */
/* Handing flows to the transparent proxy, and knowing what comes from it.
 *
 * A flow that policy sends through the proxy has two legs with the same addresses and ports: the
 * opener's, which ends at a socket of the proxy's, and the proxy's own to the other end. Packets of
 * either end are marked "to proxy"; a rule of the host routes what is so marked to its own stack,
 * which finds the socket by the packet's addresses. Only the first packet has none: it is given to
 * the listener. */
#pragma once
#include "../abi/proxy.h"
#include "conntrack.h"
#include "event.h"
#include "flow.h"

static __always_inline bool mark_is(const struct __sk_buff *skb, enum proxy_mark mark)
{
	return (skb->mark & MARK_MASK) == (__u32)mark;
}

static __always_inline bool packet_opens_tcp(const struct packet *p)
{
	return p->protocol == L4_TCP && ct_may_open(p);
}

/* Finds a socket of the host's for the packet; with a port, the one that listens there on loopback. */
static __always_inline struct bpf_sock *proxy_find_socket(struct __sk_buff *skb,
							   const struct packet *p, __be16 port)
{
	struct bpf_sock_tuple tuple = {};

	if (!(p->flags & PACKET_IPV6)) {
		tuple.ipv4.saddr = p->src.word[3];
		tuple.ipv4.daddr = port ? bpf_htonl(0x7f000001) : p->dst.word[3];
		tuple.ipv4.sport = p->sport;
		tuple.ipv4.dport = port ? port : p->dport;
		return bpf_skc_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	}
	__builtin_memcpy(tuple.ipv6.saddr, p->src.word, sizeof(tuple.ipv6.saddr));
	if (port)
		tuple.ipv6.daddr[3] = bpf_htonl(1);
	else
		__builtin_memcpy(tuple.ipv6.daddr, p->dst.word, sizeof(tuple.ipv6.daddr));
	tuple.ipv6.sport = p->sport;
	tuple.ipv6.dport = port ? port : p->dport;
	return bpf_skc_lookup_tcp(skb, &tuple, sizeof(tuple.ipv6), BPF_F_CURRENT_NETNS, 0);
}

/* At an ingress: makes the host's stack take the packet. A packet that opens a connection goes to
 * the listener; any other that belongs to no socket is answered with a reset by the stack. */
static __always_inline enum drop_reason proxy_take(struct __sk_buff *skb, const struct packet *p,
						   __u32 identity)
{
	__u32 zero = 0;
	struct settings *s = bpf_map_lookup_elem(&weir_settings, &zero);
	struct bpf_sock *sk, *full;
	bool taken;
	long error;

	skb->mark = MARK_TO_PROXY | identity << MARK_IDENTITY_SHIFT;
	if (!packet_opens_tcp(p))
		return DROP_REASON_NONE;
	sk = proxy_find_socket(skb, p, 0);
	if (sk) {
		taken = sk->state != BPF_TCP_LISTEN && sk->state != BPF_TCP_TIME_WAIT;
		bpf_sk_release(sk);
		if (taken) /* the same packet again */
			return DROP_REASON_NONE;
	}
	if (!s || !s->proxy_port)
		return DROP_REASON_PROXY_UNAVAILABLE;
	sk = proxy_find_socket(skb, p, bpf_htons(s->proxy_port));
	if (!sk)
		return DROP_REASON_PROXY_UNAVAILABLE;
	/* Nobody else can listen there in its place: marks are root's. */
	full = bpf_sk_fullsock(sk);
	if (!full || full->state != BPF_TCP_LISTEN || (full->mark & MARK_MASK) != MARK_FROM_PROXY) {
		bpf_sk_release(sk);
		return DROP_REASON_PROXY_UNAVAILABLE;
	}
	error = bpf_sk_assign(skb, sk, 0);
	bpf_sk_release(sk);
	return error ? DROP_REASON_PROXY_UNAVAILABLE : DROP_REASON_NONE;
}

/* A packet of the proxy's: it was judged. Keeps the flow alive, and opens one where the proxy could
 * not use the opener's own port. */
static __always_inline enum drop_reason proxy_sent(const struct packet *p, struct report *r,
						   __u32 length)
{
	__u32 zero = 0;
	struct settings *s = bpf_map_lookup_elem(&weir_settings, &zero);
	__u64 now = bpf_ktime_get_coarse_ns();
	struct ct_entry *entry;
	struct ct_key key;
	bool source_is_b;

	if (!s)
		return DROP_REASON_POLICY_DENIED;
	source_is_b = ct_key_of(p, &key);
	entry = bpf_map_lookup_elem(&weir_ct, &key);
	if (entry && ct_alive(entry, p, now)) {
		r->is_reply = ct_is_reply(entry, source_is_b);
		ct_touch(entry, p, r->is_reply, now, length);
		return DROP_REASON_NONE;
	}
	if (!packet_opens_tcp(p))
		return DROP_REASON_NONE; /* the end of a flow that is forgotten already */
	r->proxy = true;
	r->src_identity = identity_of_outside(&p->src, p->flags & PACKET_IPV6);
	return flow_open(&key, source_is_b, p, r, s, s->revision, now, length);
}
