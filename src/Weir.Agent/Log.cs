// SPDX-License-Identifier: Apache-2.0

namespace Weir.Agent;

internal static partial class Log
{
    [LoggerMessage(7000, LogLevel.Information, "Weir {Version} serves {Socket} and {Plugin}")]
    internal static partial void Serving(ILogger log, string version, string socket, string plugin);

    [LoggerMessage(7001, LogLevel.Information, "The agent stops; programs and policy stay in the kernel")]
    internal static partial void Stopping(ILogger log);

    [LoggerMessage(7006, LogLevel.Warning, "No group {Group}: only root can use {Socket}")]
    internal static partial void NoGroup(ILogger log, string group, string socket);

    [LoggerMessage(7007, LogLevel.Information, "{Text}")]
    internal static partial void ProxySays(ILogger log, string text);

    [LoggerMessage(7008, LogLevel.Warning, "The proxy: {Text}")]
    internal static partial void ProxyWarns(ILogger log, string text);

    [LoggerMessage(7009, LogLevel.Warning, "The proxy has ended; it is started again, meanwhile what needs it does not pass")]
    internal static partial void ProxyLost(ILogger log);

    [LoggerMessage(7010, LogLevel.Error, "The proxy cannot be started: {Why}")]
    internal static partial void ProxyNotStarted(ILogger log, string why);

    [LoggerMessage(7011, LogLevel.Warning, "The proxy has not taken the policy within {Seconds} s: until it does, requests that only the new policy allows do not pass")]
    internal static partial void ProxySlow(ILogger log, double seconds);

    [LoggerMessage(7012, LogLevel.Information, "The proxy that runs (version {Version}) is of another executable: a new one takes its sockets, the old one ends with its connections")]
    internal static partial void ProxyReplaced(ILogger log, string version);

    [LoggerMessage(7013, LogLevel.Warning, "The store: {Text}")]
    internal static partial void StoreWarns(ILogger log, string text);

    [LoggerMessage(7014, LogLevel.Warning, "{Text}")]
    internal static partial void NoMetrics(ILogger log, string text);

    [LoggerMessage(7015, LogLevel.Warning, "{Text}")]
    internal static partial void RecordWarns(ILogger log, string text);

    [LoggerMessage(7016, LogLevel.Warning, "{Text}")]
    internal static partial void NoHubble(ILogger log, string text);

    [LoggerMessage(7017, LogLevel.Warning, "{Socket} is for root and group {Group} alone: {Why}")]
    internal static partial void NoLists(ILogger log, string socket, string group, string why);

    [LoggerMessage(7018, LogLevel.Error, "{What} failed, and goes on; this is a mistake in weir, please report it")]
    internal static partial void ThreadFailed(ILogger log, string what, Exception error);

    [LoggerMessage(7019, LogLevel.Error, "Call {Call} failed; this is a mistake in weir, please report it")]
    internal static partial void CallFailed(ILogger log, string call, Exception error);
}
