// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Grpc.Core;
using Grpc.Net.Client;
using Weir.Control;
using Weir.Control.Cluster;
using Weir.Net;

namespace Weir.Agent.Peers;

/// <summary>Asks other nodes' agents. Each question has a connection of its own: they are few, and none is there that nobody
/// uses.</summary>
internal sealed class PeerClient(PeerList peers, PeerIdentity own, ClusterOptions self)
{
    private const int MostBytes = 64 * 1024 * 1024; // of an answer

    private static readonly TimeSpan _connectWithin = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan _signEvery = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan _signWithin = TimeSpan.FromSeconds(8);

    /// <summary>How long an answer may take that ends.</summary>
    internal static TimeSpan Patience { get; } = TimeSpan.FromSeconds(10);

    /// <exception cref="RpcException">It cannot be asked, and why.</exception>
    internal NodeView Find(string name) => peers.Find(name) switch
    {
        null => throw new RpcException(new Status(StatusCode.NotFound, $"no node has the name \"{name}\"; 'weir node list' shows what there is")),
        { IsSelf: false, Door: null } => throw Fail(name, "its agent has no port for other nodes: it is of an older version, or the port is taken there ('weir status' on it says so)"),
        var node => node,
    };

    internal GrpcChannel Open(NodeView node) => GrpcChannel.ForAddress("http://weir", new GrpcChannelOptions
    {
        HttpHandler = new SocketsHttpHandler
        {
            UseProxy = false,
            ConnectCallback = (_, cancel) => ConnectAsync(node, cancel),
            KeepAlivePingDelay = _signEvery,
            KeepAlivePingTimeout = _signWithin,
        },
        DisposeHttpClient = true,
        MaxReceiveMessageSize = MostBytes,
        MaxSendMessageSize = null,
    });

    /// <summary>What went wrong on the way, for whoever asked; what the other agent says itself, it says.</summary>
    internal static RpcException Describe(NodeView node, RpcException e)
    {
        Exception? cause = e.Status.DebugException;
        for (; cause is not null and not SocketException and not AuthenticationException and not ControlException && cause.InnerException is not null; cause = cause.InnerException)
        {
        }

        string where = $"TCP {node.Door?.Port} at {node.Address}";
        return e.StatusCode switch
        {
            StatusCode.DeadlineExceeded => Fail(node.Name, $"no answer within {Patience.TotalSeconds:F0} s"),
            _ when cause is SocketException socket => Fail(node.Name, $"{where}: {socket.Message}; its agent must run, and nothing on the way refuse that"),
            _ when cause is AuthenticationException or ControlException => Fail(node.Name, $"{where}: {cause.Message}"),
            _ when cause is not null => Fail(node.Name, $"{where}: the connection has ended ({cause.Message}): its agent stops, or does not know this node (yet)"),
            StatusCode.Unavailable => Fail(node.Name, e.Status.Detail),
            _ => e,
        };
    }

    private static RpcException Fail(string node, string why) => new(new Status(StatusCode.Aborted, $"node {node} cannot be asked: {why}"));

    private async ValueTask<Stream> ConnectAsync(NodeView node, CancellationToken cancel)
    {
        (IPAddress to, IPAddress from) = node.Addresses.SelectMany(to => Own.Where(from => from.AddressFamily == to.AddressFamily).Select(from => (to, from))).FirstOrDefault();
        if (to is null)
        {
            throw new ControlException($"this node has no address of the family of {node.Address}");
        }

        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        deadline.CancelAfter(_connectWithin);
        var connection = new Socket(to.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        SslStream? tls = null;
        try
        {
            connection.Bind(new IPEndPoint(from, 0)); // it lets nobody else in
            await connection.ConnectAsync(new IPEndPoint(to, node.Door!.Port), deadline.Token);
            tls = new SslStream(new NetworkStream(connection, ownsSocket: true));
            await tls.AuthenticateAsClientAsync(PeerTls.Client(own.Certificate, node.Door.Certificate), deadline.Token);
            return tls;
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            await CloseAsync();
            throw new ControlException($"no answer within {_connectWithin.TotalSeconds:F0} s; nothing on the way may refuse that");
        }
        catch (AuthenticationException e)
        {
            await CloseAsync();
            throw new ControlException($"its certificate is not the one that the shared store tells of: {e.Message}");
        }
        catch
        {
            await CloseAsync();
            throw;
        }

        async Task CloseAsync()
        {
            connection.Dispose();
            if (tls is not null)
            {
                await tls.DisposeAsync();
            }
        }
    }

    private IEnumerable<IPAddress> Own => self.OtherAddress is null ? [self.Address] : [self.Address, self.OtherAddress];
}
