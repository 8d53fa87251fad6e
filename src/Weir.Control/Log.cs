// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging;

namespace Weir.Control;

internal static partial class Log
{
    [LoggerMessage(4000, LogLevel.Information, "Endpoint {Id} ({Link}) joined network {Network} with {Addresses}")]
    internal static partial void EndpointJoined(ILogger log, ushort id, string link, string network, string addresses);

    [LoggerMessage(4001, LogLevel.Information, "Endpoint {Id} is {Name} with identity {Identity}")]
    internal static partial void EndpointIdentified(ILogger log, ushort id, string name, uint identity);

    [LoggerMessage(4002, LogLevel.Information, "Endpoint {Id} ({Name}) removed: {Why}")]
    internal static partial void EndpointRemoved(ILogger log, ushort id, string name, string why);

    [LoggerMessage(4003, LogLevel.Information, "Network {Name} ({Number}) made with {Subnets}")]
    internal static partial void NetworkMade(ILogger log, string name, ushort number, string subnets);

    [LoggerMessage(4004, LogLevel.Information, "Network {Name} ({Number}) removed")]
    internal static partial void NetworkRemoved(ILogger log, string name, ushort number);

    [LoggerMessage(4005, LogLevel.Information, "Policy revision {Revision}: {Rules} rules in {Documents} documents, {Endpoints} endpoints changed")]
    internal static partial void PolicyApplied(ILogger log, uint revision, int rules, int documents, int endpoints);

    [LoggerMessage(4006, LogLevel.Information, "Restored {Endpoints} endpoints, {Networks} networks, {Rules} rules; removed {Stale} endpoints without a link")]
    internal static partial void Restored(ILogger log, int endpoints, int networks, int rules, int stale);

    [LoggerMessage(4007, LogLevel.Warning, "Conntrack holds {Living} of {Capacity} flows: soon new ones are dropped (ct-table-full)")]
    internal static partial void ConntrackFull(ILogger log, int living, int capacity);

    [LoggerMessage(4008, LogLevel.Warning, "{What} failed: {Error}")]
    internal static partial void Failed(ILogger log, string what, string error);

    [LoggerMessage(4009, LogLevel.Information, "Removed link {Link}: no endpoint has it")]
    internal static partial void LinkRemoved(ILogger log, string link);

    [LoggerMessage(4010, LogLevel.Information, "Device {Device} and services: {How}")]
    internal static partial void DeviceServed(ILogger log, string device, string how);

    [LoggerMessage(4011, LogLevel.Information, "Service {Service}: {Change}; {Frontends} frontends, {Active} of {Backends} backends active")]
    internal static partial void ServiceChanged(ILogger log, string service, string change, int frontends, int active, int backends);

    [LoggerMessage(4012, LogLevel.Warning, "Backend {Backend} of {Service} is {State}: {Detail}")]
    internal static partial void BackendChanged(ILogger log, string backend, string service, string state, string detail);

    [LoggerMessage(4013, LogLevel.Warning, "{What}")]
    internal static partial void TakenAway(ILogger log, string what);

    [LoggerMessage(4014, LogLevel.Information, "{What} is there again")]
    internal static partial void WholeAgain(ILogger log, string what);

    [LoggerMessage(4015, LogLevel.Information, "Nothing of kind {Kind} was taken away for a minute; it was {Times} times before")]
    internal static partial void IncidentOver(ILogger log, string kind, int times);

    [LoggerMessage(4020, LogLevel.Information, "Reserved ports {Ports} for SNAT (net.ipv4.ip_local_reserved_ports)")]
    internal static partial void PortsReserved(ILogger log, string ports);

    [LoggerMessage(4016, LogLevel.Information, "Published ports: {Put} put in force, {Removed} taken away, {All} in all")]
    internal static partial void PublishedPortsChanged(ILogger log, int put, int removed, int all);

    [LoggerMessage(4021, LogLevel.Information, "Disconnected {Count} UDP sockets whose backend is gone: {Backends}")]
    internal static partial void SocketsEnded(ILogger log, int count, string backends);

    [LoggerMessage(4022, LogLevel.Information, "Maps have the sizes and fields that this version has; what they held is kept")]
    internal static partial void MapsReplaced(ILogger log);

    [LoggerMessage(4040, LogLevel.Warning, "Published ports are open to everybody who reaches this host, and containers' own addresses to who has a route, as before that was a choice. Set published-ports to closed or open in /etc/weir/agent.yaml; 'weir publish list' shows what is open")]
    internal static partial void DoorsLeftOpen(ILogger log);

    [LoggerMessage(4050, LogLevel.Information, "The cluster is heard: {Nodes} nodes")]
    internal static partial void ClusterHeard(ILogger log, int nodes);

    [LoggerMessage(4051, LogLevel.Warning, "The cluster is not heard, what was heard last stays in force: {Problem}")]
    internal static partial void ClusterLost(ILogger log, string problem);

    [LoggerMessage(4052, LogLevel.Warning, "Shared record {Key} cannot be read and is left out: {Fault}")]
    internal static partial void SharedRecordBroken(ILogger log, string key, string fault);

    [LoggerMessage(4053, LogLevel.Information, "What other nodes' containers send and get past the overlay {How}")]
    internal static partial void IpsecFollowed(ILogger log, string how);

    [LoggerMessage(4054, LogLevel.Information, "Requests by {Rules} are judged by the proxy alone: {Why}")]
    internal static partial void HttpPolicyIsTheProxys(ILogger log, string rules, string why);

    [LoggerMessage(4055, LogLevel.Warning, "The proxy judges all requests: {Why}")]
    internal static partial void HttpIsTheProxys(ILogger log, string why);
}
