/* SPDX-License-Identifier: GPL-2.0 */
/* weir_calls: programs that others go on in. Those of two versions with the same maps meet here: what a number means, and what a
 * program is told (lib/own.h), stays so, or the map gets another name. */
#pragma once

enum call {
	CALL_HTTP = 0,		/* weir_http_pass: an opener's packet of a CT_HTTP flow */
	CALL_FROM_ENDPOINT = 1, /* weir_judge_from_ep: what a container sends, and is of no steady flow */
	CALL_TO_ENDPOINT = 2,	/* weir_judge_to_ep: the same of what it is sent */
};
