/* SPDX-License-Identifier: GPL-2.0 */
/* Services by cache lines: one of IPv4 is found by one multiplication and one line, one of IPv6 by
 * three and two, where a lookup in weir_service takes more instructions than all else that is done
 * for the common packet.
 *
 * The agent writes under the eyes of programs, aligned words only: first the address and the value
 * of a way, then its key. Another value of the same service is one word. A way whose key was taken
 * away gets no other's before every program that may have read that key is over. */
#pragma once
#include "balance.h"
#include "bucket.h"
#include "scratch.h"

/* The way of the key. Null: it has none; "more" says whether weir_service may know it. */
static __always_inline const struct bucket_way *bucket_find(__u64 key, bool *more)
{
	const struct service_bucket *bucket = &weir_bucket.bucket[bucket_index(key)];
	const struct bucket_way *way = bucket->way;

	if (way->key == key || (++way)->key == key || (++way)->key == key)
		return way;
	*more = bucket->more;
	return 0;
}

/* The same of IPv6, by the halves of the address too: a key alone may be another's. */
static __always_inline const struct bucket_way *bucket_find_ipv6(__u64 key, __u64 high, __u64 low,
								 bool *more)
{
	__u32 index = bucket_index(key);
	const struct service_bucket *bucket = &weir_bucket.bucket[index];
	const struct bucket_addresses *addresses = &weir_bucket.address[index];

#pragma unroll
	for (int i = 0; i < BUCKET_WAYS; i++) {
		const volatile __u64 *half = (const volatile __u64 *)&addresses->way[i];

		if (bucket->way[i].key == key && !((half[0] ^ high) | (half[1] ^ low)))
			return &bucket->way[i];
	}
	*more = bucket->more;
	return 0;
}

/* The service of a key of IPv4 that its bucket does not have. */
static __always_inline const struct service_entry *bucket_overflow(__u64 key)
{
	struct ip_addr addr;

	ip_addr_set_v4(&addr, (__be32)(key >> 32));
	return service_copy(&addr, bucket_port(key), (__u8)key);
}

/* The service that a value stands for. */
static __always_inline const struct service_entry *bucket_service(__u64 value)
{
	struct scratch *s = scratch_get();

	if (!s)
		return 0;
	/* Or the compiler takes it apart before, for the few that come here. */
	asm volatile("" : "+r"(value));
	s->service = (struct service_entry){
	    .slots = bucket_slot(value, 0),
	    .slot_mask = bucket_mask(value),
	    .frontend_id = bucket_frontend_id(value),
	    .mode = bucket_mode(value),
	};
	return &s->service;
}
