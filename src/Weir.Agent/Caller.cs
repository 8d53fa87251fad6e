// SPDX-License-Identifier: Apache-2.0

using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Weir.Linux;
using Weir.Net;

namespace Weir.Agent;

/// <summary>Who is at the other end of a connection, as the kernel saw it when it was made.</summary>
/// <param name="User">"root", or "user 4711" where this machine has no name for the number.</param>
/// <param name="MayChange">Whether the socket is one for changes too.</param>
internal sealed record Caller(string User, bool MayChange)
{
    /// <summary>The node whose agent it is; null: somebody on this host.</summary>
    internal string? Node { get; init; }

    /// <summary>Notes it with every connection of a socket.</summary>
    internal static Func<ConnectionDelegate, ConnectionDelegate> Note(bool mayChange) => next => connection =>
    {
        connection.Features.Set(new Caller(UserOf(connection.Features.Get<IConnectionSocketFeature>()?.Socket), mayChange));
        return next(connection);
    };

    private static string UserOf(Socket? socket)
    {
        try
        {
            return socket is null ? "" : AccountNames.User(PeerCredentials.Of(socket).UserId);
        }
        catch (Exception e) when (WeirException.IsExpected(e) || e is ObjectDisposedException)
        {
            return ""; // whoever it was is gone already, or nobody can say his name
        }
    }
}
