// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using System.Net.Sockets;
using Grpc.Core;
using Grpc.Net.Client;

namespace Weir.Cli;

/// <summary>Asks the agent, and tells of what goes wrong in one line.</summary>
internal static class AgentClient
{
    /// <summary>Connects, asks, and returns the command's exit code.</summary>
    internal static async Task<int> AskAsync(ParseResult parsed, Func<Api.Agent.AgentClient, Task<int>> ask)
    {
        string socket = GlobalOptions.SocketPath(parsed);
        if (EndPointOf(socket) is not { } endPoint)
        {
            await Console.Error.WriteLineAsync($"weir: \"{socket}\" is no path of a socket: it has 1 to 108 bytes");
            return ExitCodes.BadInput;
        }

        using GrpcChannel channel = GrpcChannel.ForAddress("http://weir", new GrpcChannelOptions
        {
            HttpHandler = new SocketsHttpHandler
            {
                UseProxy = false,
                ConnectCallback = (_, cancel) => ConnectAsync(endPoint, cancel),
            },
            MaxReceiveMessageSize = null,
            MaxSendMessageSize = null,
        });
        try
        {
            return await ask(new Api.Agent.AgentClient(channel));
        }
        catch (RpcException e)
        {
            await Console.Error.WriteLineAsync("weir: " + Describe(e, socket));
            return e.StatusCode == StatusCode.InvalidArgument ? ExitCodes.BadInput : ExitCodes.Failed;
        }
    }

    private static string Describe(RpcException e, string socket) => SocketErrorOf(e) switch
    {
        SocketError.AccessDenied => $"no permission to use {socket}: run as root, or join the group weir",
        { } => $"the agent does not answer on {socket}: is it running? Start it with 'sudo weir agent'",
        null when e.StatusCode == StatusCode.Unavailable => $"the agent on {socket} broke off: {e.Status.Detail}",
        null => e.Status.Detail,
    };

    /// <summary>Whether the agent was not asked because the socket is not for this user.</summary>
    internal static bool IsDenied(RpcException e) => SocketErrorOf(e) == SocketError.AccessDenied;

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

    private static UnixDomainSocketEndPoint? EndPointOf(string socket)
    {
        try
        {
            return new UnixDomainSocketEndPoint(socket);
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    private static async ValueTask<Stream> ConnectAsync(UnixDomainSocketEndPoint endPoint, CancellationToken cancel)
    {
        var connection = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await connection.ConnectAsync(endPoint, cancel);
            return new NetworkStream(connection, ownsSocket: true);
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }
}
