// SPDX-License-Identifier: GPL-2.0
/* Names every type shared with C# once, so that BTF keeps it. */
#include "call.h"
#include "config.h"
#include "endpoint.h"
#include "ipcache.h"
#include "plain.h"
#include "policy.h"
#include "conntrack.h"
#include "drop_reason.h"
#include "event.h"
#include "http.h"
#include "measure.h"
#include "metrics.h"
#include "name.h"
#include "node.h"
#include "proxy.h"
#include "prefilter.h"
#include "publish.h"
#include "seen.h"
#include "service.h"

#define KEEP_STRUCT(name) struct name keep_##name = {}
#define KEEP_ENUM(name) enum name keep_##name = (enum name)0

KEEP_STRUCT(ip_addr);
KEEP_STRUCT(endpoint_config);
KEEP_STRUCT(device_config);
KEEP_STRUCT(socket_config);
KEEP_STRUCT(settings);
KEEP_STRUCT(endpoint_entry);
KEEP_STRUCT(local_entry);
KEEP_STRUCT(claim_key);
KEEP_STRUCT(claim_entry);
KEEP_STRUCT(netns_entry);
KEEP_STRUCT(ipcache_key);
KEEP_STRUCT(ipcache_entry);
KEEP_STRUCT(node_entry);
KEEP_STRUCT(node_echo);
KEEP_STRUCT(name_key);
KEEP_STRUCT(name_entry);
KEEP_STRUCT(policy_key);
KEEP_STRUCT(policy_entry);
KEEP_STRUCT(ct_key);
KEEP_STRUCT(ct_entry);
KEEP_STRUCT(ct_use);
KEEP_STRUCT(alias_entry);
KEEP_STRUCT(frag_key);
KEEP_STRUCT(frag_entry);
KEEP_STRUCT(event);
KEEP_STRUCT(tcp_event);
KEEP_STRUCT(metrics_entry);
KEEP_STRUCT(prefilter_key);
KEEP_STRUCT(publish_key);
KEEP_STRUCT(publish_entry);
KEEP_STRUCT(service_key);
KEEP_STRUCT(service_entry);
KEEP_STRUCT(frontend_entry);
KEEP_STRUCT(service_slot);
KEEP_STRUCT(backend_entry);
KEEP_STRUCT(moved_key);
KEEP_STRUCT(moved_entry);
KEEP_STRUCT(affinity_key);
KEEP_STRUCT(affinity_entry);
KEEP_STRUCT(change_entry);
KEEP_STRUCT(nat_key);
KEEP_STRUCT(nat_entry);
KEEP_STRUCT(nat_hint);
KEEP_STRUCT(nat_hints);
KEEP_STRUCT(sock_key);
KEEP_STRUCT(sock_entry);
KEEP_STRUCT(lb_stats);
KEEP_STRUCT(bucket_way);
KEEP_STRUCT(service_bucket);
KEEP_STRUCT(backend_hop);
KEEP_STRUCT(backend_hop6);
KEEP_STRUCT(bucket_addresses);
KEEP_ENUM(call);
KEEP_ENUM(settings_flag);
KEEP_ENUM(lb_flag);
KEEP_ENUM(service_mode);
KEEP_ENUM(service_flag);
KEEP_ENUM(frontend_flag);
KEEP_ENUM(backend_flag);
KEEP_ENUM(nat_direction);
KEEP_ENUM(nat_flag);
KEEP_ENUM(nat_hint_layout);
KEEP_ENUM(nat_ports);
KEEP_ENUM(bucket_layout);
KEEP_ENUM(hop_layout);
KEEP_ENUM(endpoint_flag);
KEEP_ENUM(deny_answer);
KEEP_ENUM(node_flag);
KEEP_ENUM(overlay);
KEEP_ENUM(name_limit);
KEEP_ENUM(direction);
KEEP_ENUM(verdict);
KEEP_ENUM(policy_flag);
KEEP_ENUM(ct_flag);
KEEP_ENUM(ct_timeout);
KEEP_ENUM(drop_reason);
KEEP_ENUM(event_type);
KEEP_ENUM(tcp_end);
KEEP_ENUM(metrics_layout);
KEEP_STRUCT(http_head);
KEEP_STRUCT(http_flow);
KEEP_STRUCT(http_port_key);
KEEP_STRUCT(http_port);
KEEP_STRUCT(take_over);
KEEP_STRUCT(http_seen);
KEEP_STRUCT(http_count);
KEEP_ENUM(seen_layout);
KEEP_ENUM(seen_kind);
KEEP_ENUM(seen_flag);
KEEP_ENUM(http_state);
KEEP_ENUM(http_why);
KEEP_ENUM(http_flow_limit);
KEEP_ENUM(http_flow_flag);
KEEP_ENUM(take_over_limit);
KEEP_ENUM(take_over_flag);
KEEP_ENUM(http_layout);
KEEP_ENUM(http_place);
KEEP_ENUM(http_action);
KEEP_ENUM(http_answer);
KEEP_ENUM(http_head_flag);
KEEP_ENUM(proxy_mark);
