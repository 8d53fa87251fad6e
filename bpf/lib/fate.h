/* SPDX-License-Identifier: GPL-2.0 */
/* What is to become of a packet at a device. */
#pragma once
#include <linux/bpf.h>

enum fate {
	FATE_PASS = XDP_PASS, /* the host's stack gets it, unchanged */
	FATE_DROP = XDP_DROP, /* it is counted and reported */
	FATE_SENT = XDP_TX,   /* it leaves by the device it came by */
	FATE_SENT_AWAY = XDP_REDIRECT,
	/* Not the end yet, and none of XDP's actions. */
	FATE_NOT_MINE = 16, /* somebody else's: whoever asked goes on looking */
	FATE_GO,	    /* nothing stands in its way: its route is known, the caller sends it */
	FATE_TOO_BIG,	    /* for its route, which has the MTU: its sender is told */
};
