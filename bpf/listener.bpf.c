// SPDX-License-Identifier: GPL-2.0
/* Where a connection finds the proxy's listener: run by the host's stack for a packet that opens one and
 * belongs to no socket. Only a flow that policy sent to the proxy gets there, whatever its address and
 * port. The stack asks here also when the ports of a connection are used again that is not long closed. */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "lib/conntrack.h"

enum socket_family {
	SOCKET_IPV4 = 2,
	SOCKET_IPV6 = 10,
};

/* Reads a word of the context. The compiler would merge both families' reads into one through an address
 * that it computes; the verifier wants each at a place that is written down. */
#define CONTEXT_WORD(ctx, field)                                                                   \
	({                                                                                         \
		__u32 __word;                                                                      \
		asm volatile("%0 = *(u32 *)(%1 + %2)"                                              \
			     : "=r"(__word)                                                        \
			     : "r"(ctx), "i"(__builtin_offsetof(struct bpf_sk_lookup, field)));    \
		__word;                                                                            \
	})

SEC("sk_lookup")
int weir_listener(struct bpf_sk_lookup *ctx)
{
	struct packet p = {.protocol = L4_TCP};
	__u32 index = ctx->family == SOCKET_IPV6;
	struct ct_entry *entry;
	struct bpf_sock *sk;
	struct ct_key key;
	bool source_is_b;
	long error;

	if (ctx->protocol != L4_TCP)
		return SK_PASS;
	if (index) {
		p.src.word[0] = CONTEXT_WORD(ctx, remote_ip6[0]);
		p.src.word[1] = CONTEXT_WORD(ctx, remote_ip6[1]);
		p.src.word[2] = CONTEXT_WORD(ctx, remote_ip6[2]);
		p.src.word[3] = CONTEXT_WORD(ctx, remote_ip6[3]);
		p.dst.word[0] = CONTEXT_WORD(ctx, local_ip6[0]);
		p.dst.word[1] = CONTEXT_WORD(ctx, local_ip6[1]);
		p.dst.word[2] = CONTEXT_WORD(ctx, local_ip6[2]);
		p.dst.word[3] = CONTEXT_WORD(ctx, local_ip6[3]);
	} else {
		p.src.word[2] = p.dst.word[2] = bpf_htonl(0xffff);
		p.src.word[3] = CONTEXT_WORD(ctx, remote_ip4);
		p.dst.word[3] = CONTEXT_WORD(ctx, local_ip4);
	}
	p.sport = ctx->remote_port;
	p.dport = bpf_htons((__u16)ctx->local_port);
	source_is_b = ct_key_of(&p, &key);
	entry = ct_find(&key, bpf_ktime_get_coarse_ns());
	if (!entry || (entry->flags & (CT_PROXY | CT_HTTP | CT_CUT)) != CT_PROXY || ct_is_reply(entry, source_is_b))
		return SK_PASS;
	sk = bpf_map_lookup_elem(&weir_listeners, &index);
	if (!sk)
		return SK_DROP;
	error = bpf_sk_assign(ctx, sk, 0);
	bpf_sk_release(sk);
	return error ? SK_DROP : SK_PASS;
}

char _license[] SEC("license") = "GPL";
