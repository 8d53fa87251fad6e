// SPDX-License-Identifier: Apache-2.0

namespace Weir.Agent;

internal static partial class Log
{
    [LoggerMessage(7000, LogLevel.Information, "Weir {Version} serves {Socket} and {Plugin}")]
    internal static partial void Serving(ILogger log, string version, string socket, string plugin);

    [LoggerMessage(7001, LogLevel.Information, "The agent stops; programs and policy stay in the kernel")]
    internal static partial void Stopping(ILogger log);

    [LoggerMessage(7002, LogLevel.Information, "Docker answers")]
    internal static partial void DockerConnected(ILogger log);

    [LoggerMessage(7003, LogLevel.Warning, "Docker does not answer any more: {Why}")]
    internal static partial void DockerLost(ILogger log, string why);

    [LoggerMessage(7004, LogLevel.Debug, "{What} failed: {Error}")]
    internal static partial void DockerFailed(ILogger log, string what, string error);

    [LoggerMessage(7005, LogLevel.Warning, "Plugin call {Call} failed: {Error}")]
    internal static partial void PluginCallFailed(ILogger log, string call, string error);

    [LoggerMessage(7006, LogLevel.Warning, "No group {Group}: only root can use {Socket}")]
    internal static partial void NoGroup(ILogger log, string group, string socket);
}
