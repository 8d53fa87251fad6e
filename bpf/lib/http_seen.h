/* SPDX-License-Identifier: GPL-2.0 */
/* Telling of requests that pass without the proxy (docs/adr/0062-requests-the-kernel-lets-pass.md).
 *
 * Every one is counted, when its answer begins or it gets none any more. If somebody looks, some of them a second are
 * told of as well: the head when it passes, for the proxy to read, and how it was answered when that is seen. The proxy
 * looks by itself, many times a second: waking it for each would cost more than all else here. */
#pragma once
#include "http.h"
#include "http_state.h"
#include "parse.h"
#include "rate.h"

enum seen_answer_limit {
	SEEN_STATUS_LINE = 12, /* "HTTP/1.1 200" */
	SEEN_STATUS_MOST = 500, /* of which the first digit is counted */
	SEEN_NS_A_US = 1000,
};

static __always_inline void seen_lose(void)
{
	__u32 zero = 0;
	__u64 *lost = bpf_map_lookup_elem(&weir_lost, &zero);

	if (lost)
		(*lost)++;
}

/* 1 if there is anything, else 0; of less than half of what a word holds. */
static __always_inline __u64 seen_is_any(__u64 n)
{
	asm volatile("" : "+r"(n));
	return -n >> 63;
}

/* The place of a latency among the counts. */
static __always_inline __u32 seen_place(__u64 us)
{
	__u64 place = 0, rest = us < 1U << 26 ? us : 1U << 26;

	/* Without a branch, each of which would be two ways for the verifier to follow. */
#pragma clang loop unroll(full)
	for (__u32 bits = 16; bits; bits /= 2) {
		__u64 step = seen_is_any(rest >> bits) * bits;

		rest >>= step;
		place += step;
	}
	return (__u32)(place + seen_is_any(rest));
}

/* A request is over, as far as it is told of. */
static __noinline int seen_over(struct http_flow *flow, enum seen_kind kind, __u32 status)
{
	struct http_count *count = http_count_get();
	__u64 us = (bpf_ktime_get_ns() - flow->asked_ns) / SEEN_NS_A_US;
	__u64 first = status < SEEN_STATUS_MOST ? status / 100 : SEEN_STATUS_MOST / 100, place = seen_place(us);
	struct http_seen *seen;

	flow->asked_ns = 0;
	if (count) {
		count->requests++;
		/* They are; the verifier wants to see it. */
		asm volatile("%0 &= %1" : "+r"(first) : "i"(SEEN_STATUSES - 1));
		asm volatile("%0 &= %1" : "+r"(place) : "i"(SEEN_LATENCIES - 1));
		count->statuses[first]++;
		count->latencies[place]++;
		count->latency_sum_us += us;
	}
	if (!(flow->flags & HTTP_FLOW_TOLD))
		return 0;
	flow->flags &= ~HTTP_FLOW_TOLD;
	seen = bpf_ringbuf_reserve(&weir_http_seen, sizeof(*seen), 0);
	if (!seen) {
		seen_lose();
		return 0;
	}
	__builtin_memset(seen, 0, sizeof(*seen));
	seen->flow = flow->key;
	seen->request = flow->requests;
	seen->latency_us = us < ~0U ? (__u32)us : ~0U;
	seen->status = (__u16)status;
	seen->kind = (__u8)kind;
	bpf_ringbuf_submit(seen, BPF_RB_NO_WAKEUP);
	return 0;
}

/* Nothing more is heard of a flow, which the caller holds; its entry may be gone. */
static __noinline int seen_leave(struct http_flow *flow, const struct ct_entry *entry)
{
	if (flow->asked_ns)
		seen_over(flow, SEEN_END, 0);
	if (entry)
		http_count_answer(flow, entry);
	return 0;
}

/* A head passes, which lies in the walk's buffer still. The caller holds the flow's state. */
static __noinline int seen_request(struct ct_entry *entry, struct http_flow *flow,
				   const struct http_head *head)
{
	struct http_count *count = http_count_get();
	__u64 now = bpf_ktime_get_ns();
	struct http_walk *w;
	__u32 zero = 0, length;

	/* Where its answer began was not seen. */
	if (flow->asked_ns)
		seen_over(flow, SEEN_ANSWER, 0);
	http_count_answer(flow, entry);
	flow->answered = entry->answerer.nxt;
	flow->requests++;
	if (count)
		count->request_bytes += head->length + head->body;
	flow->asked_ns = now;
	__sync_fetch_and_or(&entry->flags, CT_ASKED);
	if (!(weir_settings.flags & SETTINGS_REQUESTS))
		return 0;
	w = bpf_map_lookup_elem(&weir_http_walk, &zero);
	if (!w)
		return 0;
	if (!rate_allows(RATE_SEEN, SEEN_PER_SECOND, now)) {
		seen_lose();
		return 0;
	}
	__builtin_memset(&w->seen, 0, sizeof(w->seen));
	w->seen.flow = flow->key;
	w->seen.body = head->body;
	w->seen.request = flow->requests;
	w->seen.src_identity = entry->src_identity;
	w->seen.dst_identity = entry->dst_identity;
	w->seen.rule_id = head->rule_id;
	w->seen.src_endpoint = entry->src_endpoint;
	w->seen.dst_endpoint = entry->dst_endpoint;
	w->seen.length = head->length;
	w->seen.kind = SEEN_REQUEST;
	w->seen.flags = (entry->flags & CT_ORIGIN_B ? SEEN_FROM_B : 0) |
			(head->flags & HTTP_HEAD_INGRESS ? SEEN_INGRESS : 0);
	length = head->length;
	asm volatile("%0 &= %1" : "+r"(length) : "i"(HTTP_BUFFER - 1));
	if (bpf_ringbuf_output(&weir_http_seen, &w->seen, sizeof(w->seen) + length, BPF_RB_NO_WAKEUP))
		seen_lose();
	else
		flow->flags |= HTTP_FLOW_TOLD;
	return 0;
}

/* The status that an answer begins with; 0: it does not. */
static __always_inline __u32 seen_status(struct __sk_buff *skb, __u32 offset)
{
	__u8 line[SEEN_STATUS_LINE];
	__u32 status = 0;

	if (bpf_skb_load_bytes(skb, offset, line, sizeof(line)) || line[0] != 'H' || line[1] != 'T' ||
	    line[2] != 'T' || line[3] != 'P' || line[4] != '/' || line[5] != '1' || line[6] != '.' ||
	    line[8] != ' ')
		return 0;
#pragma clang loop unroll(full)
	for (int i = 9; i < SEEN_STATUS_LINE; i++) {
		__u32 digit = (__u32)line[i] - '0';

		if (digit > 9)
			return 0;
		status = status * 10 + digit;
	}
	return status;
}

/* A packet of the answerer's, which is believed, while a request is not answered. */
static __noinline int seen_answer(struct __sk_buff *skb, const struct packet *p,
				  const struct ct_key *key, struct ct_entry *entry)
{
	struct tcp_head *tcp = PARSE_AT(skb, parse_bounded(p->l4_off), struct tcp_head);
	__u32 carried = p->seq_end - p->seq - !!(p->tcp_flags & TCP_FIN), status = 0;
	struct http_flow *flow;

	if (!tcp || !carried || p->tcp_flags & (TCP_SYN | TCP_RST))
		return 0;
	if (carried >= SEEN_STATUS_LINE)
		status = seen_status(skb, p->l4_off + parse_tcp_header(tcp));
	flow = http_hold(key);
	if (!flow)
		return 0;
	/* What is before it was sent again, what is behind it came too early. */
	if (flow->asked_ns && (p->seq == flow->answered || flow->flags & HTTP_FLOW_INTERIM)) {
		/* More follows, and perhaps at once. */
		if (status / 100 == 1 && status != 101) {
			flow->flags |= HTTP_FLOW_INTERIM;
		} else {
			flow->flags &= ~HTTP_FLOW_INTERIM;
			seen_over(flow, SEEN_ANSWER, status);
		}
	}
	if (!flow->asked_ns)
		__sync_fetch_and_and(&entry->flags, ~(__u32)CT_ASKED);
	http_release(flow);
	return 0;
}

/* The flow's last packet. */
static __noinline int seen_last(const struct ct_key *key)
{
	struct http_flow *flow = http_hold(key);

	if (!flow)
		return 0;
	if (flow->asked_ns)
		seen_over(flow, SEEN_END, 0);
	http_release(flow);
	return 0;
}
