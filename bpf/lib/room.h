/* SPDX-License-Identifier: GPL-2.0 */
/* Who may have how much of the conntrack table, and in which of its two halves a flow lies.
 *
 * weir_ct counts against whoever opened a flow until the entry is gone. Nobody gets more than half
 * of what is left (all that is outside together: as much as is left): one greedy endpoint can have
 * a third of the table, ten of them leave a sixth, and whoever has few flows always gets one more.
 *
 * weir_ct_brief owes nobody a place. What comes from outside begins there: a forged source never
 * completes a handshake, and pushes out only others of its kind. What is closed ends there. */
#pragma once
#include "conntrack.h"

static __always_inline __u32 room_left(const struct settings *s)
{
	__u32 zero = 0;
	struct ct_use *use = bpf_map_lookup_elem(&weir_ct_use, &zero);

	return use && use->entries < s->ct_capacity ? s->ct_capacity - use->entries : 0;
}

/* Two CPUs and the sweeper may come here at once: a count that would go below zero stays there. */
static __always_inline void room_add(__u32 *count, bool more)
{
	if (more)
		__sync_fetch_and_add(count, 1);
	else if (!__sync_fetch_and_sub(count, 1))
		__sync_fetch_and_add(count, 1);
}

static __always_inline void room_count(__u32 opener, bool more)
{
	struct endpoint_entry *endpoint = bpf_map_lookup_elem(&weir_endpoint, &opener);
	__u32 zero = 0;
	struct ct_use *use = bpf_map_lookup_elem(&weir_ct_use, &zero);

	if (endpoint)
		room_add(&endpoint->ct_count, more);
	if (use)
		room_add(&use->entries, more);
}

/* May whoever opened the flow have another? */
static __always_inline enum drop_reason room_for(const struct ct_entry *entry, __u8 protocol)
{
	__u32 opener = entry->src_endpoint, left;
	const struct settings *s = &weir_settings;
	struct endpoint_entry *endpoint = bpf_map_lookup_elem(&weir_endpoint, &opener);

	if (!endpoint)
		return DROP_REASON_CT_TABLE_FULL;
	left = room_left(s);
	if (opener)
		return endpoint->ct_count < s->ct_endpoint_limit && endpoint->ct_count < left / 2
			   ? DROP_REASON_NONE
			   : DROP_REASON_CT_ENDPOINT_LIMIT;
	/* Only TCP proves that somebody is there. */
	return endpoint->ct_count < (protocol == L4_TCP ? left : left / 2)
		   ? DROP_REASON_NONE
		   : DROP_REASON_CT_OUTSIDE_LIMIT;
}

/* Puts the entry into weir_ct, for its opener's account. */
static __always_inline enum drop_reason room_keep(const struct ct_key *key, struct ct_entry *entry)
{
	enum drop_reason reason = room_for(entry, key->protocol);
	struct ct_entry *before;

	if (reason)
		return reason;
	if (bpf_map_update_elem(&weir_ct, key, entry, BPF_NOEXIST)) {
		/* One whose time is over, and that nobody has swept yet? */
		before = bpf_map_lookup_elem(&weir_ct, key);
		if (!before)
			return DROP_REASON_CT_TABLE_FULL;
		room_count(before->src_endpoint, false);
		if (bpf_map_update_elem(&weir_ct, key, entry, BPF_EXIST))
			return DROP_REASON_CT_TABLE_FULL;
	}
	room_count(entry->src_endpoint, true);
	return DROP_REASON_NONE;
}

/* Static functions: the verifier knows their arguments, and takes the caller's key as it is. */

/* A flow that was opened from outside is established. Where there is no room for it: TCP must wait,
 * the rest goes on without. */
static __noinline enum drop_reason room_settle(const struct ct_key *key, struct ct_entry *entry)
{
	enum drop_reason reason;

	entry->flags &= ~(__u32)CT_BRIEF;
	reason = room_keep(key, entry);
	if (!reason) {
		bpf_map_delete_elem(&weir_ct_brief, key);
		return DROP_REASON_NONE;
	}
	entry->flags = (entry->flags | CT_BRIEF) & ~(__u32)CT_ESTABLISHED;
	return key->protocol == L4_TCP ? reason : DROP_REASON_NONE;
}

/* A flow that must not be found again. */
static __noinline int room_forget(const struct ct_key *key, const struct ct_entry *entry)
{
	__u32 opener = entry->src_endpoint;

	if (entry->flags & CT_BRIEF)
		bpf_map_delete_elem(&weir_ct_brief, key);
	else if (!bpf_map_delete_elem(&weir_ct, key))
		room_count(opener, false);
	return 0;
}

/* A flow that is closed. */
static __noinline int room_retire(const struct ct_key *key, struct ct_entry *entry)
{
	__u32 opener = entry->src_endpoint;

	entry->flags |= CT_BRIEF;
	bpf_map_update_elem(&weir_ct_brief, key, entry, BPF_ANY);
	if (!bpf_map_delete_elem(&weir_ct, key))
		room_count(opener, false);
	return 0;
}
