/* SPDX-License-Identifier: GPL-2.0 */
/* Having the state of a CT_HTTP flow for oneself, and forgetting it.
 *
 * Memory of what is deleted may be another flow's at once, while a program on another CPU still has its address. So
 * nobody changes it but who holds it and has seen afterwards whose it is, and nobody deletes it but who holds it, and
 * never lets go. */
#pragma once
#include "maps.h"

enum http_hold_limit {
	HTTP_HOLD_TRIES = 64, /* a head is judged in about as many */
};

static __always_inline bool http_is_of(const struct http_flow *flow, const struct ct_key *key)
{
	const __u64 *a = (const __u64 *)&flow->key, *b = (const __u64 *)key;
	__u64 differences = 0;

#pragma clang loop unroll(full)
	for (int i = 0; i < (int)(sizeof(*key) / sizeof(*a)); i++)
		differences |= a[i] ^ b[i];
	return !differences;
}

static __always_inline void http_release(struct http_flow *flow)
{
	__sync_lock_test_and_set(&flow->busy, 0);
}

struct http_try {
	struct http_flow *flow;
	bool held;
};

static long http_hold_try(__u32 i, struct http_try *t)
{
	(void)i;
	t->held = !__sync_val_compare_and_swap(&t->flow->busy, 0, 1);
	return t->held;
}

/* The flow's state, for the caller alone until he releases it. Null: there is none, or another CPU has it. Static: the
 * verifier takes the caller's key as it is. By bpf_loop: it follows one try, not all of them. */
static __noinline struct http_flow *http_hold(const struct ct_key *key)
{
	struct http_flow *flow = bpf_map_lookup_elem(&weir_http_flow, key);

	if (!flow)
		return 0;
	if (__sync_val_compare_and_swap(&flow->busy, 0, 1)) {
		struct http_try t = {.flow = flow};

		bpf_loop(HTTP_HOLD_TRIES, http_hold_try, &t, 0);
		if (!t.held)
			return 0;
	}
	if (http_is_of(flow, key))
		return flow;
	http_release(flow);
	return 0;
}

static __always_inline struct http_count *http_count_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&weir_http_count, &zero);
}

/* Counts what the answerer has said since the last request, once. */
static __always_inline void http_count_answer(struct http_flow *flow, const struct ct_entry *entry)
{
	struct http_count *count = http_count_get();

	if (!count || !flow->requests)
		return;
	count->answer_bytes += entry->answerer.nxt - flow->answered - !!(entry->flags & CT_FIN_REPLY);
	flow->answered = entry->answerer.nxt;
}

/* What another CPU has just now stays for the agent to sweep. */
static __noinline int http_forget(const struct ct_key *key, const struct ct_entry *entry)
{
	struct http_flow *flow = http_hold(key);

	if (flow) {
		http_count_answer(flow, entry);
		bpf_map_delete_elem(&weir_http_flow, key);
	}
	return 0;
}
