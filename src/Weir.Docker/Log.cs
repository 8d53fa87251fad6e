// SPDX-License-Identifier: Apache-2.0

namespace Weir.Docker;

internal static partial class Log
{
    [LoggerMessage(7002, LogLevel.Information, "Docker answers")]
    internal static partial void DockerConnected(ILogger log);

    [LoggerMessage(7003, LogLevel.Warning, "Docker does not answer any more: {Why}")]
    internal static partial void DockerLost(ILogger log, string why);

    [LoggerMessage(7017, LogLevel.Warning, "Endpoint {Endpoint} could not be identified, and is \"init\" to policy until it is: {Error}")]
    internal static partial void NotIdentified(ILogger log, string endpoint, string error);

    [LoggerMessage(7004, LogLevel.Debug, "{What} failed: {Error}")]
    internal static partial void DockerFailed(ILogger log, string what, string error);

    [LoggerMessage(7005, LogLevel.Warning, "Plugin call {Call} failed: {Error}")]
    internal static partial void PluginCallFailed(ILogger log, string call, string error);

    [LoggerMessage(7020, LogLevel.Error, "Call {Call} failed; this is a mistake in weir, please report it")]
    internal static partial void PluginCallBroke(ILogger log, string call, Exception error);

    [LoggerMessage(7021, LogLevel.Warning, "Docker on this node does not take shared network \"{Network}\": {Error}")]
    internal static partial void SharedNetworkFailed(ILogger log, string network, string error);
}
