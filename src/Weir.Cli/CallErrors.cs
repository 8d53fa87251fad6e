// SPDX-License-Identifier: Apache-2.0

using System.Net.Sockets;
using Grpc.Core;
using Weir.Linux;
using Weir.Services.Reading;

namespace Weir.Cli;

/// <summary>Why the agent gave no answer, and what to do about it.</summary>
internal static class CallErrors
{
    internal static string Describe(RpcException e, string socket, TimeSpan patience) => SocketErrorOf(e) switch
    {
        SocketError.AccessDenied => $"no permission to use {socket}: {HowToGetIn(socket)}",
        { } => $"the agent does not answer on {socket}: is it running? Start it with 'sudo weir agent'",
        null when e.StatusCode == StatusCode.DeadlineExceeded =>
            $"the agent on {socket} gave no answer within {Duration.Write(patience)} (--timeout): it is stopped or has much to do. What was asked for may happen all the same",
        null when HasGoneSilent(e) => $"the agent on {socket} gave no sign of life for some seconds: it is stopped, or has too much to do",
        null when e.StatusCode == StatusCode.Unavailable || Is<IOException>(e) => $"the agent on {socket} has stopped, or is started anew",
        null => e.Status.Detail,
    };

    /// <summary>Whether the agent was not asked because the socket is not for this user.</summary>
    internal static bool IsDenied(RpcException e) => SocketErrorOf(e) == SocketError.AccessDenied;

    /// <summary>A group is named where there is one.</summary>
    internal static string HowToGetIn(string socket)
    {
        string? group = FileGroup.NameOf(socket) ?? FileGroup.NameOf(Path.GetDirectoryName(Path.GetFullPath(socket)) ?? "/");
        return group is null or "root"
            ? "run as root. To let others use it: 'sudo groupadd weir', restart the agent, and 'sudo usermod -aG weir USER' for whom it is"
            : $"run as root, or join the group {group}: 'sudo usermod -aG {group} $USER', and log in again";
    }

    /// <summary>The handler's words for a missing answer to a ping, of which it has no code.</summary>
    private static bool HasGoneSilent(RpcException e) => e.Status.Detail.Contains("ping", StringComparison.OrdinalIgnoreCase)
        || Is<HttpProtocolException>(e, cause => cause.Message.Contains("ping", StringComparison.OrdinalIgnoreCase));

    private static SocketError? SocketErrorOf(RpcException e)
    {
        for (Exception? cause = e.Status.DebugException; cause is not null; cause = cause.InnerException)
        {
            if (cause is SocketException socket)
            {
                return socket.SocketErrorCode;
            }
        }

        return null;
    }

    private static bool Is<T>(RpcException e, Func<T, bool>? condition = null)
        where T : Exception
    {
        for (Exception? cause = e.Status.DebugException; cause is not null; cause = cause.InnerException)
        {
            if (cause is T found && (condition is null || condition(found)))
            {
                return true;
            }
        }

        return false;
    }
}
