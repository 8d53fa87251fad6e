// SPDX-License-Identifier: GPL-2.0
/* Does nothing: what BPF_PROG_TEST_RUN itself costs. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int weir_empty(struct __sk_buff *skb)
{
	(void)skb;
	return TC_ACT_OK;
}

char _license[] SEC("license") = "GPL";
