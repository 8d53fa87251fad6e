/* SPDX-License-Identifier: GPL-2.0 */
/* weir_bucket and weir_hop: what the common packet at a device needs of weir_service and
 * weir_backend, where it is found without a lookup. Those are the truth: who does not find here what
 * he needs asks them. */
#pragma once
#include "address.h"

/* A service is in the bucket that its key picks; or it is in weir_service alone, and its bucket says
 * "more": one with flags, with numbers too large for a word, or that found no way free. */
enum bucket_layout {
	BUCKET_WAYS = 3, /* with "more", a cache line */
	BUCKET_COUNT = 32768,
	BUCKET_BITS = 15,      /* of BUCKET_COUNT */
	BUCKET_MASK_BITS = 17, /* of a value, from its lowest: slot_mask, */
	BUCKET_MODE_BITS = 2,  /* mode, */
	BUCKET_ID_BITS = 20,   /* frontend_id, */
	BUCKET_SLOT_BITS = 25, /* slots */
	BUCKET_IPV6 = 1 << 8,  /* in a key, where one of IPv4 has nothing: it hashes an address */
};

/* Key and value are a word each, written whole. */
struct bucket_way {
	__u64 key; /* address, port and protocol (lib/bucket.h); 0: nothing is here */
	__u64 value;
};

struct service_bucket {
	struct bucket_way way[BUCKET_WAYS];
	__u64 more; /* not 0: a service that is not here may be in weir_service */
	__u64 _pad0;
};

enum hop_layout {
	HOP_COUNT = 16384, /* backends with a larger id are in weir_backend alone */
};

/* The way to a backend of IPv4 on another host, by its id. Whatever else changes, "mac" is 0
 * meanwhile. */
struct backend_hop {
	__u64 mac; /* in its first six bytes, as in weir_backend; 0: weir_backend tells */
	__u64 source_mac;
	__be32 source; /* of a packet in another one */
	__be32 outer;
	__u32 ifindex;
	__u16 sum; /* of the outer header without its first word and its checksum */
	__u8 flags; /* enum backend_flag */
	__u8 _pad0;
};

/* Of the services of IPv6 in the ways of a bucket: a key tells that a packet may be for one, this
 * that it is. Changes only while its way has no key. */
struct bucket_addresses {
	struct ip_addr way[BUCKET_WAYS];
};

/* The same way to a backend of IPv6, a cache line of it. */
struct backend_hop6 {
	__u64 mac;
	__u64 source_mac;
	struct ip_addr source;
	struct ip_addr outer;
	__u32 ifindex;
	__u8 flags; /* enum backend_flag */
	__u8 _pad0[3];
	__u64 _pad1;
};
