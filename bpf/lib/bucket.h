/* SPDX-License-Identifier: GPL-2.0 */
/* Keys and values of the buckets of weir_bucket, a word each. */
#pragma once
#include "../abi/plain.h"

#define BUCKET_SPREAD 0x9e3779b97f4a7c15ULL /* 2^64 by the golden ratio: multiplicative hashing */

/* Never 0: no protocol is. */
static __always_inline __u64 bucket_key(__be32 addr, __be16 port, __u8 protocol)
{
	return (__u64)addr << 32 | (__u32)port << 16 | protocol;
}

/* The same of IPv6, whose address does not fit and is hashed: two may have the same key. Of one
 * address every port and protocol has another. */
static __always_inline __u64 bucket_key_ipv6(__u64 high, __u64 low, __be16 port, __u8 protocol)
{
	__u64 hash = (high * BUCKET_SPREAD + low) * BUCKET_SPREAD;

	return (hash ^ (__u32)port << 16 ^ protocol) | BUCKET_IPV6;
}

static __always_inline __be16 bucket_port(__u64 key)
{
	return (__be16)(key >> 16);
}

static __always_inline __u32 bucket_index(__u64 key)
{
	return (__u32)(key * BUCKET_SPREAD >> (64 - BUCKET_BITS));
}

/* A value is four numbers, from its lowest bits: slot_mask, mode, frontend_id, slots. */

static __always_inline __u32 bucket_mask(__u64 value)
{
	return (__u32)value & ((1 << BUCKET_MASK_BITS) - 1);
}

static __always_inline __u8 bucket_mode(__u64 value)
{
	return (__u8)((__u32)value >> BUCKET_MASK_BITS & ((1 << BUCKET_MODE_BITS) - 1));
}

static __always_inline __u32 bucket_frontend_id(__u64 value)
{
	return (__u32)(value >> (BUCKET_MASK_BITS + BUCKET_MODE_BITS)) &
	       ((1 << BUCKET_ID_BITS) - 1);
}

/* The slot that a hash picks. */
static __always_inline __u32 bucket_slot(__u64 value, __u32 hash)
{
	return (__u32)(value >> (64 - BUCKET_SLOT_BITS)) + (hash & bucket_mask(value));
}
