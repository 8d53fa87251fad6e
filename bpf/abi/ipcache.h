/* SPDX-License-Identifier: GPL-2.0 */
/* weir_ipcache: longest prefix -> identity, for every address that is not a local endpoint. */
#pragma once
#include "address.h"

struct ipcache_key {
	__u32 prefix_len; /* bits, 0..128; a v4 prefix adds 96 */
	struct ip_addr addr;
};

struct ipcache_entry {
	__u32 identity;
};
