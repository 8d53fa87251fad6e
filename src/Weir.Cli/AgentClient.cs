// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using System.Net.Sockets;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;

namespace Weir.Cli;

/// <summary>Asks the agent, and tells of what goes wrong in one line.</summary>
internal static class AgentClient
{
    /// <summary>An agent that is stopped takes connections and says nothing: it is asked for a sign of life, also
    /// while a stream says nothing. One that only takes its time gives it.</summary>
    private static readonly TimeSpan _signEvery = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan _signWithin = TimeSpan.FromSeconds(8);

    /// <summary>Connects, asks, and returns the command's exit code.</summary>
    internal static Task<int> AskAsync(ParseResult parsed, Func<Api.Agent.AgentClient, Task<int>> ask) => AskNodesAsync(parsed, agents => ask(agents.Own));

    /// <summary>Likewise, where other nodes may be asked, too.</summary>
    internal static async Task<int> AskNodesAsync(ParseResult parsed, Func<Agents, Task<int>> ask)
    {
        string socket = GlobalOptions.SocketPath(parsed);
        if (EndPointOf(socket) is not { } endPoint)
        {
            await Console.Error.WriteLineAsync($"weir: \"{socket}\" is no path of a socket: it has 1 to 108 bytes");
            return ExitCodes.BadInput;
        }

        TimeSpan patience = GlobalOptions.Patience(parsed);
        using GrpcChannel channel = Open(endPoint);
        try
        {
            return await ask(new Agents(channel.Intercept(new AnswerDeadline(patience))));
        }
        catch (RpcException e)
        {
            await Console.Error.WriteLineAsync("weir: " + CallErrors.Describe(e, socket, patience));
            return e.StatusCode == StatusCode.InvalidArgument ? ExitCodes.BadInput : ExitCodes.Failed;
        }
    }

    /// <summary>Asks for what only helps, in so little time that nobody notices; null: there is no answer.</summary>
    internal static T? TryAsk<T>(ParseResult parsed, TimeSpan patience, Func<Api.Agent.AgentClient, T> ask)
        where T : class
    {
        if (EndPointOf(GlobalOptions.SocketPath(parsed)) is not { } endPoint)
        {
            return null;
        }

        using GrpcChannel channel = Open(endPoint);
        try
        {
            return ask(new Api.Agent.AgentClient(channel.Intercept(new AnswerDeadline(patience))));
        }
        catch (RpcException)
        {
            return null;
        }
    }

    private static GrpcChannel Open(UnixDomainSocketEndPoint endPoint) => GrpcChannel.ForAddress("http://weir", new GrpcChannelOptions
    {
        HttpHandler = new SocketsHttpHandler
        {
            UseProxy = false,
            ConnectCallback = (_, cancel) => ConnectAsync(endPoint, cancel),
            KeepAlivePingDelay = _signEvery,
            KeepAlivePingTimeout = _signWithin,
            EnableMultipleHttp2Connections = true, // a stream for each of hundreds of nodes
        },
        DisposeHttpClient = true,
        MaxReceiveMessageSize = null,
        MaxSendMessageSize = null,
    });

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
            await ConnectAsync(connection, endPoint, cancel);
            return new NetworkStream(connection, ownsSocket: true);
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>By the socket for readers, where the other one is not for this user.</summary>
    private static async Task ConnectAsync(Socket connection, UnixDomainSocketEndPoint endPoint, CancellationToken cancel)
    {
        try
        {
            await connection.ConnectAsync(endPoint, cancel);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AccessDenied && EndPointOf(AgentSocket.ReadersOf(endPoint.ToString()!)) is { } readers)
        {
            try
            {
                await connection.ConnectAsync(readers, cancel);
            }
            catch (SocketException)
            {
                throw e;
            }
        }
    }
}
