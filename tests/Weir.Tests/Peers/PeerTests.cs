// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Grpc.Core;
using Grpc.Net.Client;
using Weir.Agent.Peers;
using Weir.Api;
using Weir.Cli;
using Weir.Control.Cluster;
using Xunit;

namespace Weir.Tests.Peers;

/// <summary>Who gets an answer from a node's agent, by real sockets on loopback.</summary>
public sealed class PeerTests : IAsyncLifetime
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(20);
    private static readonly byte[] _hello = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004\0\0\0\0\0"u8.ToArray();

    private PeerNode _one = null!;
    private PeerNode _two = null!;
    private volatile NodeView[] _nodes = [];

    public async Task InitializeAsync()
    {
        _one = await PeerNode.StartAsync("host1", "127.0.0.1", () => _nodes);
        _two = await PeerNode.StartAsync("host2", "127.0.0.2", () => _nodes);
        _nodes = [_one.View, _two.View];
    }

    public async Task DisposeAsync()
    {
        await _one.DisposeAsync();
        await _two.DisposeAsync();
    }

    [Fact]
    public async Task NodeIsAsked_ByWayOfThisOne_AndSaysWhatItHas()
    {
        Assert.Equal("host1", (await _one.Agent.GetStatusAsync(new())).Version);
        Api.Status status = await _one.Agent.GetStatusAsync(new(), To("host2"));
        Assert.Equal(("host2", "node host1"), (status.Version, status.Health));
        Assert.Equal("host1", (await _one.Agent.GetStatusAsync(new(), To("host1"))).Version);
        Assert.Equal("host1", (await _two.Agent.GetStatusAsync(new(), To("host1"))).Version);

        // What it says itself comes as it is.
        RpcException none = await Assert.ThrowsAsync<RpcException>(async () => await _one.Agent.GetEndpointAsync(new() { Endpoint = "web" }, To("host2")));
        Assert.Equal((StatusCode.NotFound, "no endpoint web"), (none.StatusCode, none.Status.Detail));
        RpcException unknown = await Assert.ThrowsAsync<RpcException>(async () => await _one.Agent.GetStatusAsync(new(), To("host3")));
        Assert.Contains("\"host3\"", unknown.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stream_GoesThrough_AndOneThatNobodyReadsHindersNoOther()
    {
        using AsyncServerStreamingCall<MonitorEvent> unread = _one.Agent.Monitor(new() { Last = int.MaxValue, Follow = true }, To("host2"));
        await unread.ResponseHeadersAsync;
        using AsyncServerStreamingCall<MonitorEvent> call = _one.Agent.Monitor(new() { Last = 1000 }, To("host2"));
        int count = 0;
        await foreach (MonitorEvent e in call.ResponseStream.ReadAllAsync())
        {
            Assert.StartsWith($"host2 {count++} ", e.Note.Text, StringComparison.Ordinal);
        }

        Assert.Equal(1000, count);
        Assert.Equal("host2", (await _one.Agent.GetStatusAsync(new(), To("host2"))).Version);
    }

    [Fact]
    public async Task OtherNodes_MayLook_AndNotChange_NorSendOnesQuestionsOn_NorAskAtLength()
    {
        RpcException changed = await Assert.ThrowsAsync<RpcException>(async () => await _one.Agent.DeletePolicyAsync(new() { All = true }, To("host2")));
        Assert.Equal(StatusCode.PermissionDenied, changed.StatusCode);
        Assert.NotNull(await _one.Agent.DeletePolicyAsync(new() { All = true }));

        using GrpcChannel direct = _one.Client.Open(_two.View);
        var agent = new Api.Agent.AgentClient(direct);
        Assert.Equal("host2", (await agent.GetStatusAsync(new())).Version);
        Assert.Equal(StatusCode.PermissionDenied, (await Assert.ThrowsAsync<RpcException>(async () => await agent.DeletePolicyAsync(new() { All = true }))).StatusCode);
        Assert.Equal(StatusCode.PermissionDenied, (await Assert.ThrowsAsync<RpcException>(async () => await agent.GetStatusAsync(new(), To("host1")))).StatusCode);

        RpcException tooLong = await Assert.ThrowsAsync<RpcException>(async () => await agent.GetEndpointAsync(new() { Endpoint = new string('x', 100_000) }));
        Assert.NotEqual(StatusCode.NotFound, tooLong.StatusCode);
        Assert.Equal(StatusCode.NotFound, (await Assert.ThrowsAsync<RpcException>(async () => await _two.Agent.GetEndpointAsync(new() { Endpoint = new string('x', 100_000) }))).StatusCode);
    }

    [Fact]
    public async Task WhoHasNoCertificateOfANode_OrSpeaksFromElsewhere_GetsNothing()
    {
        using PeerIdentity stranger = PeerIdentity.Make();
        using PeerIdentity own = PeerIdentity.Make();
        PeerDoor door = _two.View.Door!;
        _nodes = [_one.View with { Door = new PeerDoor(1, own.Hash) }, _two.View];
        Assert.True(await IsAnsweredAsync(own, "127.0.0.1"));
        Assert.False(await IsAnsweredAsync(null, "127.0.0.1"));
        Assert.False(await IsAnsweredAsync(stranger, "127.0.0.1"));
        Assert.False(await IsAnsweredAsync(own, "127.0.0.9"));

        // Another node's certificate, from this one's address.
        _nodes = [.. _nodes, _one.View with { Name = "host3", Address = IPAddress.Parse("127.0.0.3"), Door = new PeerDoor(1, stranger.Hash) }];
        Assert.False(await IsAnsweredAsync(stranger, "127.0.0.1"));
        Assert.True(await IsAnsweredAsync(stranger, "127.0.0.3"));

        // Of one that is silent, or gone.
        _nodes = [_one.View with { Door = new PeerDoor(1, own.Hash), Silence = TimeSpan.FromSeconds(1) }, _two.View];
        Assert.False(await IsAnsweredAsync(own, "127.0.0.1"));
        _nodes = [_two.View];
        Assert.False(await IsAnsweredAsync(own, "127.0.0.1"));

        // Without TLS.
        _nodes = [_one.View, _two.View];
        using Socket plain = await ConnectAsync("127.0.0.1");
        await plain.SendAsync(_hello);
        Assert.Equal(0, await ReadToEndAsync(plain));

        async Task<bool> IsAnsweredAsync(PeerIdentity? identity, string from)
        {
            using Socket socket = await ConnectAsync(from);
            try
            {
                await using var tls = new SslStream(new NetworkStream(socket));
                SslClientAuthenticationOptions options = PeerTls.Client((identity ?? own).Certificate, door.Certificate);
                if (identity is null)
                {
                    options.ClientCertificateContext = null;
                }

                await tls.AuthenticateAsClientAsync(options);
                await tls.WriteAsync(_hello);
                return await tls.ReadAsync(new byte[1]) == 1;
            }
            catch (Exception e) when (e is IOException or SocketException or AuthenticationException)
            {
                return false;
            }
        }
    }

    [Fact]
    public async Task NodeThatIsGone_LosesTheConnectionsThatItHas()
    {
        using AsyncServerStreamingCall<MonitorEvent> call = _one.Agent.Monitor(new() { Last = 1, Follow = true }, To("host2"));
        Assert.True(await call.ResponseStream.MoveNext(default));
        _nodes = [_two.View];
        RpcException ended = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(new CancellationTokenSource(_patience).Token));
        Assert.Equal(StatusCode.Aborted, ended.StatusCode);
        Assert.Contains("node host2 cannot be asked", ended.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task NodeThatIsAway_OrIsAnother_IsNamed_WithWhatToDo()
    {
        using PeerIdentity other = PeerIdentity.Make();
        _nodes = [_one.View, _two.View with { Door = _two.View.Door! with { Certificate = other.Hash } }];
        Assert.Contains("its certificate is not the one that the shared store tells of", await AskAsync(), StringComparison.Ordinal);
        _nodes = [_one.View, _two.View with { Door = _two.View.Door! with { Port = 1 } }];
        Assert.Contains("TCP 1 at 127.0.0.2: Connection refused", await AskAsync(), StringComparison.Ordinal);
        _nodes = [_one.View, _two.View with { Door = null }];
        Assert.Contains("no port for other nodes", await AskAsync(), StringComparison.Ordinal);

        // That does not know this one.
        using PeerIdentity own = PeerIdentity.Make();
        _nodes = [_one.View with { Door = new PeerDoor(1, own.Hash) }, _two.View];
        Assert.Contains("does not know this node", await AskAsync(), StringComparison.Ordinal);

        async Task<string> AskAsync()
        {
            RpcException e = await Assert.ThrowsAsync<RpcException>(async () => await _one.Agent.GetStatusAsync(new(), To("host2")));
            Assert.Equal(StatusCode.Aborted, e.StatusCode);
            Assert.StartsWith("node host2 cannot be asked: ", e.Status.Detail, StringComparison.Ordinal);
            return e.Status.Detail;
        }
    }

    [Fact]
    public async Task ManyThatSayNothing_KeepNobodyElseOut_AndAreLetGo()
    {
        _nodes = [.. _nodes, _one.View with { Name = "host3", Address = IPAddress.Parse("127.0.0.3") }];
        List<Socket> silent = [];
        for (int i = 0; i < 200; i++)
        {
            silent.Add(await ConnectAsync(i % 2 == 0 ? "127.0.0.3" : "127.0.0.9"));
        }

        var watch = Stopwatch.StartNew();
        Assert.Equal("host2", (await _one.Agent.GetStatusAsync(new(), To("host2"))).Version);
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(4));
        int[] received = await Task.WhenAll(silent.Select(ReadToEndAsync));
        Assert.All(received, count => Assert.Equal(0, count));
        silent.ForEach(socket => socket.Dispose());
    }

    [Fact]
    public void Identity_IsKept_AndNobodyElseReadsIt()
    {
        string folder = Directory.CreateTempSubdirectory("weir-peer").FullName;
        try
        {
            using PeerIdentity made = PeerIdentity.Open(folder);
            using PeerIdentity again = PeerIdentity.Open(folder);
            Assert.Equal(made.Hash, again.Hash);
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(folder, "peer.pem")));
            File.WriteAllText(Path.Combine(folder, "peer.pem"), "nothing");
            Assert.Contains("remove it and restart the agent", Assert.ThrowsAny<Exception>(() => PeerIdentity.Open(folder)).Message, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void PortThatIsTaken_IsSaid_AndTheAddressNeedNotBeThereYet()
    {
        using var taken = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        taken.Bind(new IPEndPoint(IPAddress.Parse("127.0.0.4"), 0));
        taken.Listen();
        int port = ((IPEndPoint)taken.LocalEndPoint!).Port;
        using PeerListeners listeners = PeerListeners.Bind(new("host4", IPAddress.Parse("127.0.0.4"), null, TimeSpan.FromSeconds(20)), port);
        Assert.Empty(listeners.EndPoints);
        Assert.Contains($"127.0.0.4:{port}: Address already in use", listeners.Problem, StringComparison.Ordinal);

        using PeerListeners early = PeerListeners.Bind(new("host5", IPAddress.Parse("192.0.2.200"), IPAddress.Parse("2001:db8::200"), TimeSpan.FromSeconds(20)), 0);
        Assert.Equal(2, early.EndPoints.Count);
        Assert.Null(early.Problem);
    }

    private static Metadata To(string node) => [new(NodeHeader.Name, node)];

    private async Task<Socket> ConnectAsync(string from)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Parse(from), 0));
        try
        {
            await socket.ConnectAsync(_two.EndPoint);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
        {
            // It was closed before this end had seen that it was made.
        }

        return socket;
    }

    /// <summary>How many bytes come until the other end closes.</summary>
    private static async Task<int> ReadToEndAsync(Socket socket)
    {
        using var patience = new CancellationTokenSource(_patience);
        byte[] buffer = new byte[4096];
        int all = 0;
        try
        {
            for (int count; (count = await socket.ReceiveAsync(buffer, patience.Token)) > 0; all += count)
            {
            }
        }
        catch (SocketException)
        {
            // Reset: closed as well.
        }

        return all;
    }
}
