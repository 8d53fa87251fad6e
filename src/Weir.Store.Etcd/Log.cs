// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging;

namespace Weir.Store.Etcd;

internal static partial class Log
{
    [LoggerMessage(3000, LogLevel.Information, "etcd at {Endpoint} is in use, at revision {Revision}")]
    internal static partial void Connected(ILogger log, string endpoint, long revision);

    [LoggerMessage(3001, LogLevel.Warning, "etcd at {Endpoint} is left: {Why}")]
    internal static partial void Lost(ILogger log, string endpoint, string why);

    [LoggerMessage(3002, LogLevel.Warning, "No etcd answers, trying on: {Why}")]
    internal static partial void Unreachable(ILogger log, string why);

    [LoggerMessage(3003, LogLevel.Warning, "Everything is listed again: {Why}")]
    internal static partial void Restored(ILogger log, string why);

    [LoggerMessage(3004, LogLevel.Warning, "Changes cannot be followed at {Endpoint}, trying on: {Why}")]
    internal static partial void NotFollowed(ILogger log, string endpoint, string why);

    [LoggerMessage(3005, LogLevel.Error, "A mistake in the program; etcd is connected to anew")]
    internal static partial void Mistake(ILogger log, Exception mistake);
}
