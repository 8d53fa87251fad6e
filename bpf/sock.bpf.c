// SPDX-License-Identifier: GPL-2.0
/* Services for what starts on this host, processes and containers alike: translated when a socket
 * connects or sends, at no cost per packet. And policy, where it is sure before there is a packet.
 * Attached to the root of cgroup2. What an application binds is untouched. */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "lib/socket_policy.h"

static __always_inline struct socket_peer peer4(const struct bpf_sock_addr *ctx)
{
	return (struct socket_peer){
	    .addr = {.word = {0, 0, bpf_htonl(0xffff), ctx->user_ip4}},
	    .port = (__be16)ctx->user_port,
	};
}

static __always_inline struct socket_peer peer6(const struct bpf_sock_addr *ctx)
{
	struct socket_peer peer = {.port = (__be16)ctx->user_port};

	peer.addr.word[0] = ctx->user_ip6[0];
	peer.addr.word[1] = ctx->user_ip6[1];
	peer.addr.word[2] = ctx->user_ip6[2];
	peer.addr.word[3] = ctx->user_ip6[3];
	return peer;
}

static __always_inline void write4(struct bpf_sock_addr *ctx, const struct socket_peer *peer)
{
	if (!peer->translated)
		return;
	ctx->user_ip4 = peer->addr.word[3];
	ctx->user_port = peer->port;
}

static __always_inline void write6(struct bpf_sock_addr *ctx, const struct socket_peer *peer)
{
	if (!peer->translated)
		return;
	ctx->user_ip6[0] = peer->addr.word[0];
	ctx->user_ip6[1] = peer->addr.word[1];
	ctx->user_ip6[2] = peer->addr.word[2];
	ctx->user_ip6[3] = peer->addr.word[3];
	ctx->user_port = peer->port;
}

static __always_inline int translate4(struct bpf_sock_addr *ctx, enum socket_use use)
{
	struct socket_peer peer = peer4(ctx);
	int verdict = socket_translate(ctx, &peer, use);

	write4(ctx, &peer);
	return verdict == SOCKET_ALLOW && use == SOCKET_CONNECTS ? socket_judge(ctx, &peer) : verdict;
}

/* An IPv6 socket that names a v4-mapped address speaks IPv4, and has frontends of IPv4. */
static __always_inline int translate6(struct bpf_sock_addr *ctx, enum socket_use use)
{
	struct socket_peer peer = peer6(ctx);
	int verdict = socket_translate(ctx, &peer, use);

	write6(ctx, &peer);
	return verdict == SOCKET_ALLOW && use == SOCKET_CONNECTS ? socket_judge(ctx, &peer) : verdict;
}

static __always_inline int restore4(struct bpf_sock_addr *ctx)
{
	struct socket_peer peer = peer4(ctx);

	socket_restore(ctx, &peer);
	write4(ctx, &peer);
	return SOCKET_ALLOW;
}

static __always_inline int restore6(struct bpf_sock_addr *ctx)
{
	struct socket_peer peer = peer6(ctx);

	socket_restore(ctx, &peer);
	write6(ctx, &peer);
	return SOCKET_ALLOW;
}

SEC("cgroup/connect4")
int weir_connect4(struct bpf_sock_addr *ctx)
{
	return translate4(ctx, SOCKET_CONNECTS);
}

SEC("cgroup/connect6")
int weir_connect6(struct bpf_sock_addr *ctx)
{
	return translate6(ctx, SOCKET_CONNECTS);
}

SEC("cgroup/sendmsg4")
int weir_sendmsg4(struct bpf_sock_addr *ctx)
{
	return translate4(ctx, SOCKET_SENDS);
}

SEC("cgroup/sendmsg6")
int weir_sendmsg6(struct bpf_sock_addr *ctx)
{
	return translate6(ctx, SOCKET_SENDS);
}

SEC("cgroup/recvmsg4")
int weir_recvmsg4(struct bpf_sock_addr *ctx)
{
	return restore4(ctx);
}

SEC("cgroup/recvmsg6")
int weir_recvmsg6(struct bpf_sock_addr *ctx)
{
	return restore6(ctx);
}

SEC("cgroup/getpeername4")
int weir_getpeer4(struct bpf_sock_addr *ctx)
{
	return restore4(ctx);
}

SEC("cgroup/getpeername6")
int weir_getpeer6(struct bpf_sock_addr *ctx)
{
	return restore6(ctx);
}

char _license[] SEC("license") = "GPL";
