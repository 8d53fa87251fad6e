// SPDX-License-Identifier: GPL-2.0
/* What TCP knows of the connections of this host's containers: how long the handshake took, the
 * round trip, what was sent again, bytes, and how it ended. The stack counts all of it anyway: this
 * asks when a connection opens and when it ends, and nothing is done for a packet. Attached to the
 * root of cgroup2.
 *
 * A connection between two containers of this host has two sockets here; that of who opened it
 * tells. Where the proxy is in between, what is told is the container's leg of it: the opener's,
 * or, of who comes from outside, that of whom he opened it to. */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "abi/measure.h"
#include "lib/conntrack.h"
#include "lib/identity.h"

enum {
	FAMILY_IPV6 = 10,
	SOCK_DONE = 1, /* bit of skc_flags: the other end's FIN came (include/net/sock.h) */
	RTT_SHIFT = 3, /* srtt_us is in eighths */
};

enum socket_error {
	ERROR_CONNRESET = 104,
	ERROR_PIPE = 32, /* reset after its FIN */
	ERROR_TIMEDOUT = 110,
	ERROR_CONNREFUSED = 111,
};

/* Of the kernel's own types what is read; where it lies is found when this is loaded. */
struct sock_common {
	unsigned long skc_flags;
} __attribute__((preserve_access_index));

struct sock {
	int sk_err;
} __attribute__((preserve_access_index));

struct tcp_sock {
	__u64 bytes_received;
	__u64 bytes_sent;
	__u64 bytes_retrans;
	__u32 srtt_us;
	__u32 total_retrans;
	__u32 data_segs_out;
} __attribute__((preserve_access_index));

struct bpf_iter_meta {
	void *seq; /* struct seq_file; unknown here as struct file is, and two of that kind have no fixed order: maps.h */
} __attribute__((preserve_access_index));

struct file;

struct socket {
	struct sock *sk;
} __attribute__((preserve_access_index));

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct file *file;
} __attribute__((preserve_access_index));

/* Connections that are measured. Written by weir_measure, read by weir_measured; goes with the
 * socket. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct tcp_event);
} weir_tcp SEC(".maps");

/* .rodata, written before load and frozen. */
const volatile struct socket_config socket_config = {};

/* See listener.bpf.c. */
#define CONTEXT_WORD(ctx, field)                                                                   \
	({                                                                                         \
		__u32 __word;                                                                      \
		asm volatile("%0 = *(u32 *)(%1 + %2)"                                              \
			     : "=r"(__word)                                                        \
			     : "r"(ctx), "i"(__builtin_offsetof(struct bpf_sock_ops, field)));     \
		__word;                                                                            \
	})

struct ends {
	struct ip_addr local;
	struct ip_addr remote;
	__be16 local_port;
	__be16 remote_port;
	bool v6;
};

static __always_inline void ends_of(struct bpf_sock_ops *ctx, struct ends *ends)
{
	if (ctx->family == FAMILY_IPV6) {
		ends->local.word[0] = CONTEXT_WORD(ctx, local_ip6[0]);
		ends->local.word[1] = CONTEXT_WORD(ctx, local_ip6[1]);
		ends->local.word[2] = CONTEXT_WORD(ctx, local_ip6[2]);
		ends->local.word[3] = CONTEXT_WORD(ctx, local_ip6[3]);
		ends->remote.word[0] = CONTEXT_WORD(ctx, remote_ip6[0]);
		ends->remote.word[1] = CONTEXT_WORD(ctx, remote_ip6[1]);
		ends->remote.word[2] = CONTEXT_WORD(ctx, remote_ip6[2]);
		ends->remote.word[3] = CONTEXT_WORD(ctx, remote_ip6[3]);
	} else {
		ends->local.word[2] = ends->remote.word[2] = bpf_htonl(0xffff);
		ends->local.word[3] = CONTEXT_WORD(ctx, local_ip4);
		ends->remote.word[3] = CONTEXT_WORD(ctx, remote_ip4);
	}
	ends->v6 =
	    ends->local.word[0] | ends->local.word[1] || ends->local.word[2] != bpf_htonl(0xffff);
	ends->local_port = bpf_htons((__u16)ctx->local_port);
	ends->remote_port = bpf_htons((__u16)bpf_ntohl(ctx->remote_port));
}

static __always_inline bool same_address(const struct ip_addr *a, const struct ip_addr *b)
{
	return a->word[0] == b->word[0] && a->word[1] == b->word[1] && a->word[2] == b->word[2] &&
	       a->word[3] == b->word[3];
}

/* Is the socket in a container of weir's? As in lib/socket.h, while one is not known yet any may be
 * it; and as there, what is in the host's namespace is not: the proxy's sockets have containers'
 * addresses. */
static __always_inline bool is_containers(struct bpf_sock_ops *ctx)
{
	__u64 netns = bpf_get_netns_cookie(ctx);

	if (netns == socket_config.host_netns_cookie)
		return false;
	if (bpf_map_lookup_elem(&weir_netns, &netns))
		return true;
	return weir_settings.lb_flags & LB_ANY_NAMESPACE;
}

/* The service's address that the socket asked for when it got this backend's (lib/socket.h); 0:
 * none. */
static __always_inline __u32 frontend_of(__u64 cookie, const struct ends *ends)
{
	struct sock_key key = {.cookie = cookie,
			       .backend = ends->remote,
			       .port = ends->remote_port,
			       .protocol = L4_TCP};
	struct sock_entry *known = bpf_map_lookup_elem(&weir_sock, &key);

	return known ? known->frontend_id : 0;
}

/* Begins to measure the socket, if it is an end that tells. */
static __always_inline void begin(struct bpf_sock_ops *ctx, bool accepted)
{
	struct bpf_sock *sk = ctx->sk;
	struct ends ends = {};
	struct tcp_event *e;
	__u32 own;

	if (!sk || !is_containers(ctx))
		return;
	ends_of(ctx, &ends);
	own = identity_local_endpoint(&ends.local);
	if (!own || same_address(&ends.local, &ends.remote))
		return;
	if (accepted && identity_local_endpoint(&ends.remote))
		return; /* its opener's socket tells */
	e = bpf_sk_storage_get(&weir_tcp, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!e)
		return;
	__builtin_memset(e, 0, sizeof(*e));
	e->cookie = bpf_get_socket_cookie(ctx);
	e->opened_ns = bpf_ktime_get_ns();
	e->accepted = accepted;
	e->flow.type = EVENT_TCP;
	e->flow.protocol = L4_TCP;
	e->flow.endpoint_id = (__u16)own;
	e->flow.ether_type = ends.v6 ? bpf_htons(L3_IPV6) : bpf_htons(L3_IPV4);
	if (accepted) {
		e->flow.direction = DIRECTION_INGRESS;
		e->flow.src = ends.remote;
		e->flow.dst = ends.local;
		e->flow.sport = ends.remote_port;
		e->flow.dport = ends.local_port;
	} else {
		e->flow.direction = DIRECTION_EGRESS;
		e->flow.src = ends.local;
		e->flow.dst = ends.remote;
		e->flow.sport = ends.local_port;
		e->flow.dport = ends.remote_port;
		e->flow.frontend_id = frontend_of(e->cookie, &ends);
	}
	bpf_sock_ops_cb_flags_set(ctx,
				  (int)ctx->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_STATE_CB_FLAG);
}

/* Who the ends are, as policy judged the flow. False: it did not let it pass, or never saw it, and
 * then it is told of by a drop, or it is none of weir's: inside of a namespace sockets may have any
 * address. */
static __always_inline bool judged(struct tcp_event *e)
{
	struct packet p = {.protocol = L4_TCP};
	struct ct_entry *entry;
	struct ct_key key;

	p.src = e->flow.src;
	p.dst = e->flow.dst;
	p.sport = e->flow.sport;
	p.dport = e->flow.dport;
	ct_key_of(&p, &key);
	entry = ct_find(&key, bpf_ktime_get_coarse_ns());
	if (!entry)
		return false;
	e->flow.src_identity = entry->src_identity;
	e->flow.dst_identity = entry->dst_identity;
	e->flow.src_endpoint = entry->src_endpoint;
	e->flow.dst_endpoint = entry->dst_endpoint;
	e->flow.verdict = entry->flags & CT_PROXY ? VERDICT_PROXY : VERDICT_ALLOW;
	if (entry->frontend_id)
		e->flow.frontend_id = entry->frontend_id;
	return true;
}

static __always_inline void established(struct bpf_sock_ops *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct tcp_event *e = sk ? bpf_sk_storage_get(&weir_tcp, sk, 0, 0) : 0;
	__u32 us;

	if (!e)
		return;
	if (!judged(e)) {
		bpf_sk_storage_delete(&weir_tcp, sk);
		return;
	}
	us = e->accepted ? ctx->srtt_us >> RTT_SHIFT
			 : (__u32)((bpf_ktime_get_ns() - e->opened_ns) / 1000);
	e->handshake_us = us ? us : 1;
}

/* Puts what the stack has counted into the record. */
static __always_inline void measure(struct tcp_event *e, struct tcp_sock *tcp)
{
	__u64 sent = tcp->bytes_sent - tcp->bytes_retrans, received = tcp->bytes_received;

	/* A FIN counts as a byte. */
	if (received && ((struct sock_common *)tcp)->skc_flags & (1UL << SOCK_DONE))
		received--;
	e->sent = e->accepted ? received : sent;
	e->received = e->accepted ? sent : received;
	e->rtt_us = tcp->srtt_us >> RTT_SHIFT;
	e->segments = tcp->data_segs_out;
	e->retransmits = tcp->total_retrans;
	e->flow.time_ns = bpf_ktime_get_ns();
}

/* What a socket's error, and the state that it left last, say of how a connection ended. */
static __always_inline enum tcp_end end_of(const struct tcp_event *e, __u32 state, int error)
{
	switch (error) {
	case ERROR_CONNREFUSED:
		return TCP_END_REFUSED;
	case ERROR_TIMEDOUT:
		return TCP_END_TIMED_OUT;
	case ERROR_CONNRESET:
	case ERROR_PIPE:
		return e->accepted ? TCP_END_RESET_BY_OPENER : TCP_END_RESET_BY_OTHER;
	case 0:
		break;
	default:
		return TCP_END_UNREACHABLE;
	}
	switch (state) {
	case BPF_TCP_SYN_SENT:
		return TCP_END_ABANDONED;
	case BPF_TCP_ESTABLISHED:
	case BPF_TCP_FIN_WAIT1:
	case BPF_TCP_CLOSE_WAIT:
		/* Without a FIN, or before its answer. */
		return e->accepted ? TCP_END_RESET_BY_OTHER : TCP_END_RESET_BY_OPENER;
	default:
		return TCP_END_FIN;
	}
}

static __always_inline void report(const struct tcp_event *e)
{
	if (bpf_ringbuf_output(&weir_events, (void *)e, sizeof(*e), 0)) {
		__u32 zero = 0;
		__u64 *lost = bpf_map_lookup_elem(&weir_lost, &zero);

		if (lost)
			(*lost)++;
	}
}

static __always_inline void ended(struct bpf_sock_ops *ctx)
{
	__u32 before = ctx->args[0];
	struct bpf_sock *sk = ctx->sk;
	struct tcp_sock *tcp;
	struct tcp_event *e;

	if (ctx->args[1] != BPF_TCP_CLOSE || !sk)
		return;
	e = bpf_sk_storage_get(&weir_tcp, sk, 0, 0);
	if (!e)
		return;
	tcp = bpf_skc_to_tcp_sock(sk);
	if (tcp && (e->handshake_us || judged(e))) {
		measure(e, tcp);
		e->end = (__u8)end_of(e, before, ((struct sock *)tcp)->sk_err);
		report(e);
	}
	/* The socket may be used again. */
	bpf_sk_storage_delete(&weir_tcp, sk);
}

SEC("sockops")
int weir_measure(struct bpf_sock_ops *ctx)
{
	switch (ctx->op) {
	case BPF_SOCK_OPS_TCP_CONNECT_CB:
		begin(ctx, false);
		break;
	case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
		begin(ctx, true);
		established(ctx);
		break;
	case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB:
		established(ctx);
		break;
	case BPF_SOCK_OPS_STATE_CB:
		ended(ctx);
		break;
	}
	return 1;
}

/* Run for each open file of each process when the agent reads: what is measured by now. Walking weir_tcp
 * itself would be shorter; some kernels let nobody have its values to write to. A socket of several
 * processes is written for each. */
SEC("iter/task_file")
int weir_measured(struct bpf_iter__task_file *ctx)
{
	struct tcp_event *known, now;
	struct file *file = ctx->file;
	struct tcp_sock *tcp;
	struct socket *socket;
	struct sock *sk;

	if (!file)
		return 0;
	socket = bpf_sock_from_file(file);
	if (!socket)
		return 0;
	sk = socket->sk;
	if (!sk)
		return 0;
	known = bpf_sk_storage_get(&weir_tcp, sk, NULL, 0);
	if (!known)
		return 0;
	tcp = bpf_skc_to_tcp_sock(sk);
	if (!tcp)
		return 0;
	now = *known;
	if (!now.handshake_us)
		return 0;
	measure(&now, tcp);
	bpf_seq_write(ctx->meta->seq, &now, sizeof(now));
	return 0;
}

char _license[] SEC("license") = "GPL";
