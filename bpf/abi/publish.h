/* SPDX-License-Identifier: GPL-2.0 */
/* weir_publish: which sources outside of this host's own containers a closed published port is open
 * to. Under endpoint, port and protocol 0: who comes in by all of them. */
#pragma once
#include "address.h"

/* prefix_len counts the bits after itself: 64 of the port, then those of the source. */
struct publish_key {
	__u32 prefix_len;
	__u16 endpoint_id; /* who publishes */
	__be16 port;	   /* the host's */
	__u8 protocol;
	__u8 v6; /* the source's family: ::/0 is not everybody */
	__u8 _pad0[2];
	struct ip_addr source; /* a v4 prefix adds 96 bits */
};

struct publish_entry {
	__u32 ifindex; /* only by this device: another's word for the source is not believed; 0: by any */
};
