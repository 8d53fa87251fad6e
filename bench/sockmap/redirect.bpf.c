// SPDX-License-Identifier: GPL-2.0
/* Hands what one end of a connection sends straight to the other end's socket: see sockmap.c. */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* By their own port. */
struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} sockets SEC(".maps");

SEC("sk_msg")
int redirect(struct sk_msg_md *msg)
{
	__u32 peer = bpf_ntohl(msg->remote_port);

	bpf_msg_redirect_hash(msg, &sockets, &peer, BPF_F_INGRESS);
	return SK_PASS; /* without a peer it goes by TCP */
}

char _license[] SEC("license") = "GPL";
