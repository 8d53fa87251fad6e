/* SPDX-License-Identifier: GPL-2.0 */
/* weir_name: a name of a shared network -> the addresses behind it. */
#pragma once
#include "address.h"

enum name_limit {
	NAME_BYTES = 128,   /* of a name as DNS writes it, with its end */
	NAME_ADDRESSES = 8, /* of a family */
	NAME_ANSWERS = 2,   /* slots of weir_name_count: with addresses, without */
};

struct name_key {
	__u32 network_id;
	__u32 _pad0;
	__u64 name[16]; /* bytes as DNS writes them, in lower case; behind their end all zero */
};

struct name_entry {
	__u32 count4; /* 0 of both: there is the name, and nothing behind it */
	__u32 count6;
	__be32 ipv4[8];
	struct ip_addr ipv6[8];
};
/* weir_name_count: per-CPU __u64, questions that were answered. */
