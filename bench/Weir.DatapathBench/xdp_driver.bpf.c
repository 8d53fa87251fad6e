// SPDX-License-Identifier: GPL-2.0
/* Drives an XDP program under measurement: each run gets the frame as it was, of the next of `flows`
 * flows. What that costs the empty program costs too, and is taken off. */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum {
	FIRST_PORT = 1024,
	PORT_BITS = 14,
	WORDS = 12, /* of 8 bytes, written anew in each run: all that a program changes */
};

const volatile __u32 flows = 1;
const volatile __u32 frame_length = 128;
const volatile __u32 port_at = 34;    /* the source port */
const volatile __u32 address_at = 28; /* the last two bytes of the source address */
const volatile __u64 frame[WORDS] = {};
static __u32 next_flow;

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} target SEC(".maps");

SEC("xdp")
int weir_empty(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}

SEC("xdp")
int weir_drive(struct xdp_md *ctx)
{
	long length = (long)ctx->data_end - (long)ctx->data;
	__u64 *words;
	void *data;

	asm volatile("" : "+r"(length));
	if (bpf_xdp_adjust_head(ctx, (int)length - (int)frame_length))
		return XDP_ABORTED;
	data = (void *)(long)ctx->data;
	if (data + WORDS * 8 > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	words = data;
#pragma unroll
	for (int i = 0; i < WORDS; i++)
		words[i] = frame[i];
	if (++next_flow >= flows)
		next_flow = 0;
	*(__be16 *)(data + (port_at & 63)) =
		bpf_htons((__u16)(FIRST_PORT + (next_flow & ((1 << PORT_BITS) - 1))));
	*(__be16 *)(data + (address_at & 63)) = bpf_htons((__u16)(next_flow >> PORT_BITS));
	bpf_tail_call(ctx, &target, 0);
	return XDP_ABORTED;
}

char _license[] SEC("license") = "GPL";
