/* SPDX-License-Identifier: GPL-2.0 */
/* One policy question: may this endpoint, in this direction, speak with that identity? */
#pragma once
#include "maps.h"
#include "packet.h"

enum policy_bits {
	POLICY_FULL_KEY = 64, /* identity, direction, protocol and port */
};

struct policy_answer {
	enum drop_reason reason; /* DROP_REASON_NONE: allowed */
	__u32 rule_id;
	__u32 http_policy;
	__u8 verdict; /* enum verdict */
	__u8 flags;   /* enum policy_flag */
	__u32 audit_rule;
};

/* At most two lookups, whatever the number of rules: the peer's own entries, then everybody's. */
static __always_inline struct policy_answer policy_decide(__u32 endpoint_id,
							  enum direction direction, __u32 peer,
							  __u8 protocol, __be16 port)
{
	struct policy_answer answer = {.reason = DROP_REASON_POLICY_DENIED};
	struct policy_key key = {
		.prefix_len = POLICY_FULL_KEY,
		.identity = peer,
		.direction = (__u8)direction,
		.protocol = protocol,
		.port = port,
	};
	struct policy_entry *entry;
	void *map = bpf_map_lookup_elem(&weir_policy, &endpoint_id);

	if (!map)
		return answer;
	entry = bpf_map_lookup_elem(map, &key);
	if (!entry) {
		key.identity = 0;
		entry = bpf_map_lookup_elem(map, &key);
	}
	if (!entry)
		return answer;
	answer.rule_id = entry->rule_id;
	answer.http_policy = entry->http_policy;
	answer.verdict = entry->verdict;
	answer.flags = entry->flags;
	if (answer.flags & POLICY_AUDIT)
		answer.audit_rule = entry->audit_rule;
	if (answer.verdict == VERDICT_ALLOW || answer.verdict == VERDICT_PROXY)
		answer.reason = DROP_REASON_NONE;
	else if (entry->rule_id)
		answer.reason = DROP_REASON_POLICY_DENY_RULE;
	return answer;
}
