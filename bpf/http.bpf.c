// SPDX-License-Identifier: GPL-2.0
/* Plain HTTP between containers of this host, judged on its way (docs/adr/0056-the-head-is-an-automaton.md). */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "lib/http_flow.h"
#include "lib/parse.h"
#include "lib/turn_round.h"

/* Where an endpoint's program goes on with a CT_HTTP flow's packet that it has let through (WAY_HTTP). */
SEC("tc")
int weir_http_pass(struct __sk_buff *skb)
{
	struct report r = {.direction = DIRECTION_EGRESS, .proxy = true};
	__u64 now = bpf_ktime_get_coarse_ns();
	struct http_fate fate = {};
	bool source_is_b, reply;
	enum drop_reason reason;
	struct ct_entry *entry;
	struct packet p = {};
	struct ct_key key;

	parse_pull(skb);
	if (parse_packet(skb, l3_of(skb), &p) || p.protocol != L4_TCP ||
	    p.flags & (PACKET_FIRST_FRAGMENT | PACKET_LATER_FRAGMENT))
		return drop(skb, &p, &r, DROP_REASON_MALFORMED);
	source_is_b = ct_key_of(&p, &key);
	entry = ct_find(&key, now);
	if (!entry || !(entry->flags & CT_PROXY))
		return drop(skb, &p, &r, DROP_REASON_CT_INVALID);
	reply = ct_is_reply(entry, source_is_b);
	r.is_reply = reply;
	r.src_identity = entry->src_identity;
	r.dst_identity = entry->dst_identity;
	r.src_endpoint = entry->src_endpoint;
	r.dst_endpoint = entry->dst_endpoint;
	r.endpoint_id = reply ? entry->dst_endpoint : entry->src_endpoint;
	/* Since the endpoint's program saw it. */
	if (entry->flags & CT_CUT)
		return drop(skb, &p, &r, DROP_REASON_PROXY_REQUIRED);
	if (ct_is_proxys(entry))
		return deliver_proxy(skb, &p, &r);
	reason = reply ? http_answer(skb, &p, &key, entry, &fate)
		       : http_ask_on(skb, &p, &key, entry, &fate);
	if (!reason && reply && entry->flags & CT_ASKED)
		seen_answer(skb, &p, &key, entry);
	if (fate.silent) {
		metrics_count(r.direction, DROP_REASON_NONE, skb->len);
		return TC_ACT_SHOT;
	}
	if (reason) {
		drop(skb, &p, &r, reason);
		if (reason != DROP_REASON_HTTP_CUT || !reset_answer(skb, &p))
			return TC_ACT_SHOT;
		return answer_send(skb);
	}
	if (weir_settings.flags & SETTINGS_TRACE)
		event_emit(skb, &p, &r, EVENT_TRACE, DROP_REASON_NONE);
	if (fate.believed && !(entry->flags & CT_CLOSED) && ct_next_flags(&p, entry->flags, reply) & CT_CLOSED)
		seen_last(&key);
	/* Its first packet was counted when it opened. */
	if (!packet_opens_tcp(&p))
		flow_advance(&key, entry, &p, reply, fate.believed, now, skb->len);
	return fate.proxys ? deliver_proxy(skb, &p, &r)
			   : deliver_local(skb, &p, &r, reply ? r.src_endpoint : r.dst_endpoint);
}

enum http_done {
	HTTP_DONE_NOTHING, /* there is nothing to be done */
	HTTP_DONE,
	HTTP_DONE_BUSY, /* a packet of the flow is being judged: ask again */
};

/* Run by the proxy, which has made its sockets: from here on the connection's packets are theirs. */
SEC("syscall")
int weir_http_taken(struct ct_key *asked)
{
	struct ct_key key = *asked;
	struct ct_entry *entry = ct_find(&key, bpf_ktime_get_ns());
	struct http_flow *flow = http_hold(&key);
	int done = HTTP_DONE_NOTHING;

	if (!flow)
		return bpf_map_lookup_elem(&weir_http_flow, &key) ? HTTP_DONE_BUSY : done;
	if (entry && flow->state == HTTP_STATE_TAKEN && (entry->flags & (CT_HTTP | CT_CUT)) == CT_HTTP) {
		seen_leave(flow, entry);
		__sync_fetch_and_and(&entry->flags, ~(__u32)(CT_HTTP | CT_HELD | CT_ASKED));
		bpf_map_delete_elem(&weir_http_flow, &key);
		return HTTP_DONE;
	}
	http_release(flow);
	return done;
}

/* Run by the agent: forgets what is known of a flow that is gone. */
SEC("syscall")
int weir_http_sweep(struct ct_key *asked)
{
	struct ct_key key = *asked;
	struct http_flow *flow = http_hold(&key);

	if (!flow)
		return HTTP_DONE_NOTHING;
	if (bpf_map_lookup_elem(&weir_ct, &key)) {
		http_release(flow);
		return HTTP_DONE_NOTHING;
	}
	seen_leave(flow, 0);
	bpf_map_delete_elem(&weir_http_flow, &key);
	return HTTP_DONE;
}

/* A packet comes with the numbers of the HTTP policies of its two ends as mark and priority, and goes with the struct
 * http_head of what it begins with in cb: for tests and benchmarks. */
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
