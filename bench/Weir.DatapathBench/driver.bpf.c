// SPDX-License-Identifier: GPL-2.0
/* Drives a program under measurement: each run takes the next of `flows` source ports, so that
 * BPF_PROG_TEST_RUN with repeat walks through flows instead of measuring one cached packet. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum {
	FIRST_PORT = 1024,
	IPV4_SOURCE_PORT = ETH_HLEN + 20,
};

const volatile __u32 flows = 1;
const volatile __u32 tunnel_from = 0; /* not 0: each packet came through a tunnel from that IPv4 address */
const volatile __u32 tunnel_id = 0;
static __u32 next_flow;

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} target SEC(".maps");

/* What BPF_PROG_TEST_RUN and the driver themselves cost. */
SEC("tc")
int weir_empty(struct __sk_buff *skb)
{
	(void)skb;
	return TC_ACT_OK;
}

SEC("tc")
int weir_drive(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data;

	if (data + IPV4_SOURCE_PORT + 2 > (void *)(long)skb->data_end)
		return TC_ACT_SHOT;
	if (++next_flow >= flows)
		next_flow = 0;
	*(__be16 *)(data + IPV4_SOURCE_PORT) = bpf_htons((__u16)(FIRST_PORT + next_flow));
	if (tunnel_from) {
		struct bpf_tunnel_key key = {.tunnel_id = tunnel_id, .local_ipv4 = tunnel_from};

		bpf_skb_set_tunnel_key(skb, &key, sizeof(key), 0);
	}
	bpf_tail_call(skb, &target, 0);
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "GPL";
