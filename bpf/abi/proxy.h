/* SPDX-License-Identifier: GPL-2.0 */
/* What host, proxy and programs tell one another by a packet's mark. */
#pragma once

/* skb->mark, the whole of it: whatever else other software puts there is not ours. No bit of these is
 * one that software in wide use tests or clears. What a container sends has no mark: the kernel clears
 * it between namespaces. */
enum proxy_mark {
	MARK_TO_PROXY = 0x10b2,
	MARK_FROM_PROXY = 0x10b4,
	MARK_ANSWER = 0x10b6, /* what the datapath answers for a container: not judged */
	MARK_OVERLAY = 0x10b8, /* has its node already: the overlay's device asks nothing more */
};
