/* SPDX-License-Identifier: GPL-2.0 */
/* A connection whose requests are judged on their way (docs/adr/0056-the-head-is-an-automaton.md).
 *
 * Of the bytes that its opener sends, those of a head pass that was judged whole and allowed, and as many behind it as
 * it says its body has; nothing else does. They pass in order: what comes before its turn is dropped, and comes again.
 * What is sent again passes if it is what passed before in all that the receiver's reader would notice: a body is free,
 * a head must be allowed as well, and as long, with as long a body.
 *
 * All of it is worth what the numbers are worth. A connection begins with the number that the answerer's SYN
 * acknowledges, and with no other; its opener's packets must have numbers of this connection; and none may be
 * what makes a listener that sends SYN cookies believe in one that begins elsewhere in the same stream. */
#pragma once
#include "deliver.h"
#include "http.h"
#include "http_options.h"
#include "http_port.h"
#include "http_seen.h"
#include "http_state.h"
#include "known.h"
#include "reset.h"

enum http_vain {
	HTTP_MOST_VAIN = 8, /* repetitions, which TCP doubles the time between: half a minute, about */
	HTTP_MOST_EARLY = 5, /* of what the answerer says unasked: six seconds */
};

struct take_over_record {
	struct take_over head;
	__u8 bytes[TAKE_OVER_BYTES];
};

/* What becomes of a packet, beside the reason for which it is dropped. */
struct http_fate {
	bool believed; /* by its numbers */
	bool silent;   /* it is gone, and nothing is wrong */
	bool proxys;   /* it goes to the proxy */
};

/* What an opener's packet carries. */
struct http_bytes {
	__u32 offset; /* in the packet */
	__u32 seq;
	__u32 end;
	bool fin;
	__u8 why;  /* enum http_why: what is to be handed over */
};

enum http_course {
	HTTP_PASSES,
	HTTP_EARLY,    /* before its turn */
	HTTP_WRONG,    /* nothing that may pass, now or ever */
	HTTP_HAND_OVER /* the proxy's to judge */
};

static __always_inline __u32 http_earlier(__u32 a, __u32 b)
{
	return sequence_after(a, b) ? b : a;
}

/* Has the last head that passed not arrived yet, as far as its receiver has said? */
static __always_inline bool http_head_is_on_its_way(const struct http_flow *flow,
						    const struct ct_entry *entry)
{
	return flow->head_length && sequence_after(flow->head + flow->head_length, entry->opener.una);
}

/* Does the packet acknowledge as much as its opener has sent before it? Then an answerer who has forgotten the
 * connection, and sends SYN cookies, may take it for the last of a handshake that began there: a cookie is worth as
 * much for any pair of numbers with the same difference. No harm comes of that where a head is next, or may be sent
 * again, or nothing is. */
static __always_inline bool http_could_begin(const struct http_flow *flow, const struct ct_entry *entry,
					     const struct packet *p)
{
	if (p->ack - flow->answer_start != p->seq - flow->start)
		return false;
	if (p->seq == flow->next && flow->state != HTTP_STATE_BODY)
		return false;
	return p->seq != flow->head || !http_head_is_on_its_way(flow, entry);
}

static __always_inline bool http_has_table(__u32 policy)
{
	return !policy || bpf_map_lookup_elem(&weir_http, &policy);
}

/* Has the answerer said anything since the last request? Whoever asks on before that is the proxy's. */
static __always_inline bool http_is_answered(const struct http_flow *flow, const struct ct_entry *entry)
{
	return !flow->requests || entry->answerer.nxt != flow->answered;
}

/* Judges what begins at a number, in the packet. */
static __always_inline enum http_answer http_judge_at(struct __sk_buff *skb,
						      const struct ct_entry *entry,
						      const struct http_bytes *b, __u32 at,
						      struct http_head *head)
{
	struct http_request request = {
	    .offset = b->offset + (at - b->seq),
	    .length = b->end - at,
	    .egress = entry->http_egress,
	    .ingress = entry->http_ingress,
	};
	__u32 segment = skb->gso_size, begin = at - b->seq;
	enum http_answer answer;

	answer = (enum http_answer)http_judge(skb, &request, head);
	/* In two segments it may be sent again in two packets, neither of which could pass. */
	if (answer == HTTP_ANSWER_ALLOWED && segment &&
	    begin / segment != (begin + head->length - 1) / segment)
		return HTTP_ANSWER_UNCLEAR;
	return answer;
}

/* What becomes of a packet that carries something, and of the state, which the caller holds. */
static __noinline enum http_course http_follow(struct __sk_buff *skb, struct http_flow *flow,
					       struct ct_entry *entry, struct http_bytes *b)
{
	__u32 at = b->seq, end = b->end, next = flow->next;
	/* What never passed has not arrived, whatever the answerer says: it may be in league with the opener. */
	__u32 arrived = http_earlier(entry->opener.una, next);
	bool again = false, fresh = false;
	struct http_head head = {};
	__u8 state = flow->state;
	__u64 body = flow->body;
	enum http_answer answer;
	bool closes = flow->flags & HTTP_FLOW_CLOSES;

	if (!http_head_is_on_its_way(flow, entry))
		flow->head_length = 0;
	if (sequence_after(arrived, at))
		at = http_earlier(end, arrived);
	if (at != end && at != next) {
		if (sequence_after(at, next))
			return HTTP_EARLY;
		if (flow->head_length && !sequence_after(at, flow->head)) {
			at = http_earlier(end, flow->head);
			if (at != end) {
				again = true;
				if (http_judge_at(skb, entry, b, at, &head) != HTTP_ANSWER_ALLOWED ||
				    head.length != flow->head_length || head.body != flow->head_body)
					return HTTP_WRONG;
				at += head.length;
			}
		} else if (flow->head_length &&
			   sequence_after(flow->head + flow->head_length, at)) {
			return HTTP_WRONG;
		}
		if (at != end)
			at = http_earlier(end, next);
	}
	if (at != end && state == HTTP_STATE_BODY) {
		__u32 left = end - at;

		if (left < body) {
			at = end;
			body -= left;
		} else {
			at += (__u32)body;
			body = 0;
			state = closes ? HTTP_STATE_LAST : HTTP_STATE_HEAD;
		}
		next = at;
	}
	if (at != end) {
		if (state != HTTP_STATE_HEAD)
			return HTTP_WRONG;
		b->why = HTTP_WHY_PIPELINED;
		if (again || flow->head_length || !http_is_answered(flow, entry))
			return HTTP_HAND_OVER;
		answer = http_judge_at(skb, entry, b, at, &head);
		if (answer != HTTP_ANSWER_ALLOWED) {
			b->why = answer == HTTP_ANSWER_DENIED	  ? HTTP_WHY_DENIED
				 : answer == HTTP_ANSWER_PARTIAL ? HTTP_WHY_PIECES
								 : HTTP_WHY_UNCLEAR;
			return HTTP_HAND_OVER;
		}
		fresh = true;
		closes = !(head.flags & HTTP_HEAD_KEEP_ALIVE);
		if (end - at - head.length > head.body)
			return HTTP_HAND_OVER;
		body = head.body - (end - at - head.length);
		state = body ? HTTP_STATE_BODY : closes ? HTTP_STATE_LAST : HTTP_STATE_HEAD;
		next = end;
	}
	if (b->fin && end != next)
		return HTTP_WRONG;
	if (fresh) {
		flow->head = at;
		flow->head_length = head.length;
		flow->head_body = head.body;
		flow->flags = closes ? flow->flags | HTTP_FLOW_CLOSES
				     : flow->flags & ~HTTP_FLOW_CLOSES;
		seen_request(entry, flow, &head);
	}
	flow->next = next;
	flow->body = body;
	flow->state = state;
	return HTTP_PASSES;
}

/* Tells the proxy of a connection that it is to take over. Between two requests alone, with nothing on its way: false,
 * this is not the moment, or nobody reads. */
static __noinline bool http_hand_over(struct __sk_buff *skb, const struct packet *p,
				      struct http_flow *flow, struct ct_entry *entry,
				      const struct http_bytes *b)
{
	__u32 length = b->end - b->seq, offset = parse_bounded(p->l4_off);
	struct take_over_record *record;
	struct http_options o;
	struct tcp_reset *tcp;
	struct take_over *t;

	if (b->seq != flow->next || entry->opener.una != flow->next ||
	    p->ack != entry->answerer.nxt || !http_is_answered(flow, entry) || !length ||
	    (flow->state != HTTP_STATE_HEAD && flow->state != HTTP_STATE_TAKEN) ||
	    !http_read_options(skb, p, &o))
		return false;
	tcp = PARSE_AT(skb, offset, struct tcp_reset);
	if (!tcp)
		return false;
	record = bpf_ringbuf_reserve(&weir_take_over, sizeof(*record), 0);
	if (!record)
		return false;
	t = &record->head;
	t->client = p->src;
	t->server = p->dst;
	t->client_port = p->sport;
	t->server_port = p->dport;
	t->seq = b->seq;
	t->ack = p->ack;
	t->client_stamp = o.stamp;
	t->server_stamp = o.echo;
	t->client_mss = flow->opener_mss;
	t->server_mss = flow->answerer_mss;
	t->client_window = bpf_ntohs(tcp->window);
	t->client_scale = flow->opener_scale;
	t->server_scale = flow->answerer_scale;
	t->flags = (b->why == HTTP_WHY_DENIED ? TAKE_OVER_DENIED : 0) |
		   (b->why == HTTP_WHY_PIECES ? TAKE_OVER_PARTIAL : 0) |
		   (flow->flags & HTTP_FLOW_SACK ? TAKE_OVER_SACK : 0) |
		   (flow->flags & HTTP_FLOW_STAMPS ? TAKE_OVER_STAMPS : 0) |
		   (flow->requests || p->ack != flow->answer_start ? 0 : TAKE_OVER_FIRST);
	t->_pad0 = 0;
	if (length > TAKE_OVER_BYTES)
		length = TAKE_OVER_BYTES;
	t->length = (__u16)length;
	length--;
	asm volatile("%0 &= %1" : "+r"(length) : "i"(TAKE_OVER_BYTES - 1));
	length++;
	if (bpf_skb_load_bytes(skb, b->offset, record->bytes, length)) {
		bpf_ringbuf_discard(record, 0);
		return false;
	}
	if (b->why)
		entry->http_why = b->why;
	if (t->flags & TAKE_OVER_FIRST && http_is_preface(record->bytes, t->length)) {
		entry->http_why = HTTP_WHY_HTTP2;
		http_port_learn(entry, p->dport);
	}
	bpf_ringbuf_submit(record, 0);
	flow->state = HTTP_STATE_TAKEN;
	__sync_fetch_and_or(&entry->flags, CT_HELD);
	return true;
}

/* The connection ends here: whoever sends on is told so (CT_CUT). */
static __noinline enum drop_reason http_cut(const struct ct_key *key, struct ct_entry *entry)
{
	__sync_fetch_and_or(&entry->flags, CT_CUT | CT_CLOSED);
	if (!(entry->flags & CT_BRIEF))
		room_retire(key, entry);
	return DROP_REASON_HTTP_CUT;
}

/* An opener's packet that carries something. */
static __noinline enum drop_reason http_carry(struct __sk_buff *skb, const struct packet *p,
					      const struct ct_key *key, struct ct_entry *entry,
					      struct http_fate *fate)
{
	enum drop_reason reason = DROP_REASON_HTTP_ORDER;
	struct http_flow *flow = http_hold(key);
	struct http_bytes b = {.fin = p->tcp_flags & TCP_FIN, .seq = p->seq};
	enum http_course course = HTTP_WRONG;
	struct tcp_head *tcp;

	if (!flow)
		return reason;
	tcp = PARSE_AT(skb, parse_bounded(p->l4_off), struct tcp_head);
	if (tcp && !(p->tcp_flags & TCP_URG)) {
		b.end = p->seq_end - b.fin;
		b.offset = p->l4_off + parse_tcp_header(tcp);
		if (flow->state == HTTP_STATE_OPENING)
			course = HTTP_EARLY;
		else if (flow->state == HTTP_STATE_TAKEN)
			course = b.seq == flow->next ? HTTP_HAND_OVER : HTTP_EARLY;
		else if (!http_could_begin(flow, entry, p) &&
			 !(entry->flags & CT_FIN_REPLY && b.end != b.seq))
			course = http_follow(skb, flow, entry, &b);
	}
	if (course == HTTP_PASSES) {
		flow->vain = 0;
		http_release(flow);
		return DROP_REASON_NONE;
	}
	if (course == HTTP_EARLY) {
		if (flow->state == HTTP_STATE_TAKEN)
			reason = DROP_REASON_HTTP_HELD;
	} else if (++flow->vain > HTTP_MOST_VAIN) {
		seen_leave(flow, entry);
		bpf_map_delete_elem(&weir_http_flow, key);
		return http_cut(key, entry);
	} else if (course == HTTP_HAND_OVER) {
		reason = DROP_REASON_HTTP_HELD;
		fate->silent = http_hand_over(skb, p, flow, entry, &b);
	}
	http_release(flow);
	return reason;
}

/* The opener's SYN. */
static __noinline enum drop_reason http_open(struct __sk_buff *skb, const struct packet *p,
					     const struct ct_key *key, struct ct_entry *entry,
					     struct http_fate *fate)
{
	struct http_flow fresh = {}, *flow;
	struct http_options o;
	bool same;

	if (entry->flags & CT_NUMBERS) {
		flow = http_hold(key);
		if (!flow)
			return DROP_REASON_HTTP_ORDER;
		same = flow->state != HTTP_STATE_OPENING && p->seq + 1 == flow->start;
		if (same) {
			http_release(flow);
			/* Whoever has forgotten it must not begin another by it. */
			return entry->flags & CT_ESTABLISHED ? DROP_REASON_HTTP_ORDER
							     : DROP_REASON_NONE;
		}
		/* He has forgotten the connection: his next SYN begins another. */
		seen_leave(flow, entry);
		bpf_map_delete_elem(&weir_http_flow, key);
		__sync_fetch_and_or(&entry->flags, CT_CLOSED);
		if (!(entry->flags & CT_BRIEF))
			room_retire(key, entry);
		return DROP_REASON_HTTP_ORDER;
	}
	sequence_follow(entry, p, false);
	entry->http_why = !http_read_options(skb, p, &o) || o.strange ? HTTP_WHY_HANDSHAKE
			  : !http_has_table(entry->http_egress) || !http_has_table(entry->http_ingress)
			      ? HTTP_WHY_POLICY
			  : http_port_is_known(entry, p->dport) ? HTTP_WHY_HTTP2
								: HTTP_WHY_UNKNOWN;
	if (entry->http_why)
		goto proxy;
	__builtin_memcpy(&fresh.key, key, sizeof(*key));
	fresh.opener_mss = o.mss;
	fresh.opener_scale = o.scale;
	fresh.flags = o.flags;
	if (!bpf_map_lookup_elem(&weir_http_flow, key)) {
		if (!bpf_map_update_elem(&weir_http_flow, key, &fresh, BPF_NOEXIST))
			return DROP_REASON_NONE;
		entry->http_why = HTTP_WHY_ROOM;
		goto proxy;
	}
	flow = http_hold(key);
	if (!flow)
		return DROP_REASON_HTTP_ORDER;
	seen_leave(flow, 0);
	fresh.busy = 1;
	__builtin_memcpy(flow, &fresh, sizeof(fresh));
	http_release(flow);
	return DROP_REASON_NONE;
proxy:
	__sync_fetch_and_and(&entry->flags, ~(__u32)CT_HTTP);
	fate->proxys = true;
	return DROP_REASON_NONE;
}

/* The answer to it: there the connection begins. */
static __noinline enum drop_reason http_begin(struct __sk_buff *skb, const struct packet *p,
					      const struct ct_key *key, struct ct_entry *entry)
{
	enum drop_reason reason = DROP_REASON_NONE;
	struct http_options o;
	struct http_flow *flow;

	if (p->seq_end != p->seq + 1 || !http_read_options(skb, p, &o))
		return DROP_REASON_TCP_SEQUENCE;
	flow = http_hold(key);
	if (!flow)
		return DROP_REASON_HTTP_ORDER;
	if (flow->state != HTTP_STATE_OPENING) {
		if (p->ack != flow->start || p->seq + 1 != flow->answer_start)
			reason = DROP_REASON_TCP_SEQUENCE;
	} else if (entry->flags & CT_NUMBERS || !sequence_follow(entry, p, true)) {
		reason = DROP_REASON_TCP_SEQUENCE;
	} else {
		flow->start = flow->next = p->ack;
		flow->answer_start = flow->answered = p->seq + 1;
		flow->answerer_mss = o.mss;
		flow->answerer_scale = o.scale;
		if (o.scale == HTTP_NO_SCALE || flow->opener_scale == HTTP_NO_SCALE)
			flow->opener_scale = flow->answerer_scale = HTTP_NO_SCALE;
		flow->flags &= o.flags;
		flow->state = HTTP_STATE_HEAD;
	}
	http_release(flow);
	return reason;
}

/* Does the answerer speak before a request has passed? A server of HTTP/2 does, and its first word is for whoever reads what
 * the opener says: it waits, and comes again when the proxy stands there. Where the opener says nothing it passes in the end:
 * it is no request. */
static __noinline bool http_is_early(const struct packet *p, const struct ct_key *key,
				     struct http_fate *fate)
{
	struct http_flow *flow = http_hold(key);
	bool early;

	if (!flow)
		return true;
	early = !flow->requests && flow->early < HTTP_MOST_EARLY &&
		sequence_after(p->seq_end - !!(p->tcp_flags & TCP_FIN), flow->answer_start);
	if (early && p->seq == flow->answer_start)
		fate->silent = !flow->early++;
	http_release(flow);
	return early;
}

/* A packet of the answerer's before the connection is whole, or that says something when that is looked at. What is no
 * answer to its SYN changes nothing: one that he has forgotten may be there still, and is told of so (RFC 9293 §3.10.7.4).
 */
static __always_inline enum drop_reason http_answer(struct __sk_buff *skb, const struct packet *p,
						    const struct ct_key *key,
						    struct ct_entry *entry,
						    struct http_fate *fate)
{
	const struct http_flow *flow = bpf_map_lookup_elem(&weir_http_flow, key);

	if (p->tcp_flags & TCP_RST)
		return known_believe(p, JUDGE_FROM_ENDPOINT, entry, true, &fate->believed);
	if (p->tcp_flags & TCP_SYN) {
		fate->believed = true;
		return http_begin(skb, p, key, entry);
	}
	if (!flow || flow->state == HTTP_STATE_OPENING)
		return DROP_REASON_NONE;
	if (p->seq != p->seq_end && !flow->requests && http_is_early(p, key, fate))
		return DROP_REASON_HTTP_HELD;
	return known_believe(p, JUDGE_FROM_ENDPOINT, entry, true, &fate->believed);
}

/* The opener's. */
static __always_inline enum drop_reason http_ask_on(struct __sk_buff *skb, const struct packet *p,
						    const struct ct_key *key,
						    struct ct_entry *entry,
						    struct http_fate *fate)
{
	bool fin = p->tcp_flags & TCP_FIN, carries = p->seq_end - p->seq != (__u32)fin;
	const struct http_flow *flow;

	if (p->tcp_flags & TCP_SYN)
		return p->tcp_flags & (TCP_ACK | TCP_RST | TCP_URG) || p->seq_end != p->seq + 1
			   ? DROP_REASON_MALFORMED
			   : http_open(skb, p, key, entry, fate);
	flow = bpf_map_lookup_elem(&weir_http_flow, key);
	if (entry->flags & CT_CLOSED) {
		if (carries)
			return DROP_REASON_CT_INVALID;
		return known_believe(p, JUDGE_FROM_ENDPOINT, entry, false, &fate->believed);
	}
	if (!flow)
		return http_cut(key, entry);
	if (p->tcp_flags & TCP_RST) {
		if (carries)
			return DROP_REASON_MALFORMED;
		/* Of a connection that he has forgotten. */
		if (flow->state == HTTP_STATE_OPENING)
			return DROP_REASON_NONE;
		return known_believe(p, JUDGE_FROM_ENDPOINT, entry, false, &fate->believed);
	}
	if (flow->state == HTTP_STATE_OPENING || !(p->tcp_flags & TCP_ACK))
		return DROP_REASON_HTTP_ORDER;
	if (!(entry->flags & CT_ESTABLISHED) &&
	    (p->seq != flow->start || p->ack != flow->answer_start))
		return DROP_REASON_TCP_SEQUENCE;
	fate->believed = sequence_follow(entry, p, false);
	if (!fate->believed)
		return DROP_REASON_TCP_SEQUENCE;
	if (fin || carries)
		return http_carry(skb, p, key, entry, fate);
	if (flow->state == HTTP_STATE_TAKEN)
		return DROP_REASON_HTTP_HELD;
	return http_could_begin(flow, entry, p) ? DROP_REASON_HTTP_ORDER : DROP_REASON_NONE;
}
