// SPDX-License-Identifier: GPL-2.0
/* Both ends of the benchmark: makes packets of flows, and counts what comes back balanced. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <stdbool.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "traffic.h"

struct frame {
	struct ethhdr eth;
	struct iphdr ip;
	__be16 source;
	__be16 dest;
	__u8 rest_of_tcp[12];
	__be16 checksum;
	__u8 rest[FRAME_BYTES - 52];
} __attribute__((packed));

struct frame_ipv6 {
	struct ethhdr eth;
	struct ipv6hdr ip;
	__be16 source;
	__be16 dest;
	__u8 rest_of_tcp[12];
	__be16 checksum;
	__u8 rest[FRAME_BYTES_IPV6 - 72];
} __attribute__((packed));

struct traffic traffic = {};

static __always_inline __u16 fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16) ~(sum + (sum >> 16));
}

/* Run with BPF_F_TEST_XDP_LIVE_FRAMES: frames are used again, with what the last run left in them.
 */
SEC("xdp")
int weir_traffic(struct xdp_md *ctx)
{
	__u32 flow = (__u32)traffic.sent & traffic.flow_mask, client;
	void *data = (void *)(long)ctx->data;
	struct frame *f = data;
	__u64 *word = data;
	__be16 port;

	if (data + sizeof(*f) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	if (traffic.sent++ == traffic.first)
		traffic.begin_ns = bpf_ktime_get_ns();
#pragma unroll
	for (int i = 0; i < FRAME_WORDS; i++)
		word[i] = traffic.frame[i];
	client = bpf_htonl(FIRST_CLIENT + flow / PORTS_EACH);
	port = bpf_htons((__u16)(FIRST_PORT + flow % PORTS_EACH));
	f->ip.saddr = client;
	f->source = port;
	client = (client & 0xffff) + (client >> 16);
	f->ip.check = fold(traffic.ip_sum + client);
	f->checksum = fold(traffic.tcp_sum + client + port);
	return (int)bpf_redirect(traffic.ifindex, 0);
}

SEC("xdp")
int weir_traffic_ipv6(struct xdp_md *ctx)
{
	__u32 flow = (__u32)traffic.sent & traffic.flow_mask, client;
	void *data = (void *)(long)ctx->data;
	struct frame_ipv6 *f = data;
	__u64 *word = data;
	__be16 port;

	if (data + sizeof(*f) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	if (traffic.sent++ == traffic.first)
		traffic.begin_ns = bpf_ktime_get_ns();
#pragma unroll
	for (int i = 0; i < FRAME_WORDS_IPV6; i++)
		word[i] = traffic.frame[i];
	client = bpf_htonl(FIRST_CLIENT + flow / PORTS_EACH);
	port = bpf_htons((__u16)(FIRST_PORT + flow % PORTS_EACH));
	f->ip.saddr.in6_u.u6_addr32[3] = client;
	f->source = port;
	client = (client & 0xffff) + (client >> 16);
	f->checksum = fold(traffic.tcp_sum + client + port);
	return (int)bpf_redirect(traffic.ifindex, 0);
}

static __always_inline void count(bool as_wanted)
{
	if (as_wanted)
		traffic.arrived++;
	else
		traffic.astray++;
	if (traffic.arrived + traffic.astray == traffic.last)
		traffic.end_ns = bpf_ktime_get_ns();
}

static __always_inline void count_packet(void *data, void *end)
{
	struct ethhdr *eth = data;
	struct iphdr *ip = data + sizeof(*eth);

	count((void *)(ip + 1) <= end && eth->h_proto == bpf_htons(ETH_P_IP) &&
	      (ip->daddr & traffic.arrived_mask[0]) == traffic.arrived_address[0]);
}

/* Neighbours may talk to each other meanwhile: theirs does not count. */
static __always_inline void count_packet_ipv6(void *data, void *end)
{
	struct ethhdr *eth = data;
	struct ipv6hdr *ip = data + sizeof(*eth);
	const __u64 *half = (const __u64 *)&ip->daddr;

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IPV6) ||
	    (ip->nexthdr != IPPROTO_TCP && ip->nexthdr != IPPROTO_IPV6))
		return;
	count((half[0] & traffic.arrived_mask[0]) == traffic.arrived_address[0] &&
	      (half[1] & traffic.arrived_mask[1]) == traffic.arrived_address[1]);
}

SEC("xdp")
int weir_sink_xdp(struct xdp_md *ctx)
{
	count_packet((void *)(long)ctx->data, (void *)(long)ctx->data_end);
	return XDP_DROP;
}

SEC("tc")
int weir_sink_tc(struct __sk_buff *skb)
{
	count_packet((void *)(long)skb->data, (void *)(long)skb->data_end);
	return TC_ACT_SHOT;
}

SEC("xdp")
int weir_sink_xdp_ipv6(struct xdp_md *ctx)
{
	count_packet_ipv6((void *)(long)ctx->data, (void *)(long)ctx->data_end);
	return XDP_DROP;
}

SEC("tc")
int weir_sink_tc_ipv6(struct __sk_buff *skb)
{
	count_packet_ipv6((void *)(long)skb->data, (void *)(long)skb->data_end);
	return TC_ACT_SHOT;
}

/* What receiving alone costs: the floor of every way of balancing. */
SEC("xdp")
int weir_floor(struct xdp_md *ctx)
{
	(void)ctx;
	count(true);
	return XDP_DROP;
}

/* What receiving and sending back costs, without a thought in between. */
SEC("xdp")
int weir_reflect(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	struct ethhdr *eth = data;

	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	__builtin_memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
	return XDP_TX;
}

/* Gives a veth the receive path of a NIC's driver, for what begins in the stack. */
SEC("xdp")
int weir_pass(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
