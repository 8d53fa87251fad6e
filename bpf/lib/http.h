/* SPDX-License-Identifier: GPL-2.0 */
/* Judges the head of an HTTP request: walks the automata that the policies of its two ends compile
 * to.
 *
 * What they accept, the proxy's reader accepts, and reads the same out of it; what it would have to
 * think about is given up, for it to decide. Nothing passes here that would not pass there. */
#pragma once
#include <stdbool.h>
#include "maps.h"
#include "packet.h"

enum http_size {
	HTTP_BUFFER = 4096, /* a power of two, more than HTTP_HEAD */
	HTTP_BYTES_A_STEP = 8,
	HTTP_SKIPS_A_STEP = 4, /* of a word each */
	HTTP_MODELS = 2,       /* a row's model has a whole one, at most */
};

#define HTTP_MOST_BEFORE_DIGIT 100000000000000000ULL /* 18 digits, as the reader has it */

/* Where bytes of a class lead: read as one word, of which the lower half says whose row it is in.
 */
struct http_slot {
	__u32 word;
};

struct http_value {
	__u32 named;
	__u32 held;
};

struct http_table {
	__u8 classes[256];
	struct http_slot slots[HTTP_SLOTS];
	__u64 masks[HTTP_MASKS][HTTP_WORDS];
	__u64 needs[HTTP_CONDITIONS][HTTP_WORDS];
	__u32 rules[HTTP_RULES];
	struct http_value values[HTTP_VALUES];
	__u16 start;
	__u16 no_host;
	__u16 conditions;
	__u16 _pad0;
};

#define HTTP_LIES_AT(field, place)                                                                 \
	_Static_assert(__builtin_offsetof(struct http_table, field) == (place), #field)
HTTP_LIES_AT(slots, HTTP_AT_SLOTS);
HTTP_LIES_AT(masks, HTTP_AT_MASKS);
HTTP_LIES_AT(needs, HTTP_AT_NEEDS);
HTTP_LIES_AT(rules, HTTP_AT_RULES);
HTTP_LIES_AT(values, HTTP_AT_VALUES);
HTTP_LIES_AT(start, HTTP_AT_START);
HTTP_LIES_AT(no_host, HTTP_AT_NO_HOST);
HTTP_LIES_AT(conditions, HTTP_AT_CONDITIONS);
_Static_assert(sizeof(struct http_table) == HTTP_TABLE_BYTES, "size");

/* As those of maps.h. */
const struct http_table *weir_http_table SEC(".types");

/* Registers of the automaton, and what it reads. */
struct http_walk {
	__u64 left[HTTP_WORDS]; /* rules that fit so far */
	__u64 body;
	__u32 at;	   /* the next byte */
	__u32 end;	   /* behind the last */
	__u32 found;	   /* conditions whose header is there */
	__u32 failed;	   /* conditions that a header did not fulfil */
	__u32 before_port; /* 1 + the set of rules by the host without its port; 0: it has none */
	__u16 state;
	__u8 flags;  /* enum http_head_flag */
	__u8 answer; /* enum http_answer */
	struct http_seen seen __attribute__((aligned(8))); /* in front of its head: one copy tells both */
	__u8 head[HTTP_BUFFER + HTTP_BYTES_A_STEP]
	    __attribute__((aligned(8))); /* zero behind its end */
};

/* Used by a program while it has one packet; nobody else reads it. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct http_walk);
} weir_http_walk SEC(".maps");

/* What a step of the walk needs: in a frame of the caller's. */
struct http_run {
	struct http_walk *walk;
	struct http_table *table;
};

/* The compiler knows of a state that it is small enough; the verifier wants to see it. */
static __always_inline __u32 http_slot(struct http_table *t, __u64 at)
{
	asm volatile("%0 &= %1" : "+r"(at) : "i"(HTTP_SLOTS - 1));
	return t->slots[at].word;
}

static __always_inline __u32 http_slot_row(__u32 slot)
{
	return slot & 0xffff;
}

static __always_inline __u32 http_slot_next(__u32 slot)
{
	return slot >> 16;
}

/* Eight bytes, wherever they lie: the compiler would read them one by one. */
static __always_inline __u64 http_word(const __u8 *bytes)
{
	__u64 word;

	asm volatile("%0 = *(u64 *)(%1 + 0)" : "=r"(word) : "r"(bytes));
	return word;
}

/* How many of eight bytes may stand in a header's value, up to the first that may not: one below a
 * space, or DEL. That one is found exactly: a borrow reaches only those behind it. A tab takes the
 * other way. */
static __always_inline __u32 http_value_bytes(__u64 x)
{
	__u64 del = x ^ 0x7f7f7f7f7f7f7f7fULL;
	__u64 bad = (((x - 0x2020202020202020ULL) & ~x) | ((del - 0x0101010101010101ULL) & ~del)) &
		    0x8080808080808080ULL;

	if (!bad)
		return sizeof(__u64);
	/* Its lowest bit is 256 to the power of the byte's place; the product's highest byte is
	 * that place. */
	return (((bad & -bad) >> 7) * 0x0001020304050607ULL) >> 56;
}

static __always_inline void http_narrow(struct http_walk *w, struct http_table *t, __u32 mask)
{
	__u64 *set = t->masks[mask & (HTTP_MASKS - 1)];

	for (int i = 0; i < HTTP_WORDS; i++)
		w->left[i] &= set[i];
}

/* By all of the host, or by what stands before its port. */
static __always_inline void http_narrow_host(struct http_walk *w, struct http_table *t, __u32 mask)
{
	__u64 *set = t->masks[mask & (HTTP_MASKS - 1)];
	__u64 *without = t->masks[(w->before_port ? w->before_port - 1 : mask) & (HTTP_MASKS - 1)];

	for (int i = 0; i < HTTP_WORDS; i++)
		w->left[i] &= set[i] | without[i];
}

/* Takes out the rules whose headers are not there, or not as they want them. */
static __always_inline void http_narrow_headers(struct http_walk *w, struct http_table *t)
{
	__u32 held = w->found & ~w->failed;

	for (__u32 i = 0; i < HTTP_CONDITIONS; i++) {
		if (i >= t->conditions)
			break;
		if (held >> i & 1)
			continue;
		for (int j = 0; j < HTTP_WORDS; j++)
			w->left[j] &= ~t->needs[i][j];
	}
}

static __always_inline enum http_answer http_conclude(struct http_walk *w, struct http_table *t)
{
	if (!(w->flags & HTTP_HEAD_HOST)) {
		if (w->flags & HTTP_HEAD_VERSION_11)
			return HTTP_ANSWER_UNCLEAR;
		http_narrow(w, t, t->no_host);
	}
	if (t->conditions)
		http_narrow_headers(w, t);
	return w->left[0] | w->left[1] | w->left[2] | w->left[3] ? HTTP_ANSWER_ALLOWED
								 : HTTP_ANSWER_DENIED;
}

/* What may be there once. */
static __always_inline bool http_once(struct http_walk *w, enum http_head_flag flag)
{
	bool first = !(w->flags & flag);

	w->flags |= flag;
	return first;
}

/* False: the walk is over. "byte" is what led here, in front of w->at. */
static __always_inline bool http_act(struct http_walk *w, struct http_table *t, __u32 action,
				     __u32 argument, __u8 byte)
{
	switch (action) {
	case HTTP_ACTION_METHOD:
		if (w->at > HTTP_METHOD_BYTES + 1)
			return false;
		http_narrow(w, t, argument);
		return true;
	case HTTP_ACTION_PATH:
		http_narrow(w, t, argument);
		return true;
	case HTTP_ACTION_VERSION:
		if (argument)
			w->flags |= HTTP_HEAD_VERSION_11 | HTTP_HEAD_KEEP_ALIVE;
		return true;
	case HTTP_ACTION_HOST:
		return http_once(w, HTTP_HEAD_HOST);
	case HTTP_ACTION_HOST_PORT:
		w->before_port = 1 + argument;
		return true;
	case HTTP_ACTION_HOST_BRACKET:
		w->before_port = 0;
		return true;
	case HTTP_ACTION_HOST_END:
		http_narrow_host(w, t, argument);
		return true;
	case HTTP_ACTION_LENGTH:
		return http_once(w, HTTP_HEAD_LENGTH);
	case HTTP_ACTION_LENGTH_DIGIT:
		if (w->body >= HTTP_MOST_BEFORE_DIGIT)
			return false;
		w->body = w->body * 10 + (byte - '0');
		return true;
	case HTTP_ACTION_CONNECTION:
		if (!http_once(w, HTTP_HEAD_CONNECTION))
			return false;
		w->flags &= ~HTTP_HEAD_KEEP_ALIVE;
		if (!argument)
			w->flags |= HTTP_HEAD_KEEP_ALIVE;
		return true;
	case HTTP_ACTION_VALUE: {
		struct http_value *value = &t->values[argument & (HTTP_VALUES - 1)];

		w->found |= value->named;
		w->failed |= value->named & ~value->held;
		return true;
	}
	case HTTP_ACTION_END:
		w->answer = http_conclude(w, t);
		return false;
	default:
		return false;
	}
}

/* Where a class of bytes leads from a state. */
static __always_inline __u32 http_next(struct http_table *t, __u32 state, __u32 class)
{
	__u32 slot = http_slot(t, state + class), row = state, below;

	if (http_slot_row(slot) == row)
		return http_slot_next(slot);
	for (int i = 0; i < HTTP_MODELS; i++) {
		below = row;
		row = http_slot_next(http_slot(t, row));
		slot = http_slot(t, row + class);
		if (http_slot_row(slot) == row)
			break;
	}
	return http_slot_next(slot) == HTTP_STAY ? below : http_slot_next(slot);
}

/* Some bytes more, up to the next action. Behind the end lies a zero, which no part of a head
 * takes. */
static long http_step(__u32 index, struct http_run *run)
{
	struct http_walk *w = run->walk;
	struct http_table *t = run->table;
	__u32 at = w->at, state = w->state, next = 0;
	__u8 *bytes, byte = 0;

	(void)index;
	if (!state) {
#pragma clang loop unroll(full)
		for (int i = 0; i < HTTP_SKIPS_A_STEP; i++) {
			__u32 passed =
			    http_value_bytes(http_word(&w->head[at & (HTTP_BUFFER - 1)]));

			at += passed;
			if (passed < sizeof(__u64))
				break;
		}
	}
	bytes = &w->head[at & (HTTP_BUFFER - 1)];
#pragma clang loop unroll(full)
	for (int i = 0; i < HTTP_BYTES_A_STEP; i++) {
		byte = bytes[i];
		at++;
		next = http_next(t, state, t->classes[byte]);
		if (next & HTTP_ACTION)
			break;
		state = next;
	}
	w->at = at;
	if (next & HTTP_ACTION) {
		__u32 what = http_slot(t, next);

		if (at > w->end) {
			w->answer = HTTP_ANSWER_PARTIAL;
			return 1;
		}
		state = http_slot_next(http_slot(t, next + 1));
		if (!http_act(w, t, http_slot_row(what) & ~HTTP_ACTION, http_slot_next(what), byte))
			return 1;
	}
	w->state = (__u16)state;
	return 0;
}

/* The number of the first rule of a set that is not empty. */
static __always_inline __u32 http_first_rule(const struct http_walk *w, const struct http_table *t)
{
	__u32 at = 0;
	__u64 set = w->left[0];

#pragma clang loop unroll(full)
	for (int i = 1; i < HTTP_WORDS; i++) {
		if (!set) {
			set = w->left[i];
			at = i * 64;
		}
	}
#pragma clang loop unroll(full)
	for (int bits = 32; bits; bits /= 2) {
		if (!(set & ((1ULL << bits) - 1))) {
			set >>= bits;
			at += bits;
		}
	}
	return t->rules[at & (HTTP_RULES - 1)];
}

/* By one end's policy. */
static __always_inline void http_ask(struct http_walk *w, __u32 policy, struct http_head *head)
{
	void *one = bpf_map_lookup_elem(&weir_http, &policy);
	struct http_run run = {.walk = w};
	__u32 zero = 0;

	head->answer = HTTP_ANSWER_UNCLEAR;
	head->rule_id = 0;
	if (!one)
		return;
	run.table = bpf_map_lookup_elem(one, &zero);
	if (!run.table)
		return;
	for (int i = 0; i < HTTP_WORDS; i++)
		w->left[i] = ~0ULL;
	w->body = 0;
	w->at = 0;
	w->found = w->failed = 0;
	w->before_port = 0;
	w->state = run.table->start;
	w->flags = 0;
	w->answer = HTTP_ANSWER_UNCLEAR;
	/* Each step takes a byte at least. */
	bpf_loop(HTTP_BUFFER, http_step, &run, 0);
	head->answer = w->answer;
	head->flags = w->flags;
	head->body = w->body;
	head->length = (__u16)w->at;
	if (w->answer == HTTP_ANSWER_ALLOWED)
		head->rule_id = http_first_rule(w, run.table);
}

/* Where a request lies in a packet, and who judges it. */
struct http_request {
	__u32 offset;
	__u32 length; /* bytes from there on */
	__u32 egress; /* HTTP policies of the two ends; 0: that one looks at no requests */
	__u32 ingress;
};

/* Judges a request by its head. Returns the answer, too. */
__noinline int http_judge(struct __sk_buff *skb, const struct http_request *request,
			  struct http_head *head)
{
	__u32 zero = 0, offset, length, egress, ingress, count;
	struct http_walk *w = bpf_map_lookup_elem(&weir_http_walk, &zero);

	if (!request || !head)
		return HTTP_ANSWER_UNCLEAR;
	offset = request->offset;
	length = request->length;
	egress = request->egress;
	ingress = request->ingress;
	count = length < HTTP_HEAD ? length : HTTP_HEAD;
	head->answer = HTTP_ANSWER_UNCLEAR;
	if (!w || !count || (!egress && !ingress))
		return HTTP_ANSWER_UNCLEAR;
	/* It is between 1 and HTTP_HEAD, which Linux 6.1 does not take from comparisons of copies.
	 */
	count--;
	asm volatile("%0 &= %1" : "+r"(count) : "i"(HTTP_BUFFER - 1));
	count++;
	/* What lies in fragments may be a page that its sender still writes to (sendfile, splice):
	 * the copy that is judged has to be the one that goes on. */
	if (bpf_skb_pull_data(skb, offset + count) ||
	    bpf_skb_load_bytes(skb, offset, w->head, count))
		return HTTP_ANSWER_UNCLEAR;
	w->head[count] = 0;
	w->end = count;
	if (egress) {
		http_ask(w, egress, head);
		if (head->answer != HTTP_ANSWER_ALLOWED)
			ingress = 0;
	}
	if (ingress) {
		http_ask(w, ingress, head);
		head->flags |= HTTP_HEAD_INGRESS;
	}
	/* As much as is looked at, and not its end. */
	if (head->answer == HTTP_ANSWER_PARTIAL && length > HTTP_HEAD)
		head->answer = HTTP_ANSWER_UNCLEAR;
	return head->answer;
}
