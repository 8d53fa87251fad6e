// SPDX-License-Identifier: GPL-2.0
/* Judges plain HTTP requests. No packet passes here yet
 * (docs/adr/0056-the-head-is-an-automaton.md): tests and benchmarks run it.
 *
 * A packet comes with the numbers of the HTTP policies of its two ends as mark and priority, and
 * goes with the struct http_head of what it begins with in cb. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "lib/http.h"
#include "lib/parse.h"

SEC("tc")
int weir_http_judge(struct __sk_buff *skb)
{
	struct http_head head = {};
	struct http_request request = {.egress = skb->mark, .ingress = skb->priority};
	struct packet p = {};
	struct tcp_head *tcp;

	parse_pull(skb);
	if (parse_packet(skb, l3_of(skb), &p) || p.protocol != L4_TCP ||
	    p.flags & (PACKET_FIRST_FRAGMENT | PACKET_LATER_FRAGMENT))
		return HTTP_ANSWER_UNCLEAR;
	/* An urgent byte is not where the others are: the server may read the stream without it. */
	if (p.tcp_flags & (TCP_SYN | TCP_RST | TCP_URG))
		return HTTP_ANSWER_UNCLEAR;
	tcp = PARSE_AT(skb, parse_bounded(p.l4_off), struct tcp_head);
	if (!tcp)
		return HTTP_ANSWER_UNCLEAR;
	request.offset = p.l4_off + parse_tcp_header(tcp);
	request.length = p.seq_end - p.seq - !!(p.tcp_flags & TCP_FIN);
	http_judge(skb, &request, &head);
	skb->cb[0] = (__u32)head.body;
	skb->cb[1] = (__u32)(head.body >> 32);
	skb->cb[2] = head.rule_id;
	skb->cb[3] = head.length | (__u32)head.flags << 16 | (__u32)head.answer << 24;
	return head.answer;
}

char _license[] SEC("license") = "GPL";
